package vault_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/vault"
)

func TestItemField(t *testing.T) {
	t.Parallel()
	it := stored(t, sample)
	tests := []struct{ name, want string }{
		{"password", "a"}, {"pw", "a"}, {"pass", "a"},
		{"username", "ada"}, {"login", "ada"},
		{"user", "mine"}, // exactly this name before another spelling
		{"url", "u"}, {"uri", "u"}, {"website", "u"},
		{"pin", "1"},
		{"Password", ""}, {"totp", ""}, {"", ""}, {"nothing", ""},
	}
	for _, tt := range tests {
		f, ok := it.Field(tt.name)
		if got := string(f.Value.Reveal()); got != tt.want || ok != (tt.want != "") {
			t.Errorf("Field(%q) = %q, %v, want %q", tt.name, got, ok, tt.want)
		}
	}
	card := decode(t, `{"type":"credit_card","customFields":[{"name":"holder","value":"x","type":"text"}]}`)
	if f, ok := card.Field("holder"); !ok || f.Kind != vault.Text {
		t.Error("a custom field is not found where the type's is not set")
	}
	identity := decode(t, `{"type":"identity","firstName":"Ada"}`)
	if f, ok := identity.Field("first-name"); !ok || f.Name != "first_name" {
		t.Error("a hyphen is not as good as an underscore")
	}
	want := []string{"username", "password", "url", "pin", "user", "password"}
	if diff := cmp.Diff(want, it.FieldNames()); diff != "" {
		t.Errorf("FieldNames (-want +got):\n%s", diff)
	}
}

func TestItemMain(t *testing.T) {
	t.Parallel()
	tests := []struct {
		plain, name string
		ok          bool
	}{
		{`{"type":"login","password":"p"}`, "password", true},
		{`{"type":"login"}`, "password", false},
		{`{"type":"secure_note","content":"c"}`, "content", true},
		{`{"type":"identity","email":"e"}`, "", false},
		{`{"type":"wifi","notes":"n"}`, "", false},
	}
	for _, tt := range tests {
		name, f, ok := decode(t, tt.plain).Main()
		if name != tt.name || ok != tt.ok || ok != (f.Value.Len() > 0) {
			t.Errorf("Main of %s = %q, %v", tt.plain, name, ok)
		}
	}
}

func TestItemEntry(t *testing.T) {
	t.Parallel()
	it := stored(t, sample)
	it.Revision = 9
	want := vault.Entry{ID: it.ID, Name: it.Name, Type: it.Type, Created: it.Created, Updated: it.Updated, Revision: 9}
	if got := it.Entry(); got != want {
		t.Errorf("Entry = %+v, want %+v", got, want)
	}
}

func TestKinds(t *testing.T) {
	t.Parallel()
	custom := []vault.Kind{vault.Text, vault.Hidden, vault.Boolean, vault.URL, vault.Markdown}
	concealed := []vault.Kind{vault.Secret, vault.Hidden, vault.Opaque}
	for _, k := range append(custom, vault.Plain, vault.Secret, vault.Opaque, vault.ItemName, vault.ItemTags, "else") {
		if k.Custom() != slices.Contains(custom, k) || k.Concealed() != slices.Contains(concealed, k) {
			t.Errorf("%q: Custom %v, Concealed %v", k, k.Custom(), k.Concealed())
		}
	}
}

func TestCheckNames(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name        string
		item, vault bool
	}{
		{"mail", true, true}, {"web/github.com", true, false}, {"a@b", true, false}, {"Ünï code", true, true},
		{"two\nlines", true, false}, {"tab\t", true, false}, {"...", true, true},
		{"", false, false}, {".", false, false}, {"..", false, false}, {"a\x00b", false, false}, {"a\xff", false, false},
		{strings.Repeat("a", 255), true, true}, {strings.Repeat("a", 256), true, false},
		{strings.Repeat("a", vault.MaxName), true, false}, {strings.Repeat("a", vault.MaxName+1), false, false},
	}
	for _, tt := range tests {
		short := tt.name[:min(20, len(tt.name))]
		if err := vault.CheckName(tt.name); (err == nil) != tt.item || err != nil && !errors.Is(err, vault.ErrInvalid) {
			t.Errorf("CheckName(%q) = %v", short, err)
		}
		if err := vault.CheckVaultName(tt.name); (err == nil) != tt.vault || err != nil && !errors.Is(err, vault.ErrInvalid) {
			t.Errorf("CheckVaultName(%q) = %v", short, err)
		}
	}
}

