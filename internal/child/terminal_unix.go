//go:build !windows

package child

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/keyhold/keyhold/internal/term"
)

// lookout is how often keyhold in the background looks whether it is in the foreground:
// not every shell tells a job that was not stopped.
const lookout = 100 * time.Millisecond

func isTerminal(f *os.File) bool { return term.IsTerminal(f.Fd()) }

// hasTerminal reports whether the program prints to a terminal.
func hasTerminal(c Command) bool { return isTerminal(c.Stdout) || isTerminal(c.Stderr) }

// A session is a program on a pseudo-terminal.
type session struct {
	out    *os.File // the terminal that is written to
	master *os.File // the keyboard and screen of the pseudo-terminal
	keys   *keyboard
	screen *stream
	pipes  pipes

	leader  *os.Process
	orders  *os.File
	reports chan message
	signals *signals
}

// runOnTerminal runs a program on a pseudo-terminal.
func runOnTerminal(ctx context.Context, c Command, path string) (status int, err error) {
	s := &session{out: c.Stdout, reports: make(chan message)}
	if !isTerminal(s.out) {
		s.out = c.Stderr
	}
	master, slave, err := open(s.out)
	if err != nil {
		return 0, fmt.Errorf("open a pseudo-terminal: %w", err)
	}
	s.master = master
	s.signals = catch(unix.SIGWINCH, unix.SIGCONT)
	defer s.signals.stop()
	s.keys = newKeyboard(c.Stdin, s.master)
	defer s.keys.close()
	s.keys.raw() // before anything is printed
	s.screen = newStream(s.master, c.Mask.Writer(s.out), false)
	defer s.end()
	if err := s.start(c, path, slave); err != nil {
		return 0, err
	}
	result, err := s.wait(ctx)
	if err != nil {
		return 0, err
	}
	s.end()
	s.keys.close()
	if s.interrupted(result) && result.Signal() == unix.SIGINT {
		err = ErrInterrupted
	}
	return exitStatus(result), err
}

// open opens a pseudo-terminal that is like the terminal out.
func open(out *os.File) (master, slave *os.File, err error) {
	first, slave, err := pty.Open()
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = first.Close() }()
	err = control(out, func(fd int) error {
		settings, err := unix.IoctlGetTermios(fd, getTermios)
		if err == nil {
			err = unix.IoctlSetTermios(int(slave.Fd()), setTermios, settings) //nolint:gosec // a descriptor
		}
		return err
	})
	if err == nil {
		// A descriptor that does not block, so that it can be closed while it is read.
		var fd int
		fd, err = unix.FcntlInt(first.Fd(), unix.F_DUPFD_CLOEXEC, 3)
		if err == nil {
			err = unix.SetNonblock(fd, true)
			master = os.NewFile(uintptr(fd), "pseudo-terminal") //nolint:gosec // a descriptor
		}
	}
	if err != nil {
		_ = slave.Close()
		return nil, nil, err
	}
	copySize(out, master)
	return master, slave, nil
}

// copySize gives the pseudo-terminal the size of the terminal, where it has one.
func copySize(from, to *os.File) {
	_ = control(from, func(fd int) error {
		size, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ)
		if err != nil {
			return err
		}
		return control(to, func(fd int) error { return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, size) })
	})
}

// start starts the leader, which starts the program.
func (s *session) start(c Command, path string, slave *os.File) error {
	defer s.pipes.started()
	s.pipes.theirs = append(s.pipes.theirs, slave)
	files := []*os.File{c.Stdin, c.Stdout, c.Stderr, slave}
	for i, f := range files[:3] {
		switch {
		case isTerminal(f):
			files[i] = slave
		case i > 0:
			w, err := s.pipes.add(f, c.Mask)
			if err != nil {
				return err
			}
			files[i] = w
		}
	}
	orders, mine, err := os.Pipe()
	if err != nil {
		return err
	}
	s.orders, s.pipes.theirs = mine, append(s.pipes.theirs, orders)
	theirs, reports, err := os.Pipe()
	if err != nil {
		return err
	}
	s.pipes.theirs = append(s.pipes.theirs, reports)
	go s.hear(theirs)
	self, err := executablePath()
	if err != nil {
		return err
	}
	s.leader, err = os.StartProcess(self, append([]string{leaderName, path}, c.Args...), &os.ProcAttr{
		Env:   c.Env,
		Files: append(files, orders, reports),
		Sys:   &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: leaderTTY},
	})
	return err
}

