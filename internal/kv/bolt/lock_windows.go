package bolt

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// lockRange is a byte far behind the end of any store and beside the one that
// bbolt locks: a lock of Windows cannot be taken twice, so bbolt has its own,
// which nobody who holds ours has to wait for.
func lockRange() *windows.Overlapped {
	return &windows.Overlapped{Offset: 1<<32 - 2, OffsetHigh: 1<<32 - 1}
}

func tryLock(f *os.File, exclusive bool) (bool, error) {
	flags := uint32(windows.LOCKFILE_FAIL_IMMEDIATELY)
	if exclusive {
		flags |= windows.LOCKFILE_EXCLUSIVE_LOCK
	}
	err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, lockRange())
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return err == nil, err
}

func unlock(f *os.File) error {
	return windows.UnlockFileEx(windows.Handle(f.Fd()), 0, 1, 0, lockRange())
}

// full are the errors of a disk, or a quota, that is full.
var full = []error{windows.ERROR_DISK_FULL, windows.ERROR_HANDLE_DISK_FULL}

// lossy are the errors whose kind bbolt loses when it reports them.
var lossy = []error{windows.ERROR_DISK_FULL, windows.ERROR_HANDLE_DISK_FULL}

// syncDir does nothing: Windows keeps names durable by itself.
func syncDir(string) error { return nil }
