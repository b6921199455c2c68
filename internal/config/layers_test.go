package config_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/config"
)

func flags(m map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, set := m[name]
		return value, set
	}
}

// TestPrecedence tries every combination of sources for one setting of each kind.
func TestPrecedence(t *testing.T) {
	t.Parallel()
	path := write(t, "# a\ncolor: always\nkeyring: os\nprofile: work\nprofiles:\n  work:\n    vault: c\nsession:\n  idle: 2h\n")
	file := open(t, path)
	empty := open(t, write(t, ""))
	type source = struct {
		from         config.Source
		value, where string
	}
	tests := []struct {
		name    string
		sources []source // strongest first; the last is the default
	}{
		{"color", []source{
			{config.Flag, "never", "--color"},
			{config.Environment, "auto", "KEYHOLD_COLOR"},
			{config.ConfigFile, "always", path + " line 2"},
			{config.Default, "auto", ""},
		}},
		{"vault", []source{
			{config.Flag, "a", "--vault"},
			{config.Environment, "b", "KEYHOLD_VAULT"},
			{config.ProfileFile, "c", "profiles.work.vault in " + path + " line 7"},
			{config.Default, "", ""},
		}},
		{"keyring", []source{
			{config.Environment, "off", "KEYHOLD_KEYRING"}, {config.ConfigFile, "os", path + " line 3"}, {config.Default, "auto", ""},
		}},
		{"session.idle", []source{{config.ConfigFile, "2h", path + " line 9"}, {config.Default, "1h", ""}}},
		{"profile", []source{
			{config.Flag, "x", "--profile"}, {config.Environment, "./y", "KEYHOLD_PROFILE"},
			{config.ConfigFile, "work", path + " line 4"}, {config.Default, "default", ""},
		}},
		{"quiet", []source{{config.Flag, "false", "--quiet"}, {config.Environment, "true", "KEYHOLD_QUIET"}, {config.Default, "false", ""}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for set := range 1 << (len(tt.sources) - 1) {
				f, e, l := map[string]string{}, map[string]string{}, config.Layers{File: empty}
				want := tt.sources[len(tt.sources)-1]
				for i, s := range slices.Backward(tt.sources[:len(tt.sources)-1]) {
					if set&(1<<i) == 0 {
						continue
					}
					want = s
					switch s.from {
					case config.Flag:
						f[strings.TrimPrefix(s.where, "--")] = s.value
					case config.Environment:
						e[s.where] = s.value
					default:
						l.File = file
					}
				}
				l.Flag, l.Getenv = flags(f), env(e)
				got, err := l.Resolve(tt.name)
				if err != nil || got.Source != want.from || got.Value != want.value || got.Where != want.where || got.Key.Name != tt.name {
					t.Errorf("%v %v %v: %q from %q (%s), %v; want %+v", f, e, l.File == file, got.Value, got.Source, got.Where, err, want)
				}
			}
		})
	}
}

