//go:build !windows

package child

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// The names that the processes behind a pseudo-terminal go by.
//
// The leader leads the session of the pseudo-terminal and is the parent of the
// program. It tells keyhold what becomes of the program, and passes signals on.
// The starter becomes the program, as soon as the leader has put it into the
// foreground: no program finds itself in the background first.
const (
	leaderName  = "keyhold: leader"
	starterName = "keyhold: starter"
)

// What the leader finds open beside the three streams.
const (
	leaderTTY = 3 + iota
	leaderOrders
	leaderReports
)

// What the starter finds open.
const (
	starterGo = 3 + iota // one byte: the program is in the foreground
	starterFailure
)

// A message goes between keyhold and the leader.
type message struct{ kind, value uint32 }

const (
	failed  = 1 + iota // report: the program cannot be started, errno
	stopped            // report: it has stopped
	ended              // report: it has ended, wait status
	send               // order: send it this signal
)

const messageSize = 8

func (m message) write(f *os.File) error {
	b := binary.NativeEndian.AppendUint32(nil, m.kind)
	_, err := f.Write(binary.NativeEndian.AppendUint32(b, m.value))
	return err
}

func readMessage(f *os.File) (message, error) {
	var b [messageSize]byte
	_, err := io.ReadFull(f, b[:])
	return message{binary.NativeEndian.Uint32(b[:]), binary.NativeEndian.Uint32(b[4:])}, err
}

// Main does the work of the processes that Run starts from the same binary. The
// main of every program that calls Run calls it first, with its arguments and
// environment, and if this is one of those processes ends with its status.
func Main(args, env []string) (status int, mine bool) {
	switch {
	case len(args) > 2 && args[0] == leaderName:
		return lead(args[1:], env), true
	case len(args) > 2 && args[0] == starterName:
		return become(args[1], args[2:], env), true
	}
	return 0, false
}

// become makes this process the program, as soon as it is in the foreground.
func become(path string, args, env []string) int {
	unix.CloseOnExec(starterGo)
	unix.CloseOnExec(starterFailure)
	_, err := os.NewFile(starterGo, "go").Read(make([]byte, 1))
	if err == nil {
		err = execute(path, args, env)
	}
	report(os.NewFile(starterFailure, "failure"), err)
	return 1
}

// report reports that the program cannot be started.
func report(to *os.File, err error) {
	var number syscall.Errno
	errors.As(err, &number)
	_ = message{failed, uint32(number)}.write(to) //nolint:gosec // small
}

// A leader is the state of the process that leads the session.
type leader struct {
	tty, orders, reports *os.File
	pid                  int         // of the program, which leads its process group
	over                 atomic.Bool // the program has ended
}

// lead runs the program and returns when it has ended and keyhold has heard of it.
func lead(command, env []string) int {
	// What keys send here, before the program is in the foreground, and what the
	// end of the terminal sends, is the program's.
	signal.Notify(make(chan os.Signal, 1), unix.SIGINT, unix.SIGQUIT, unix.SIGHUP, unix.SIGTERM)
	for _, fd := range []int{leaderTTY, leaderOrders, leaderReports} {
		unix.CloseOnExec(fd)
	}
	l := &leader{
		tty:     os.NewFile(leaderTTY, "tty"),
		orders:  os.NewFile(leaderOrders, "orders"),
		reports: os.NewFile(leaderReports, "reports"),
	}
	if err := l.start(command, env); err != nil {
		report(l.reports, err)
		return 1
	}
	go l.watch()
	l.obey()
	return 0
}

// start starts the program and lets go of its streams, so that nobody waits for an
// end that only the leader holds open.
func (l *leader) start(command, env []string) error {
	failure, theirFailure, err := os.Pipe()
	if err != nil {
		return err
	}
	theirGo, goAhead, err := os.Pipe()
	if err != nil {
		return err
	}
	self, err := executablePath()
	if err != nil {
		return err
	}
	proc, err := os.StartProcess(self, append([]string{starterName}, command...), &os.ProcAttr{
		Env:   env,
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr, theirGo, theirFailure},
		Sys:   &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		return err
	}
	l.pid = proc.Pid
	for _, f := range []*os.File{os.Stdin, os.Stdout, os.Stderr, theirGo, theirFailure} {
		_ = f.Close()
	}
	if err := l.foreground(l.pid); err != nil {
		return err
	}
	if _, err := goAhead.Write([]byte{0}); err != nil {
		return err
	}
	_ = goAhead.Close()
	if m, err := readMessage(failure); err == nil {
		return syscall.Errno(m.value)
	}
	return failure.Close()
}

// foreground gives the terminal to a process group.
func (l *leader) foreground(group int) error {
	return control(l.tty, func(fd int) error { return unix.IoctlSetPointerInt(fd, unix.TIOCSPGRP, group) })
}

// watch reports what becomes of the program.
func (l *leader) watch() {
	for {
		var status syscall.WaitStatus
		_, err := syscall.Wait4(l.pid, &status, unix.WUNTRACED, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err == nil && status.Stopped():
			_ = message{stopped, 0}.write(l.reports)
			continue
		}
		l.over.Store(true)
		// The end of the leader hangs the terminal up. That shall not end what
		// the program left behind, so the leader takes the foreground.
		signal.Ignore(unix.SIGTTOU)
		_ = l.foreground(unix.Getpgrp())
		_ = l.tty.Close()
		_ = message{ended, uint32(status)}.write(l.reports)
		return
	}
}

// obey passes on signals until keyhold has seen enough, or is gone: then the
// terminal is too.
func (l *leader) obey() {
	for {
		m, err := readMessage(l.orders)
		if err != nil {
			if !l.over.Load() {
				_ = unix.Kill(-l.pid, unix.SIGHUP)
				_ = unix.Kill(-l.pid, unix.SIGCONT)
			}
			return
		}
		pid, sig := l.pid, syscall.Signal(m.value)
		if sig == unix.SIGCONT {
			pid = -pid // what stopped the program stopped its group
		}
		_ = unix.Kill(pid, sig)
	}
}