func TestTypes(t *testing.T) {
	t.Parallel()
	stored := make(map[string]bool)
	for _, ty := range vault.Types() {
		if stored[ty.JSON] {
			t.Errorf("%s is stored as another type is", ty.Name)
		}
		stored[ty.JSON] = true
		for _, name := range append([]string{ty.Name, ty.JSON, strings.ToUpper(ty.Name), strings.ReplaceAll(ty.Name, "_", "-")}, ty.Aliases...) {
			if got, ok := vault.TypeNamed(name); !ok || got.Name != ty.Name {
				t.Errorf("TypeNamed(%q) = %q, %v", name, got.Name, ok)
			}
		}
		if vault.StoredType(ty.Name) != ty.JSON || vault.StoredType(ty.JSON) != ty.JSON || vault.UserType(ty.JSON) != ty.Name || vault.UserType(ty.Name) != ty.Name {
			t.Errorf("%s and %s do not name each other", ty.Name, ty.JSON)
		}
		if main, ok := ty.Field(ty.Main); ty.Main != "" && (!ok || !main.Secret) {
			t.Errorf("the main field of %s is none, or not secret", ty.Name)
		}
		names, members := make(map[string]bool), make(map[string]bool)
		for _, f := range ty.Fields {
			if names[f.Name] || members[f.JSON] {
				t.Errorf("%s has %s twice", ty.Name, f.Name)
			}
			names[f.Name], members[f.JSON] = true, true
			if got := ty.NearestField(f.Name); got != f.Name {
				t.Errorf("%s: nearest to %s is %s", ty.Name, f.Name, got)
			}
		}
	}
	if _, ok := vault.TypeNamed("wifi"); ok {
		t.Error("wifi is a type")
	}
	if vault.StoredType("wifi") != "wifi" || vault.UserType("wifi") != "wifi" {
		t.Error("an unknown type changes its name")
	}
}

func TestNearestField(t *testing.T) {
	t.Parallel()
	tests := []struct{ kind, name, want string }{
		{"login", "pasword", "password"}, {"login", "passwrod", "password"}, {"login", "Password", "password"},
		{"login", "usernme", "username"}, {"login", "usr", "username"}, {"login", "webste", "url"}, {"login", "top", "totp"},
		{"identity", "first-nam", "first_name"}, {"identity", "zipp", "zip"}, {"card", "cvc", "cvv"},
		{"login", "x", ""}, {"login", "", ""}, {"login", "colour", ""}, {"note", "password", ""}, {"api_key", "pw", ""},
		{"login", "usss", "password"}, // as near to pass as to user: always the same
	}
	for _, tt := range tests {
		ty, ok := vault.TypeNamed(tt.kind)
		if !ok {
			t.Fatalf("no type %s", tt.kind)
		}
		for range 10 {
			if got := ty.NearestField(tt.name); got != tt.want {
				t.Fatalf("%s: nearest to %q is %q, want %q", tt.kind, tt.name, got, tt.want)
			}
		}
	}
}

func TestItemCopy(t *testing.T) {
	t.Parallel()
	const composed, decomposed = "caf\u00e9", "cafe\u0301"
	it := stored(t, changed)
	it.Created, it.Deleted, it.Revision = epoch, epoch, 7
	at := epoch.Add(time.Hour)
	got := it.Copy(decomposed, at.Add(5).In(time.FixedZone("", 3600)))
	want := stored(t, changed)
	want.ID, want.Name, want.History, want.Created, want.Updated = "", composed, nil, at, at
	same(t, "copy", got, want)
	if got.Created.Location() != time.UTC {
		t.Error("the time is not UTC")
	}

	before := encode(t, it)
	for i := range got.Fields {
		got.Fields[i].Value.Wipe()
		got.Fields[i].Name = "x"
		for name := range got.Fields[i].Extra {
			got.Fields[i].Extra[name][0] = 'x'
		}
	}
	for name := range got.Extra {
		got.Extra[name][0] = 'x'
	}
	got.Tags[0] = "x"
	if encode(t, it) != before {
		t.Error("the copy shares memory")
	}

	strange := stored(t, `{"createdAt":1,"updatedAt":2,"history":{},"tags":3,"future":4}`).Copy("a", at)
	want = decode(t, `{"tags":3,"future":4}`)
	want.Name, want.Created, want.Updated = "a", at, at
	same(t, "copy of strange members", strange, want)
}
