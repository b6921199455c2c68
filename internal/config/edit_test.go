package config_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/keyhold/keyhold/internal/config"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestEdit makes the changes at the top of each golden file, one save each, and
// compares the whole text.
func TestEdit(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/edit/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			golden, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			path := write(t, string(golden.Files[0].Data))
			f := open(t, path)
			for line := range strings.Lines(string(golden.Comment)) {
				step(t, f, strings.TrimSuffix(line, "\n"))
			}
			got := read(t, path)
			if *update {
				golden.Files[1].Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(golden), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(golden.Files[1].Data), got); diff != "" {
				t.Error(diff)
			}
			again := open(t, path)
			if diff := cmp.Diff(values(t, again), values(t, f)); diff != "" {
				t.Errorf("the File is not what is in the file: %s", diff)
			}
		})
	}
}

func step(t *testing.T, f *config.File, line string) {
	t.Helper()
	verb, rest, _ := strings.Cut(line, " ")
	name, value, _ := strings.Cut(rest, " ")
	var err error
	switch verb {
	case "set":
		if err = f.Set(name, value); err == nil {
			if got, set, err := f.Get(name); got != value || !set || err != nil {
				t.Errorf("after set, %s = %q, %v, %v; want %q", name, got, set, err, value)
			}
		}
	case "unset":
		if err = f.Unset(name); err == nil {
			if got, set, err := f.Get(name); set || err != nil {
				t.Errorf("after unset, %s = %q, %v", name, got, err)
			}
		}
	case "add":
		err = f.AddProfile(name, config.Profile{Backend: value, Vault: "v"})
	case "rename":
		err = f.RenameProfile(name, value)
	case "remove":
		err = f.RemoveProfile(name)
	default:
		t.Fatalf("no such step: %q", verb)
	}
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
}

func values(t *testing.T, f *config.File) map[string]string {
	t.Helper()
	all := map[string]string{}
	get := func(name string) {
		if value, set, err := f.Get(name); err != nil {
			t.Fatal(err)
		} else if set {
			all[name] = value
		}
	}
	for _, k := range config.Keys() {
		switch {
		case k.Profile:
			for _, p := range f.Profiles() {
				get("profiles." + p + "." + k.Name)
			}
		case k.File:
			get(k.Name)
		}
	}
	all["profiles"] = strings.Join(f.Profiles(), " ")
	return all
}

// TestEditBytes compares what golden files cannot show.
func TestEditBytes(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, before, after string }{
		{"CRLF", "# a\r\ncolor: auto # b\r\n\r\nx: 1\r\n", "# a\r\ncolor: never # b\r\n\r\nx: 1\r\nkeyring: os\r\n"},
		{"byte order mark", "\ufeffcolor: auto\n", "\ufeffcolor: never\nkeyring: os\n"},
		{"byte order mark alone", "\ufeff", "\ufeffcolor: never\nkeyring: os\n"},
		{"no newline at the end", "color: auto", "color: never\nkeyring: os\n"},
		{"comment without newline", "# color", "# color\ncolor: never\nkeyring: os\n"},
		{"empty mapping", "{}", "color: never\nkeyring: os\n"},
		{"null", "~\n", "color: never\nkeyring: os\n"},
		{"start of a document", "---\n", "---\ncolor: never\nkeyring: os\n"},
		{"wide characters", "{wörld: '語', color: auto} # x\n", "{wörld: '語', color: never, keyring: os} # x\n"},
		{"quoted key", "\"color\": 'auto'\n", "\"color\": never\nkeyring: os\n"},
		{"long key", "? color\n: auto\n", "color: never\nkeyring: os\n"},
		{"value on the next line", "color:\n  auto # x\n", "color:\n  never # x\nkeyring: os\n"},
		{"escaped", "color: \"\\x61uto\"\n", "color: never\nkeyring: os\n"},
		{"tabs", "color:\tauto\t# x\n", "color:\tnever\t# x\nkeyring: os\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := write(t, tt.before)
			f := open(t, path)
			step(t, f, "set color never")
			step(t, f, "set keyring os")
			if diff := cmp.Diff(tt.after, read(t, path)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestUnsetKeepsNothingEmpty(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new", "config.yaml")
	f := open(t, path)
	for _, line := range []string{"set session.idle 1h", "set profiles.default.url https://h", "set color never"} {
		step(t, f, line)
	}
	for _, line := range []string{"unset session.idle", "unset profiles.default.url", "unset color", "unset color"} {
		step(t, f, line)
	}
	if got, want := read(t, path), "profiles:\n  default:\n"; got != want {
		t.Errorf("file = %q, want %q", got, want)
	}
	if got := f.Profiles(); !slices.Equal(got, []string{"default"}) {
		t.Errorf("profiles = %q", got)
	}
	for _, one := range []string{"session: {idle: 1h}\n", "session:\n  idle: 1h\n", "{session: {idle: 1h}}\n"} {
		path := write(t, one)
		step(t, open(t, path), "unset session.idle")
		if got := strings.TrimSpace(read(t, path)); got != "" {
			t.Errorf("%q became %q", one, got)
		}
	}
}
