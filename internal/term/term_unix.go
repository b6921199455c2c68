//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package term

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"
)

// A device is the path of a terminal.
type device string

const controlling device = "/dev/tty"

// tick is how long a question takes to notice that it was cancelled or resumed. Reads wait by select with this limit, since nothing else that can
// be interrupted works on /dev/tty of every Unix.
const tick = 50 * time.Millisecond

// A terminal is the open device. Its descriptor does not block.
type terminal struct {
	fd    int
	saved unix.Termios
}

func openTerminal(d device) (*terminal, error) {
	fd, err := unix.Open(string(d), unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: string(d), Err: err}
	}
	saved, err := unix.IoctlGetTermios(fd, getTermios)
	if err == nil && fd >= unix.FD_SETSIZE {
		err = unix.EMFILE
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, &os.PathError{Op: "use", Path: string(d), Err: err}
	}
	return &terminal{fd: fd, saved: *saved}, nil
}

func (t *terminal) close() { _ = unix.Close(t.fd) }

// ask shows prompt and reads a line. The terminal is restored on every way out.
func (t *terminal) ask(ctx context.Context, prompt string, echo bool) ([]byte, error) {
	if err := t.set(echo); err != nil {
		return nil, err
	}
	defer t.restore()
	// SIGTSTP is not caught: the Go runtime would ignore it ever after.
	resumed := make(chan os.Signal, 1)
	signal.Notify(resumed, unix.SIGCONT)
	defer signal.Stop(resumed)
	line, err := t.converse(ctx, resumed, prompt, echo)
	if err != nil || !echo {
		// The newline that was not echoed, or not typed.
		_, _ = unix.Write(t.fd, []byte("\n"))
	}
	if err != nil && !echo {
		t.flush() // half a secret is not for the shell
	}
	return line, err
}

// converse shows prompt, again whenever the process was away, and reads a line.
func (t *terminal) converse(ctx context.Context, resumed <-chan os.Signal, prompt string, echo bool) ([]byte, error) {
	if err := t.write(ctx, prompt); err != nil {
		return nil, err
	}
	var l lineBuffer
	var buf [4096]byte
	defer clear(buf[:])
	for {
		if err := t.wait(ctx, false); err != nil {
			clear(l.line)
			return nil, err
		}
		select {
		case <-resumed:
			if err := t.set(echo); err != nil {
				return nil, err
			}
			if err := t.write(ctx, prompt); err != nil {
				return nil, err
			}
		default:
		}
		n, err := unix.Read(t.fd, buf[:])
		switch {
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			clear(l.line)
			return nil, err
		}
		if complete, err := l.add(buf[:n]); complete {
			return l.line, err
		}
	}
}

func (t *terminal) write(ctx context.Context, text string) error {
	for b := []byte(text); len(b) > 0; {
		n, err := unix.Write(t.fd, b)
		switch {
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
			if err := t.wait(ctx, true); err != nil {
				return err
			}
		case err != nil:
			return err
		default:
			b = b[n:]
		}
	}
	return nil
}

// wait returns when the terminal can probably be read, or written, or after a
// tick; and with the cause when ctx is over.
func (t *terminal) wait(ctx context.Context, write bool) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var set unix.FdSet
	set.Set(t.fd)
	timeout := unix.NsecToTimeval(int64(tick))
	r, w := &set, (*unix.FdSet)(nil)
	if write {
		r, w = w, r
	}
	if _, err := unix.Select(t.fd+1, r, w, nil, &timeout); err != nil && !errors.Is(err, unix.EINTR) {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// set makes the terminal read lines, with or without showing them. What was
// typed ahead is kept.
func (t *terminal) set(echo bool) error {
	state := t.saved
	state.Iflag |= unix.ICRNL
	state.Lflag |= unix.ICANON | unix.ISIG | unix.ECHO
	if !echo {
		state.Lflag &^= unix.ECHO | unix.ECHONL
	}
	return t.apply(&state)
}

func (t *terminal) restore() { _ = t.apply(&t.saved) }

func (t *terminal) apply(state *unix.Termios) error {
	for {
		if err := unix.IoctlSetTermios(t.fd, setTermios, state); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
