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
func (a *App) CreateAccount(ctx context.Context, profile, vaultName string) (account backend.Account, made bool, err error) {
	if err := vault.CheckVaultName(vaultName); err != nil {
		return nil, false, err
	}
	driver, deps, err := a.driver(profile)
	if err != nil {
		return nil, false, err
	}
	if driver.Create == nil {
		return nil, false, fmt.Errorf("an account of the profile %s cannot be made here: %w", profile, errors.ErrUnsupported)
	}
	home, err := a.Home()
	if err != nil {
		return nil, false, err
	}
	path, err := a.StorePath(profile)
	if err != nil {
		return nil, false, err
	}
	pw, err := a.NewPassword(ctx, profile, offer(vaultName, path))
	if err != nil {
		return nil, false, err
	}
	if _, err := home.Make(a.Rand); err != nil {
		return nil, false, err
	}
	a.Signals.Catch()
	keys, err := driver.Create(ctx, deps, pw, backend.Signup{Vault: vaultName})
	if errors.Is(err, vault.ErrExists) { // another process was faster
		if keys, err = a.unlock(ctx, profile, pw); err != nil {
			return nil, false, err
		}
		account, err = a.open(ctx, profile, keys, nil)
		return account, false, err
	}
	if err != nil {
		return nil, false, err
	}
	a.markUnlocked(home, profile)
	what := fmt.Sprintf("made the vault %q in %s", vaultName, path)
	backup := "to back it up, copy that file; without the master password nobody opens it, you neither"
	if a.HasSource() {
		a.Messages().Warn("vault_made", what+"; "+backup)
		account, err = a.open(ctx, profile, keys, nil)
		return account, true, err
	}
	a.Messages().Notice(what)
	a.Messages().Notice(backup)
	account, err = a.open(ctx, profile, keys, a.tryStart(ctx, profile, keys))
	return account, true, err
}

// offer says what is about to be made.
func offer(vaultName, path string) string {
	return fmt.Sprintf("There is no vault yet. This makes the vault %q in %s,\n"+
		"sealed under a master password that only you know and nobody can recover.\n", vaultName, path)
}

// firstVault returns the vault that the first item makes, and its profile.
func (a *App) firstVault() (name, profile string) {
	name, profile = a.split(a.Settings.Vault)
	if name == "" {
		name = FirstVault
	}
	return name, profile
}

// AskFirst asks for what CreateAccount needs before the first item's own
// questions are asked, so that nothing is made if one of them is not answered.
func (a *App) AskFirst(ctx context.Context) error {
	name, profile := a.firstVault()
	if a.IsBound(profile) {
		return nil // the account is there
	}
	path, err := a.StorePath(profile)
	if err != nil {
		return err
	}
	_, err = a.NewPassword(ctx, profile, offer(name, path))
	return err
}

// CreateVault makes a vault, NAME or NAME@PROFILE, and the account with it if
// there is none.
func (a *App) CreateVault(ctx context.Context, n backend.NewVault) (backend.Info, error) {
	name, profile := a.split(n.Name)
	name = norm.NFC.String(name)
	n.Name = name
	if (n.Shared || n.Compatible) && !a.IsBound(profile) {
		return backend.Info{}, fmt.Errorf("the vaults on this machine are neither shared nor read by other clients: %w", errors.ErrUnsupported)
	}
	if err := vault.CheckVaultName(name); err != nil {
		return backend.Info{}, err
	}
	account, err := a.AccountOf(ctx, profile)
	var none *NoVaultError
	if errors.As(err, &none) {
		var made bool
		account, made, err = a.CreateAccount(ctx, profile, name)
		if err == nil && made {
			_, info, err := a.FindVault(ctx, name+"@"+profile)
			return info, err
		}
	}
	if err != nil {
		return backend.Info{}, err
	}
	if k, ok := account.(backend.KindCreator); ok {
		return k.CreateVaultOf(ctx, n)
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
	name, profile := a.firstVault()
	if _, err := a.CreateVault(ctx, backend.NewVault{Name: name + "@" + profile}); err != nil && !errors.Is(err, vault.ErrExists) {
		return nil, backend.Info{}, err // that it is there by now is as good
	}
	return a.Open(ctx)
}
