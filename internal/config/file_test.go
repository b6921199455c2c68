package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/config"
)

const full = `profile: work
profiles:
  default: {store: acct}
  work:
    backend: vaultctl
    url: https://vault.example/api/v1
    email: ada@example.org
    ca: /etc/ca.pem
    insecure_http: true
    vault: 2024-01-01
    store: acct-2
    secret_storage: ada@misakey.example
    key: acme
  a.b_c-d: ~
session: {idle: 30m, absolute: 8h}
sync:
  max_age: 1m
store:
  scopes: [workers, "containers"]
keyring: off
color: never
`

func TestOpen(t *testing.T) {
	t.Parallel()
	f := open(t, write(t, full))
	want := map[string]string{
		"profile": "work", "profiles": "default a.b_c-d work",
		"profiles.default.store": "acct", "profiles.work.backend": "vaultctl",
		"profiles.work.url": "https://vault.example/api/v1", "profiles.work.email": "ada@example.org",
		"profiles.work.ca": "/etc/ca.pem", "profiles.work.insecure_http": "true", "profiles.work.vault": "2024-01-01", "profiles.work.store": "acct-2",
		"profiles.work.secret_storage": "ada@misakey.example", "profiles.work.key": "acme",
		"session.idle": "30m", "session.absolute": "8h", "sync.max_age": "1m",
		"store.scopes": "workers,containers", "keyring": "off", "color": "never",
	}
	if diff := cmp.Diff(want, values(t, f)); diff != "" {
		t.Error(diff)
	}
	profiles := map[string]config.Profile{
		"default": {Backend: "local", Store: "acct"},
		"a.b_c-d": {Backend: "local"},
		"work": {
			Backend: "vaultctl", URL: "https://vault.example/api/v1", Email: "ada@example.org", CA: "/etc/ca.pem", InsecureHTTP: "true",
			Vault: "2024-01-01", Store: "acct-2", SecretStorage: "ada@misakey.example", Key: "acme",
		},
	}
	for name, want := range profiles {
		if got, ok := f.Profile(name); got != want || !ok {
			t.Errorf("Profile(%s) = %+v, %v", name, got, ok)
		}
	}
	if got, ok := f.Profile("nope"); ok {
		t.Errorf("Profile(nope) = %+v", got)
	}
	if len(f.Warnings()) > 0 || !f.Exists() {
		t.Errorf("warnings %v, exists %v", f.Warnings(), f.Exists())
	}
}

