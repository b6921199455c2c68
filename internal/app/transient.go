package app

import (
	"context"
	"errors"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/vault"
)

// openTransient opens the account of a profile from a file by the master password:
// no session is looked for, and none is kept.
func (a *App) openTransient(ctx context.Context, profile string) (backend.Account, error) {
	driver, deps, err := a.driver(profile)
	if err != nil {
		return nil, err
	}
	if !a.HasSource() && !a.CanAsk() {
		return nil, noSourceError{}
	}
	pw, err := a.Password(ctx, profile)
	if err != nil {
		return nil, err
	}
	keys, err := driver.Unlock(ctx, deps, pw)
	if errors.Is(err, vault.ErrWrongPassword) {
		return nil, &WrongPasswordError{}
	}
	if driver.Logout != nil { // nobody could go on with the session
		a.atEnd = append(a.atEnd, func(ctx context.Context) { _ = driver.Logout(ctx, deps) })
	}
	if err != nil {
		return nil, err
	}
	return a.open(ctx, profile, keys, nil)
}

// noSourceError reports a profile from a file for which nobody has the password.
type noSourceError struct{}

func (noSourceError) Error() string {
	return "a profile from a file is opened by the master password, and no source has it: locked"
}

// Unwrap makes it a vault.ErrLocked.
func (noSourceError) Unwrap() error { return vault.ErrLocked }

// Hint says which sources there are.
func (noSourceError) Hint() string { return "keyhold help passwords" }
