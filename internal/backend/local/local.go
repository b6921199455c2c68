// Package local keeps vaults on this machine, in an embedded store. It is the
// door to the rules of service/accounts and service/vaults without HTTP.
//
// Its vaults are bound ones: a vault key or an item of another kind is refused.
package local

import (
	"context"
	"errors"
	"fmt"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/service/accounts"
	"github.com/keyhold/keyhold/internal/service/vaults"
	"github.com/keyhold/keyhold/internal/vault"
)

// Driver returns the driver of the vaults on this machine.
func Driver() backend.Driver {
	return backend.Driver{
		Name:     "local",
		Summary:  "vaults on this machine",
		Describe: describe,
		Unlock:   unlock,
		Create:   create,
		Open:     open,
	}
}

// only returns the account of the store, or ErrNoAccount.
func only(tx kv.Tx) (accounts.Account, error) {
	for a, err := range accounts.All(tx) {
		return a, err
	}
	return accounts.Account{}, backend.ErrNoAccount
}

func describe(ctx context.Context, d backend.Deps) (backend.Description, error) {
	var desc backend.Description
	err := d.Store.View(ctx, func(tx kv.Tx) error {
		a, err := only(tx)
		if err != nil {
			return err
		}
		pub, err := seal.ParsePublicKey(a.Identity)
		if err != nil {
			return err
		}
		desc = backend.Description{ID: a.ID.String(), Fingerprint: pub.Fingerprint(), Suite: a.Suite, Created: a.Created}
		return nil
	})
	return desc, translate(err)
}

func unlock(ctx context.Context, d backend.Deps, password secret.String) (secret.Bytes, error) {
	var a accounts.Account
	var list []vaults.Vault
	err := d.Store.View(ctx, func(tx kv.Tx) (err error) {
		if a, err = only(tx); err == nil {
			list = vaults.All(tx, a.ID)
		}
		return err
	})
	if err != nil {
		return secret.Bytes{}, translate(err)
	}
	o, err := openAccount(a, password)
	if err != nil {
		return secret.Bytes{}, err
	}
	scrubLeft(ctx, d)
	set := seal.KeySet{User: a.ID, Identity: o.identity}
	defer func() { o.wipe(); set.Wipe() }() // what Marshal returns is a copy
	for _, v := range list {
		if key, err := o.unwrap(v); err == nil {
			set.Vaults = append(set.Vaults, key)
		}
	}
	return set.Marshal()
}

func create(ctx context.Context, d backend.Deps, password secret.String, s backend.Signup) (secret.Bytes, error) {
	if err := vault.CheckVaultName(s.Vault); err != nil {
		return secret.Bytes{}, err
	}
	o, err := makeAccount(d, password)
	if err != nil {
		return secret.Bytes{}, err
	}
	defer o.wipe()
	n, entry, err := o.makeVault(d.Rand, s.Vault)
	if err != nil {
		return secret.Bytes{}, err
	}
	defer entry.Key.Wipe()
	err = d.Store.Update(ctx, func(tx kv.Tx) error {
		switch _, err := only(tx); {
		case err == nil:
			return vault.ErrExists
		case !errors.Is(err, backend.ErrNoAccount):
			return err
		}
		if err := accounts.Create(tx, o.Account); err != nil {
			return err
		}
		_, err := putVault(tx, d, o.ID, n, true)
		return err
	})
	if err != nil {
		return secret.Bytes{}, translate(err)
	}
	return seal.KeySet{User: o.ID, Identity: o.identity, Vaults: []seal.VaultEntry{entry}}.Marshal()
}

func open(_ context.Context, d backend.Deps, keys secret.Bytes) (backend.Account, error) {
	set, err := seal.ParseKeySet(keys.Reveal())
	if err != nil {
		return nil, fmt.Errorf("session: %w: %w", vault.ErrDamaged, err)
	}
	return &account{d: d, keys: set}, nil
}
