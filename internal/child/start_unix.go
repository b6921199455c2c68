//go:build !windows

package child

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// shell runs what is no binary and names no interpreter.
const shell = "/bin/sh"

// lookup finds a program as execvp does.
func lookup(name string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, executable(name)
	}
	if name == "" {
		return "", ErrNotFound
	}
	dirs := "/usr/bin:/bin"
	for _, e := range env {
		if v, ok := strings.CutPrefix(e, "PATH="); ok {
			dirs = v
		}
	}
	missing := ErrNotFound
	for dir := range strings.SplitSeq(dirs, ":") {
		path := filepath.Join(dir, name)
		if dir == "" || !strings.Contains(path, "/") {
			path = "./" + path
		}
		switch err := executable(path); {
		case err == nil:
			return path, nil
		case !errors.Is(err, ErrNotFound):
			missing = err
		}
	}
	return "", missing
}

func executable(path string) error {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		err = syscall.EISDIR
	}
	if err == nil {
		err = unix.Access(path, unix.X_OK)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOTDIR):
		return ErrNotFound
	}
	return startError(err)
}

// replace makes this process the program.
func replace(_ context.Context, c Command, path string) (status int, err error) {
	for i, f := range []*os.File{c.Stdin, c.Stdout, c.Stderr} {
		if f.Fd() != uintptr(i) {
			if err := unix.Dup2(int(f.Fd()), i); err != nil { //nolint:gosec // a descriptor
				return 0, err
			}
		}
	}
	return 0, startError(execute(path, c.Args, c.Env))
}

// execute makes this process the program. It returns only if that fails.
func execute(path string, args, env []string) error {
	err := syscall.Exec(path, args, env)
	if errors.Is(err, syscall.ENOEXEC) {
		err = syscall.Exec(shell, script(path, args), env)
	}
	return err
}

// start starts a program.
func start(path string, args []string, attr *os.ProcAttr) (*os.Process, error) {
	proc, err := os.StartProcess(path, args, attr)
	if errors.Is(err, syscall.ENOEXEC) {
		proc, err = os.StartProcess(shell, script(path, args), attr)
	}
	return proc, err
}

func script(path string, args []string) []string {
	return append([]string{shell, path}, args[1:]...)
}

// signals are what keyhold gets while a program runs.
type signals struct{ c chan os.Signal }

// forwarded are the signals that are meant for the program.
var forwarded = []os.Signal{
	syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM,
}

// catch catches the signals that are forwarded, and others.
func catch(others ...os.Signal) *signals {
	s := &signals{make(chan os.Signal, 64)}
	signal.Notify(s.c, forwarded...)
	// A closed output is the program's affair: it is closed for it too.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	if len(others) > 0 {
		signal.Notify(s.c, others...)
	}
	return s
}

func (s *signals) stop() {
	signal.Stop(s.c)
	signal.Reset(syscall.SIGPIPE)
}

// fromTerminal reports whether the terminal sends s to the program too, which is
// in the same process group: when a key of the terminal caused it. A second one
// would mean more than the first to many programs.
func fromTerminal(s os.Signal) bool {
	if s != syscall.SIGINT && s != syscall.SIGQUIT {
		return false
	}
	tty, err := os.OpenFile("/dev/tty", os.O_RDONLY|syscall.O_NOCTTY, 0)
	if err != nil {
		return false
	}
	defer func() { _ = tty.Close() }()
	return foreground(tty)
}

// foreground reports whether the process group of keyhold has the terminal f.
func foreground(f *os.File) bool {
	var group int
	err := control(f, func(fd int) (err error) {
		group, err = unix.IoctlGetInt(fd, unix.TIOCGPGRP)
		return err
	})
	return err == nil && group == unix.Getpgrp()
}

func statusOf(state *os.ProcessState) int {
	status, ok := state.Sys().(syscall.WaitStatus)
	if !ok {
		return state.ExitCode()
	}
	return exitStatus(status)
}

// signaled reports whether a signal ended a program.
func signaled(state *os.ProcessState) bool {
	status, ok := state.Sys().(syscall.WaitStatus)
	return ok && status.Signaled()
}

func exitStatus(status syscall.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

// drain writes what can be read from a stream at once; at most what a pipe can
// hold, since somebody may fill it as fast.
func drain(from *os.File, buf []byte, write func([]byte) error) {
	const most = 1 << 20
	_ = control(from, func(fd int) error {
		for total := 0; total < most; {
			n, err := unix.Read(fd, buf)
			if n <= 0 || err != nil || write(buf[:n]) != nil {
				return err
			}
			total += n
		}
		return nil
	})
}

// control calls f with the descriptor of file as it is: Fd could make it blocking.
func control(file *os.File, f func(fd int) error) error {
	conn, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := conn.Control(func(fd uintptr) { inner = f(int(fd)) }); err != nil { //nolint:gosec // a descriptor
		return err
	}
	return inner
}
