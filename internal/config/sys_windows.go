package config

import (
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// openFile opens a file to read it. Unlike os.Open it lets others rename and
// replace the file meanwhile.
func openFile(path string) (*os.File, error) {
	if info, err := os.Lstat(path); err != nil || info.Mode()&fs.ModeSymlink != 0 {
		return os.Open(path)
	}
	return os.OpenInRoot(filepath.Dir(path), filepath.Base(path))
}

func openLock(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
}

// lockFile waits until no other process has f locked.
func lockFile(f *os.File) error {
	return windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK, 0, 1, 0, new(windows.Overlapped))
}

// checkSafe is for systems whose files have an owner and a mode.
func checkSafe(string, fs.FileInfo) error { return nil }
