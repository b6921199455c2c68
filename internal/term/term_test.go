//go:build darwin || linux

package term_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/keyhold/keyhold/internal/term"
)

// A screen is the person's side of a pseudo-terminal.
type screen struct {
	t     *testing.T
	keys  *os.File
	tty   *os.File // the other side, nil where a child has it
	shown chan []byte
	seen  []byte
	flags uint64
}

func newScreen(t *testing.T) *screen {
	t.Helper()
	keys, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	s := watch(t, keys)
	s.tty = tty
	t.Cleanup(func() { _ = tty.Close() })
	s.flags = s.state()
	return s
}

// watch takes over keys. It uses a copy that does not block, so that closing it
// hangs up even while it is being read.
func watch(t *testing.T, keys *os.File) *screen {
	t.Helper()
	fd, err := unix.FcntlInt(keys.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	_ = keys.Close()
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	keys = os.NewFile(uintptr(fd), "keys")
	s := &screen{t: t, keys: keys, shown: make(chan []byte, 1000)}
	go func() {
		defer close(s.shown)
		for {
			buf := make([]byte, 4096)
			n, err := keys.Read(buf)
			if err != nil {
				return
			}
			s.shown <- buf[:n]
		}
	}()
	t.Cleanup(func() { _ = keys.Close() })
	return s
}

func (s *screen) prompter() *term.Prompter { return term.At(s.tty.Name()) }

func (s *screen) state() uint64 {
	s.t.Helper()
	flags, err := term.Flags(s.keys)
	if err != nil {
		s.t.Fatal(err)
	}
	return flags
}

func (s *screen) press(keys string) {
	s.t.Helper()
	if _, err := io.WriteString(s.keys, keys); err != nil {
		s.t.Error(err)
	}
}

// expect waits until text is shown after what was expected before.
func (s *screen) expect(text string) {
	s.t.Helper()
	late := time.After(20 * time.Second)
	for {
		if i := bytes.Index(s.seen, []byte(text)); i >= 0 {
			s.seen = s.seen[i+len(text):]
			return
		}
		select {
		case b, ok := <-s.shown:
			if !ok {
				s.t.Fatalf("the terminal is closed; %q is missing after %q", text, s.seen)
			}
			if bytes.Contains(b, []byte("hunter2")) {
				s.t.Errorf("the secret is shown: %q", b)
			}
			s.seen = append(s.seen, b...)
		case <-late:
			s.t.Fatalf("%q is missing in %q", text, s.seen)
		}
	}
}

func (s *screen) expectRestored() {
	s.t.Helper()
	if got := s.state(); got != s.flags {
		s.t.Errorf("flags = %#x, want %#x", got, s.flags)
	}
}

// answer is what a question came to.
type answer struct {
	text string
	err  error
}

// ask starts a question and waits until it is shown.
func (s *screen) ask(ctx context.Context, secret bool) <-chan answer {
	s.t.Helper()
	c := make(chan answer, 1)
	go func() {
		var a answer
		if secret {
			v, err := s.prompter().Secret(ctx, "Password: ")
			a = answer{v.Reveal(), err}
		} else {
			a.text, a.err = s.prompter().Line(ctx, "Name: ")
		}
		c <- a
	}()
	if secret {
		s.expect("Password: ")
	} else {
		s.expect("Name: ")
	}
	return c
}

func TestSecret(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("hunter2é", 128)
	full := strings.Repeat("x", term.MaxLine-1)
	tests := []struct {
		name, keys, want string
		err              error
	}{
		{"plain", "hunter2\n", "hunter2", nil},
		{"return key", "hunter2\r", "hunter2", nil},
		{"as typed", " hunter2 \t\xff ß \n", " hunter2 \t\xff ß ", nil},
		{"empty", "\n", "", nil},
		{"corrected", "hunter3\x7f2\n", "hunter2", nil},
		{"1024 characters", long + "\n", long, nil},
		{"the longest", full + "\n", full, nil},
		{"too long", full + "x\n", "", term.ErrTooLong},
		{"far too long", full + full + "\n", "", term.ErrTooLong},
		{"end", "\x04", "", io.EOF},
		{"end after a word", "hunter2\x04\x04", "hunter2", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if runtime.GOOS != "linux" && len(tt.want) >= term.MaxLine {
				t.Skip("this terminal takes less")
			}
			s := newScreen(t)
			c := s.ask(t.Context(), true)
			if s.state()&unix.ECHO != 0 {
				t.Error("the echo is on while a secret is asked for")
			}
			s.press(tt.keys)
			a := <-c
			if a.text != tt.want || !errors.Is(a.err, tt.err) {
				t.Errorf("got %q, %v, want %q, %v", a.text, a.err, tt.want, tt.err)
			}
			s.expectRestored()
			s.expect("\r\n")
		})
	}
}

