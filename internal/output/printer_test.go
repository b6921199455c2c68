package output_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/output"
	"github.com/keyhold/keyhold/internal/secret"
)

var (
	pipe     = output.Options{}
	terminal = output.Options{Terminal: true, Width: 40}
	columns  = []output.Column{{Name: "name"}, {Name: "updated_at"}, {Name: "tags", Title: "LABELS"}}
)

func rows() []output.Object {
	at := time.Date(2026, 3, 1, 12, 30, 15, 999, time.FixedZone("", 3600))
	return []output.Object{
		{{"id", "01"}, {"name", "mail"}, {"updated_at", at}, {"tags", []string{"work", "eu"}}},
		{{"id", "02"}, {"name", "evil\x1b[2J\tx"}, {"tags", []string{}}, {"password", secret.TextOf("hunter2")}},
	}
}

func with(o output.Options, f output.Format) output.Options {
	o.Format = f
	return o
}

type listTest struct {
	name    string
	options output.Options
	columns []output.Column
	rows    []output.Object
	want    string
}

func runList(t *testing.T, tests []listTest) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			if err := output.New(&b, tt.options).List(tt.columns, tt.rows); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.TrimPrefix(tt.want, "\n"), b.String()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestListForReading(t *testing.T) {
	t.Parallel()
	long := []output.Object{{{"name", "a-rather-long-name-of-an-item"}, {"tags", strings.Repeat("日本", 20)}}}
	tests := []listTest{
		{"terminal", output.Options{Terminal: true}, columns, rows(), `
NAME            UPDATED AT            LABELS
mail            2026-03-01T11:30:15Z  work,eu
evil\x1b[2J\tx
`},
		{"narrow", terminal, columns, rows(), `
NAME            UPDATED AT       LABELS
mail            2026-03-01T11:…  work,eu
evil\x1b[2J\tx
`},
		{"first column last", terminal, []output.Column{{Name: "name"}, {Name: "tags"}}, long, `
NAME                           TAGS
a-rather-long-name-of-an-item  日本日本…
`},
		{"too narrow", output.Options{Terminal: true, Width: 20}, []output.Column{{Name: "name"}, {Name: "tags"}}, long, `
NAME        TAGS
a-rather-…  日本日…
`},
		{"colour", output.Options{Terminal: true, Color: true}, columns[:1], rows()[:1], "\x1b[1mNAME\x1b[0m\nmail\n"},
		{"table in a pipe", output.Options{Format: output.Table, Width: 10}, []output.Column{{Name: "name"}, {Name: "tags"}}, long,
			"NAME                           TAGS\na-rather-long-name-of-an-item  " + strings.Repeat("日本", 20) + "\n"},
		{"list", with(terminal, output.List), columns, rows(), `
name: mail
updated_at: 2026-03-01T11:30:15Z
tags: work,eu

name: evil\x1b[2J\tx
`},
		{"no rows, table", terminal, columns, nil, ""},
		{"no rows, list", with(pipe, output.List), columns, nil, ""},
		{"no members", terminal, nil, []output.Object{{}}, ""},
	}
	runList(t, tests)
}

func TestListForPrograms(t *testing.T) {
	t.Parallel()
	tests := []listTest{
		{"pipe", pipe, columns, rows(), "mail\t2026-03-01T11:30:15Z\twork,eu\n" + `evil\x1b[2J\tx` + "\t\t\n"},
		{"tsv, all columns", pipe, nil, rows(), "01\tmail\t2026-03-01T11:30:15Z\twork,eu\t\n02\t" + `evil\x1b[2J\tx` + "\t\t\t(hidden)\n"},
		{"json", with(pipe, output.JSON), columns, rows(), `
[
  {
    "id": "01",
    "name": "mail",
    "updated_at": "2026-03-01T11:30:15Z",
    "tags": [
      "work",
      "eu"
    ]
  },
  {
    "id": "02",
    "name": "evil\u001b[2J\tx",
    "tags": [],
    "password": "(hidden)"
  }
]
`},
		{"yaml", with(pipe, output.YAML), columns, rows(), `
- id: "01"
  name: mail
  updated_at: "2026-03-01T11:30:15Z"
  tags:
    - work
    - eu
- id: "02"
  name: "evil\e[2J\tx"
  tags: []
  password: "(hidden)"
`},
		{"nested in a cell", pipe, nil, []output.Object{{{"name", "a"}, {"at", output.Object{{"n", 1}, {"s", "x\ty"}}}}}, "a\t" + `{"n":1,"s":"x\\ty"}` + "\n"},
		{"no rows, tsv", pipe, columns, nil, ""},
		{"no rows, json", with(pipe, output.JSON), columns, nil, "[]\n"},
		{"no rows, yaml", with(pipe, output.YAML), columns, nil, "[]\n"},
	}
	runList(t, tests)
}

