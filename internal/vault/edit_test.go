package vault_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/vault"
)

func plainField(name, v string) vault.Field  { return vault.Field{Name: name, Value: value(v)} }
func secretField(name, v string) vault.Field { return field(name, vault.Secret, v) }
func field(name string, k vault.Kind, v string) vault.Field {
	return vault.Field{Name: name, Kind: k, Value: value(v)}
}

const sample = `{"type":"login","username":"ada","password":"a","uri":"u","customFields":[
	{"name":"pin","value":"1","type":"hidden","order":1},{"name":"user","value":"mine","type":"text"},{"name":"password","value":"own","type":"text"},5],
	"tags":["x","y"],"createdAt":"2026-01-01T00:00:00.000Z","updatedAt":"2026-01-02T00:00:00.000Z","future":{"a":1}}`

// past lists the entries of the last revision.
func past(it vault.Item) []string {
	revs := it.Revisions()
	if len(revs) == 0 {
		return nil
	}
	var list []string
	for _, p := range revs[len(revs)-1] {
		was := string(p.Value.Reveal())
		if p.Absent {
			was = "-"
		}
		list = append(list, fmt.Sprintf("%s/%s=%s", p.Field, p.Kind, was))
	}
	return list
}

func TestEdit(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		edit vault.Edit
		now  string   // the plaintext without times and history; empty: as it was
		past []string // nil: nothing changed
	}{
		{name: "nothing"},
		{name: "set to what it is", edit: vault.Edit{
			Name: "mail", Set: []vault.Field{secretField("password", "a"), field("pin", vault.Hidden, "1")}, Tag: []string{"y"}, Untag: []string{"z"}, Remove: []string{"totp"},
		}},
		{name: "set there and back", edit: vault.Edit{Set: []vault.Field{secretField("password", "b"), secretField("password", "a")}}},
		{name: "tagged and untagged", edit: vault.Edit{Tag: []string{"z"}, Untag: []string{"z"}}},
		{
			name: "a secret",
			edit: vault.Edit{Set: []vault.Field{secretField("password", "b")}},
			now:  strings.Replace(sample, `"password":"a"`, `"password":"b"`, 1),
			past: []string{"password/secret=a"},
		},
		{
			name: "twice: only the last counts",
			edit: vault.Edit{Set: []vault.Field{secretField("password", "b"), secretField("password", "c")}},
			now:  strings.Replace(sample, `"password":"a"`, `"password":"c"`, 1),
			past: []string{"password/secret=a"},
		},
		{
			name: "an alias, of the wrong kind",
			edit: vault.Edit{Set: []vault.Field{secretField("website", "v")}},
			now:  strings.Replace(sample, `"uri":"u"`, `"uri":"v"`, 1),
			past: []string{"url/=u"},
		},
		{
			name: "a field that was not there",
			edit: vault.Edit{Set: []vault.Field{secretField("totp", "T")}},
			now:  strings.Replace(sample, `"uri"`, `"totp":"T","uri"`, 1),
			past: []string{"totp/secret=-"},
		},
		{
			name: "a plain one that the type lacks",
			edit: vault.Edit{Set: []vault.Field{plainField("colour", "red"), secretField("code", "0")}},
			now:  strings.Replace(sample, `,5]`, `,5,{"name":"colour","value":"red","type":"text"},{"name":"code","value":"0","type":"hidden"}]`, 1),
			past: []string{"colour/text=-", "code/hidden=-"},
		},
		{
			name: "a custom one keeps its members",
			edit: vault.Edit{Set: []vault.Field{field("pin", vault.Hidden, "2")}},
			now:  strings.Replace(sample, `"value":"1"`, `"value":"2"`, 1),
			past: []string{"pin/hidden=1"},
		},
		{
			name: "a custom one of another kind",
			edit: vault.Edit{Set: []vault.Field{field("pin", vault.Text, "1")}},
			now:  strings.Replace(sample, `"hidden"`, `"text"`, 1),
			past: []string{"pin/hidden=1"},
		},
		{
			name: "custom and of the type, by one name",
			edit: vault.Edit{Set: []vault.Field{field("password", vault.Text, "other")}},
			now:  strings.Replace(sample, `"own"`, `"other"`, 1),
			past: []string{"password/text=own"},
		},
		{
			name: "remove: the type's first",
			edit: vault.Edit{Remove: []string{"password"}},
			now:  strings.Replace(sample, `"password":"a",`, ``, 1),
			past: []string{"password/secret=a"},
		},
		{
			name: "remove: exact before alias",
			edit: vault.Edit{Remove: []string{"user"}},
			now:  strings.Replace(sample, `{"name":"user","value":"mine","type":"text"},`, ``, 1),
			past: []string{"user/text=mine"},
		},
		{
			name: "remove by alias",
			edit: vault.Edit{Remove: []string{"website", "nothing"}},
			now:  strings.Replace(sample, `"uri":"u",`, ``, 1),
			past: []string{"url/=u"},
		},
		{
			name: "removed and set",
			edit: vault.Edit{Set: []vault.Field{secretField("password", "b")}, Remove: []string{"pw"}},
			now:  strings.Replace(sample, `"password":"a"`, `"password":"b"`, 1),
			past: []string{"password/secret=a"},
		},
		{
			name: "from the type's to a custom one",
			edit: vault.Edit{Set: []vault.Field{field("url", vault.URL, "u")}, Remove: []string{"url"}},
			now:  strings.Replace(strings.Replace(sample, `"uri":"u",`, ``, 1), `,5]`, `,5,{"name":"url","value":"u","type":"url"}]`, 1),
			past: []string{"url/=u", "url/url=-"},
		},
		{
			name: "tags",
			edit: vault.Edit{Tag: []string{"b", "a", "b", "y"}, Untag: []string{"x"}},
			now:  strings.Replace(sample, `["x","y"]`, `["y","b","a"]`, 1),
			past: []string{"/tags=x\ny"},
		},
		{
			name: "all tags away",
			edit: vault.Edit{Untag: []string{"x", "y"}},
			now:  strings.Replace(sample, `"tags":["x","y"],`, ``, 1),
			past: []string{"/tags=x\ny"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			it := stored(t, sample)
			got := apply(t, tt.edit, it)
			same(t, "the item itself", it, stored(t, sample))
			want := it
			if tt.now != "" {
				want = stored(t, tt.now)
				want.Updated, want.History = epoch, got.History
			}
			same(t, "edited", got, want)
			if diff := cmp.Diff(tt.past, past(got)); diff != "" {
				t.Errorf("history (-want +got):\n%s", diff)
			}
			again := decode(t, encode(t, got))
			again.ID, again.Name = got.ID, got.Name
			same(t, "written and read", again, got)
		})
	}
}

