//go:build !windows

package device

import (
	"os"

	"golang.org/x/sys/unix"
)

// tryLock locks f and reports whether no other process had it locked.
func tryLock(f *os.File) (bool, error) {
	for {
		switch err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err { //nolint:errorlint,gosec // a bare errno; a descriptor fits
		case nil:
			return true, nil
		case unix.EWOULDBLOCK:
			return false, nil
		case unix.EINTR:
		default:
			return false, err
		}
	}
}

// openFile opens a file to read it; others may rename and remove it meanwhile.
func openFile(path string) (*os.File, error) { return os.Open(path) }
