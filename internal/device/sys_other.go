//go:build !windows

package device

import (
	"os"

	"golang.org/x/sys/unix"
)

// lockFile waits until no other process has f locked.
func lockFile(f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX) //nolint:gosec // a descriptor fits
		if err != unix.EINTR {                       //nolint:errorlint // a bare errno
			return err
		}
	}
}

// openFile opens a file to read it; others may rename and remove it meanwhile.
func openFile(path string) (*os.File, error) { return os.Open(path) }
