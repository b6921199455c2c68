package vault_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/keyhold/keyhold/internal/vault"
)

func TestQueryName(t *testing.T) {
	t.Parallel()
	tests := []struct {
		query, name string
		want        bool
	}{
		{"", "mail", true},
		{" \t\n", "mail", true},
		{"ai", "mail", true},
		{"MAIL", "Mail", true},
		{"mail x", "mail", false},
		{"hub git", "GitHub", true},
		{"git\u00a0hub", "GitHub", true}, // a no-break space is one too
		{"gi thub", "GitHub", true},
		{"ithu", "git hub", false},
		{"/", "web/mail", true},
		{"é", "cafe\u0301", true},
		{"E\u0301", "caf\u00e9", true},
		{"cafe", "caf\u00e9", false},
		{"ΟΔΟΣ", "οδος", true},
		{"οδοσ", "ΟΔΟΣ", true},
		{"straße", "STRA\u1e9eE", true},
		{"\u212a", "k", true}, // the Kelvin sign
		{"istanbul", "\u0130stanbul", true},
		{"文", "中文", true},
		{".*", "mail", false},
		{"\xff", "a\xfeb", true}, // what is no character is all the same
		{"\xff", "ab", false},
	}
	for _, tt := range tests {
		q := vault.NewQuery(tt.query)
		if got := q.MatchEntry(vault.Entry{Name: tt.name}, nil); got != tt.want {
			t.Errorf("%q in the entry %q: %v", tt.query, tt.name, got)
		}
		if got := q.MatchItem(vault.Item{Name: tt.name}); got != tt.want {
			t.Errorf("%q in the item %q: %v", tt.query, tt.name, got)
		}
	}
}

func TestQueryItem(t *testing.T) {
	t.Parallel()
	it := stored(t, `{"type":"login","username":"Ada","uri":"https://example.com/?a=b","password":"hunter2","tags":["Work","a b"],
		"customFields":[{"name":"colour","value":"red","type":"text"},{"name":"on","value":"true","type":"boolean"},
		{"name":"site","value":"ftp://x","type":"url"},{"name":"about","value":"# Title","type":"markdown"}]}`)
	tests := []struct {
		query             string
		names, everything bool
	}{
		{"work", true, true},
		{"mail WORK", true, true},
		{"a b", true, true},
		{"ada", false, true},
		{"mail ada", false, true},
		{"ada title ftp true red example.com work", false, true},
		{"ada nobody", false, false},
		{"wor kmail", false, false}, // not from one text into the next
		{"workada", false, false},
		{"colour", false, false}, // names of fields are not what it is about
		{"login", false, false},
	}
	for _, tt := range tests {
		q := vault.NewQuery(tt.query)
		if got := q.MatchEntry(it.Entry(), it.Tags); got != tt.names {
			t.Errorf("%q in names and tags: %v", tt.query, got)
		}
		if got := q.MatchItem(it); got != tt.everything {
			t.Errorf("%q in all: %v", tt.query, got)
		}
	}
}

// Every place of an item where find must not look has the word canary.
func TestQueryNeverSecrets(t *testing.T) {
	t.Parallel()
	const canary = "canary"
	secrets := map[string]vault.Item{
		"hidden":        {Fields: []vault.Field{field("a", vault.Hidden, canary)}},
		"opaque":        {Fields: []vault.Field{field("", vault.Opaque, `{"name":"a","type":"text","value":"canary"}`)}},
		"kind unknown":  {Fields: []vault.Field{field("a", "strange", canary)}},
		"not text":      {Fields: []vault.Field{field("a", vault.Text, canary+"\xff")}},
		"name of field": {Fields: []vault.Field{field(canary, vault.Text, "a")}},
		"members":       {Fields: []vault.Field{{Name: "a", Kind: vault.Text, Extra: map[string]jsontext.Value{canary: jsontext.Value(`"canary"`)}}}},
		"extra":         {Extra: map[string]jsontext.Value{canary: jsontext.Value(`"canary"`)}},
		"history": {History: []vault.Past{
			{At: epoch, Field: "username", Value: value(canary)}, {At: epoch, Kind: vault.ItemName, Value: value(canary)},
			{At: epoch, Kind: vault.ItemTags, Value: value(canary)}, {At: epoch, Field: "a", Kind: vault.Text, Value: value(canary)},
		}},
		"id": {ID: canary}, "type": {Type: canary},
	}
	for _, ty := range append(vault.Types(), vault.TypeOf(vault.Item{Type: "wifi"})) {
		for _, ft := range ty.Fields {
			if !ft.Secret {
				it := vault.Item{Type: ty.Name, Fields: []vault.Field{{Name: ft.Name, Value: value(canary)}}}
				if !vault.NewQuery(canary).MatchItem(it) {
					t.Errorf("%s of %s is not looked at", ft.Name, ty.Name)
				}
				continue
			}
			// Also if somebody forgot to say of which kind it is, or spells it otherwise.
			for _, kind := range []vault.Kind{vault.Secret, vault.Plain} {
				for _, name := range []string{ft.Name, strings.ReplaceAll(ft.Name, "_", "-")} {
					secrets[fmt.Sprintf("%s of %s, kind %q, %s", ft.Name, ty.Name, kind, name)] = vault.Item{
						Type: ty.Name, Fields: []vault.Field{{Name: name, Kind: kind, Value: value(canary)}},
					}
				}
			}
		}
	}
	for name, it := range secrets {
		for _, query := range []string{canary, "c", "CANARY"} {
			if it.Type != "" && query == "c" {
				continue // one letter stands for the others
			}
			if vault.NewQuery(query).MatchItem(it) {
				t.Errorf("%s: found by %q", name, query)
			}
		}
	}
}

