package app

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/text/unicode/norm"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/vault"
)

// FirstVault is the vault that is made for the first item.
const FirstVault = "personal"

// CreateAccount makes the account of a profile with its first vault,
// after asking for a new master password if none comes otherwise. At a
// terminal the account stays open in a session.
func (a *App) CreateAccount(ctx context.Context, profile, vaultName string) (backend.Account, error) {
	if err := vault.CheckVaultName(vaultName); err != nil {
		return nil, err
	}
	driver, deps, err := a.driver(profile)
	if err != nil {
		return nil, err
	}
	if driver.Create == nil {
		return nil, fmt.Errorf("an account of the profile %s cannot be made here: %w", profile, errors.ErrUnsupported)
	}
	home, err := a.Home()
	if err != nil {
		return nil, err
	}
	path, err := a.StorePath(profile)
	if err != nil {
		return nil, err
	}
	offer := fmt.Sprintf("There is no vault yet. This makes the vault %q in %s,\nsealed under a master password that only you know and nobody can recover.\n", vaultName, path)
	pw, err := a.NewPassword(ctx, profile, offer)
	if err != nil {
		return nil, err
	}
	if _, err := home.Make(a.Rand); err != nil {
		return nil, err
	}
	a.Signals.Catch()
	keys, err := driver.Create(ctx, deps, pw, backend.Signup{Vault: vaultName})
	if errors.Is(err, vault.ErrExists) { // another process was faster
		if keys, err = a.unlock(ctx, profile, pw); err != nil {
			return nil, err
		}
		return a.open(ctx, profile, keys, nil)
	}
	if err != nil {
		return nil, err
	}
	made := fmt.Sprintf("made the vault %q in %s", vaultName, path)
	backup := "to back it up, copy that file; without the master password nobody opens it, you neither"
	if a.HasSource() {
		a.Messages().Warn("vault_made", made+"; "+backup)
		return a.open(ctx, profile, keys, nil)
	}
	a.Messages().Notice(made)
	a.Messages().Notice(backup)
	return a.open(ctx, profile, keys, a.tryStart(ctx, profile, keys))
}

// CreateVault makes a vault, NAME or NAME@PROFILE, and the account with it if
// there is none.
func (a *App) CreateVault(ctx context.Context, name string) (backend.Info, error) {
	name, profile := a.split(name)
	name = norm.NFC.String(name)
	if err := vault.CheckVaultName(name); err != nil {
		return backend.Info{}, err
	}
	account, err := a.AccountOf(ctx, profile)
	var none *NoVaultError
	if errors.As(err, &none) {
		if _, err := a.CreateAccount(ctx, profile, name); err != nil {
			return backend.Info{}, err
		}
		_, info, err := a.FindVault(ctx, name+"@"+profile)
		return info, err
	}
	if err != nil {
		return backend.Info{}, err
	}
	c, ok := account.(backend.Creator)
	if !ok {
		return backend.Info{}, fmt.Errorf("this place makes no vaults: %w", errors.ErrUnsupported)
	}
	return c.CreateVault(ctx, name)
}

// OpenOrMake is Open, but where there is no vault it makes the one that is
// meant, and the account first if there is none.
func (a *App) OpenOrMake(ctx context.Context) (vault.Vault, backend.Info, error) {
	v, info, err := a.Open(ctx)
	var none *NoVaultError
	if !errors.As(err, &none) {
		return v, info, err
	}
	name, profile := a.split(a.Settings.Vault)
	if name == "" {
		name = FirstVault
	}
	if _, err := a.CreateVault(ctx, name+"@"+profile); err != nil {
		return nil, backend.Info{}, err
	}
	return a.Open(ctx)
}
