package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/config"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/keyring"
	"github.com/keyhold/keyhold/internal/kv/bolt"
	"github.com/keyhold/keyhold/internal/secret"
)

// A NoHomeError reports that no variable says where the files of keyhold are.
type NoHomeError struct{ Reason string }

func (e *NoHomeError) Error() string { return e.Reason }

// Hint says what to set; where, only the user knows.
func (e *NoHomeError) Hint() string { return "export KEYHOLD_HOME=DIRECTORY" }

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
		return nil, &NoHomeError{"no home directory: neither KEYHOLD_HOME nor " + variable + " is set"}
	}
	return device.NewHome(filepath.Join(dir, filepath.FromSlash(below))), nil
}

// warnOpenHome warns about a home in which others could put files of theirs.
func (a *App) warnOpenHome() {
	const others = 0o022
	home, err := a.Home()
	if err != nil || runtime.GOOS == "windows" {
		return
	}
	if info, err := os.Stat(home.Dir()); err == nil && info.Mode().Perm()&others != 0 {
		a.Messages().Warn("open_home", fmt.Sprintf("others can write to %s: chmod go-w %s", home.Dir(), Quote(home.Dir())))
	}
}

// StorePath returns the file of the vaults of a profile on this machine.
func (a *App) StorePath(profile string) (string, error) {
	home, err := a.Home()
	if err != nil {
		return "", err
	}
	if profile == config.DefaultProfile {
		return home.Path("local.db"), nil
	}
	return home.Path("local-" + profile + ".db"), nil
}

// CheckProfile returns an error unless there is a profile of that name.
func (a *App) CheckProfile(name string) error {
	if config.IsProfileFile(name) {
		if _, known := a.files[name]; known {
			return nil
		}
		p, err := a.readProfileFile(name)
		if err == nil && a.files == nil {
			a.files = map[string]profileFile{}
		}
		if err == nil {
			a.files[name] = p
		}
		return err
	}
	if !config.IsProfileName(name) {
		return Usagef("%q cannot be the name of a profile", name)
	}
	if name == config.DefaultProfile {
		return nil
	}
	if a.layers.File != nil {
		if _, ok := a.layers.File.Profile(name); ok {
			return nil
		}
	}
	return &NotFoundError{What: "profile", Name: name, Try: "keyhold profile list", Kind: config.ErrNoProfile}
}

// Keyring returns the store for session keys that the setting keyring asks
// for, or nil for none.
func (a *App) Keyring() (keyring.Store, error) {
	if a.ring != nil {
		return a.ring, nil // it knows by now which one is in use
	}
	home, err := a.Home()
	if err != nil {
		return nil, err
	}
	ring, err := keyring.Open(a.Settings.Keyring, home.Path("run"))
	if errors.Is(err, errors.ErrUnsupported) {
		return nil, err
	}
	if err != nil {
		return nil, Usagef("%v", err)
	}
	a.ring = ring
	return ring, nil
}

// deviceKey returns the key that seals tokens where there is no other place for them.
func (a *App) deviceKey() (*device.DeviceKey, error) {
	home, err := a.Home()
	if err != nil {
		return nil, err
	}
	ring, err := a.Keyring()
	if err != nil {
		return nil, err
	}
	return device.NewDeviceKey(home, ring, a.Rand), nil
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

// BackendOf returns the name of the kind of place where a profile's vaults live.
func (a *App) BackendOf(profile string) string {
	return a.profileOf(profile).Backend
}

// driver returns the kind of place where a profile's vaults live, with what it
// may use of the outside world.
func (a *App) driver(profile string) (backend.Driver, backend.Deps, error) {
	none := backend.Driver{}
	if err := a.CheckProfile(profile); err != nil {
		return none, backend.Deps{}, err
	}
	p := a.profileOf(profile)
	d, err := a.Backends.Driver(p.Backend)
	if err != nil {
		return none, backend.Deps{}, err
	}
	if d.LoginStands && config.IsProfileFile(profile) {
		return none, backend.Deps{}, tokenLogin(d)
	}
	deps := a.baseDeps(profile)
	if p.Backend != config.LocalBackend {
		deps, err = a.serviceDeps(deps, profile, p)
		return d, deps, err
	}
	path, err := a.StorePath(profile)
	deps.Store = bolt.New(path)
	return d, deps, err
}

// baseDeps is what every driver may use.
func (a *App) baseDeps(profile string) backend.Deps {
	return backend.Deps{
		Now: a.Now, Rand: a.Rand,
		Ask: func(ctx context.Context) (secret.String, error) { return a.Password(ctx, profile) },
		Keep: func(ctx context.Context, change func(secret.Bytes) (secret.Bytes, error)) error {
			return a.keep(ctx, profile, change)
		},
	}
}