type objectTest struct {
	name    string
	options output.Options
	object  output.Object
	want    string
}

func runObject(t *testing.T, tests []objectTest) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			if err := output.New(&b, tt.options).Object(tt.object); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.TrimPrefix(tt.want, "\n"), b.String()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// object returns an object with every type of value.
func object() output.Object {
	return output.Object{}.With("name", "mail").
		With("deleted", false).With("count", 3).With("size", int64(-4)).With("revision", uint64(18446744073709551615)).
		With("tags", []string{"a", "b"}).
		With("session", output.Object{{"state", "open"}, {"keys", []output.Object{{{"id", "k1"}}, {{"id", "k2"}}}}}).
		With("password", secret.Of([]byte("hunter2"))).
		With("notes", output.Reveal(secret.Of([]byte("one\ntwo\u202e\n"))))
}

func TestObjectForReading(t *testing.T) {
	t.Parallel()
	o := object()
	tests := []objectTest{
		{"table", terminal, o, `
name               mail
deleted            false
count              3
size               -4
revision           18446744073709551615
tags               a,b
session.state      open
session.keys.0.id  k1
session.keys.1.id  k2
password           (hidden)
notes              one
                   two\u202e
`},
		{"tsv", pipe, o[len(o)-3:], "session.state\topen\nsession.keys.0.id\tk1\nsession.keys.1.id\tk2\npassword\t(hidden)\nnotes\tone\\ntwo\u202e\\n\n"},
		{"tsv on a terminal", with(terminal, output.TSV), o[len(o)-1:], "notes\t" + `one\ntwo\u202e\n` + "\n"},
		{"list", with(pipe, output.List), o[len(o)-2:], "password: (hidden)\nnotes: " + `one\ntwo\u202e\n` + "\n"},
		{"empty table", terminal, nil, ""},
		{"empty tsv", pipe, nil, ""},
		{"foreign name", terminal, output.Object{{"a\x1b", "x"}, {"b", ""}}, "a\\x1b  x\nb\n"},
	}
	runObject(t, tests)
}

func TestObjectDocument(t *testing.T) {
	t.Parallel()
	o := object()
	tests := []objectTest{
		{"json", with(pipe, output.JSON), o, `
{
  "name": "mail",
  "deleted": false,
  "count": 3,
  "size": -4,
  "revision": 18446744073709551615,
  "tags": [
    "a",
    "b"
  ],
  "session": {
    "state": "open",
    "keys": [
      {
        "id": "k1"
      },
      {
        "id": "k2"
      }
    ]
  },
  "password": "(hidden)",
  "notes": "one\ntwo\u202e\n"
}
`},
		{"yaml", with(pipe, output.YAML), o[2:], `
count: 3
size: -4
revision: 18446744073709551615
tags:
  - a
  - b
session:
  state: open
  keys:
    - id: k1
    - id: k2
password: "(hidden)"
notes: "one\ntwo\u202e\n"
`},
		{"empty json", with(pipe, output.JSON), nil, "{}\n"},
		{"empty yaml", with(pipe, output.YAML), nil, "{}\n"},
	}
	runObject(t, tests)
}