// TestNothingThere: no file, no file yet, and files that say nothing.
func TestNothingThere(t *testing.T) {
	t.Parallel()
	paths := []string{filepath.Join(t.TempDir(), "a", "b.yaml"), os.DevNull}
	for _, text := range []string{"", "\n", "# a\n", "---\n", "null\n", "{}", "profile:\nprofiles:\n  work:\n    url:\n", "\ufeff"} {
		paths = append(paths, write(t, text))
	}
	for _, path := range paths {
		f, err := config.Open(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if f.Path() != path {
			t.Errorf("Path = %q", f.Path())
		}
		if p, ok := f.Profile("default"); p.Backend != "local" || !ok {
			t.Errorf("default = %+v, %v", p, ok)
		}
		for _, k := range config.Keys() {
			if v, err := (config.Layers{File: f}).Resolve(k.Name); v.Source != config.Default || err != nil {
				t.Errorf("%s: %+v, %v", k.Name, v, err)
			}
		}
	}
	if err := open(t, os.DevNull).Set("color", "never"); err == nil {
		t.Error("the null device can be changed")
	}
}

// TestFileErrors: every error names the line, and the key where there is one.
func TestFileErrors(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 40) + strings.Repeat("]", 40)
	tests := []struct{ name, text, want string }{
		{"not YAML", "color: auto\nkeyring: [os\n", " line 2: not YAML: "},
		{"bad indentation", "a: 1\n b: 2\n", " line 2: not YAML: "},
		{"tab", "session:\n\tidle: 1h\n", " line 2: not YAML: "},
		{"first line", "]\n", " line 1: not YAML: "},
		{"end", "a: [1\n", " line 2: not YAML: "},
		{"bad key", "a: 1\nx:\n  b: 1\n  ]\n", " line 3: not YAML: "},
		{"plain text", "a: 1\nb\nc: 2\n", " line 2: not YAML: "},
		{"quote", "color: \"auto\n", " line "},
		{"scalar", "\nhello\n", " line 2: it is a single value, not a mapping of settings"},
		{"list", "- a\n", " line 1: it is a list, not a mapping of settings"},
		{"twice", "color: auto\nx:\ncolor: never\n", " line 3: color: the key is there twice"},
		{"twice below", "profiles:\n  a:\n    url: https://a\n    url: https://b\n", " line 4: url: the key is there twice"},
		{"twice in what is unknown", "x: [{a: 1,\n a: 2}]\n", " line 2: a: the key is there twice"},
		{"profile twice", "profiles:\n  a:\n  \"a\":\n", " line 3: a: the key is there twice"},
		{"documents", "color: auto\n---\ncolor: never\n", " line 2: there is a second YAML document"},
		{"second document bad", "color: auto\n---\n[\n", " line 4: not YAML: "},
		{"anchor", "color: &a auto\n", " line 1: anchors and aliases are not read"},
		{"anchor at a key", "&a color: auto\n", " line 1: anchors and aliases are not read"},
		{"alias", "a: &a b\nb: *a\n", " line 1: anchors and aliases are not read"},
		{"unknown alias", "a: 1\nb: *nope\n", " line 2: anchors and aliases are not read"},
		{"merge", "x: 1\n<<: {color: auto}\n", " line 2: the merge key << is not read"},
		{"tag", "color: !!str auto\n", " line 1: tags are not read"},
		{"own tag", "color: !x auto\n", " line 1: tags are not read"},
		{"key is a list", "a: 1\n? [a]\n: 1\n", " line 2: a list as a key is not read"},
		{"key is a mapping", "? {a: b}\n: 1\n", " line 1: a mapping as a key is not read"},
		{"no key", "a: 1\n? \n: 1\n", " line 2: there is a value without a key"},
		{"null key", "a: 1\n~: 1\n", " line 2: there is a value without a key"},
		{"deep", "a: 1\nb: " + deep + "\n", " line 2: it is nested more than 32 deep"},
		{"many", "a: [" + strings.Repeat("1,", 20_000) + "]\n", " line 1: it has more than 20000 values"},
		{"large", strings.Repeat("#23456789abcdef\n", 1<<16) + "#", ": it is larger than 1 MiB"},
		{"Latin-1", "color: auto\nx: \xe4\n", " line 2: it is not UTF-8"},
		{"UTF-16", "\xff\xfec\x00", " line 1: it is not UTF-8"},
		{"NUL", "a: 1\n\x00", " line 2: there is a control character"},
		{"escape", "a: \x1b[31m\n", " line 1: there is a control character"},
		{"mark inside", "a: 1\nb: \ufeff\n", " line 2: there is a control character"},

		{"list for a value", "color: [auto]\n", " line 1: color: it is a list, not a single value"},
		{"mapping for a value", "keyring:\n  a: b\n", " line 2: keyring: it is a mapping, not a single value"},
		{"value for a list", "store:\n  scopes: workers\n", " line 2: store.scopes: it is a single value, not a list like [a, b]"},
		{"empty list", "store: {scopes: []}\n", " line 1: store.scopes: the list is empty"},
		{"list of lists", "store:\n  scopes:\n  - a\n  - [b]\n", " line 4: store.scopes: the list has something in it that is no word"},
		{"list of nothing", "store: {scopes: [~]}\n", " line 1: store.scopes: the list has something in it that is no word"},
		{"twice in a list", "store: {scopes: [a, a]}\n", " line 1: store.scopes: a is there twice"},
		{"value for a section", "a: 1\nsession: 1h\n", " line 2: session: it is a single value, not a mapping"},
		{"value for profiles", "profiles: work\n", " line 1: profiles: it is a single value, not a mapping"},
		{"list for a profile", "profiles:\n  work: []\n", " line 2: profiles.work: it is a list, not a mapping"},
		{"name of a profile", "profiles:\n  Work: {}\n", " line 2: profiles: Work is no name of a profile"},
		{"long name", "profiles: {" + strings.Repeat("a", 65) + ": {}}\n", " line 1: profiles: "},
		{"chosen profile", "profile: My Work\n", " line 1: profile: \"My Work\" is no name of a profile"},
		{"profile file", "profile: ./ci.yaml\n", " line 1: profile: ./ci.yaml is no name of a profile"},
		{"duration", "session:\n  idle: 5\n", " line 2: session.idle: 5 is no duration above 0"},
		{"negative", "sync: {max_age: -1h}\n", " line 1: sync.max_age: -1h is no duration"},
		{"choice", "color: no\n", " line 1: color: no is not one of auto, always, never"},
		{"address", "profiles:\n  a.b:\n    url: ftp://h\n", " line 3: profiles.a.b.url: it is no address"},
		{"empty", "keyring: ''\n", " line 1: keyring: it is empty"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := write(t, tt.text)
			_, err := config.Open(path)
			if err == nil || !strings.HasPrefix(err.Error(), path+tt.want) {
				t.Fatalf("error = %v\nwant  %s%s…", err, path, tt.want)
			}
			if file := new(config.FileError); !errors.As(err, &file) || file.Path != path {
				t.Errorf("error is %T", err)
			}
		})
	}
}

