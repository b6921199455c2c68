package vault_test

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/vault"
)

var update = flag.Bool("update", false, "write the golden files")

// TestGolden reads every plaintext of testdata/items. Beside NAME.json stand
// the item that it is (NAME.item) and what is written back (NAME.written).
func TestGolden(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/items/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	for _, path := range paths {
		base := strings.TrimSuffix(path, ".json")
		t.Run(filepath.Base(base), func(t *testing.T) {
			t.Parallel()
			plain, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			it := decode(t, string(plain))
			golden(t, base+".item", describe(it))
			written := encode(t, it)
			golden(t, base+".written", written+"\n")
			again := decode(t, written)
			same(t, "read, written, read", again, it)
			if twice := encode(t, again); twice != written {
				t.Errorf("written twice:\n%s\n%s", written, twice)
			}
		})
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// describe is an item in lines.
func describe(it vault.Item) string {
	var b strings.Builder
	fmt.Fprintf(&b, "type     %s, stored as %s\n", it.Type, vault.StoredType(it.Type))
	for _, f := range it.Fields {
		fmt.Fprintf(&b, "field    %q %s %q%s\n", f.Name, named(f.Kind), f.Value.Reveal(), members(f.Extra))
	}
	for _, tag := range it.Tags {
		fmt.Fprintf(&b, "tag      %q\n", tag)
	}
	if !it.Created.IsZero() {
		fmt.Fprintf(&b, "created  %s\n", it.Created.Format(time.RFC3339Nano))
	}
	if !it.Updated.IsZero() {
		fmt.Fprintf(&b, "updated  %s\n", it.Updated.Format(time.RFC3339Nano))
	}
	for i, rev := range it.Revisions() {
		for _, p := range rev {
			was := fmt.Sprintf("%q", p.Value.Reveal())
			if p.Absent {
				was = "absent"
			}
			fmt.Fprintf(&b, "history  %d %s %q %s %s%s\n", i, p.At.Format(time.RFC3339Nano), p.Field, named(p.Kind), was, members(p.Extra))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(it.Extra)) {
		fmt.Fprintf(&b, "extra    %q %s\n", name, it.Extra[name])
	}
	return b.String()
}

func named(k vault.Kind) string {
	if k == vault.Plain {
		return "plain"
	}
	return string(k)
}

func members(m map[string]jsontext.Value) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(&b, " %q:%s", name, m[name])
	}
	return b.String()
}

var damaged = map[string]string{
	"nothing":            "",
	"white space":        " \n",
	"not JSON":           "canary",
	"a byte-order mark":  "\ufeff{}",
	"no object":          `["canary"]`,
	"null":               `null`,
	"cut in a name":      `{"pass`,
	"cut after a name":   `{"password"`,
	"cut in a value":     `{"password":"canary`,
	"cut after a value":  `{"password":"canary"`,
	"a comma too many":   `{"password":"canary",}`,
	"no colon":           `{"password" "canary"}`,
	"a number as name":   `{5:"canary"}`,
	"a member twice":     `{"password":"canary","password":"canary"}`,
	"twice, escaped":     `{"password":"canary","\u0070assword":"canary"}`,
	"twice, deep inside": `{"x":[{"canary":1,"canary":2}]}`,
	"twice, in a field":  `{"customFields":[{"name":"a","name":"canary"}]}`,
	"a name not UTF-8":   "{\"canary\xff\":1}",
	"a value not UTF-8":  "{\"password\":\"canary\xff\"}",
	"half a surrogate":   `{"password":"canary\ud800"}`,
	"a NUL byte after":   "{\"password\":\"canary\"}\x00",
	"text after":         `{"password":"canary"}canary`,
	"a comma after":      `{"password":"canary"},`,
	"a bracket after":    `{"password":"canary"}]`,
	"an object after":    `{"password":"canary"}{}`,
	"padding after":      "{\"password\":\"canary\"}\x80\x00",
	"a comment":          `{/* canary */}`,
	"a literal":          `{"password":canary}`,
	"too deep":           `{"a":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`,
	"too long":           `{"password":"` + strings.Repeat("canary", vault.MaxPlaintext/6) + `"}`,
}

func TestUnmarshalDamaged(t *testing.T) {
	t.Parallel()
	for name, plain := range damaged {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			it, err := vault.UnmarshalItem(value(plain))
			if !errors.Is(err, vault.ErrDamaged) {
				t.Fatalf("error = %v, want ErrDamaged", err)
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("the error quotes the data: %v", err)
			}
			same(t, "item with an error", it, vault.Item{})
		})
	}
}

