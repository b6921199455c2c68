package app

import (
	"cmp"
	"context"
	"slices"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/ref"
	"github.com/keyhold/keyhold/internal/vault"
)

// Peek returns the account of the open session without renewing it, or
// device.ErrNoSession. Nothing is asked, no password source is used, and a service
// is not reached.
func (a *App) Peek(ctx context.Context) (backend.Account, error) {
	return a.peek(ctx, a.Settings.Profile)
}

func (a *App) peek(ctx context.Context, profile string) (backend.Account, error) {
	s, err := a.resume(ctx, profile)
	if err != nil {
		return nil, err
	}
	driver, deps, err := a.driver(profile)
	if err != nil {
		return nil, err
	}
	deps.Service.Offline, deps.Warn = true, nil
	return driver.Open(ctx, deps, s.Keys())
}

// PeekVault returns the vault that item commands use, by Peek.
func (a *App) PeekVault(ctx context.Context) (vault.Vault, error) {
	return a.peekVault(ctx, a.Settings.Vault)
}

// PeekNamed returns nil if the open session opens the vault that a user calls name.
func (a *App) PeekNamed(ctx context.Context, name string) error {
	v, err := a.peekVault(ctx, name)
	if err != nil {
		return err
	}
	return v.Close()
}

// PeekRef returns the vault of a reference, by Peek.
func (a *App) PeekRef(ctx context.Context, r ref.Ref) (vault.Vault, error) {
	return a.peekIn(ctx, cmp.Or(r.Profile, a.Settings.Profile), r.Vault)
}

func (a *App) peekVault(ctx context.Context, name string) (vault.Vault, error) {
	name, profile := a.split(name)
	return a.peekIn(ctx, profile, name)
}

func (a *App) peekIn(ctx context.Context, profile, name string) (vault.Vault, error) {
	account, err := a.peek(ctx, profile)
	if err != nil {
		return nil, err
	}
	infos, err := account.Vaults(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(infos, func(i backend.Info) bool {
		return i.ID == name || i.Name == name || name == "" && i.Default
	})
	if i < 0 {
		return nil, device.ErrNoSession
	}
	return account.Vault(ctx, infos[i].ID)
}