func TestNames(t *testing.T) {
	t.Parallel()
	names := []string{"mail", "a\tb", "\u202ex", "nul\x00l"}
	tests := []struct {
		name    string
		options output.Options
		nul     bool
		want    string
		err     string
	}{
		{"pipe", pipe, false, "mail\na\\tb\n\u202ex\nnul\\x00l\n", ""},
		{"terminal", terminal, false, "mail\na\\tb\n\\u202ex\nnul\\x00l\n", ""},
		{"nul", with(terminal, output.JSON), true, "mail\x00a\tb\x00\u202ex\x00", `name nul\x00l has a NUL in it`},
		{"json", with(pipe, output.JSON), false, "[\n  \"mail\",\n  \"a\\tb\",\n  \"\\u202ex\",\n  \"nul\\u0000l\"\n]\n", ""},
		{"yaml", with(pipe, output.YAML), false, "- mail\n- \"a\\tb\"\n- \"\\u202ex\"\n- \"nul\\0l\"\n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			err := output.New(&b, tt.options).Names(slices.Values(names), tt.nul)
			if diff := cmp.Diff(tt.want, b.String()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if text := errText(err); text != tt.err {
				t.Errorf("error %q, want %q", text, tt.err)
			}
		})
	}
	for _, f := range []output.Format{output.JSON, output.YAML} {
		var b bytes.Buffer
		if err := output.New(&b, with(pipe, f)).Names(slices.Values([]string(nil)), false); err != nil || b.String() != "[]\n" {
			t.Errorf("no names as %s: %q, %v", f, b.String(), err)
		}
	}
}

func TestValuesThatCannotBePrinted(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		object output.Object
		want   string
	}{
		{"nil", output.Object{{"a", nil}}, `print: member "a": a value is missing`},
		{"type", output.Object{{"a", 1.5}}, `print: member "a": a float64 cannot be printed`},
		{"twice", output.Object{{"a", "x"}, {"a", "y"}}, `print: member "a": printed twice`},
		{"deep", output.Object{{"a", []output.Object{{{"b", output.Object{{"c", nil}}}}}}}, `print: member "a": member "b": member "c": a value is missing`},
	}
	for _, tt := range tests {
		for _, f := range output.Formats() {
			t.Run(tt.name+" "+f, func(t *testing.T) {
				t.Parallel()
				var b bytes.Buffer
				p := output.New(&b, output.Options{Format: output.Format(f)})
				if got := errText(p.Object(tt.object)); got != tt.want {
					t.Errorf("Object: %q, want %q", got, tt.want)
				}
				if got := errText(p.List(nil, []output.Object{tt.object})); got != tt.want {
					t.Errorf("List: %q, want %q", got, tt.want)
				}
				if b.Len() > 0 {
					t.Errorf("written nevertheless: %q", b.String())
				}
			})
		}
	}
}

func TestWriteError(t *testing.T) {
	t.Parallel()
	r, w := io.Pipe()
	_ = r.Close()
	for _, f := range output.Formats() {
		p := output.New(w, output.Options{Format: output.Format(f)})
		for what, err := range map[string]error{
			"List":   p.List(columns, rows()),
			"Object": p.Object(rows()[0]),
			"Names":  p.Names(slices.Values([]string{"x"}), false),
		} {
			if !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("%s %s: %v", f, what, err)
			}
		}
	}
}

func TestFormat(t *testing.T) {
	t.Parallel()
	for _, name := range output.Formats() {
		f, err := output.ParseFormat(name)
		if err != nil || string(f) != name {
			t.Errorf("ParseFormat(%q) = %q, %v", name, f, err)
		}
		if got := output.New(nil, output.Options{Format: f}).Format(); got != f {
			t.Errorf("Format = %q, want %q", got, f)
		}
	}
	for _, name := range []string{"", "JSON", "xml\x1b"} {
		if _, err := output.ParseFormat(name); err == nil || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("ParseFormat(%q): %v", name, err)
		}
	}
	if got := output.New(nil, pipe).Format(); got != output.TSV {
		t.Errorf("in a pipe: %q", got)
	}
	if got := output.New(nil, terminal).Format(); got != output.Table {
		t.Errorf("on a terminal: %q", got)
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestWithTime(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	got := output.Object{{Name: "name", Value: "a"}}.WithTime("made", time.Time{}).WithTime("changed", at)
	want := output.Object{{Name: "name", Value: "a"}, {Name: "changed", Value: at}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
