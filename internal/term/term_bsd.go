//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package term

import "golang.org/x/sys/unix"

const (
	getTermios = unix.TIOCGETA
	setTermios = unix.TIOCSETA
	maxLine    = 1024
	inputQueue = 1 // FREAD
)

// flush drops what was typed and not read yet.
func (t *terminal) flush() { _ = unix.IoctlSetPointerInt(t.fd, unix.TIOCFLUSH, inputQueue) }