func TestSecretsInFile(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text, key string
		line      int
	}{
		{"color: auto\npassword: hunter2\n", "password", 2},
		{"profiles:\n  work:\n    api_token: hunter2\n", "profiles.work.api_token", 3},
		{"CLOUDFLARE_API_KEY: hunter2\n", "CLOUDFLARE_API_KEY", 1},
		{"session:\n  secret: hunter2\n", "session.secret", 2},
		{"x:\n- a\n- {b: 1,\n   root-key: hunter2}\n", "x.root-key", 4},
		{"master password: hunter2\n", "\"master password\"", 1},
		{"pass: hunter2\n", "pass", 1},
	}
	for _, tt := range tests {
		t.Run(tt.key, func(t *testing.T) {
			t.Parallel()
			path := write(t, tt.text)
			_, err := config.Open(path)
			want := fmt.Sprintf("%s line %d: %s: secrets are never kept in the configuration", path, tt.line, tt.key)
			if secret := new(config.SecretError); !errors.As(err, &secret) || err.Error() != want {
				t.Errorf("error = %v\nwant  %s", err, want)
			}
		})
	}
	// A profile may have any name.
	open(t, write(t, "profiles: {token: {}, secret.team: {}}\n"))
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	path := write(t, "colour: auto\nColor: never\nprofiles:\n  work:\n    user: ada\n    x: {y: 1}\nsession.idle: 1h\n"+
		"session:\n  idle: 1h\n  \"a\\eb\": 1\n1: 2\n'"+strings.Repeat("z", 200)+"': 1\n")
	f := open(t, path)
	var got []string
	for _, w := range f.Warnings() {
		got = append(got, strings.TrimPrefix(w.String(), path+" "))
	}
	want := []string{
		"line 1: colour: unknown key", "line 2: Color: unknown key",
		"line 5: profiles.work.user: unknown key", "line 6: profiles.work.x: unknown key",
		"line 7: session.idle: unknown key", `line 10: "session.a\x1bb": unknown key`, "line 11: 1: unknown key",
		`line 12: "` + strings.Repeat("z", 150) + `": unknown key`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if value, set, _ := f.Get("color"); set {
		t.Errorf("color = %q: an unknown key counts", value)
	}
	if value, _, _ := f.Get("session.idle"); value != "1h" {
		t.Errorf("session.idle = %q", value)
	}
}

