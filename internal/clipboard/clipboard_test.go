package clipboard

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/secret"
)

func TestFind(t *testing.T) {
	t.Parallel()
	const wayland, x, ssh = "WAYLAND_DISPLAY=wayland-0", "DISPLAY=:0", "SSH_CONNECTION=1 2 3 4"
	tests := []struct {
		name, os, env, tools string
		want, err            string
	}{
		{"wayland", "linux", wayland + " " + x, "wl-copy wl-paste xclip", "wl-copy", ""},
		{"wayland, tool of X", "linux", wayland + " " + x, "xclip", "xclip", ""},
		{"half of wl-clipboard", "linux", wayland, "wl-copy", "", "install wl-clipboard"},
		{"xclip", "freebsd", x, "xclip xsel", "xclip", ""},
		{"xsel", "linux", x, "xsel", "xsel", ""},
		{"no tool of X", "linux", x, "wl-copy wl-paste pbcopy pbpaste", "", "install xclip or xsel"},
		{"no display", "linux", "", "xclip", "", "neither WAYLAND_DISPLAY nor DISPLAY"},
		{"no display over ssh", "linux", ssh, "xclip", "", "over ssh"},
		{"forwarded display", "linux", ssh + "|" + x, "xclip", "xclip", ""},
		{"macOS", "darwin", "", "pbcopy pbpaste xclip", "pbcopy", ""},
		{"Windows", "windows", "", "powershell.exe", "powershell.exe", ""},
		{"nothing on Windows", "windows", "", "", "", "powershell.exe"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			env := strings.Split(tt.env, "|")
			if !strings.Contains(tt.env, "SSH") {
				env = strings.Fields(tt.env)
			}
			b, err := Find(Desktop{OS: tt.os, Env: env, LookPath: func(name string) (string, error) {
				if strings.Contains(" "+tt.tools+" ", " "+name+" ") {
					return "/bin/" + name, nil
				}
				return "", exec.ErrNotFound
			}})
			var unavailable *UnavailableError
			switch {
			case err == nil && (tt.err != "" || b.tool.copy[0] != tt.want):
				t.Errorf("%v, want %q %q", b.tool.copy, tt.want, tt.err)
			case err != nil && (tt.err == "" || !errors.As(err, &unavailable) || !strings.Contains(err.Error(), tt.err)):
				t.Errorf("%v, want %q %q", err, tt.want, tt.err)
			}
		})
	}
}

// fake is a clipboard in a file, by shell scripts in place of the tools, which
// write their arguments down.
type fake struct {
	dir string
	*Board
}

func newFake(t *testing.T, display string, env ...string) fake {
	t.Helper()
	bin, err := filepath.Abs("testdata/bin")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	b, err := Find(Desktop{
		OS: "linux", Env: append(env, display+"=x", "PATH="+os.Getenv("PATH"), "DIR="+dir),
		LookPath: func(name string) (string, error) { return filepath.Join(bin, name), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, argv := range []*[]string{&b.tool.copy, &b.tool.paste, &b.tool.clear} {
		*argv = append([]string{filepath.Join(bin, (*argv)[0])}, (*argv)[1:]...)
	}
	return fake{dir, b}
}

func (f fake) read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(f.dir, name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(b)
}

var value = secret.TextOf("hunter2 and more\n").Bytes()

func TestBoard_Copy(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, display, help, calls string }{
		{"X", "DISPLAY", "", "xclip -selection clipboard -in\n"},
		{"old wl-copy", "WAYLAND_DISPLAY", "HELP=-o, --paste-once", "wl-copy --help\nwl-copy --type text/plain\n"},
		{"new wl-copy", "WAYLAND_DISPLAY", "HELP=--sensitive  hint", "wl-copy --help\nwl-copy --type text/plain --sensitive\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, tt.display, tt.help)
			if err := f.Copy(t.Context(), value); err != nil {
				t.Fatal(err)
			}
			if got := f.read(t, "board"); got != string(value.Reveal()) {
				t.Errorf("copied %q", got)
			}
			if got := f.read(t, "calls"); got != tt.calls {
				t.Errorf("calls:\n%swant:\n%s", got, tt.calls)
			}
		})
	}
	f := newFake(t, "DISPLAY", "FAIL=3")
	if err := f.Copy(t.Context(), value); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("a tool that fails: %v", err)
	}
}

// What is there after the time is over is cleared if it is the value, and only then.
func TestClearAfter(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, there, want string }{
		{"unchanged", "hunter2 and more\n", ""},
		{"something else", "hunter2 and more", "hunter2 and more"},
		{"longer", "hunter2 and more\n\n", "hunter2 and more\n\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, "WAYLAND_DISPLAY")
			print, err := fingerprint(value, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			var waited time.Duration
			err = clearAfter(t.Context(), f.Board, bytes.NewReader(print), func(_ context.Context, d time.Duration) error {
				waited = d
				return os.WriteFile(filepath.Join(f.dir, "board"), []byte(tt.there), 0o600)
			})
			if err != nil || waited != 45*time.Second {
				t.Errorf("waited %v, %v", waited, err)
			}
			if got := f.read(t, "board"); got != tt.want {
				t.Errorf("the clipboard is %q, want %q", got, tt.want)
			}
		})
	}
}

// A fingerprint that came only in part clears nothing, and so does an end of the wait.
func TestClearAfter_broken(t *testing.T) {
	t.Parallel()
	f := newFake(t, "WAYLAND_DISPLAY")
	print, err := fingerprint(value, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	never := func(context.Context, time.Duration) error { t.Error("waited"); return nil }
	for _, bad := range [][]byte{nil, print[:saltLen], print[:len(print)-1], append(print, 0)} {
		if err := clearAfter(t.Context(), f.Board, bytes.NewReader(bad), never); err == nil {
			t.Errorf("%d bytes are taken", len(bad))
		}
	}
	ended := errors.New("ended")
	stop := func(context.Context, time.Duration) error { return ended }
	if err := clearAfter(t.Context(), f.Board, bytes.NewReader(print), stop); !errors.Is(err, ended) {
		t.Error(err)
	}
	if calls := f.read(t, "calls"); calls != "" {
		t.Errorf("calls:\n%s", calls)
	}
}

// The hash says nothing about two copies of the same value.
func TestFingerprint(t *testing.T) {
	t.Parallel()
	one, err1 := fingerprint(value, rand.Reader)
	two, err2 := fingerprint(value, rand.Reader)
	if err1 != nil || err2 != nil || bytes.Equal(one, two) || bytes.Equal(one[saltLen:], two[saltLen:]) {
		t.Errorf("%x, %x, %v, %v", one, two, err1, err2)
	}
	if bytes.Contains(one, []byte("hunter2")) {
		t.Errorf("%x holds the value", one)
	}
}
