package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/keyhold/keyhold/internal/config"
	"github.com/keyhold/keyhold/internal/device"
)

// CreateProfile makes a profile whose vaults will be on this machine.
func (a *App) CreateProfile(name string) error {
	f, err := a.Config()
	if err != nil {
		return err
	}
	if !config.IsProfileName(name) {
		return Usagef("%q cannot be the name of a profile", name)
	}
	path, err := a.StorePath(name)
	if err != nil {
		return err
	}
	if _, ok := f.Profile(name); !ok {
		if _, err := os.Lstat(path); err == nil { // of a profile whose configuration is gone
			return fmt.Errorf("a store of that name, %s: %w", path, config.ErrProfileExists)
		}
	}
	return f.AddProfile(name, config.Profile{Backend: config.LocalBackend})
}

// UseProfile makes a profile the one that commands use without --profile.
func (a *App) UseProfile(name string) error {
	if err := a.CheckProfile(name); err != nil {
		return err
	}
	f, err := a.Config()
	if err != nil {
		return err
	}
	if name == config.DefaultProfile {
		return f.Unset("profile")
	}
	return f.Set("profile", name)
}

// RenameProfile gives a profile and its store another name. Its sessions end.
// The store has both names for a moment, so that nothing is lost if this is
// interrupted; it can then be done again.
func (a *App) RenameProfile(ctx context.Context, name, to string) error {
	if name == config.DefaultProfile {
		return config.ErrDefaultProfile
	}
	if err := a.CheckProfile(name); err != nil {
		return err
	}
	if !config.IsProfileName(to) {
		return Usagef("%q cannot be the name of a profile", to)
	}
	f, err := a.Config()
	if err != nil {
		return err
	}
	if _, ok := f.Profile(to); ok {
		return fmt.Errorf("%s: %w", to, config.ErrProfileExists)
	}
	from, err := a.StorePath(name)
	if err != nil {
		return err
	}
	dest, err := a.StorePath(to)
	if err != nil {
		return err
	}
	if _, err := a.EndSessions(ctx, name); err != nil {
		return err
	}
	switch err := os.Link(from, dest); {
	case errors.Is(err, fs.ErrExist) && !sameFile(from, dest):
		return fmt.Errorf("a store of that name, %s: %w", dest, config.ErrProfileExists)
	case err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrExist):
		return fmt.Errorf("rename the store: %w", err)
	}
	if err := a.moveStoreLogin(ctx, name, to); err != nil {
		return err
	}
	var bound *device.Account
	if a.IsBound(name) {
		if bound, err = a.renameAccount(ctx, name, to); err != nil {
			return fmt.Errorf("rename the account: %w", err)
		}
	}
	if err := f.RenameProfile(name, to); err != nil {
		return err
	}
	if bound != nil {
		err = a.dropAccount(ctx, bound)
	}
	return errors.Join(err, a.forgetProfile(name, from), a.forgetTokens(ctx, name))
}

// forgetProfile removes what is kept of a profile outside of the configuration.
func (a *App) forgetProfile(name, store string) error {
	home, err := a.Home()
	if err != nil {
		return err
	}
	return errors.Join(removeFile(store), removeFile(store+".damaged"), home.ForgetUnlocked(name))
}

func sameFile(a, b string) bool {
	x, err1 := os.Stat(a)
	y, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(x, y)
}

func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// DeleteProfile removes a profile with its vaults on this machine, for good;
// those at a service stay there.
// The store goes first: a profile of the same name must not find it later.
func (a *App) DeleteProfile(ctx context.Context, name string) error {
	if name == config.DefaultProfile {
		return config.ErrDefaultProfile
	}
	if err := a.CheckProfile(name); err != nil {
		return err
	}
	f, err := a.Config()
	if err != nil {
		return err
	}
	path, err := a.StorePath(name)
	if err != nil {
		return err
	}
	warning := fmt.Sprintf("This deletes the profile %s and its vaults in %s, for good.", name, path)
	if a.IsBound(name) {
		warning = fmt.Sprintf("This deletes the profile %s and all that this machine has of the account %s: copies, and whom it trusts.\n"+
			"What is at the service stays there.", name, a.accountName(name))
	}
	if err := a.ConfirmName(ctx, warning, name); err != nil {
		return err
	}
	if a.IsBound(name) {
		if err := a.deleteAccount(ctx, name); err != nil {
			return err
		}
	}
	if _, err := a.EndSessions(ctx, name); err != nil {
		return err
	}
	if err := errors.Join(a.forgetProfile(name, path), a.forgetTokens(ctx, name)); err != nil {
		return err
	}
	return f.RemoveProfile(name)
}
