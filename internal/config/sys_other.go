//go:build !windows

package config

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// openFile opens a file to read it. It does not wait for the other end of a pipe.
func openFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0) //nolint:gosec // the path that the user named
}

func openLock(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600) //nolint:gosec // beside the path that the user named
}

// lockFile waits until no other process has f locked.
func lockFile(f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX) //nolint:gosec // a descriptor fits
		if err != unix.EINTR {                       //nolint:errorlint // a bare errno
			return err
		}
	}
}

// checkSafe refuses the file at path, of which info was read after it was
// opened, if somebody else could have written it.
func checkSafe(path string, info fs.FileInfo) error {
	owner := os.Geteuid()
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		owner = int(st.Uid)
	}
	if err := checkMode(path, info.Mode(), owner, os.Geteuid()); err != nil {
		return err
	}
	// Where path is a link both directories count.
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	for _, file := range [...]string{path, real} {
		dir, err := os.Stat(filepath.Dir(file))
		if err != nil {
			return err
		}
		if err := checkDirMode(filepath.Dir(file), dir.Mode()); err != nil {
			return err
		}
	}
	return nil
}
