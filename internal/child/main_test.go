//go:build !windows

package child_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
	xterm "golang.org/x/term"

	"github.com/keyhold/keyhold/internal/child"
	"github.com/keyhold/keyhold/internal/mask"
)

// values has a copy of this test binary be a keyhold that runs its arguments and hides
// these values, one a line; "-" hides nothing.
const values = "CHILD_TEST_VALUES"

// hiddenValue is what most tests hide.
const hiddenValue = "s3cr3t-Token"

func TestMain(m *testing.M) {
	if status, mine := child.Main(os.Args, os.Environ()); mine {
		os.Exit(status)
	}
	if v, ok := os.LookupEnv(values); ok {
		os.Exit(keyhold(v))
	}
	os.Exit(m.Run())
}

func keyhold(hide string) int {
	c := child.Command{Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, values+"=") {
			c.Env = append(c.Env, e)
		}
	}
	if hide == "plain" {
		return copyPlainly(c.Args)
	}
	if hide != "-" {
		c.Mask = mask.New(bytes.Split([]byte(hide), []byte("\n")))
	}
	status, err := child.Run(context.Background(), c)
	switch {
	case errors.Is(err, child.ErrNotFound):
		status = 127
	case errors.Is(err, child.ErrNotExecutable):
		status = 126
	case errors.Is(err, child.ErrInterrupted):
		return status
	case err != nil:
		status = 125
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return status
}

// copyPlainly runs a program on a pseudo-terminal as simply as that can be done.
func copyPlainly(args []string) int {
	if _, err := xterm.MakeRaw(1); err != nil {
		return 1
	}
	master, err := pty.Start(exec.Command(args[0], args[1:]...))
	if err != nil {
		return 1
	}
	_, _ = io.Copy(os.Stdout, master)
	return 0
}

// command is a keyhold that runs args. Its process is gone when the test is.
func command(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), values+"="+hiddenValue, "S="+hiddenValue, "TERM=xterm", "PS1=$ ", "LC_ALL=C", "GORACE=atexit_sleep_ms=0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // no terminal of ours
	return cmd
}

// sh is a keyhold that runs a shell script, which has the value as $S.
func sh(t *testing.T, script string) *exec.Cmd { return command(t, "sh", "-c", script) }

func statusOf(t testing.TB, err error) int {
	t.Helper()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			return -int(status.Signal())
		}
		return exit.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0
}

// A screen is the person's side of a terminal that a process has.
type screen struct {
	t     testing.TB
	keys  *os.File
	shown chan []byte
	seen  []byte
	cmd   *exec.Cmd
}

// onScreen starts cmd with a terminal of its own for the streams that it has not
// set.
func onScreen(t testing.TB, cmd *exec.Cmd) *screen {
	t.Helper()
	keys, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	if err := pty.Setsize(keys, &pty.Winsize{Rows: 24, Cols: 80}); err != nil {
		t.Fatal(err)
	}
	if cmd.Stdin == nil {
		cmd.Stdin = tty
	}
	if cmd.Stdout == nil {
		cmd.Stdout = tty
	}
	if cmd.Stderr == nil {
		cmd.Stderr = tty
	}
	cmd.ExtraFiles = []*os.File{tty}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 3}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// A copy that does not block, so that closing it hangs up even while it is read.
	fd, err := unix.FcntlInt(keys.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	_ = keys.Close()
	keys = os.NewFile(uintptr(fd), "keys")
	s := &screen{t: t, keys: keys, shown: make(chan []byte, 1000), cmd: cmd}
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
	t.Cleanup(func() {
		_ = keys.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return s
}

func (s *screen) press(keys string) {
	s.t.Helper()
	if _, err := io.WriteString(s.keys, keys); err != nil {
		s.t.Error(err)
	}
}

// expect waits until text is shown after what was expected before, and returns what
// was shown before it.
func (s *screen) expect(text string) string {
	s.t.Helper()
	return s.insist("", text)
}

// insist presses keys, again every other second, until text is shown.
func (s *screen) insist(keys, text string) string {
	s.t.Helper()
	again := time.NewTicker(2 * time.Second)
	defer again.Stop()
	s.press(keys)
	for tries := 0; ; {
		if i := bytes.Index(s.seen, []byte(text)); i >= 0 {
			before := string(s.seen[:i])
			s.seen = s.seen[i+len(text):]
			return before
		}
		select {
		case b, ok := <-s.shown:
			if !ok {
				s.t.Fatalf("the end came, want %q; shown: %q", text, s.seen)
			}
			s.seen = append(s.seen, b...)
		case <-again.C:
			if tries++; tries == 10 {
				s.t.Fatalf("want %q; shown: %q", text, s.seen)
			}
			s.press(keys)
		}
	}
}

// end waits for the process, wants its status, and returns what else was shown.
func (s *screen) end(status int) string {
	s.t.Helper()
	late := time.After(20 * time.Second)
	for open := true; open; {
		var b []byte
		select {
		case b, open = <-s.shown:
			s.seen = append(s.seen, b...)
		case <-late:
			s.t.Fatalf("no end; shown: %q", s.seen)
		}
	}
	if got := statusOf(s.t, s.cmd.Wait()); got != status {
		s.t.Errorf("status = %d, want %d; shown: %q", got, status, s.seen)
	}
	return string(s.seen)
}

func (s *screen) settings() unix.Termios {
	s.t.Helper()
	settings, err := unix.IoctlGetTermios(child.Descriptor(s.keys), child.GetTermios)
	if err != nil {
		s.t.Fatal(err)
	}
	return *settings
}