// TestProfileOfVault: the profile whose vault counts may come from anywhere.
func TestProfileOfVault(t *testing.T) {
	t.Parallel()
	f := open(t, write(t, "profile: a.b\nprofiles:\n  a.b: {vault: one}\n  c: {vault: two}\n  default: {vault: three}\n"))
	tests := []struct{ flag, env, want string }{
		{"", "", "one"}, {"c", "", "two"}, {"", "c", "two"}, {"default", "c", "three"}, {"nope", "", ""}, {"./ci.yaml", "", ""},
	}
	for _, tt := range tests {
		m := map[string]string{}
		if tt.flag != "" {
			m["profile"] = tt.flag
		}
		l := config.Layers{Flag: flags(m), Getenv: env(map[string]string{"KEYHOLD_PROFILE": tt.env}), File: f}
		if got, err := l.Resolve("vault"); got.Value != tt.want || err != nil {
			t.Errorf("%+v: vault = %q, %v", tt, got.Value, err)
		}
	}
	l := config.Layers{Getenv: env(map[string]string{"KEYHOLD_PROFILE": "No"}), File: f}
	if _, err := l.Resolve("vault"); err == nil || !strings.HasPrefix(err.Error(), "KEYHOLD_PROFILE: ") {
		t.Errorf("error = %v", err)
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	const hunter = "hunter2"
	l := config.Layers{
		Flag: flags(map[string]string{"verbose": "2", "json": "true", "format": "table", "password-file": "/p"}),
		Getenv: env(map[string]string{
			"KEYHOLD_NO_PRINT": "YES", "KEYHOLD_OFFLINE": "", "KEYHOLD_PASSWORD": hunter, "KEYHOLD_SESSION": hunter,
			"KEYHOLD_PASSWORD_COMMAND": "echo " + hunter, "KEYHOLD_FORMAT": "nonsense",
		}),
		File: open(t, write(t, "session: {idle: 90m}\nstore: {scopes: [a, b]}\n")),
	}
	all, err := l.All()
	if err != nil || len(all) != len(config.Keys()) {
		t.Fatalf("%d values, %v", len(all), err)
	}
	got := map[string]config.Value{}
	for _, v := range all {
		got[v.Key.Name] = v
		if strings.Contains(v.Value, hunter) || strings.Contains(v.Where, hunter) {
			t.Errorf("%s shows a secret", v.Key.Name)
		}
		if v.Key.Secret && v.Value != config.Hidden {
			t.Errorf("%s = %q", v.Key.Name, v.Value)
		}
	}
	if v := got["format"]; v.Value != "json" || v.Where != "--json" {
		t.Errorf("format = %+v", v)
	}
	if v := got["config"]; v.Value != l.File.Path() || v.Source != config.Default {
		t.Errorf("config = %+v", v)
	}
	if !got["no_print"].Bool() || got["offline"].Bool() || got["verbose"].Int() != 2 || got["password_fd"].Int() != 0 {
		t.Error("booleans or numbers are wrong")
	}
	if got["session.idle"].Duration() != 90*time.Minute || got["session.absolute"].Duration() != 12*time.Hour || got["color"].Duration() != 0 {
		t.Error("durations are wrong")
	}
	if !slices.Equal(got["store.scopes"].List(), []string{"a", "b"}) || got["url"].List() != nil {
		t.Error("lists are wrong")
	}
	bare, err := config.Layers{}.Resolve("store.scopes")
	if err != nil || !slices.Equal(bare.List(), []string{"workers"}) {
		t.Errorf("without layers: %+v, %v", bare, err)
	}
}

func TestInvalidValues(t *testing.T) {
	t.Parallel()
	tests := []struct{ flag, env, key, value, want string }{
		{"", "KEYHOLD_QUIET", "quiet", "maybe", "KEYHOLD_QUIET: maybe is not one of 1, true, yes, 0, false, no"},
		{"", "KEYHOLD_COLOR", "color", "red", "KEYHOLD_COLOR: red is not one of auto, always, never"},
		{"", "KEYHOLD_VERBOSE", "verbose", "loud", "KEYHOLD_VERBOSE: loud is neither a number nor one of true, yes, false, no"},
		{"", "KEYHOLD_VAULT", "vault", "a\x1b", "KEYHOLD_VAULT: it has control characters"},
		{"vault", "", "vault", "", "--vault: it is empty"},
		{"color", "", "color", "red", "--color: red is not one of auto, always, never"},
	}
	for _, tt := range tests {
		l := config.Layers{Flag: flags(map[string]string{tt.flag: tt.value}), Getenv: env(map[string]string{tt.env: tt.value})}
		_, err := l.Resolve(tt.key)
		if value := new(config.ValueError); !errors.As(err, &value) || err.Error() != tt.want {
			t.Errorf("%+v: %v", tt, err)
		}
		if _, err := l.All(); err == nil {
			t.Errorf("All(%+v): no error", tt)
		}
	}
	for _, name := range []string{"nope", "profiles.work.vault", ""} {
		if _, err := (config.Layers{}).Resolve(name); !errors.As(err, new(*config.KeyError)) {
			t.Errorf("Resolve(%q): %v", name, err)
		}
	}
}
