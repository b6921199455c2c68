package local

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/service/accounts"
	"github.com/keyhold/keyhold/internal/service/vaults"
	"github.com/keyhold/keyhold/internal/vault"
)

// defaultKey holds the id of the default vault, 16 bytes. Without it, or if
// that vault is gone, the oldest one is the default. The first vault is put
// there at once: a clock that went back must not make another one the oldest.
var defaultKey = []byte("l/default")

// An account is the person whose vaults are in this store.
type account struct {
	d    backend.Deps
	keys seal.KeySet
}

var _ interface {
	backend.Account
	backend.Creator
	backend.Deleter
	backend.Defaulter
	backend.Counter
	backend.DeviceWrapper
} = (*account)(nil)

func (a *account) Vaults(ctx context.Context) ([]backend.Info, error) {
	var infos []backend.Info
	err := a.d.Store.View(ctx, func(tx kv.Tx) error {
		list := vaults.List(tx, a.keys.User)
		infos = make([]backend.Info, len(list))
		chosen := -1
		for i, v := range list {
			infos[i] = a.info(v)
			if string(tx.Get(defaultKey)) == string(v.ID[:]) {
				chosen = i
			}
		}
		if len(infos) > 0 {
			infos[max(chosen, 0)].Default = true
		}
		return nil
	})
	return infos, translate(err)
}

func (a *account) info(v vaults.Vault) backend.Info {
	key, ok := a.keys.Vault(v.ID)
	return backend.Info{
		ID: v.ID.String(), Name: v.Name, Role: string(v.Role), Shared: v.Type == vaults.Shared,
		Open:       ok && key.KeyVersion == v.KeyVersion,
		KeyVersion: v.KeyVersion, Revision: v.Revision, Created: v.Created, Updated: v.Updated,
	}
}

// Vault opens a vault whose key is at hand without reading the store.
func (a *account) Vault(ctx context.Context, id string) (vault.Vault, error) {
	vid, err := seal.ParseID(id)
	if err != nil {
		return nil, fmt.Errorf("vault %s: %w", id, vault.ErrNotFound)
	}
	e, ok := a.keys.Vault(vid)
	if !ok {
		return nil, a.noKey(ctx, vid)
	}
	if e.Kind != seal.KindBound {
		return nil, fmt.Errorf("vault %s is not a bound vault: %w", id, vault.ErrDamaged)
	}
	sealer, err := e.Open()
	if err != nil {
		return nil, fmt.Errorf("vault %s: %w: %w", id, vault.ErrDamaged, err)
	}
	b := &box{d: a.d, user: a.keys.User, id: vid, keyVersion: e.KeyVersion}
	b.sealer.Store(&sealer)
	return b, nil
}

// noKey says why there is no key of a vault.
func (a *account) noKey(ctx context.Context, id seal.ID) error {
	err := a.d.Store.View(ctx, func(tx kv.Tx) error {
		_, err := vaults.Get(tx, a.keys.User, id)
		return err
	})
	if err != nil {
		return translate(err)
	}
	return fmt.Errorf("vault %s is not in this session: %w", id, vault.ErrLocked)
}

// CreateVault makes a vault. It needs the master password, since a session
// does not hold the key that wraps a vault's key.
func (a *account) CreateVault(ctx context.Context, name string) (backend.Info, error) {
	if err := vault.CheckVaultName(name); err != nil {
		return backend.Info{}, err
	}
	infos, err := a.Vaults(ctx)
	if err != nil {
		return backend.Info{}, err
	}
	if slices.ContainsFunc(infos, func(i backend.Info) bool { return i.Name == name }) {
		return backend.Info{}, fmt.Errorf("a vault named %q %w", name, vault.ErrExists)
	}
	n, entry, err := a.makeVault(ctx, name)
	if err != nil {
		return backend.Info{}, err
	}
	var made vaults.Vault
	var first bool
	err = a.d.Store.Update(ctx, func(tx kv.Tx) error {
		first = len(vaults.List(tx, a.keys.User)) == 0
		made, err = putVault(tx, a.d, a.keys.User, n, first)
		return err
	})
	if err != nil {
		entry.Key.Wipe()
		return backend.Info{}, translate(err)
	}
	err = a.keep(ctx, func(s seal.KeySet) seal.KeySet { return s.With(entry) })
	if err != nil {
		err = fmt.Errorf("the vault %q was made, but its key is not in the open session: %w", name, err)
	}
	info := a.info(made)
	info.Default = first
	return info, err
}

// putVault keeps a new vault.
func putVault(tx kv.Tx, d backend.Deps, owner seal.ID, n vaults.New, isDefault bool) (vaults.Vault, error) {
	v, err := vaults.Create(tx, d.Now(), owner, n)
	if err == nil && isDefault {
		err = tx.Put(defaultKey, n.ID[:])
	}
	return v, err
}