// Whatever is written in another case or another form of Unicode is found as
// what it was, and what find may not see makes no difference.
func TestQueryProperties(t *testing.T) {
	t.Parallel()
	cased := rapid.StringMatching(`[a-zA-Zäé ßσΣжЖ文/.ǅ]{0,12}`)
	rapid.Check(t, func(t *rapid.T) {
		name, query := cased.Draw(t, "name"), cased.Draw(t, "query")
		want := vault.NewQuery(query).MatchEntry(vault.Entry{Name: name}, nil)
		forms := map[string]func(string) string{
			"NFD": norm.NFD.String, "NFC": norm.NFC.String, "lower": strings.ToLower, "title": strings.ToTitle,
			"folded": func(s string) string { return strings.Map(unicode.SimpleFold, s) },
		}
		for how, form := range forms {
			if got := vault.NewQuery(form(query)).MatchEntry(vault.Entry{Name: name}, nil); got != want {
				t.Fatalf("query %s: %v, was %v", how, got, want)
			}
			if got := vault.NewQuery(query).MatchEntry(vault.Entry{Name: form(name)}, nil); got != want {
				t.Fatalf("name %s: %v, was %v", how, got, want)
			}
		}
		if !vault.NewQuery(name).MatchEntry(vault.Entry{Name: name}, nil) {
			t.Fatal("a name is not found by itself")
		}

		it := items().Draw(t, "item")
		it.Name = name
		q := vault.NewQuery(rapid.OneOf(cased, rapid.SampledFrom([]string{"a", "b", "1"})).Draw(t, "word"))
		bare := it
		bare.History, bare.Extra, bare.Fields = nil, nil, nil
		for _, f := range it.Fields {
			if !f.Kind.Concealed() {
				bare.Fields = append(bare.Fields, vault.Field{Name: f.Name, Kind: f.Kind, Value: f.Value})
			}
		}
		if got, want := q.MatchItem(it), q.MatchItem(bare); got != want {
			t.Fatalf("with its secrets %v, without %v", got, want)
		}
		bare.Fields = nil
		tagged := q.MatchEntry(it.Entry(), it.Tags)
		if got, want := tagged, q.MatchItem(bare); got != want {
			t.Fatalf("names and tags %v, of nothing else %v", got, want)
		}
		if q.MatchEntry(it.Entry(), nil) && !tagged || tagged && !q.MatchItem(it) {
			t.Fatal("more to look at, less found")
		}
	})
}

func BenchmarkQueryMatchEntry(b *testing.B) {
	for _, bb := range []struct{ name, format string }{{"ASCII", "web/Example %06d"}, {"Unicode", "сайт/Beispiel für %06d"}} {
		b.Run(bb.name, func(b *testing.B) {
			entries := make([]vault.Entry, 100_000)
			for i := range entries {
				entries[i].Name = fmt.Sprintf(bb.format, i)
			}
			for b.Loop() {
				q, n := vault.NewQuery("e 99999"), 0
				for _, e := range entries {
					if q.MatchEntry(e, nil) {
						n++
					}
				}
				if n != 1 {
					b.Fatalf("%d found", n)
				}
			}
		})
	}
}
