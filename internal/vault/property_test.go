package vault_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/vault"
)

// Generators of items as UnmarshalItem returns them.

func rawJSON(depth int) *rapid.Generator[jsontext.Value] {
	return rapid.Custom(func(t *rapid.T) jsontext.Value {
		kinds := []string{"null", "true", "-0", "1.0", "12345678901234567890", `"\u0041\/"`, "string"}
		if depth > 0 {
			kinds = append(kinds, "array", "object")
		}
		switch k := rapid.SampledFrom(kinds).Draw(t, "kind"); k {
		case "string":
			return quoted(rapid.String().Draw(t, "string"))
		case "array":
			list := rapid.SliceOfN(rawJSON(depth-1), 0, 3).Draw(t, "array")
			parts := make([][]byte, len(list))
			for i, v := range list {
				parts[i] = v
			}
			return slices.Concat([]byte("["), bytes.Join(parts, []byte(",")), []byte("]"))
		case "object":
			m := rapid.MapOfN(rapid.String(), rawJSON(depth-1), 0, 3).Draw(t, "object")
			var parts [][]byte
			for _, n := range slices.Sorted(maps.Keys(m)) {
				parts = append(parts, slices.Concat(quoted(n), []byte(":"), m[n]))
			}
			return slices.Concat([]byte("{"), bytes.Join(parts, []byte(",")), []byte("}"))
		default:
			return jsontext.Value(k)
		}
	})
}

func quoted(s string) []byte {
	b, err := jsontext.AppendQuote(nil, s)
	if err != nil {
		panic(err)
	}
	return b
}

// unknown generates members that no type has and keyhold does not know.
func unknown() *rapid.Generator[map[string]jsontext.Value] {
	return rapid.MapOfN(rapid.StringMatching(`x-[a-zé\x00"]{0,4}`), rawJSON(2), 0, 3)
}

func bytesOf() *rapid.Generator[secret.Bytes] {
	return rapid.Custom(func(t *rapid.T) secret.Bytes {
		if rapid.Bool().Draw(t, "text") {
			return value(rapid.String().Draw(t, "value"))
		}
		return secret.Of(rapid.SliceOf(rapid.Byte()).Draw(t, "value"))
	})
}

func times() *rapid.Generator[time.Time] {
	return rapid.Map(rapid.Int64Range(0, 200000), func(n int64) time.Time { return epoch.Add(time.Duration(n) * time.Millisecond) })
}

// The generators are made anew for each test: rapid's are not for several
// goroutines.

func customKinds() *rapid.Generator[vault.Kind] {
	return rapid.SampledFrom([]vault.Kind{vault.Text, vault.Hidden, vault.Boolean, vault.URL, vault.Markdown})
}

func kindOf(ft vault.FieldType) vault.Kind {
	if ft.Secret {
		return vault.Secret
	}
	return vault.Plain
}

func anyType() *rapid.Generator[vault.Type] {
	return rapid.Custom(func(t *rapid.T) vault.Type {
		return rapid.SampledFrom(append(slices.Clone(vault.Types()), vault.TypeOf(vault.Item{Type: "wifi"}))).Draw(t, "type")
	})
}

// customNames() are also those of fields of types and of their other spellings.
func customNames() *rapid.Generator[string] {
	return rapid.OneOf(rapid.SampledFrom([]string{"password", "uri", "user", "notes", "pin", "a"}), rapid.StringMatching(`[a-zA-Z é文/]{1,6}`))
}

func customs() *rapid.Generator[vault.Field] {
	return rapid.Custom(func(t *rapid.T) vault.Field {
		if rapid.IntRange(0, 4).Draw(t, "opaque") == 0 {
			return vault.Field{Kind: vault.Opaque, Value: secret.Of(rawJSON(2).Draw(t, "element"))}
		}
		return vault.Field{
			Name: customNames().Draw(t, "name"), Kind: customKinds().Draw(t, "kind"), Value: bytesOf().Draw(t, "value"), Extra: unknown().Draw(t, "members"),
		}
	})
}

func pasts(ty vault.Type) *rapid.Generator[vault.Past] {
	return rapid.Custom(func(t *rapid.T) vault.Past {
		p := vault.Past{At: times().Draw(t, "at"), Value: bytesOf().Draw(t, "was"), Extra: unknown().Draw(t, "members")}
		switch rapid.IntRange(0, 4).Draw(t, "of") {
		case 0:
			p.Kind = vault.ItemName
		case 1:
			p.Kind = vault.ItemTags
		case 2:
			p.Kind, p.Field = vault.Opaque, "tags"
		case 3:
			p.Kind, p.Field = customKinds().Draw(t, "kind"), customNames().Draw(t, "field")
		default:
			ft := rapid.SampledFrom(ty.Fields).Draw(t, "field")
			p.Kind, p.Field = kindOf(ft), ft.Name
		}
		if p.Kind != vault.ItemName && p.Kind != vault.Opaque && rapid.Bool().Draw(t, "absent") {
			p.Absent, p.Value = true, secret.Bytes{}
		}
		return p
	})
}