func TestMarshalInvalid(t *testing.T) {
	t.Parallel()
	const notUTF8 = "canary\xff"
	custom := func(f vault.Field) vault.Item { return vault.Item{Type: "login", Fields: []vault.Field{f}} }
	past := func(p vault.Past) vault.Item { return vault.Item{Type: "login", History: []vault.Past{p}} }
	tests := map[string]vault.Item{
		"type not UTF-8":        {Type: notUTF8},
		"tag not UTF-8":         {Type: "login", Tags: []string{notUTF8}},
		"field name not UTF-8":  custom(vault.Field{Name: notUTF8, Kind: vault.Text}),
		"field without name":    custom(vault.Field{Kind: vault.Text, Value: value("canary")}),
		"field of no kind":      custom(vault.Field{Name: "x", Kind: vault.ItemName, Value: value("canary")}),
		"opaque not JSON":       custom(vault.Field{Kind: vault.Opaque, Value: value("canary")}),
		"member not JSON":       {Type: "login", Extra: map[string]jsontext.Value{"x": jsontext.Value("canary")}},
		"member twice inside":   {Type: "login", Extra: map[string]jsontext.Value{"x": jsontext.Value(`{"canary":1,"canary":1}`)}},
		"past field not UTF-8":  past(vault.Past{At: epoch, Field: notUTF8, Kind: vault.Text}),
		"past without a time":   past(vault.Past{Field: "password", Kind: vault.Secret, Value: value("canary")}),
		"past not JSON":         past(vault.Past{Kind: vault.Opaque, Value: value("canary")}),
		"time of five digits":   {Type: "login", Created: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)},
		"time before year one":  {Type: "login", Updated: time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)},
		"a field of type twice": {Type: "login", Fields: []vault.Field{{Name: "url", Value: value("canary")}, {Name: "uri", Value: value("canary")}}},
		"too long":              custom(vault.Field{Name: "password", Kind: vault.Secret, Value: value(strings.Repeat("canary", vault.MaxPlaintext/6))}),
	}
	for name, it := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := vault.MarshalItem(it)
			if !errors.Is(err, vault.ErrInvalid) {
				t.Fatalf("error = %v, want ErrInvalid", err)
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("the error quotes the item: %v", err)
			}
		})
	}
}

func TestUnmarshalSharesNothing(t *testing.T) {
	t.Parallel()
	plain := value(`{"type":"login","password":"hunter2","customFields":[{"name":"a","value":"b","type":"text"},5],"x":"y","history":[7]}`)
	it, err := vault.UnmarshalItem(plain)
	if err != nil {
		t.Fatal(err)
	}
	want := encode(t, it)
	plain.Wipe()
	if got := encode(t, it); got != want {
		t.Errorf("after wiping the plaintext: %s, want %s", got, want)
	}
}

// A field of a type that another kind of naming was given: it is written where
// it is found again.
func TestMarshalForeignNames(t *testing.T) {
	t.Parallel()
	it := vault.Item{Type: "login", Fields: []vault.Field{
		{Name: "website", Value: value("https://example.com")},
		{Name: "pin", Kind: vault.Secret, Value: value("1234")},
		{Name: "colour", Value: secret.Bytes{}},
		{Name: "k", Kind: vault.Text, Value: value("\xff"), Extra: map[string]jsontext.Value{"encoding": jsontext.Value(`"x"`), "order": jsontext.Value("1")}},
	}, History: []vault.Past{{At: epoch, Field: "pin", Kind: vault.Secret, Value: value("12")}}}
	want := vault.Item{Type: "login", Fields: []vault.Field{
		{Name: "url", Value: value("https://example.com")},
		{Name: "pin", Kind: vault.Hidden, Value: value("1234")},
		{Name: "colour", Kind: vault.Text},
		{Name: "k", Kind: vault.Text, Value: value("\xff"), Extra: map[string]jsontext.Value{"order": jsontext.Value("1")}},
	}, History: []vault.Past{{At: epoch, Field: "pin", Kind: vault.Hidden, Value: value("12")}}}
	same(t, "written and read", decode(t, encode(t, it)), want)
}
