package keyring

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/internal/secret"
)

func TestFile(t *testing.T) {
	t.Parallel()
	s := File(filepath.Join(t.TempDir(), "a", "keys"))
	wrong(t, s)
	conform(t, s, "home:Profile")
	conform(t, s, strings.Repeat("ü/", 80))
}

func TestFileModes(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("modes mean nothing here")
	}
	dir := filepath.Join(t.TempDir(), "keys")
	if err := File(dir).Set(t.Context(), "n", secret.Of([]byte("v")), 0); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{dir: 0o700 | os.ModeDir, file(dir).path("n"): 0o600} {
		fi, err := os.Stat(path)
		if err != nil || fi.Mode() != want {
			t.Errorf("%s: %v, %v, want %v", path, fi.Mode(), err, want)
		}
	}
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != 1 {
		t.Errorf("%d files, %v", len(names), err)
	}
}

func TestFileFaults(t *testing.T) {
	t.Parallel()
	ctx, one := t.Context(), secret.Of([]byte{1})

	t.Run("not a directory", func(t *testing.T) {
		t.Parallel()
		dir := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(dir, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		s := File(dir)
		if s.Set(ctx, "n", one, 0) == nil {
			t.Error("Set worked")
		}
		if runtime.GOOS == "windows" {
			return
		}
		_, get := s.Get(ctx, "n")
		for i, err := range []error{get, s.Touch(ctx, "n", 0), s.Delete(ctx, "n")} {
			if err == nil || errors.Is(err, ErrNotFound) {
				t.Errorf("call %d: %v", i, err)
			}
		}
	})
	t.Run("name taken by a directory", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		if err := os.MkdirAll(filepath.Join(file(dir).path("n"), "x"), 0o700); err != nil {
			t.Fatal(err)
		}
		s := File(dir)
		if s.Set(ctx, "n", one, 0) == nil {
			t.Error("Set worked")
		}
		if _, err := s.Get(ctx, "n"); err == nil {
			t.Error("Get worked")
		}
		if left, _ := filepath.Glob(filepath.Join(dir, ".new-*")); len(left) != 0 {
			t.Errorf("left behind: %v", left)
		}
	})
	for name, content := range map[string]string{"empty": "", "too long": strings.Repeat("x", 1025)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.WriteFile(file(dir).path("n"), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := File(dir).Get(ctx, "n"); err == nil || errors.Is(err, ErrNotFound) {
				t.Errorf("error = %v", err)
			}
		})
	}
}
