package device

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// lockFile waits until no other process has f locked.
func lockFile(f *os.File) error {
	return windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK, 0, 1, 0, new(windows.Overlapped))
}

// openFile opens a file to read it. Unlike os.Open it lets others rename and
// remove the file meanwhile.
func openFile(path string) (*os.File, error) {
	return os.OpenInRoot(filepath.Dir(path), filepath.Base(path))
}