func TestSetErrors(t *testing.T) {
	t.Parallel()
	path := write(t, full)
	f := open(t, path)
	tests := []struct {
		name, value, hint string
		want              any
	}{
		{"colour", "auto", "", new(*config.KeyError)},
		{"idle", "1h", "did you mean session.idle?", new(*config.KeyError)},
		{"vault", "a", "did you mean profiles.default.vault?", new(*config.KeyError)},
		{"profiles.work", "a", "", new(*config.KeyError)},
		{"profiles.vault", "a", "", new(*config.KeyError)},
		{"profiles.work.user", "a", "", new(*config.KeyError)},
		{"profiles", "a", "", new(*config.KeyError)},
		{"session", "1h", "", new(*config.KeyError)},
		{"format", "json", "", new(*config.KeyError)},
		{"", "json", "", new(*config.KeyError)},
		{".", "json", "", new(*config.KeyError)},
		{"password", "a", "", new(*config.SecretError)},
		{"profiles.work.token", "a", "", new(*config.SecretError)},
		{"store.api_key", "a", "", new(*config.SecretError)},
		{"token.x", "a", "", new(*config.SecretError)},
		{"profiles.work.key", "unkey_1", "", new(*config.ValueError)},
		{"profiles.work.url", "https://ada:pw@h", "", new(*config.ValueError)},
		{"profiles.Work.url", "https://h", "", new(*config.ValueError)},
		{"profiles..url", "https://h", "", new(*config.ValueError)},
		{"color", "", "", new(*config.ValueError)},
		{"profile", "./ci.yaml", "", new(*config.ValueError)},
		{"session.idle", "1", "", new(*config.ValueError)},
	}
	for _, tt := range tests {
		err := f.Set(tt.name, tt.value)
		if err == nil || !errors.As(err, tt.want) || strings.Contains(err.Error(), "pw") || strings.Contains(err.Error(), "unkey_") {
			t.Errorf("Set(%s, %s): %T %v", tt.name, tt.value, err, err)
		}
		if h, ok := err.(interface{ Hint() string }); (ok || tt.hint != "") && h.Hint() != tt.hint { //nolint:errorlint // itself
			t.Errorf("Set(%s): hint %q", tt.name, h.Hint())
		}
	}
	for _, err := range []error{f.Set("profile", "nope"), f.Set("profiles.nope.url", "https://h"), f.RemoveProfile("nope"), f.RenameProfile("nope", "a")} {
		if !errors.Is(err, config.ErrNoProfile) {
			t.Errorf("error = %v, want ErrNoProfile", err)
		}
	}
	for _, err := range []error{f.AddProfile("work", config.Profile{}), f.AddProfile("default", config.Profile{}), f.RenameProfile("work", "default")} {
		if !errors.Is(err, config.ErrProfileExists) {
			t.Errorf("error = %v, want ErrProfileExists", err)
		}
	}
	for _, err := range []error{f.RemoveProfile("default"), f.RenameProfile("default", "a")} {
		if !errors.Is(err, config.ErrDefaultProfile) {
			t.Errorf("error = %v, want ErrDefaultProfile", err)
		}
	}
	for _, err := range []error{f.AddProfile("A", config.Profile{}), f.RenameProfile("work", "A"), f.AddProfile("b", config.Profile{URL: "h"})} {
		if value := new(config.ValueError); !errors.As(err, &value) {
			t.Errorf("error = %v, want a ValueError", err)
		}
	}
	for _, name := range []string{"nope", "password"} {
		if _, _, err := f.Get(name); err == nil {
			t.Errorf("Get(%s): no error", name)
		}
		if f.Unset(name) == nil {
			t.Errorf("Unset(%s): no error", name)
		}
	}
	if got := read(t, path); got != full {
		t.Errorf("the file changed: %s", got)
	}
}

func TestUpdateIsWhole(t *testing.T) {
	t.Parallel()
	path := write(t, full)
	f := open(t, path)
	stop := errors.New("stop")
	err := f.Update(func(e *config.Edit) error {
		return errors.Join(e.Set("color", "auto"), e.AddProfile("new", config.Profile{}), e.Unset("keyring"), stop)
	})
	if !errors.Is(err, stop) || read(t, path) != full {
		t.Errorf("error %v, file %s", err, read(t, path))
	}
	if value, _, _ := f.Get("color"); value != "never" {
		t.Errorf("color = %q", value)
	}
	err = f.Update(func(e *config.Edit) error {
		return errors.Join(e.AddProfile("new", config.Profile{URL: "https://h", Key: "k"}), e.Set("profile", "new"))
	})
	if p, ok := f.Profile("new"); err != nil || !ok || p.URL != "https://h" || p.Key != "k" {
		t.Errorf("%+v, %v, %v", p, ok, err)
	}
	if got := f.Profiles(); !slices.Equal(got, []string{"default", "a.b_c-d", "new", "work"}) {
		t.Errorf("profiles = %q", got)
	}
}