func tagNames() *rapid.Generator[string] {
	return rapid.StringMatching(`[a-c é,]{1,2}`)
}

func items() *rapid.Generator[vault.Item] {
	return rapid.Custom(func(t *rapid.T) vault.Item {
		ty := anyType().Draw(t, "type")
		it := vault.Item{Type: ty.Name, Extra: unknown().Draw(t, "extra")}
		for _, ft := range ty.Fields {
			if rapid.Bool().Draw(t, ft.Name) {
				it.Fields = append(it.Fields, vault.Field{Name: ft.Name, Kind: kindOf(ft), Value: bytesOf().Draw(t, "value")})
			}
		}
		it.Fields = append(it.Fields, rapid.SliceOfN(customs(), 0, 4).Draw(t, "custom")...)
		it.Tags = rapid.SliceOfN(tagNames(), 0, 3).Draw(t, "tags")
		it.History = rapid.SliceOfN(pasts(ty), 0, 4).Draw(t, "history")
		if rapid.Bool().Draw(t, "dated") {
			it.Created, it.Updated = times().Draw(t, "created"), times().Draw(t, "updated")
		}
		return it
	})
}

func edits(ty vault.Type) *rapid.Generator[vault.Edit] {
	sets := rapid.Custom(func(t *rapid.T) vault.Field {
		if rapid.Bool().Draw(t, "custom") {
			return vault.Field{Name: customNames().Draw(t, "name"), Kind: customKinds().Draw(t, "kind"), Value: bytesOf().Draw(t, "value")}
		}
		ft := rapid.SampledFrom(ty.Fields).Draw(t, "field")
		return vault.Field{Name: ft.Name, Kind: kindOf(ft), Value: bytesOf().Draw(t, "value")}
	})
	return rapid.Custom(func(t *rapid.T) vault.Edit {
		return vault.Edit{
			Name:   rapid.SampledFrom([]string{"", "mail", "post", "cafe\u0301"}).Draw(t, "name"),
			Set:    rapid.SliceOfN(sets, 0, 3).Draw(t, "set"),
			Remove: rapid.SliceOfN(customNames(), 0, 2).Draw(t, "remove"),
			Tag:    rapid.SliceOfN(tagNames(), 0, 2).Draw(t, "tag"),
			Untag:  rapid.SliceOfN(tagNames(), 0, 2).Draw(t, "untag"),
		}
	})
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		it := items().Draw(t, "item")
		plain := encode(t, it)
		same(t, "read back", decode(t, plain), it)
		if again := encode(t, decode(t, plain)); again != plain {
			t.Fatalf("written again:\n%s\n%s", again, plain)
		}
	})
}

// An edit keeps what it does not speak of, and can be undone by the history.
func TestEditProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		it := items().Draw(t, "item")
		it.ID, it.Name = id(1), "mail"
		before := encode(t, it)
		e := edits(vault.TypeOf(it)).Draw(t, "edit")
		out := apply(t, e, it)
		if encode(t, it) != before {
			t.Fatalf("the item itself changed")
		}
		again := decode(t, encode(t, out))
		again.ID, again.Name = out.ID, out.Name
		same(t, "edited, written, read", again, out)
		repeated := vault.Edit{Name: e.Name, Set: e.Set, Tag: e.Tag, Untag: e.Untag} // removing once more may meet another field of the name
		same(t, "the same once more", apply(t, repeated, out), out)

		kept := func(it vault.Item) (list []string) {
			for _, f := range it.Fields {
				if f.Kind == vault.Opaque {
					list = append(list, string(f.Value.Reveal()))
				}
			}
			for _, n := range slices.Sorted(maps.Keys(it.Extra)) {
				list = append(list, n, string(it.Extra[n]))
			}
			return list
		}
		if !slices.Equal(kept(it), kept(out)) {
			t.Fatalf("unknown parts: %q, were %q", kept(out), kept(it))
		}
		for _, f := range e.Set {
			if !slices.ContainsFunc(out.Fields, func(g vault.Field) bool { return g.Name == f.Name && g.Kind.Custom() == f.Kind.Custom() }) {
				t.Fatalf("%s is not set", f.Name)
			}
		}
		undone(t, it, out)
	})
}