// What another program put where keyhold expects something else stays until
// keyhold has to write there; then it goes to the history.
func TestEditDisplaces(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, plain string
		edit        vault.Edit
		now         string
		past        []string
	}{
		{
			"a number in a field", `{"type":"login","username":17}`, vault.Edit{Set: []vault.Field{plainField("user", "ada")}},
			`{"type":"login","username":"ada"}`, []string{"username/=-", "username/opaque=17"},
		},
		{
			"a number in a field, removed", `{"type":"login","username":17}`, vault.Edit{Remove: []string{"username"}},
			`{"type":"login"}`, []string{"username/opaque=17"},
		},
		{
			"a number in another field", `{"type":"login","username":17}`, vault.Edit{Set: []vault.Field{secretField("password", "b")}},
			`{"type":"login","username":17,"password":"b"}`, []string{"password/secret=-"},
		},
		{
			"an object of custom fields", `{"type":"login","customFields":{"a":"b"}}`, vault.Edit{Set: []vault.Field{field("pin", vault.Text, "1")}},
			`{"type":"login","customFields":[{"name":"pin","value":"1","type":"text"}]}`, []string{"pin/text=-", `customFields/opaque={"a":"b"}`},
		},
		{
			"a text of tags", `{"type":"login","tags":"a,b"}`, vault.Edit{Tag: []string{"c"}},
			`{"type":"login","tags":["c"]}`, []string{"/tags=-", `tags/opaque="a,b"`},
		},
		{
			"a text of tags, left alone", `{"type":"login","tags":"a,b"}`, vault.Edit{Untag: []string{"c"}},
			`{"type":"login","tags":"a,b"}`, nil,
		},
		{
			"a history of no list, a time of no text", `{"type":"login","history":{},"updatedAt":5}`, vault.Edit{Tag: []string{"c"}},
			`{"type":"login","tags":["c"]}`, []string{"/tags=-", "history/opaque={}", "updatedAt/opaque=5"},
		},
		{
			"a binary value that was none", `{"type":"login","password":"!","binaryFields":["password","x"]}`,
			vault.Edit{Set: []vault.Field{secretField("password", "abcd")}},
			`{"type":"login","password":"abcd","binaryFields":["x"]}`, []string{"password/secret=-", `password/opaque="!"`},
		},
		{
			"binaryFields of no list, not needed", `{"type":"login","binaryFields":5}`,
			vault.Edit{Set: []vault.Field{secretField("password", "abcd")}},
			`{"type":"login","password":"abcd","binaryFields":5}`, []string{"password/secret=-"},
		},
		{
			"binaryFields of no list, needed", `{"type":"login","binaryFields":5}`,
			vault.Edit{Set: []vault.Field{secretField("password", "\xff")}},
			`{"type":"login","password":"/w==","binaryFields":["password"]}`, []string{"password/secret=-", "binaryFields/opaque=5"},
		},
		{
			"two custom fields of one name", `{"type":"login","customFields":[{"name":"a","value":"1","type":"text"},{"name":"a","value":"2","type":"hidden"}]}`,
			vault.Edit{Remove: []string{"a"}},
			`{"type":"login"}`, []string{"a/text=1", "a/hidden=2"},
		},
		{
			"the first of two of one name", `{"type":"login","customFields":[{"name":"a","value":"1","type":"text"},{"name":"a","value":"2","type":"hidden"}]}`,
			vault.Edit{Set: []vault.Field{field("a", vault.Text, "3")}, Remove: []string{"a"}},
			`{"type":"login","customFields":[{"name":"a","value":"3","type":"text"},{"name":"a","value":"2","type":"hidden"}]}`, []string{"a/text=1"},
		},
		{
			"a foreign name with =", `{"type":"login","customFields":[{"name":"a=b","value":"1","type":"text"}]}`,
			vault.Edit{Set: []vault.Field{field("a=b", vault.Text, "2")}},
			`{"type":"login","customFields":[{"name":"a=b","value":"2","type":"text"}]}`, []string{"a=b/text=1"},
		},
		{
			"a passkey", `{"type":"passkey","rpId":"e","discoverable":true}`, vault.Edit{Set: []vault.Field{secretField("notes", "n")}},
			`{"type":"passkey","rpId":"e","discoverable":true,"notes":"n"}`, []string{"notes/secret=-"},
		},
		{
			"an unknown type", `{"type":"wifi","password":"p"}`, vault.Edit{Set: []vault.Field{secretField("password", "n")}},
			`{"type":"wifi","password":"p","customFields":[{"name":"password","value":"n","type":"hidden"}]}`, []string{"password/hidden=-"},
		},
		{
			"a type of no text", `{"type":5}`, vault.Edit{Set: []vault.Field{secretField("password", "n")}},
			`{"type":5,"password":"n"}`, []string{"password/secret=-"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			it := stored(t, tt.plain)
			got := apply(t, tt.edit, it)
			same(t, "the item itself", it, stored(t, tt.plain))
			want := stored(t, tt.now)
			want.History, want.Updated = got.History, got.Updated
			same(t, "edited", got, want)
			if diff := cmp.Diff(tt.past, past(got)); diff != "" {
				t.Errorf("history (-want +got):\n%s", diff)
			}
			again := decode(t, encode(t, got))
			again.ID, again.Name = got.ID, got.Name
			same(t, "written and read", again, got)
		})
	}
}

