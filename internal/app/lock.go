package app

import (
	"context"
	"errors"
	"io/fs"

	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/keyring"
)

// everywhere returns ring, which deletes in the files of home too: a session may
// have been opened under another setting.
func everywhere(ring keyring.Store, home *device.Home) keyring.Store {
	files := keyring.File(home.Path("run"))
	if ring == nil || ring.Kind() == files.Kind() {
		return files
	}
	return alsoFiles{ring, files}
}

type alsoFiles struct {
	keyring.Store
	files keyring.Store
}

// Delete removes name from both.
func (s alsoFiles) Delete(ctx context.Context, name string) error {
	return errors.Join(s.files.Delete(ctx, name), s.Store.Delete(ctx, name))
}

// EndSessions ends the sessions of one profile, or of all for "". It returns
// how many there were.
func (a *App) EndSessions(ctx context.Context, profile string) (int, error) {
	a.sweepScratch()
	home, err := a.Home()
	if err != nil {
		return 0, err
	}
	ring, err := a.Keyring()
	if err != nil {
		return 0, err
	}
	n, err := device.NewSessions(home, everywhere(ring, home), a.Now, a.Rand).End(ctx, profile)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	return n, err
}
