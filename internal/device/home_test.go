package device

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

func TestHome(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "home")
	h := NewHome(dir)
	if h.Dir() != dir || h.Path("x") != filepath.Join(dir, "x") {
		t.Errorf("paths: %s, %s", h.Dir(), h.Path("x"))
	}
	if _, err := h.ID(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before: %v", err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("reading made the directory")
	}
	id, err := h.Make(bytes.NewReader([]byte("0123456789abcdef")))
	if err != nil || id != "30313233343536373839616263646566" {
		t.Fatalf("Make = %s, %v", id, err)
	}
	if again, err := h.Make(failing{}); err != nil || again != id {
		t.Errorf("Make again = %s, %v", again, err)
	}
	if read, err := NewHome(dir).ID(); err != nil || read != id {
		t.Errorf("ID = %s, %v", read, err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Errorf("files: %v, %v", files, err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	for path, want := range map[string]fs.FileMode{dir: fs.ModeDir | 0o700, h.Path("id"): 0o600} {
		if fi, err := os.Stat(path); err != nil || fi.Mode() != want {
			t.Errorf("%s: %v, %v", path, fi.Mode(), err)
		}
	}
}

func TestHomeMakers(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "home")
	ids := make([]string, 20)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			var err error
			if ids[i], err = NewHome(dir).Make(rand.Reader); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Fatalf("two ids: %s, %s", id, ids[0])
		}
	}
}

func TestHomeDamaged(t *testing.T) {
	t.Parallel()
	good := strings.Repeat("0a", 16)
	for name, content := range map[string]string{
		"empty":      "",
		"short":      good[1:],
		"long":       good + "0",
		"newline":    good + "\n",
		"upper case": strings.ToUpper(good),
		"not hex":    good[1:] + "g",
		"NUL":        strings.Repeat("\x00", 32),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			if err := os.WriteFile(b.home.Path("id"), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			ctx := t.Context()
			_, id := b.home.ID()
			_, made := b.home.Make(rand.Reader)
			_, resume := b.Resume(ctx, "default")
			_, token := b.ResumeToken(ctx, "default", formatToken(sessionID{}, sessionKey{text(strings.Repeat("k", 32))}))
			_, start := b.Start(ctx, "default", text("k"), Limits{})
			if _, err := b.End(ctx, ""); err != nil { // no key can be found, and no record opens
				t.Errorf("End: %v", err)
			}
			for i, err := range []error{id, made, resume, token, start} {
				if !errors.Is(err, ErrDamaged) {
					t.Errorf("call %d: %v", i, err)
				}
			}
			if got, _ := os.ReadFile(b.home.Path("id")); string(got) != content {
				t.Error("the damaged file was replaced")
			}
		})
	}
}

func TestHomeFaults(t *testing.T) {
	t.Parallel()
	t.Run("no randomness", func(t *testing.T) {
		t.Parallel()
		if _, err := NewHome(t.TempDir()).Make(failing{}); !errors.Is(err, errRand) {
			t.Error(err)
		}
	})
	t.Run("id is a directory", func(t *testing.T) {
		t.Parallel()
		h := NewHome(t.TempDir())
		if err := os.Mkdir(h.Path("id"), 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Make(rand.Reader); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	})
	t.Run("home is a dangling link", func(t *testing.T) {
		t.Parallel()
		dir := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink("nowhere", dir); err != nil {
			t.Skip(err)
		}
		if _, err := NewHome(dir).Make(rand.Reader); err == nil {
			t.Error("made a home in nothing")
		}
	})
	t.Run("id is a dangling link", func(t *testing.T) {
		t.Parallel()
		h := NewHome(t.TempDir())
		if err := os.Symlink("nowhere", h.Path("id")); err != nil {
			t.Skip(err)
		}
		if _, err := h.Make(rand.Reader); err == nil {
			t.Error("made an id behind a dangling link")
		}
	})
}

func FuzzID(f *testing.F) {
	f.Add([]byte("30313233343536373839616263646566"))
	f.Add([]byte("30313233343536373839616263646566\n"))
	f.Add([]byte(""))
	f.Fuzz(func(t *testing.T, b []byte) {
		id, err := parseHomeID(b)
		if err == nil && id.String() != string(b) || err != nil && !errors.Is(err, ErrDamaged) {
			t.Errorf("%q: %s, %v", b, id, err)
		}
		if sid, ok := parseSessionID(string(b)); ok != (err == nil) || ok && sid.String() != string(b) {
			t.Errorf("%q: %s, %v", b, sid, ok)
		}
	})
}
