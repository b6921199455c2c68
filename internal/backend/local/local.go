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
			list, err = vaults.List(tx, a.ID)
		}
		return err
	})
	if err != nil {
		return secret.Bytes{}, translate(err)
	}
	stretched, identity, err := openAccount(a, password)
	if err != nil {
		return secret.Bytes{}, err
	}
	defer stretched.Wipe()
	set := seal.KeySet{User: a.ID, Identity: identity}
	for _, v := range list {
		if key, err := unwrap(a, stretched, v); err == nil {
			set.Vaults = append(set.Vaults, key)
		}
	}
	return set.Marshal()
}

// openAccount derives the stretched key and opens the identity key with it.
func openAccount(a accounts.Account, password secret.String) (seal.StretchedKey, seal.Identity, error) {
	fail := func(err error) (seal.StretchedKey, seal.Identity, error) {
		return seal.StretchedKey{}, seal.Identity{}, err
	}
	suite, err := seal.SuiteNamed(a.Suite)
	if err != nil {
		return fail(fmt.Errorf("account: %w: %w", vault.ErrDamaged, err))
	}
	stretched, err := stretch(suite, password, a.Salt)
	if err != nil {
		return fail(err)
	}
	identity, err := stretched.OpenIdentity(a.SealedIdentity)
	if err != nil {
		stretched.Wipe()
		return fail(vault.ErrWrongPassword)
	}
	pub, err := identity.Public()
	if err != nil || string(pub[:]) != string(a.Identity) {
		stretched.Wipe()
		return fail(fmt.Errorf("account: the identity key is not the one of the record: %w", vault.ErrDamaged))
	}
	return stretched, identity, nil
}

func stretch(suite seal.Suite, password secret.String, salt []byte) (seal.StretchedKey, error) {
	master, err := suite.Derive(password, salt)
	if err != nil {
		return seal.StretchedKey{}, fmt.Errorf("account: %w: %w", vault.ErrDamaged, err)
	}
	defer master.Wipe()
	auth, stretched, err := master.Split()
	auth.Wipe()
	return stretched, err
}

// unwrap verifies and opens the key of a vault.
func unwrap(a accounts.Account, stretched seal.StretchedKey, v vaults.Vault) (seal.VaultEntry, error) {
	pub, err := seal.ParsePublicKey(a.Identity)
	if err != nil {
		return seal.VaultEntry{}, err
	}
	if err := pub.Verify(v.Wrap, v.Signature); err != nil {
		return seal.VaultEntry{}, err
	}
	w, err := seal.ParseWrap(v.Wrap)
	if err != nil {
		return seal.VaultEntry{}, err
	}
	key, err := w.Open(stretched, seal.Header{KeyVersion: v.KeyVersion, Vault: v.ID, Recipient: a.ID, Sender: a.ID})
	if err != nil {
		return seal.VaultEntry{}, err
	}
	return seal.VaultEntry{Vault: v.ID, Kind: seal.KindBound, KeyVersion: v.KeyVersion, Key: key}, nil
}

func create(ctx context.Context, d backend.Deps, password secret.String, s backend.Signup) (secret.Bytes, error) {
	if err := vault.CheckVaultName(s.Vault); err != nil {
		return secret.Bytes{}, err
	}
	a := accounts.Account{Suite: seal.Default().Name(), Created: d.Now()}
	var err error
	if a.ID, err = seal.MakeID(d.Rand); err != nil {
		return secret.Bytes{}, err
	}
	if a.Salt, err = seal.MakeSalt(d.Rand); err != nil {
		return secret.Bytes{}, err
	}
	stretched, err := stretch(seal.Default(), password, a.Salt)
	if err != nil {
		return secret.Bytes{}, err
	}
	defer stretched.Wipe()
	identity, err := seal.MakeIdentity(d.Rand)
	if err != nil {
		return secret.Bytes{}, err
	}
	pub, err := identity.Public()
	if err != nil {
		return secret.Bytes{}, err
	}
	a.Identity = pub[:]
	if a.SealedIdentity, err = stretched.SealIdentity(d.Rand, identity); err != nil {
		return secret.Bytes{}, err
	}
	n, entry, err := makeVault(d, s.Vault, a.ID, stretched, identity)
	if err != nil {
		return secret.Bytes{}, err
	}
	err = d.Store.Update(ctx, func(tx kv.Tx) error {
		if _, err := only(tx); !errors.Is(err, backend.ErrNoAccount) {
			return errors.Join(err, vault.ErrExists)
		}
		if err := accounts.Create(tx, a); err != nil {
			return err
		}
		_, err := vaults.Create(tx, d.Now(), a.ID, n)
		return err
	})
	if err != nil {
		return secret.Bytes{}, translate(err)
	}
	return seal.KeySet{User: a.ID, Identity: identity, Vaults: []seal.VaultEntry{entry}}.Marshal()
}

// makeVault makes the key of a new vault, wrapped and signed for its owner.
func makeVault(d backend.Deps, name string, owner seal.ID, stretched seal.StretchedKey, identity seal.Identity) (vaults.New, seal.VaultEntry, error) {
	fail := func(err error) (vaults.New, seal.VaultEntry, error) { return vaults.New{}, seal.VaultEntry{}, err }
	id, err := seal.MakeID(d.Rand)
	if err != nil {
		return fail(err)
	}
	key, err := seal.MakeVaultKey(d.Rand)
	if err != nil {
		return fail(err)
	}
	w, err := stretched.Wrap(seal.Header{KeyVersion: 1, Vault: id, Recipient: owner, Sender: owner}, key)
	if err != nil {
		return fail(err)
	}
	wrap := w.Marshal()
	sig, err := identity.Sign(wrap)
	if err != nil {
		return fail(err)
	}
	n := vaults.New{ID: id, Name: name, Type: vaults.Personal, Wrap: wrap, Signature: sig, UniqueName: true}
	return n, seal.VaultEntry{Vault: id, Kind: seal.KindBound, KeyVersion: 1, Key: key}, nil
}

func open(_ context.Context, d backend.Deps, keys secret.Bytes) (backend.Account, error) {
	set, err := seal.ParseKeySet(keys.Reveal())
	if err != nil {
		return nil, fmt.Errorf("session: %w: %w", vault.ErrDamaged, err)
	}
	return &account{d: d, keys: set}, nil
}
