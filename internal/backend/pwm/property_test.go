package pwm_test

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/keyhold/keyhold/internal/backend/pwm"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/vault"
)

// memberNames are names that mean something here, there, or nowhere.
var memberNames = []string{
	"id", "name", "title", "url", "uri", "website", "serviceUrl", "deletedAt", "keyhold:url", "keyhold:id", "keyhold:x", "keyhold:keyhold:url",
	"folder", "", "passwordHistory", "x",
}

func drawItem(t *rapid.T) vault.Item {
	ty := rapid.SampledFrom(vault.Types()).Draw(t, "type")
	it := vault.Item{ID: "e1", Name: rapid.String().Draw(t, "name"), Type: ty.Name, Extra: map[string]jsontext.Value{}}
	known := map[string]bool{}
	for _, ft := range ty.Fields {
		known[ft.JSON] = true
		if rapid.Bool().Draw(t, ft.Name) {
			kind := vault.Plain
			if ft.Secret {
				kind = vault.Secret
			}
			it.Fields = append(it.Fields, vault.Field{Name: ft.Name, Kind: kind, Value: secret.Of(rapid.SliceOfN(rapid.Byte(), 0, 4).Draw(t, "value"))})
		}
	}
	for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(memberNames), 0, 6, rapid.ID).Draw(t, "members") {
		if !known[name] {
			it.Extra[name] = jsontext.Value(rapid.SampledFrom([]string{`"text"`, `1.50`, `{"a":[1,"\u0061"]}`, `null`}).Draw(t, "value"))
		}
	}
	if rapid.Bool().Draw(t, "deleted") {
		it.Deleted = epoch
	}
	return it
}

var equal = cmp.Options{
	cmp.Comparer(func(a, b secret.Bytes) bool { return a.Equal(b) }),
	cmp.Transformer("text", func(v jsontext.Value) string { return string(v) }),
	cmp.FilterValues(func(a, b []vault.Field) bool { return len(a)+len(b) == 0 }, cmp.Ignore()),
	cmp.FilterValues(func(a, b map[string]jsontext.Value) bool { return len(a)+len(b) == 0 }, cmp.Ignore()),
}

// TestRoundTrip writes an item, in place of another one too, and reads it.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := pwm.NewBlob()
		for _, it := range []vault.Item{drawItem(t), drawItem(t)} {
			if err := b.Put(it); err != nil {
				t.Fatal(err)
			}
			text, err := b.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			again, err := pwm.ParseBlob(text)
			if err != nil {
				t.Fatal(err)
			}
			got, err := again.Item("e1")
			if d := cmp.Diff(it, got, equal); err != nil || d != "" {
				t.Fatalf("%v (-written +read):\n%s\n%s", err, d, text.Reveal())
			}
			if err := again.Put(got); err != nil {
				t.Fatal(err)
			}
			if same, _ := again.Bytes(); !same.Equal(text) {
				t.Fatalf("written again:\n%s\n%s", same.Reveal(), text.Reveal())
			}
		}
	})
}

// TestForeign reads entries with members of any name, and changes them.
func TestForeign(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		members := map[string]string{}
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(memberNames), 0, 10, rapid.ID).Draw(t, "members") {
			members[name] = rapid.SampledFrom([]string{`"text"`, `1.50`, `{ "a" : [1,"\u0061"]}`, `null`, `"2026-03-04T05:06:07.008Z"`}).Draw(t, "value")
		}
		members["id"] = `"e1"`
		parts := []string{}
		for name, v := range members {
			quoted, _ := jsontext.AppendQuote(nil, name)
			parts = append(parts, string(quoted)+":"+v)
		}
		b, err := pwm.ParseBlob(secret.TextOf(`{"entries":[{` + strings.Join(parts, ",") + `}]}`).Bytes())
		if err != nil {
			t.Fatal(err)
		}
		it, err := b.Item("e1")
		if err != nil {
			t.Fatal(err)
		}
		changed, err := set("password", vault.Secret, "new").Apply(it, epoch)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Put(changed); err != nil {
			t.Fatal(err)
		}
		got, err := b.Item("e1")
		if d := cmp.Diff(changed, got, equal); err != nil || d != "" {
			t.Fatalf("%v (-written +read):\n%s", err, d)
		}
		text, _ := b.Bytes()
		for _, name := range []string{"folder", "", "passwordHistory", "x", "keyhold:x"} {
			if v, ok := members[name]; ok && !strings.Contains(string(text.Reveal()), `"`+name+`":`+v) {
				t.Fatalf("%q: %s is not in\n%s", name, v, text.Reveal())
			}
		}
	})
}

// FuzzParseBlob: no panic, and the error is ErrDamaged; what parses can be
// written, and has the same entries then.
func FuzzParseBlob(f *testing.F) {
	for _, s := range []string{foreign, `{"entries":[]}`, `{"entries":[{"id":"a","name":"n","url":"u"},{}]}`, `[]`, `{"a":1,"entries":[7],"b":{}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := pwm.ParseBlob(secret.Of(text))
		if err != nil {
			if !errors.Is(err, vault.ErrDamaged) {
				t.Errorf("error = %v", err)
			}
			return
		}
		out, err := b.Bytes()
		if err != nil {
			return // longer than a vault may be
		}
		again, err := pwm.ParseBlob(out)
		if err != nil {
			t.Fatalf("written again: %v", err)
		}
		ids := map[string]string{}
		for _, h := range b.Heads() {
			if h.Err == nil {
				ids[h.ID] = h.Name
			}
		}
		for _, h := range again.Heads() {
			if h.Err == nil && ids[h.ID] != h.Name {
				t.Errorf("%q became %q", ids[h.ID], h.Name)
			}
		}
		for id := range maps.Clone(ids) {
			it, err := b.Item(id)
			if err != nil && !errors.Is(err, vault.ErrDamaged) {
				t.Errorf("entry %q: %v", id, err)
			}
			if err == nil && b.Put(it) == nil {
				got, err := b.Item(id)
				if d := cmp.Diff(it, got, equal); err != nil || d != "" {
					t.Errorf("entry %q put back: %v\n%s", id, err, d)
				}
			}
		}
	})
}