// undone takes the last revision back and compares with what was.
func undone(t *rapid.T, was, now vault.Item) {
	if was.Updated.Equal(now.Updated) {
		same(t, "no change", now, was)
		return
	}
	revs := now.Revisions()
	type key struct {
		custom bool
		name   string
	}
	values := func(it vault.Item) map[key][]string {
		m := make(map[key][]string)
		for _, f := range it.Fields {
			if f.Kind != vault.Opaque {
				k := key{f.Kind.Custom(), f.Name}
				m[k] = append(m[k], fmt.Sprintf("%s %q", f.Kind, f.Value.Reveal()))
			}
		}
		return m
	}
	old, cur := values(was), values(now)
	touched := make(map[key]bool)
	for _, p := range revs[len(revs)-1] {
		if !p.At.Equal(now.Updated) {
			t.Fatalf("the newest revision is of %v, the item of %v", p.At, now.Updated)
		}
		switch {
		case p.Kind == vault.ItemName:
			if string(p.Value.Reveal()) != was.Name {
				t.Fatalf("the name was %q", p.Value.Reveal())
			}
		case p.Kind == vault.ItemTags:
			if p.Absent != (len(was.Tags) == 0) {
				t.Fatalf("tags absent: %v", p.Absent)
			}
		case p.Absent:
			k := key{p.Kind.Custom(), p.Field}
			if len(old[k]) != 0 || len(cur[k]) != 1 {
				t.Fatalf("%v came: %v, %v", k, old[k], cur[k])
			}
			touched[k] = true
		default:
			k := key{p.Kind.Custom(), p.Field}
			if !slices.Contains(old[k], fmt.Sprintf("%s %q", p.Kind, p.Value.Reveal())) {
				t.Fatalf("%v was never %q", k, p.Value.Reveal())
			}
			touched[k] = true
		}
	}
	for k := range touched {
		delete(cur, k)
		delete(old, k)
	}
	if !maps.EqualFunc(old, cur, slices.Equal) {
		t.Fatalf("besides what the history says, %v became %v", old, cur)
	}
}

func TestHistoryProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		it := vault.Item{ID: id(1), Name: "mail", Type: "login"}
		var versions []string // of the password, "" where there is none
		for range rapid.IntRange(0, 40).Draw(t, "edits") {
			n := rapid.SampledFrom([]int{0, 1, 1, 1, 10 << 10, 40 << 10, 70 << 10}).Draw(t, "size")
			at := epoch.Add(time.Duration(rapid.Int64Range(-1e9, 1e9).Draw(t, "clock")))
			e := vault.Edit{Remove: []string{"password"}}
			v := ""
			if n > 0 {
				v = string(bytes.Repeat([]byte{byte('a' + len(versions)%26)}, n))
				e = vault.Edit{Set: []vault.Field{secretField("password", v)}}
			}
			was, _ := it.Field("password")
			out, err := e.Apply(it, at)
			if err != nil {
				t.Fatal(err)
			}
			if v == string(was.Value.Reveal()) {
				same(t, "nothing changed", out, it)
				continue
			}
			if !out.Updated.After(it.Updated) {
				t.Fatalf("updated %v, was %v", out.Updated, it.Updated)
			}
			versions = append(versions, string(was.Value.Reveal()))
			it = out
		}
		revs := it.Revisions()
		if len(revs) > 20 || len(versions) > 0 && len(revs) == 0 {
			t.Fatalf("%d revisions of %d", len(revs), len(versions))
		}
		beyond := 0
		for i, rev := range revs {
			if i > 0 && !rev[0].At.After(revs[i-1][0].At) {
				t.Fatal("the times do not grow")
			}
			if want := versions[len(versions)-len(revs)+i]; string(rev[0].Value.Reveal()) != want || rev[0].Absent != (want == "") {
				t.Fatalf("revision %d of %d is not the one before", i, len(revs))
			}
			if i < len(revs)-1 {
				beyond += rev[0].Value.Len()
			}
		}
		if beyond > 64<<10 {
			t.Fatalf("%d bytes beyond the newest", beyond)
		}
	})
}

// Writers get into each other's way at random. What one was told is written
// is there at the end, or in the history.
func TestApplyLosesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := &fakeVault{items: map[string]kept{id(1): {name: "mail", plain: `{"type":"login","future":{"a":1}}`}}}
		var promised []vault.Field
		serial := 0
		write := func(r vault.Retry, v vault.Vault) {
			serial++
			name := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "field")
			f := field(name, vault.Hidden, fmt.Sprint("value ", serial))
			edit := vault.Edit{Set: []vault.Field{f}}
			_, _, err := vault.Apply(context.Background(), v, r, planEdit(v, id(1), edit))
			if err == nil {
				promised = append(promised, f)
			}
		}
		c := clock{now: epoch}
		busy := false
		v.before = func() {
			if busy || !rapid.Bool().Draw(t, "interfere") {
				return
			}
			busy = true
			write(c.retry(1, time.Hour), v)
			busy = false
		}
		for range rapid.IntRange(1, 5).Draw(t, "writes") {
			write(c.retry(rapid.IntRange(1, 3).Draw(t, "attempts"), time.Hour), v)
		}
		it, err := v.Item(context.Background(), id(1))
		if err != nil {
			t.Fatal(err)
		}
		if string(it.Extra["future"]) != `{"a":1}` || len(it.Revisions()) != len(promised) {
			t.Fatalf("%d revisions of %d, unknown member %s", len(it.Revisions()), len(promised), it.Extra["future"])
		}
		for _, f := range promised {
			now, _ := it.Field(f.Name)
			past := func(p vault.Past) bool { return p.Field == f.Name && p.Value.Equal(f.Value) }
			if !now.Value.Equal(f.Value) && !slices.ContainsFunc(it.History, past) {
				t.Fatalf("%s = %s is lost", f.Name, f.Value.Reveal())
			}
		}
	})
}