// makeVault asks for the master password and makes the key of a new vault.
func (a *account) makeVault(ctx context.Context, name string) (vaults.New, seal.VaultEntry, error) {
	fail := func(err error) (vaults.New, seal.VaultEntry, error) { return vaults.New{}, seal.VaultEntry{}, err }
	password, err := a.d.Ask(ctx)
	if err != nil {
		return fail(err)
	}
	var acc accounts.Account
	err = a.d.Store.View(ctx, func(tx kv.Tx) (err error) {
		acc, err = accounts.Get(tx, a.keys.User)
		return err
	})
	if err != nil {
		return fail(translate(err))
	}
	o, err := openAccount(acc, password)
	if err != nil {
		return fail(err)
	}
	defer o.wipe()
	return o.makeVault(a.d.Rand, name)
}

// keep makes the same change to the keys here and in the open session.
func (a *account) keep(ctx context.Context, change func(seal.KeySet) seal.KeySet) error {
	a.keys = change(a.keys)
	return a.d.Keep(ctx, func(keys secret.Bytes) (secret.Bytes, error) {
		set, err := seal.ParseKeySet(keys.Reveal())
		if err != nil {
			return secret.Bytes{}, err
		}
		defer set.Wipe()
		return change(set).Marshal()
	})
}

// DeleteVault removes a vault, its items and its key from the open session.
func (a *account) DeleteVault(ctx context.Context, id string) error {
	vid, err := seal.ParseID(id)
	if err != nil {
		return fmt.Errorf("vault %s: %w", id, vault.ErrNotFound)
	}
	err = a.d.Store.Update(ctx, func(tx kv.Tx) error {
		if string(tx.Get(defaultKey)) == string(vid[:]) {
			if err := tx.Delete(defaultKey); err != nil {
				return err
			}
		}
		return vaults.Delete(tx, a.keys.User, vid)
	})
	if err != nil {
		return translate(err)
	}
	err = a.keep(ctx, func(s seal.KeySet) seal.KeySet { return s.Without(vid) })
	if s, ok := a.d.Store.(interface{ Scrub(context.Context) error }); ok {
		err = errors.Join(err, translate(s.Scrub(ctx)))
	}
	return err
}

// SetDefault makes a vault the default one.
func (a *account) SetDefault(ctx context.Context, id string) error {
	vid, err := seal.ParseID(id)
	if err != nil {
		return fmt.Errorf("vault %s: %w", id, vault.ErrNotFound)
	}
	return translate(a.d.Store.Update(ctx, func(tx kv.Tx) error {
		if _, err := vaults.Get(tx, a.keys.User, vid); err != nil {
			return err
		}
		return tx.Put(defaultKey, vid[:])
	}))
}

// DeviceWrapKey derives a key from the identity key.
func (a *account) DeviceWrapKey() (secret.Bytes, error) { return a.keys.Identity.DeviceWrapKey() }

// CountItems counts by the records alone.
func (a *account) CountItems(ctx context.Context, id string) (items, trashed int, err error) {
	vid, err := seal.ParseID(id)
	if err != nil {
		return 0, 0, fmt.Errorf("vault %s: %w", id, vault.ErrNotFound)
	}
	err = a.d.Store.View(ctx, func(tx kv.Tx) error {
		items, trashed = 0, 0
		for r, err := range vaults.Records(tx, a.keys.User, vid) {
			switch {
			case errors.Is(err, vaults.ErrDamaged): // listed, as an error
				items++
			case err != nil:
				return err
			case r.Deleted.IsZero():
				items++
			default:
				trashed++
			}
		}
		return nil
	})
	return items, trashed, translate(err)
}

// translate turns the errors of the parts into those of the port.
func translate(err error) error {
	var conflict *vaults.ConflictError
	var invalid *vaults.InvalidError
	var format *kv.FormatError
	var kind error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &conflict) && conflict.Field == "keyVersion":
		kind = vault.ErrLocked // the session has an old key; to try again does not help
	case errors.As(err, &conflict):
		what := "the vault"
		if !conflict.Item.IsZero() {
			what = "item " + conflict.Item.String()
		}
		return &vault.ConflictError{What: what, Base: vault.Revision(conflict.Base), Current: vault.Revision(conflict.Current)}
	case errors.As(err, &invalid):
		kind = vault.ErrInvalid
	case errors.As(err, &format):
		kind = vault.ErrTooNew
	case errors.Is(err, vaults.ErrNotFound), errors.Is(err, accounts.ErrNotFound):
		kind = vault.ErrNotFound
	case errors.Is(err, vaults.ErrExists), errors.Is(err, accounts.ErrExists):
		kind = vault.ErrExists
	case errors.Is(err, vaults.ErrDenied):
		kind = vault.ErrDenied
	case errors.Is(err, kv.ErrBusy):
		kind = vault.ErrBusy
	case errors.Is(err, kv.ErrDamaged), errors.Is(err, vaults.ErrDamaged), errors.Is(err, accounts.ErrDamaged), errors.Is(err, seal.ErrDamaged):
		kind = vault.ErrDamaged
	default:
		return err
	}
	if errors.Is(err, kind) {
		return err
	}
	return &portError{kind, err}
}

// A portError is an error of a part under the kind that the port gives it.
type portError struct{ kind, err error }

func (e *portError) Error() string   { return e.err.Error() }
func (e *portError) Unwrap() []error { return []error{e.kind, e.err} }
