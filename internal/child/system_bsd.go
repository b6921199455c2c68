//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package child

import (
	"os"

	"golang.org/x/sys/unix"
)

const (
	getTermios = unix.TIOCGETA
	setTermios = unix.TIOCSETA
)

// executablePath is the binary of this process.
func executablePath() (string, error) { return os.Executable() }
