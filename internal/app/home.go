package app

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/keyring"
	"github.com/keyhold/keyhold/internal/kv/bolt"
)

// ErrNoProfile reports a profile that is not there.
var ErrNoProfile = errors.New("no such profile")

// DefaultProfile always exists; its vaults are on this machine.
const DefaultProfile = "default"

// Home returns the directory where everything of this user is kept:
// KEYHOLD_HOME, else where the system keeps the data of programs.
func (a *App) Home() (*device.Home, error) {
	if dir := a.Getenv("KEYHOLD_HOME"); dir != "" {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return nil, fmt.Errorf("KEYHOLD_HOME: %w", err)
		}
		return device.NewHome(abs), nil
	}
	if dir := a.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return device.NewHome(filepath.Join(dir, "keyhold")), nil
	}
	variable, below := "HOME", ".local/share/keyhold"
	switch runtime.GOOS {
	case "darwin":
		below = "Library/Application Support/keyhold"
	case "windows":
		variable, below = "LocalAppData", "keyhold"
	}
	dir := a.Getenv(variable)
	if dir == "" {
		return nil, fmt.Errorf("no home directory: neither KEYHOLD_HOME nor %s is set", variable)
	}
	return device.NewHome(filepath.Join(dir, filepath.FromSlash(below))), nil
}

// StorePath returns the file of the vaults on this machine.
func (a *App) StorePath() (string, error) {
	home, err := a.Home()
	if err != nil {
		return "", err
	}
	return home.Path("local.db"), nil
}

// isProfileName reports whether a profile may have this name.
func isProfileName(s string) bool {
	for i := range len(s) {
		c := s[i]
		inner := c == '.' || c == '_' || c == '-'
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && (i == 0 || !inner) {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 64
}

// Profile returns the name of the profile in use.
func (a *App) Profile() (string, error) {
	switch p := a.Settings.Profile; {
	case p == "" || p == DefaultProfile:
		return DefaultProfile, nil
	case !isProfileName(p):
		return "", Usagef("%q is no name of a profile", p)
	default:
		return "", fmt.Errorf("profile %q: %w", p, ErrNoProfile)
	}
}

// Keyring returns the store for session keys that KEYHOLD_KEYRING asks for, or
// nil for none.
func (a *App) Keyring() (keyring.Store, error) {
	home, err := a.Home()
	if err != nil {
		return nil, err
	}
	ring, err := keyring.Open(a.Getenv("KEYHOLD_KEYRING"), home.Path("run"))
	if err != nil {
		return nil, &SettingError{"KEYHOLD_KEYRING", err.Error()}
	}
	return ring, nil
}

// Sessions returns the sessions of the home.
func (a *App) Sessions() (*device.Sessions, error) {
	home, err := a.Home()
	if err != nil {
		return nil, err
	}
	ring, err := a.Keyring()
	if err != nil {
		return nil, err
	}
	return device.NewSessions(home, ring, a.Now, a.Rand), nil
}

// driver returns the kind of place where the profile's vaults live, with what
// it may use of the outside world.
func (a *App) driver() (backend.Driver, backend.Deps, error) {
	if _, err := a.Profile(); err != nil {
		return backend.Driver{}, backend.Deps{}, err
	}
	path, err := a.StorePath()
	if err != nil {
		return backend.Driver{}, backend.Deps{}, err
	}
	d, err := a.Backends.Driver("local")
	return d, backend.Deps{Store: bolt.New(path), Now: a.Now, Rand: a.Rand, Ask: a.Password, Keep: a.keep}, err
}
