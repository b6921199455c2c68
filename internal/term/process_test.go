//go:build darwin || linux

package term_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/keyhold/keyhold/internal/term"
)

// role tells a copy of this test binary to be a program that asks.
const role = "TERM_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "ask":
		askAndReport()
	case "shell":
		runJob()
	default:
		os.Exit(m.Run())
	}
}

// askAndReport asks for a secret and says on standard output what came of it.
func askAndReport() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	p := term.New()
	fmt.Println("available", p.Available())
	v, err := p.Secret(ctx, "Password: ")
	switch {
	case errors.Is(err, term.ErrNoTerminal):
		fmt.Println("no terminal")
	case errors.Is(err, context.Canceled):
		fmt.Println("interrupted")
	default:
		fmt.Printf("answer %x %v\n", v.Reveal(), err)
	}
}

// runJob does what a shell does: it runs askAndReport in the foreground and,
// when that stops, looks at the terminal and lets it go on.
func runJob() {
	signal.Ignore(unix.SIGTTOU) // so that the terminal obeys while the job has it
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), role+"=ask")
	cmd.Stdout = os.Stdout
	cmd.SysProcAttr = &syscall.SysProcAttr{Foreground: true, Ctty: int(tty.Fd())}
	if err := cmd.Start(); err != nil {
		fmt.Println(err)
		return
	}
	for {
		var status unix.WaitStatus
		if _, err := unix.Wait4(cmd.Process.Pid, &status, unix.WUNTRACED, nil); err != nil && !errors.Is(err, unix.EINTR) {
			fmt.Println(err)
			return
		}
		if status.Exited() || status.Signaled() {
			return
		}
		if status.Stopped() {
			fmt.Println("stopped", term.SetFlags(tty, unix.ECHO, 0)) // as shells do
			_ = unix.Kill(-cmd.Process.Pid, unix.SIGCONT)
		}
	}
}

// start runs a copy of this binary. With a terminal, that is its controlling
// one, while standard input and output are none.
func start(t *testing.T, as string, terminal bool) (*screen, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), role+"="+as)
	cmd.Stdin = strings.NewReader("not from here\n")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var s *screen
	if terminal {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 2}
		keys, err := pty.StartWithAttrs(cmd, nil, cmd.SysProcAttr)
		if err != nil {
			t.Fatal(err)
		}
		s = watch(t, keys)
		s.flags = s.state() | unix.ECHO // the child may have turned it off by now
	} else {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
	})
	return s, bufio.NewScanner(out)
}

func expectLine(t *testing.T, out *bufio.Scanner, want string) {
	t.Helper()
	if !out.Scan() || out.Text() != want {
		t.Errorf("reported %q, want %q", out.Text(), want)
	}
}

func TestControllingTerminal(t *testing.T) {
	t.Parallel()
	s, out := start(t, "ask", true)
	s.expect("Password: ")
	s.press("hunter2\n")
	expectLine(t, out, "available true")
	expectLine(t, out, fmt.Sprintf("answer %x <nil>", "hunter2"))
	s.expectRestored()
}

func TestNoControllingTerminal(t *testing.T) {
	t.Parallel()
	_, out := start(t, "ask", false)
	expectLine(t, out, "available false")
	expectLine(t, out, "no terminal")
}

func TestInterrupt(t *testing.T) {
	t.Parallel()
	s, out := start(t, "ask", true)
	s.expect("Password: ")
	s.press("hunter\x03")
	expectLine(t, out, "available true")
	expectLine(t, out, "interrupted")
	s.expectRestored()
}

func TestSuspend(t *testing.T) {
	t.Parallel()
	s, out := start(t, "shell", true)
	expectLine(t, out, "available true")
	for range 2 {
		s.expect("Password: ")
		s.press("\x1a")
		expectLine(t, out, "stopped <nil>")
	}
	s.expect("Password: ")
	if s.state()&unix.ECHO != 0 {
		t.Error("the echo stays on after the process goes on")
	}
	s.press("hunter2\n")
	expectLine(t, out, fmt.Sprintf("answer %x <nil>", "hunter2"))
	s.expectRestored()
}

func TestSuspendWhereNothingCouldResume(t *testing.T) {
	t.Parallel()
	s, out := start(t, "ask", true)
	s.expect("Password: ")
	s.press("\x1a")
	s.press("hunter2\n")
	expectLine(t, out, "available true")
	expectLine(t, out, fmt.Sprintf("answer %x <nil>", "hunter2"))
	s.expectRestored()
}
