package app

import (
	"fmt"

	"github.com/keyhold/keyhold/internal/ref"
)

// A place is the vault that the arguments of a command name.
type place struct{ profile, vault string }

// chosen returns the profile and the vault that item commands use; "" is the
// default vault.
func (a *App) chosen() place {
	if a.at != nil {
		return *a.at
	}
	vaultName, profile := a.split(a.Settings.Vault)
	if f, ok := a.files[profile]; ok && vaultName == "" {
		vaultName = f.Vault
	}
	return place{profile, vaultName}
}

// ItemArg returns the item that an argument of an item command means, and the
// field, if it is a reference with one. The vault of a reference becomes the one
// of the command; all arguments have to be of one vault.
func (a *App) ItemArg(arg string) (item, field string, err error) {
	if !ref.Is(arg) {
		if a.at != nil {
			return "", "", Usagef("%s is in the default vault and the items before it in another: one command works in one vault", Quote(arg))
		}
		a.plain = true
		return arg, "", nil
	}
	r, err := ref.Parse(arg)
	if err != nil {
		return "", "", err
	}
	at := place{r.Profile, r.Vault}
	if at.profile == "" {
		at.profile = a.Settings.Profile
	}
	if a.plain || a.at != nil && *a.at != at {
		return "", "", Usagef("%s is in another vault than the items before it: one command works in one vault", arg)
	}
	a.at = &at
	return r.Item, r.Field, nil
}

// WholeItem is ItemArg for commands that take items, not fields.
func (a *App) WholeItem(arg string) (string, error) {
	item, field, err := a.ItemArg(arg)
	if err != nil || field == "" {
		return item, err
	}
	r := ref.Ref{Vault: a.at.vault, Item: item + "/" + field}
	if a.at.profile != a.Settings.Profile {
		r.Profile = a.at.profile
	}
	return "", &UsageError{
		Message: fmt.Sprintf("%s is a field; %s takes an item", arg, a.Command),
		Try:     a.Command + " " + r.String(),
	}
}
