//go:build !windows

package child

import (
	"bytes"
	"errors"
	"os"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
	xterm "golang.org/x/term"
)

// A keyboard passes keys from the terminal on to a pseudo-terminal, as long as
// keyhold has the terminal.
type keyboard struct {
	from *os.File // nil: there are no keys
	own  bool     // from was opened for this
	to   *os.File

	saved *xterm.State // the settings of the terminal while it is raw, else nil
	on    atomic.Bool
	wake  *os.File // has the loop look again; its end ends the loop
	done  chan struct{}

	keys atomic.Uint64 // the signals that keys sent, as bits
}

// newKeyboard returns the keyboard behind stdin or, if that is none, behind the
// terminal of the process: a program can ask there while its input is a file.
func newKeyboard(stdin, to *os.File) *keyboard {
	k := &keyboard{to: to, done: make(chan struct{})}
	if isTerminal(stdin) {
		k.from = stdin
	} else if tty, err := os.OpenFile("/dev/tty", os.O_RDWR|syscall.O_NOCTTY, 0); err == nil {
		k.from, k.own = tty, true
	}
	r, w, err := os.Pipe()
	if err != nil || k.from == nil {
		close(k.done)
		return k
	}
	k.wake = w
	go k.run(r)
	return k
}

// raw hands every key on, if the terminal is ours.
func (k *keyboard) raw() {
	if k.wake == nil || !foreground(k.from) {
		return
	}
	before, err := xterm.MakeRaw(int(k.from.Fd())) //nolint:gosec // a descriptor
	if err != nil {
		return
	}
	if k.saved == nil {
		k.saved = before
	}
	k.on.Store(true)
	_, _ = k.wake.Write([]byte{0})
}

// waiting reports whether there are keys that are not handed on.
func (k *keyboard) waiting() bool { return k.wake != nil && !k.on.Load() }

// restore takes the keys no longer and sets the terminal to what it was.
func (k *keyboard) restore() {
	k.on.Store(false)
	if k.saved != nil {
		_ = xterm.Restore(int(k.from.Fd()), k.saved) //nolint:gosec // a descriptor
		k.saved = nil
	}
}

func (k *keyboard) close() {
	k.restore()
	if k.wake != nil {
		_ = k.wake.Close()
		k.wake = nil
	}
	<-k.done
	if k.own {
		_ = k.from.Close()
		k.own = false
	}
}

// run passes keys on. It reads only when there is something to read, since nothing
// could end a read, and never in the background, where a read stops the process.
func (k *keyboard) run(wake *os.File) {
	defer close(k.done)
	defer func() { _ = wake.Close() }()
	buf := make([]byte, 4096)
	from, woken := int(k.from.Fd()), int(wake.Fd()) //nolint:gosec // descriptors
	for {
		var set unix.FdSet
		set.Set(woken)
		if k.on.Load() {
			set.Set(from)
		}
		if _, err := unix.Select(max(from, woken)+1, &set, nil, nil, nil); err != nil && !errors.Is(err, unix.EINTR) {
			return
		} else if err != nil {
			continue
		}
		if set.IsSet(woken) {
			if n, err := unix.Read(woken, buf[:1]); n == 0 || err != nil {
				return
			}
			continue
		}
		if !k.on.Load() || !foreground(k.from) {
			k.on.Store(false)
			continue
		}
		n, err := unix.Read(from, buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if n <= 0 || err != nil {
			return // the terminal is gone
		}
		k.note(buf[:n])
		if _, err := k.to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// note remembers which signals the pseudo-terminal will make of keys.
func (k *keyboard) note(keys []byte) {
	_ = control(k.to, func(fd int) error {
		settings, err := unix.IoctlGetTermios(fd, getTermios)
		if err != nil || settings.Lflag&unix.ISIG == 0 {
			return err
		}
		for key, sig := range map[int]syscall.Signal{unix.VINTR: unix.SIGINT, unix.VQUIT: unix.SIGQUIT} {
			if bytes.IndexByte(keys, settings.Cc[key]) >= 0 {
				k.keys.Or(1 << sig)
			}
		}
		return nil
	})
}

// sent reports whether a key sent sig to the program.
func (k *keyboard) sent(sig syscall.Signal) bool { return k.keys.Load()>>sig&1 != 0 }
