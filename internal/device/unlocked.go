package device

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// unlockedPath is an empty file whose modification time is what counts.
func (h *Home) unlockedPath(profile string) string {
	return filepath.Join(h.Path("run"), "unlocked-"+profile)
}

// MarkUnlocked remembers that the master password opened the profile at that time.
func (h *Home) MarkUnlocked(profile string, at time.Time) error {
	path := h.unlockedPath(profile)
	err := os.Chtimes(path, at, at)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(h.Path("run"), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return err
	}
	return os.Chtimes(path, at, at)
}

// ForgetUnlocked forgets when the profile was unlocked.
func (h *Home) ForgetUnlocked(profile string) error {
	if err := os.Remove(h.unlockedPath(profile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// LastUnlocked returns when the master password opened the profile last, and
// false if it never did on this machine.
func (h *Home) LastUnlocked(profile string) (time.Time, bool) {
	info, err := os.Stat(h.unlockedPath(profile))
	if err != nil {
		return time.Time{}, false
	}
	return info.ModTime().UTC(), true
}
