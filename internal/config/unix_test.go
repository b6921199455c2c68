//go:build !windows

package config_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/keyhold/keyhold/internal/config"
)

func chmod(t *testing.T, path string, mode fs.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func modeOf(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode()
}

func TestUnsafe(t *testing.T) {
	t.Parallel()
	tests := []struct {
		file, dir  fs.FileMode
		want, hint string // of the error; without PATH and DIR
	}{
		{0o600, 0o700, "", ""},
		{0o400, 0o500, "", ""},
		{0o644, 0o755, "", ""},
		{0o640, 0o775, "", ""},
		{0o660, 0o700, "PATH: its group can write it (mode 0660)", "chmod go-w PATH"},
		{0o602, 0o700, "PATH: others can write it (mode 0602)", "chmod go-w PATH"},
		{0o666, 0o700, "PATH: its group and others can write it (mode 0666)", "chmod go-w PATH"},
		{0o600, 0o777, "DIR: others can write the directory of the configuration (mode 0777)", "chmod o-w DIR"},
		{0o600, 0o777 | fs.ModeSticky, "", ""},
	}
	for _, tt := range tests {
		path := write(t, "color: auto\n")
		chmod(t, path, tt.file)
		chmod(t, filepath.Dir(path), tt.dir)
		_, err := config.Open(path)
		if os.Geteuid() != 0 && tt.dir&0o200 == 0 {
			chmod(t, filepath.Dir(path), 0o700)
		}
		if tt.want == "" {
			if err != nil {
				t.Errorf("%v in %v: %v", tt.file, tt.dir, err)
			}
			continue
		}
		real := strings.NewReplacer("PATH", path, "DIR", filepath.Dir(path))
		unsafe := new(config.UnsafeError)
		if !errors.Is(err, config.ErrUnsafe) || !errors.As(err, &unsafe) {
			t.Errorf("%v in %v: %v, want ErrUnsafe", tt.file, tt.dir, err)
			continue
		}
		if err.Error() != real.Replace(tt.want) || unsafe.Hint() != real.Replace(tt.hint) {
			t.Errorf("%v in %v: %q, hint %q", tt.file, tt.dir, err, unsafe.Hint())
		}
		if !errors.Is(updateError(path), config.ErrUnsafe) {
			t.Errorf("%v in %v: it can be changed", tt.file, tt.dir)
		}
		if names, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(names) > 0 {
			t.Errorf("left beside it: %q", names)
		}
	}
}

// updateError changes a file that could not be opened.
func updateError(path string) error { return config.NewFile(path).Set("color", "never") }

func TestOwner(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	path := write(t, "color: auto\n")
	if err := os.Chown(path, 12345, 12345); err != nil {
		t.Skip(err)
	}
	if _, err := config.Open(path); !errors.Is(err, config.ErrUnsafe) || !strings.Contains(err.Error(), "belongs to user 12345") {
		t.Errorf("error = %v, want ErrUnsafe", err)
	}
}

func TestNoFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	loop := filepath.Join(dir, "loop")
	if err := os.Symlink(loop, loop); err != nil {
		t.Fatal(err)
	}
	below := filepath.Join(write(t, "color: auto\n"), "config.yaml")
	tests := []struct{ path, want string }{
		{dir, "it is a directory, not a file"}, {pipe, "it is no regular file"}, {loop, "symbolic link"}, {below, "not a directory"},
	}
	for _, tt := range tests {
		if _, err := config.Open(tt.path); err == nil || !strings.Contains(err.Error(), tt.path) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Open(%s): %v", tt.path, err)
		}
		if err := updateError(tt.path); err == nil {
			t.Errorf("Update(%s): no error", tt.path)
		}
	}
	if modeOf(t, pipe)&fs.ModeNamedPipe == 0 {
		t.Error("the pipe was replaced")
	}
}

func TestModes(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "b")
	path := filepath.Join(dir, "config.yaml")
	step(t, open(t, path), "set color never")
	if got := modeOf(t, path); got != 0o600 {
		t.Errorf("mode = %v", got)
	}
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if got := modeOf(t, d).Perm(); got != 0o700 {
			t.Errorf("%s: mode = %v", d, got)
		}
	}
	for old, want := range map[fs.FileMode]fs.FileMode{0o644: 0o600, 0o400: 0o400, 0o755: 0o600, 0o600: 0o600} {
		path := write(t, "color: auto\n")
		chmod(t, path, old)
		step(t, open(t, path), "set color never")
		if got := modeOf(t, path); got != want {
			t.Errorf("mode %v became %v, want %v", old, got, want)
		}
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	real := filepath.Join(dir, "dotfiles", "keyhold.yaml")
	if err := os.MkdirAll(filepath.Join(dir, "link"), 0o700); err != nil {
		t.Fatal(err)
	}
	links := map[string]string{"link/a": "../dotfiles/b", "dotfiles/b": real}
	if err := os.Mkdir(filepath.Dir(real), 0o700); err != nil {
		t.Fatal(err)
	}
	for link, to := range links {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "link", "a")
	f := open(t, path) // the links lead nowhere yet
	step(t, f, "set color never")
	step(t, f, "set keyring os")
	if got := read(t, real); got != "color: never\nkeyring: os\n" {
		t.Errorf("target = %q", got)
	}
	for link := range links {
		if modeOf(t, filepath.Join(dir, link))&fs.ModeSymlink == 0 {
			t.Errorf("%s is no link any more", link)
		}
	}
	chmod(t, real, 0o620)
	if _, err := config.Open(path); !errors.Is(err, config.ErrUnsafe) {
		t.Errorf("unsafe target: %v", err)
	}
	chmod(t, real, 0o600)
	for _, d := range []string{"link", "dotfiles"} {
		chmod(t, filepath.Join(dir, d), 0o777)
		if _, err := config.Open(path); !errors.Is(err, config.ErrUnsafe) {
			t.Errorf("%s is not safe: %v", d, err)
		}
		chmod(t, filepath.Join(dir, d), 0o700)
	}
	open(t, path)
}