// hear receives what the leader says.
func (s *session) hear(reports *os.File) {
	defer close(s.reports)
	defer func() { _ = reports.Close() }()
	for {
		m, err := readMessage(reports)
		if err != nil {
			return
		}
		s.reports <- m
	}
}

func (s *session) order(sig os.Signal) {
	if n, ok := sig.(syscall.Signal); ok {
		_ = message{send, uint32(n)}.write(s.orders) //nolint:gosec // small
	}
}

// wait returns when the program has ended.
func (s *session) wait(ctx context.Context) (result syscall.WaitStatus, err error) {
	over := ctx.Done()
	for {
		var look <-chan time.Time
		if s.keys.waiting() {
			look = time.After(lookout)
		}
		select {
		case <-look:
			s.keys.raw()
		case m, ok := <-s.reports:
			switch {
			case !ok:
				return 0, fmt.Errorf("the process that leads its session is gone")
			case m.kind == failed:
				return 0, startError(syscall.Errno(m.value))
			case m.kind == stopped:
				s.stop()
			case ctx.Err() != nil:
				return 0, context.Cause(ctx)
			default:
				return syscall.WaitStatus(m.value), nil
			}
		case sig := <-s.signals.c:
			s.handle(sig)
		case <-over:
			s.order(unix.SIGKILL)
			over = nil
		}
	}
}

func (s *session) handle(sig os.Signal) {
	switch sig {
	case unix.SIGWINCH:
		copySize(s.out, s.master)
	case unix.SIGCONT:
		s.resume()
	default:
		s.order(sig)
	}
}

// stop stops keyhold and what else is in its process group, since the program has
// stopped. Where nobody could have them go on, the kernel does not stop them, and the
// program goes on too.
func (s *session) stop() {
	s.screen.settle()
	s.keys.restore()
	_ = unix.Kill(0, unix.SIGTSTP)
	timeout := time.NewTimer(grace)
	defer timeout.Stop()
	for {
		var sig os.Signal
		select {
		case sig = <-s.signals.c:
		case <-timeout.C:
			select {
			case sig = <-s.signals.c: // both, after a long stop
				timeout.Reset(grace)
			default:
				sig = unix.SIGCONT
			}
		}
		s.handle(sig)
		if sig == unix.SIGCONT {
			return
		}
	}
}

// resume has the program go on, in the foreground or in the background.
func (s *session) resume() {
	s.keys.raw()
	copySize(s.out, s.master)
	s.order(unix.SIGCONT)
}

// end returns when everything that the program printed is shown.
func (s *session) end() {
	s.screen.end()
	s.pipes.end()
	if s.orders != nil {
		_ = s.orders.Close()
		s.orders = nil
	}
	if s.leader != nil {
		_, _ = s.leader.Wait()
		s.leader = nil
	}
}

// interrupted reports whether a key ended the program, and lets the process group of
// keyhold know: a terminal would have told them all.
func (s *session) interrupted(result syscall.WaitStatus) bool {
	if !result.Signaled() || !s.keys.sent(result.Signal()) {
		return false
	}
	_ = unix.Kill(0, result.Signal())
	select {
	case <-s.signals.c:
	case <-time.After(grace):
	}
	return true
}

// settle returns when nothing came for a moment, or at the latest after a
// second.
func (s *stream) settle() {
	var last uint64
	for i := range time.Second / quiet {
		s.mu.Lock()
		now := s.copied
		s.mu.Unlock()
		if i > 0 && now == last {
			break
		}
		last = now
		select {
		case <-s.done:
			return
		case <-time.After(quiet):
		}
	}
	s.flush()
}