func TestLine(t *testing.T) {
	t.Parallel()
	s := newScreen(t)
	c := s.ask(t.Context(), false)
	s.press("mäil\n")
	if a := <-c; a != (answer{"mäil", nil}) {
		t.Errorf("got %+v", a)
	}
	s.expect("mäil\r\n")
	c = s.ask(t.Context(), false)
	s.press("\x04")
	if a := <-c; !errors.Is(a.err, io.EOF) {
		t.Errorf("at the end: %+v", a)
	}
	s.expectRestored()
}

func TestConfirm(t *testing.T) {
	t.Parallel()
	for keys, want := range map[string]bool{
		"y\n": true, "Yes\n": true, " YES \n": true, "\n": false, "n\n": false, "no\n": false, "yess\n": false, "ja\n": false, "\x04": false,
	} {
		t.Run(keys, func(t *testing.T) {
			t.Parallel()
			s := newScreen(t)
			go func() {
				s.expect("Delete it? [y/N] ")
				s.press(keys)
			}()
			got, err := s.prompter().Confirm(t.Context(), "Delete it?")
			if err != nil || got != want {
				t.Errorf("got %t, %v, want %t", got, err, want)
			}
			s.expectRestored()
		})
	}
}

func TestTypedAhead(t *testing.T) {
	t.Parallel()
	s := newScreen(t)
	s.press("one\ntwo\nthree\n")
	p := s.prompter()
	first, err1 := p.Secret(t.Context(), "1 ")
	second, err2 := p.Line(t.Context(), "2 ")
	third, err3 := p.Secret(t.Context(), "3 ")
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	if first.Reveal() != "one" || second != "two" || third.Reveal() != "three" {
		t.Errorf("got %q, %q, %q", first.Reveal(), second, third.Reveal())
	}
	s.expectRestored()
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	for _, secret := range []bool{true, false} {
		s := newScreen(t)
		cause := errors.New("terminated")
		ctx, cancel := context.WithCancelCause(t.Context())
		c := s.ask(ctx, secret)
		s.press("hunter")
		cancel(cause)
		if a := <-c; a.text != "" || a.err != cause { //nolint:errorlint // the cause itself, not wrapped
			t.Errorf("secret %t: got %q, %v", secret, a.text, a.err)
		}
		s.expectRestored()
		s.expect("\r\n")
		if _, err := s.prompter().Line(ctx, "Again: "); !errors.Is(err, cause) {
			t.Errorf("asked with a context that is over: %v", err)
		}
		if strings.Contains(string(s.seen), "Again") {
			t.Error("a question was shown")
		}
	}
}

func TestResumed(t *testing.T) {
	t.Parallel()
	s := newScreen(t)
	c := s.ask(t.Context(), true)
	if err := term.SetFlags(s.tty, unix.ECHO, 0); err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(os.Getpid(), unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	s.expect("Password: ")
	s.press("hunter2\n")
	if a := <-c; a != (answer{"hunter2", nil}) {
		t.Errorf("got %+v", a)
	}
	s.expectRestored()
}

func TestHungUp(t *testing.T) {
	t.Parallel()
	s := newScreen(t)
	c := s.ask(t.Context(), true)
	_ = s.keys.Close()
	if a := <-c; a.err == nil || a.text != "" {
		t.Errorf("got %+v", a)
	}
}

func TestRawTerminalIsUsable(t *testing.T) {
	t.Parallel()
	s := newScreen(t)
	if err := term.SetFlags(s.tty, 0, unix.ICANON|unix.ECHO|unix.ISIG); err != nil {
		t.Fatal(err)
	}
	s.flags = s.state()
	c := s.ask(t.Context(), false)
	s.press("mail\r")
	if a := <-c; a != (answer{"mail", nil}) {
		t.Errorf("got %+v", a)
	}
	s.expect("mail\r\n")
	s.expectRestored()
}

func TestNoTerminal(t *testing.T) {
	t.Parallel()
	for _, path := range []string{os.DevNull, filepath.Join(t.TempDir(), "none")} {
		p := term.At(path)
		if p.Available() {
			t.Errorf("%s: available", path)
		}
		_, err1 := p.Secret(t.Context(), "?")
		_, err2 := p.Line(t.Context(), "?")
		_, err3 := p.Confirm(t.Context(), "?")
		for _, err := range []error{err1, err2, err3} {
			if !errors.Is(err, term.ErrNoTerminal) {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
}

func TestDescriptors(t *testing.T) {
	t.Parallel()
	s := newScreen(t)
	if err := pty.Setsize(s.keys, &pty.Winsize{Rows: 24, Cols: 97}); err != nil {
		t.Fatal(err)
	}
	if !s.prompter().Available() || !term.IsTerminal(s.tty.Fd()) || term.Width(s.tty.Fd()) != 97 {
		t.Errorf("available %t, terminal %t, width %d", s.prompter().Available(), term.IsTerminal(s.tty.Fd()), term.Width(s.tty.Fd()))
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = null.Close() }()
	if term.IsTerminal(null.Fd()) || term.Width(null.Fd()) != 0 {
		t.Errorf("terminal %t, width %d", term.IsTerminal(null.Fd()), term.Width(null.Fd()))
	}
}
