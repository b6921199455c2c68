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
	backend.Renamer
	backend.PasswordChanger
	backend.Rekeyer
} = (*account)(nil)

func (a *account) Vaults(ctx context.Context) ([]backend.Info, error) {
	var infos []backend.Info
	err := a.d.Store.View(ctx, func(tx kv.Tx) error {
		list := vaults.All(tx, a.keys.User)
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
	if err == nil {
		infos, err = a.withLost(ctx, infos)
	}
	return infos, translate(err)
}

// withLost adds the vaults whose keys are at hand and which a damaged store has
// lost from sight. A vault that is missing from a sound store was deleted: its
// key leaves the session, so that the store is not read for it again.
func (a *account) withLost(ctx context.Context, infos []backend.Info) ([]backend.Info, error) {
	var lost []seal.ID
	for _, e := range a.keys.Vaults {
		if !slices.ContainsFunc(infos, func(i backend.Info) bool { return i.ID == e.Vault.String() }) {
			lost = append(lost, e.Vault)
		}
	}
	if len(lost) == 0 {
		return infos, nil
	}
	err := checkPages(ctx, a.d.Store)
	if errors.Is(err, kv.ErrDamaged) {
		for _, id := range lost {
			infos = append(infos, a.info(vaults.Vault{ID: id}))
		}
		return infos, nil
	}
	if err == nil {
		_ = a.keep(ctx, func(s seal.KeySet) seal.KeySet { // else it is tried by the next one
			for _, id := range lost {
				s = s.Without(id)
			}
			return s
		})
	}
	return infos, err
}

func (a *account) info(v vaults.Vault) backend.Info {
	key, ok := a.keys.Vault(v.ID)
	isOpen, damaged := ok && key.KeyVersion == v.KeyVersion, false
	if !isOpen {
		_, err := wrapOf(a.keys.Identity, a.keys.User, v)
		damaged = err != nil
	}
	return backend.Info{
		ID: v.ID.String(), Name: v.Name, Role: string(v.Role), Shared: v.Type == vaults.Shared,
		Open: isOpen, Damaged: damaged,
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
	return a.box(e)
}

func (a *account) box(e seal.VaultEntry) (*box, error) {
	sealer, err := e.Open()
	if err != nil {
		return nil, fmt.Errorf("vault %s: %w: %w", e.Vault, vault.ErrDamaged, err)
	}
	b := &box{d: a.d, user: a.keys.User, id: e.Vault, keyVersion: e.KeyVersion}
	b.open.Store(&opened{sealer, e.Key, a.keys.Identity})
	return b, nil
}

// noKey says why there is no key of a vault: it was not there when the session
// was opened, or its wrap does not open.
func (a *account) noKey(ctx context.Context, id seal.ID) error {
	var v vaults.Vault
	err := a.d.Store.View(ctx, func(tx kv.Tx) (err error) {
		v, err = vaults.Get(tx, a.keys.User, id)
		return err
	})
	if err != nil {
		return translate(err)
	}
	if _, err := wrapOf(a.keys.Identity, a.keys.User, v); err != nil {
		return fmt.Errorf("the key of vault %s: %w", id, translate(err))
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
	var made vaults.Vault
	var entry seal.VaultEntry
	var first bool
	err = a.asOwner(ctx, func(o owner) error {
		n, e, err := o.makeVault(a.d.Rand, name)
		if err != nil {
			return err
		}
		entry = e
		return a.d.Store.Update(ctx, func(tx kv.Tx) error {
			if err := o.current(tx); err != nil {
				return err
			}
			first = len(vaults.All(tx, a.keys.User)) == 0
			made, err = putVault(tx, a.d, a.keys.User, n, first)
			return err
		})
	})
	if err != nil {
		entry.Key.Wipe()
		return backend.Info{}, err
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
		return errors.Join(vaults.Delete(tx, a.keys.User, vid), scrubDue(tx))
	})
	if err != nil {
		return translate(err)
	}
	err = a.keep(ctx, func(s seal.KeySet) seal.KeySet { return s.Without(vid) })
	return errors.Join(err, scrub(ctx, a.d))
}

// RenameVault gives a vault another name.
func (a *account) RenameVault(ctx context.Context, id, name string) error {
	if err := vault.CheckVaultName(name); err != nil {
		return err
	}
	vid, err := seal.ParseID(id)
	if err != nil {
		return fmt.Errorf("vault %s: %w", id, vault.ErrNotFound)
	}
	err = a.d.Store.Update(ctx, func(tx kv.Tx) error {
		_, err := vaults.Rename(tx, a.d.Now(), a.keys.User, vid, name, true)
		return err
	})
	if errors.Is(err, vaults.ErrExists) {
		return fmt.Errorf("a vault named %q %w", name, vault.ErrExists)
	}
	return translate(err)
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
