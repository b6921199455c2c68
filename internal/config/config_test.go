package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/internal/config"
)

// write makes a file with this text, safe whatever the umask is.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func open(t *testing.T, path string) *config.File {
	t.Helper()
	f, err := config.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func env(m map[string]string) func(string) string { return func(name string) string { return m[name] } }

func TestPath(t *testing.T) {
	t.Parallel()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, explicit, goos string
		env                  map[string]string
		want                 string
	}{
		{"flag", "/a/b.yaml", "linux", map[string]string{"KEYHOLD_CONFIG": "/c", "KEYHOLD_HOME": "/h"}, "/a/b.yaml"},
		{"relative flag", "b.yaml", "linux", nil, here + "/b.yaml"},
		{"variable", "", "linux", map[string]string{"KEYHOLD_CONFIG": "/c", "KEYHOLD_HOME": "/h"}, "/c"},
		{"home of keyhold", "", "linux", map[string]string{"KEYHOLD_HOME": "/h", "XDG_CONFIG_HOME": "/x"}, "/h/config.yaml"},
		{"relative home of keyhold", "", "linux", map[string]string{"KEYHOLD_HOME": "h"}, here + "/h/config.yaml"},
		{"XDG", "", "linux", map[string]string{"XDG_CONFIG_HOME": "/x", "HOME": "/u"}, "/x/keyhold/config.yaml"},
		{"relative XDG", "", "linux", map[string]string{"XDG_CONFIG_HOME": "x", "HOME": "/u"}, "/u/.config/keyhold/config.yaml"},
		{"home", "", "linux", map[string]string{"HOME": "/u/"}, "/u/.config/keyhold/config.yaml"},
		{"no slash twice", "", "linux", map[string]string{"HOME": "/"}, "/.config/keyhold/config.yaml"},
		{"macOS", "", "darwin", map[string]string{"HOME": "/u"}, "/u/Library/Application Support/keyhold/config.yaml"},
		{"Windows", "", "windows", map[string]string{"AppData": `C:\u\Roaming`, "HOME": "/u"}, `C:\u\Roaming\keyhold\config.yaml`},
		{"nothing", "", "linux", nil, ""},
		{"nothing on Windows", "", "windows", map[string]string{"HOME": "/u"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := config.Path(env(tt.env), tt.explicit, tt.goos)
			if got != tt.want || (err != nil) != (tt.want == "") {
				t.Errorf("Path = %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	names, variables := map[string]bool{}, map[string]bool{}
	for _, k := range config.Keys() {
		if names[k.Name] || k.Summary == "" || k.Env == "" && k.Flag == "" && !k.File {
			t.Errorf("%+v is there twice or says nothing", k)
		}
		names[k.Name], variables[k.Env] = true, true
		if k.Default != "" {
			if got, err := k.Check(k.Default); got != k.Default || err != nil {
				t.Errorf("%s: default %q becomes %q, %v", k.Name, k.Default, got, err)
			}
		}
		if k.Secret && k.File {
			t.Errorf("%s is secret and in the file", k.Name)
		}
	}
	for name := range strings.FieldsSeq(`PROFILE VAULT CONFIG FORMAT COLOR NO_INPUT OFFLINE FRESH QUIET VERBOSE
		ACCESSIBLE NO_PRINT HOME KEYRING SESSION PASSWORD PASSWORD_FILE PASSWORD_COMMAND`) {
		if !variables["KEYHOLD_"+name] {
			t.Errorf("no setting has the variable KEYHOLD_%s", name)
		}
		delete(variables, "KEYHOLD_"+name)
	}
	if delete(variables, ""); len(variables) > 0 {
		t.Errorf("too many variables: %v", variables)
	}
	config.Keys()[0].Name = "changed"
	if config.Keys()[0].Name != "profile" {
		t.Error("Keys can be changed from outside")
	}
	for _, v := range config.Foreign() {
		if v.Name == "" || v.Summary == "" || strings.HasPrefix(v.Name, "KEYHOLD_") {
			t.Errorf("%+v", v)
		}
	}
}

func TestUnknown(t *testing.T) {
	t.Parallel()
	got := config.Unknown([]string{"KEYHOLD_ZZ=1", "KEYHOLD_HOME=/h", "HOME=/", "KEYHOLD_YES=1", "KEYHOLD_", "KEYHOLD_ZZ=2", "keyhold_x=1"})
	if want := "KEYHOLD_ KEYHOLD_YES KEYHOLD_ZZ"; strings.Join(got, " ") != want {
		t.Errorf("Unknown = %q, want %s", got, want)
	}
	if got := config.Unknown(nil); len(got) != 0 {
		t.Errorf("Unknown(nil) = %q", got)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	tests := []struct{ key, good, bad string }{ // separated by |; good is VALUE or VALUE=>RESULT
		{"profile", "default|a.b-c_d|0|./ci.yaml|/x|..\\x", "|.a|A|a b|-a|_a|ä|" + strings.Repeat("a", 65)},
		{"vault", "personal|a b|x@work|語", "|a\nb|a\x00|a\x7f|\xff|a\u2028b|\ufeffa|" + strings.Repeat("a", 4097)},
		{"backend", "local|vaultctl|pwm|x-1", "|Local|a b|-a|a.b"},
		{"url", "https://h|http://127.0.0.1:8/api/v1|https://[::1]/", "|h|ftp://h|https://|https://u:p@h|https://u@h|https://h?a|https://h#a|https://h#|https://h?|:|https://%zz"},
		{"email", "a@b|a@b@c", "|a|@b|a@|a b@c"},
		{"key", "acme", "|unkey_123"},
		{"session.idle", "1h|90s|1h30m|1ns", "|0|0s|-1h|1|1d|h|1 h"},
		{"store.scopes", "workers|a,b|a, b=>a,b", "|,|a,|a,a|A|a b"},
		{"keyring", "auto|os|kernel|file|off", "|Auto|no"},
		{"color", "auto|always|never", "|no|on"},
		{"format", "json|table|list|tsv|yaml", "|JSON|xml"},
		{"quiet", "1=>true|true|TRUE=>true|Yes=>true|0=>false|No=>false|false", "|2|on|off|t|y"},
		{"verbose", "0|3|007=>7|42=>9|yes=>1|FALSE=>0", "|-1|on|1.5|9999999999"},
		{"password_fd", "0|3|010=>10|42", "|-1|yes|0x3"},
	}
	for _, tt := range tests {
		t.Run(tt.key, func(t *testing.T) {
			t.Parallel()
			var key config.Key
			for _, k := range config.Keys() {
				if k.Name == tt.key {
					key = k
				}
			}
			for value := range strings.SplitSeq(tt.good, "|") {
				value, want, ok := strings.Cut(value, "=>")
				if !ok {
					want = value
				}
				if got, err := key.Check(value); got != want || err != nil {
					t.Errorf("Check(%q) = %q, %v; want %q", value, got, err, want)
				}
			}
			for value := range strings.SplitSeq(tt.bad, "|") {
				if got, err := key.Check(value); err == nil {
					t.Errorf("Check(%q) = %q; want an error", value, got)
				}
			}
		})
	}
}
