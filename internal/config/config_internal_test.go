package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// TestNoFileCostsNothing: a home without configuration, which is most of them,
// must not pay for reading one.
func TestNoFileCostsNothing(t *testing.T) { // not parallel: it counts allocations
	path := filepath.Join(t.TempDir(), "config.yaml")
	f, err := Open(path)
	if err != nil || f.v != nil || f.doc.node != nil || f.lines != nil || f.exists {
		t.Fatalf("%+v, %v", f, err)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = Open(path) }); n > 15 {
		t.Errorf("%v allocations", n)
	}
	l := Layers{Getenv: func(string) string { return "" }, File: f}
	if _, err := l.All(); err != nil || f.v != nil {
		t.Errorf("%v, viper %v", err, f.v)
	}
	if err := f.Set("color", "never"); err != nil || f.v == nil {
		t.Errorf("after a change: %v, viper %v", err, f.v)
	}
}

func TestCheckMode(t *testing.T) {
	t.Parallel()
	tests := []struct {
		mode       fs.FileMode
		owner, uid int
		want       string
	}{
		{0o600, 1000, 1000, ""},
		{0o644, 0, 1000, ""},
		{0o600, 0, 0, ""},
		{0o600, 1001, 1000, "it belongs to user 1001, not to you (user 1000) or root"},
		{0o600, 1000, 0, "it belongs to user 1000, not to you (user 0) or root"},
		{0o620, 0, 1000, "its group can write it (mode 0620)"},
		{0o646, 1000, 1000, "others can write it (mode 0646)"},
	}
	for _, tt := range tests {
		err := checkMode("/it's", tt.mode, tt.owner, tt.uid)
		if unsafe := new(UnsafeError); tt.want == "" && err != nil || tt.want != "" && (!errors.As(err, &unsafe) || unsafe.Reason != tt.want ||
			!strings.HasSuffix(unsafe.Fix, ` '/it'\''s'`)) {
			t.Errorf("%+v: %v", tt, err)
		}
	}
}

// TestReplaceSeesChanges: a text that another program writes between reading and renaming
// is not lost.
func TestReplaceSeesChanges(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "config.yaml")
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	meddle := func(limit int, ring string) func(*Edit) error {
		return func(e *Edit) error {
			if calls++; calls <= limit {
				text := "color: never\n" + strings.Repeat("#\n", calls)
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					return err
				}
			}
			return e.Set("keyring", ring)
		}
	}
	if err := f.Update(meddle(2, "os")); err != nil || calls != 3 {
		t.Fatalf("%d calls, %v", calls, err)
	}
	if data, _ := os.ReadFile(path); string(data) != "color: never\nkeyring: os\n#\n#\n" {
		t.Errorf("file = %q", data)
	}
	calls = 0
	err = f.Update(meddle(99, "kernel"))
	if data, _ := os.ReadFile(path); !errors.Is(err, ErrChanged) || calls != maxTries || strings.Contains(string(data), "kernel") {
		t.Errorf("%d calls, %v, file %q", calls, err, data)
	}
	calls = 0
	err = f.Update(func(e *Edit) error {
		if calls++; calls == 1 {
			return errors.Join(os.Remove(path), e.Set("color", "auto"))
		}
		return e.Set("color", "always")
	})
	if data, _ := os.ReadFile(path); err != nil || string(data) != "color: always\n" {
		t.Errorf("removed meanwhile: %v, file %q", err, data)
	}
	names, err := filepath.Glob(filepath.Join(dir, ".*"))
	if err != nil || len(names) != 1 || filepath.Base(names[0]) != ".config.yaml.lock" {
		t.Errorf("left: %q, %v", names, err)
	}
}

func TestFollowDirectoryLink(t *testing.T) {
	t.Parallel()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "a", "b"), 0o700); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"c": "a/b", "a/b/link": "../x"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Skip(err)
		}
	}
	if got, err := follow(filepath.Join(dir, "c", "link")); got != filepath.Join(dir, "a", "x") || err != nil {
		t.Errorf("follow = %s, %v", got, err)
	}
}

// FuzzParse: no input makes the parser panic or slow, and what can be read can
// be changed without changing anything else.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"", "color: auto\n", "# a\r\nprofiles:\r\n  a.b: {url: 'https://h'} # b\r\n", "store:\n  scopes:\n  - a # b\n  - c\n",
		"a: &a [*a, *a]\n", "? |\n  a\n: >-\n  b\n", "\ufeff%YAML 1.1\n---\n{session: {idle: \"1\\x68\"}}\n...\n", "session: !!map\n",
		"color:\n# x\n  auto\nx: |2\n  y\n", strings.Repeat("[", 100), strings.Repeat("{a: ", 50), "<<: {}\n", "profile: ~\n", "a: \"\n\n  b\"\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		start := time.Now()
		before, err := newState("config.yaml", data)
		if took := time.Since(start); took > 2*time.Second {
			t.Fatalf("%d bytes took %v", len(data), took)
		}
		if err != nil {
			if !errors.As(err, new(*FileError)) && !errors.As(err, new(*SecretError)) {
				t.Fatalf("error is %T: %v", err, err)
			}
			return
		}
		var old *yaml.Node
		if before.doc.root != nil {
			again, _ := parse("config.yaml", data)
			old = again.root
		}
		e := &Edit{before.doc}
		if err := errors.Join(e.Set("color", "never"), e.Set("profiles.default.vault", "a: #b"), e.Set("store.scopes", "x,c")); err != nil {
			if !strings.Contains(err.Error(), "edit it by hand") {
				t.Fatal(err)
			}
			return
		}
		after, err := newState("config.yaml", e.doc.bytes())
		if err != nil {
			t.Fatalf("cannot be read again: %v\n%s", err, e.doc.text)
		}
		file := File{state: after}
		if v, _, _ := file.Get("store.scopes"); v != "x,c" {
			t.Fatalf("store.scopes = %q\n%s", v, e.doc.text)
		}
		for key, value := range entries(old) {
			switch key.Value {
			case "color", "store", profilesKey:
				continue
			}
			if _, now := child(after.doc.root, key.Value); !sameTree(now, value) {
				t.Fatalf("%q changed\n%s", key.Value, e.doc.text)
			}
		}
	})
}