func TestEditNew(t *testing.T) {
	t.Parallel()
	edit := vault.Edit{Set: []vault.Field{secretField("password", "a"), plainField("user", "ada")}, Tag: []string{"x"}}
	got := apply(t, edit, vault.Item{Type: "login", Name: "cafe\u0301"})
	want := vault.Item{
		Type: "login", Name: "caf\u00e9", Created: epoch, Updated: epoch, Tags: []string{"x"},
		Fields: []vault.Field{plainField("username", "ada"), secretField("password", "a")},
	}
	same(t, "new", got, want)
}

func TestEditName(t *testing.T) {
	t.Parallel()
	const composed, decomposed = "caf\u00e9", "cafe\u0301"
	long := strings.Repeat("\u0958", vault.MaxName/6+1) // three bytes as it is, six in NFC
	tests := []struct {
		name, old, edit, want string
		changed, invalid      bool
	}{
		{name: "renamed", old: "a", edit: "b", want: "b", changed: true},
		{name: "to NFC", old: "a", edit: decomposed, want: composed, changed: true},
		{name: "the same in NFC", old: composed, edit: decomposed, want: composed},
		{name: "from another program's", old: decomposed, edit: composed, want: composed, changed: true},
		{name: "another program's, the same", old: decomposed, edit: decomposed, want: decomposed},
		{name: "another program's, not spoken of", old: decomposed, edit: "", want: decomposed},
		{name: "a bad one, not spoken of", old: "..", edit: "", want: ".."},
		{name: "dots", old: "a", edit: "..", invalid: true},
		{name: "not UTF-8", old: "a", edit: "canary\xff", invalid: true},
		{name: "too long in NFC", old: "a", edit: long, invalid: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			it := stored(t, `{"type":"login"}`)
			it.Name = tt.old
			got, err := vault.Edit{Name: tt.edit}.Apply(it, epoch)
			if errors.Is(err, vault.ErrInvalid) != tt.invalid {
				t.Fatalf("error = %v", err)
			}
			if got.Name != tt.want {
				t.Errorf("name = %q, want %q", got.Name, tt.want)
			}
			var want []string
			if tt.changed {
				want = []string{"/name=" + tt.old}
			}
			if diff := cmp.Diff(want, past(got)); diff != "" {
				t.Errorf("history (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEditInvalid(t *testing.T) {
	t.Parallel()
	set := func(f vault.Field) vault.Edit { return vault.Edit{Set: []vault.Field{f}} }
	tests := map[string]vault.Edit{
		"field without a name":   set(field("", vault.Text, "canary")),
		"field with =":           set(field("a=b", vault.Hidden, "canary")),
		"field with a line feed": set(field("a\nb", vault.Hidden, "canary")),
		"field with NUL":         set(field("a\x00b", vault.Hidden, "canary")),
		"field not UTF-8":        set(secretField("a\xff", "canary")),
		"opaque field":           set(field("a", vault.Opaque, "canary")),
		"field of a strange kind": {
			Set: []vault.Field{secretField("password", "canary"), field("a", vault.ItemTags, "canary")},
		},
		"empty tag":            {Tag: []string{""}, Set: []vault.Field{secretField("password", "canary")}},
		"tag of two lines":     {Tag: []string{"a\nb"}},
		"tag not UTF-8":        {Tag: []string{"\xff"}},
		"name with NUL":        {Name: "a\x00"},
		"new: name of nothing": {},
	}
	for name, e := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			it := stored(t, sample)
			if strings.HasPrefix(name, "new: ") {
				it = vault.Item{Type: "login"}
			}
			_, err := e.Apply(it, epoch)
			if !errors.Is(err, vault.ErrInvalid) {
				t.Fatalf("error = %v, want ErrInvalid", err)
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("the error has the value: %v", err)
			}
		})
	}
}
