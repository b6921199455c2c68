package app

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/vault"
)

// A NotFoundError reports something that is not there, and what would help.
type NotFoundError struct {
	What, Name string // "item", "mail"
	Try        string // a command that can be pasted, or empty
}

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("no %s named %q", e.What, e.Name)
}

// Hint returns what to try.
func (e *NotFoundError) Hint() string { return e.Try }

// Unwrap makes every NotFoundError a vault.ErrNotFound.
func (e *NotFoundError) Unwrap() error { return vault.ErrNotFound }

// FindVault returns the vault that a user calls name (VAULT or VAULT@PROFILE,
// by id or by name); "" is the default vault.
func (a *App) FindVault(ctx context.Context, name string) (backend.Info, error) {
	if i := strings.LastIndexByte(name, '@'); i >= 0 {
		if profile := name[i+1:]; profile != DefaultProfile {
			return backend.Info{}, fmt.Errorf("profile %q: %w", profile, ErrNoProfile)
		}
		name = name[:i]
	}
	account, err := a.Account(ctx)
	if err != nil {
		return backend.Info{}, err
	}
	infos, err := account.Vaults(ctx)
	if err != nil {
		return backend.Info{}, err
	}
	if len(infos) == 0 {
		return backend.Info{}, a.noVault()
	}
	var found []backend.Info
	for _, i := range infos {
		switch {
		case name == "" && i.Default, i.ID == name:
			return i, nil
		case i.Name == name:
			found = append(found, i)
		}
	}
	switch len(found) {
	case 0:
		return backend.Info{}, &NotFoundError{What: "vault", Name: name, Try: "keyhold vault list"}
	case 1:
		return found[0], nil
	}
	entries := make([]vault.Entry, len(found))
	for i, f := range found {
		entries[i] = vault.Entry{ID: f.ID, Name: f.Name, Type: "vault"}
	}
	return backend.Info{}, &vault.AmbiguousError{Name: name, Entries: entries}
}

// Open opens a vault by its name; "" is the one that --vault or KEYHOLD_VAULT
// says, else the default vault.
func (a *App) Open(ctx context.Context, name string) (vault.Vault, backend.Info, error) {
	if name == "" {
		name = a.Settings.Vault
	}
	info, err := a.FindVault(ctx, name)
	if err != nil {
		return nil, backend.Info{}, err
	}
	account, err := a.Account(ctx)
	if err != nil {
		return nil, backend.Info{}, err
	}
	v, err := account.Vault(ctx, info.ID)
	if err != nil {
		return nil, backend.Info{}, fmt.Errorf("vault %q: %w", info.Name, err)
	}
	return v, info, nil
}

// OpenOrMake is Open, but where nothing was ever stored it makes the account
// and the vault first.
func (a *App) OpenOrMake(ctx context.Context) (vault.Vault, backend.Info, error) {
	_, err := a.Account(ctx)
	var none *NoVaultError
	if errors.As(err, &none) {
		name := a.Settings.Vault
		if name == "" {
			name = FirstVault
		}
		_, err = a.CreateAccount(ctx, name)
	}
	if err != nil {
		return nil, backend.Info{}, err
	}
	v, info, err := a.Open(ctx, "")
	if errors.As(err, &none) && a.Settings.Vault == "" { // every vault was deleted
		if _, err = a.CreateVault(ctx, FirstVault); err == nil {
			v, info, err = a.Open(ctx, "")
		}
	}
	return v, info, err
}

// CreateVault makes a vault, and the account with it if there is none.
func (a *App) CreateVault(ctx context.Context, name string) (backend.Info, error) {
	account, err := a.Account(ctx)
	var none *NoVaultError
	if errors.As(err, &none) {
		if _, err := a.CreateAccount(ctx, name); err != nil {
			return backend.Info{}, err
		}
		return a.FindVault(ctx, name)
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

// Elsewhere returns the names of the other open vaults of the profile that
// have an item of this name.
func (a *App) Elsewhere(ctx context.Context, name string, but backend.Info) []string {
	account, err := a.Account(ctx)
	if err != nil {
		return nil
	}
	infos, err := account.Vaults(ctx)
	if err != nil {
		return nil
	}
	var names []string
	for _, i := range infos {
		if i.ID == but.ID || !i.Open {
			continue
		}
		if v, err := account.Vault(ctx, i.ID); err == nil {
			if found, err := v.Lookup(ctx, name); err == nil && len(found) > 0 {
				names = append(names, i.Name)
			}
		}
	}
	return names
}

// ErrNoField reports a field that an item does not have.
var ErrNoField = errors.New("no such field")

// Confirm asks a question that --yes answers. A no is ErrDeclined.
func (a *App) Confirm(ctx context.Context, question string) error {
	if a.Settings.Yes {
		return nil
	}
	if !a.CanAsk() {
		return fmt.Errorf("this must be confirmed, or --yes given: %w", ErrNoAnswer)
	}
	yes, err := a.Prompt.Confirm(ctx, question)
	if err == nil && !yes {
		err = ErrDeclined
	}
	return err
}

// ConfirmName asks for a name to be typed before something is lost for good.
// --yes answers it too.
func (a *App) ConfirmName(ctx context.Context, warning, name string) error {
	if a.Settings.Yes {
		return nil
	}
	if !a.CanAsk() {
		return fmt.Errorf("this must be confirmed, or --yes given: %w", ErrNoAnswer)
	}
	answer, err := a.Prompt.Line(ctx, warning+"\nType the name to go on: ")
	if err != nil {
		return a.promptError(err)
	}
	if answer != name {
		return ErrDeclined
	}
	return nil
}

// MayPrint returns vault.ErrDenied if KEYHOLD_NO_PRINT forbids to print values.
func (a *App) MayPrint() error {
	v := a.Getenv("KEYHOLD_NO_PRINT")
	if v == "" {
		return nil
	}
	var forbidden bool
	if err := boolean(&forbidden, v); err != nil {
		return &SettingError{"KEYHOLD_NO_PRINT", err.Error()}
	}
	if forbidden {
		return fmt.Errorf("KEYHOLD_NO_PRINT is set, values are not printed: %w", vault.ErrDenied)
	}
	return nil
}
