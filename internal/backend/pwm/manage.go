package pwm

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/backend/mirror"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/vault"
	"github.com/keyhold/keyhold/pkg/client"
	api "github.com/keyhold/keyhold/pkg/client/pwm"
)

// CreateVault makes an empty vault under the master password, which has to open
// one of the vaults that there are already.
func (a *account) CreateVault(ctx context.Context, name string) (info backend.Info, err error) {
	if err := vault.CheckVaultName(name); err != nil {
		return info, err
	}
	if a.d.Service.Offline {
		return info, backend.ErrOffline
	}
	if err := a.syncList(ctx, nil); err != nil {
		return info, err
	}
	list, err := a.list(ctx)
	if err != nil {
		return info, err
	}
	for _, v := range list {
		if v.Name == name {
			return info, fmt.Errorf("a vault named %q %w", name, vault.ErrExists)
		}
	}
	password, err := a.d.Ask(ctx)
	if err != nil {
		return info, err
	}
	if err := a.knows(list, password); err != nil {
		return info, err
	}
	info, err = a.make(ctx, name, password, len(list) == 0)
	return info, translate(err)
}

// knows is vault.ErrWrongPassword unless the password opens a vault, if there
// are any of which this machine has the wrapped key.
func (a *account) knows(list []device.Vault, password secret.String) error {
	var wrong error
	for _, v := range list {
		w, ok := parseWrapped(v.Wrap)
		if !ok {
			continue
		}
		if _, wrong = a.unwrap(w, password); wrong == nil {
			return nil
		}
	}
	return wrong
}

// wrapNew wraps a key under a password, with a new salt.
func (a *account) wrapNew(password secret.String, key seal.VaultKey) (w wrapped, err error) {
	if w.salt, err = seal.MakeSalt(a.d.Rand); err != nil {
		return w, err
	}
	kek, err := a.derive(password, w.salt)
	if err != nil {
		return w, err
	}
	defer kek.Wipe()
	w.iv, w.wrap, err = kek.Wrap(a.d.Rand, key)
	return w, err
}

func (w wrapped) request() api.Key {
	return api.Key{WrappedVaultKey: w.wrap, VaultKeyIV: w.iv, VaultKeySalt: w.salt}
}

// make makes a vault of which the name is free.
func (a *account) make(ctx context.Context, name string, password secret.String, first bool) (info backend.Info, err error) {
	key, err := seal.MakeVaultKey(a.d.Rand)
	if err != nil {
		return info, err
	}
	w, err := a.wrapNew(password, key)
	if err != nil {
		return info, err
	}
	iv, data, err := NewBlob().Seal(a.d.Rand, key)
	if err != nil {
		return info, err
	}
	unlock, err := a.listTurn(ctx)
	if err != nil {
		return info, err
	}
	defer unlock()
	got, err := a.post(ctx, api.CreateRequest{Name: name, Content: api.Content{EncryptedData: data, IV: iv}, Key: w.request()})
	if err != nil {
		return info, err
	}
	v := device.Vault{
		ID: vaultID(a.place, name), Name: name, Wrap: w.bytes(), Revision: got.Version, Created: got.CreatedAt, Updated: got.UpdatedAt,
	}
	if v.Updated.IsZero() {
		v.Updated = v.Created
	}
	ctx = context.WithoutCancel(ctx) // it is there
	info, err = a.made(ctx, v, key, device.Blob{Version: got.Version, IV: iv, Data: data}, first)
	if err != nil {
		return info, err
	}
	if err := a.keep(ctx, func(s keys) keys { return s.with(v.ID, key) }); err != nil {
		return info, fmt.Errorf("the vault %q was made, but its key is not in the open session: %w", name, err)
	}
	return info, nil
}

// post creates a vault. Where the answer is lost it looks whether there is it.
func (a *account) post(ctx context.Context, req api.CreateRequest) (*api.Info, error) {
	got, err := a.api.Vaults.Create(ctx, req)
	if err == nil || unsent(err) || !mirror.Unreachable(err) {
		return got, err
	}
	f, lost := a.fetch(ctx, req.Name)
	if lost != nil || !bytes.Equal(f.blob.Data, req.EncryptedData) || f.blob.Version != 1 {
		return nil, err
	}
	return &api.Info{Name: req.Name, Version: 1, CreatedAt: f.listed.Created, UpdatedAt: f.listed.Updated}, nil
}

// made keeps a vault that the service has made, with its empty mirror.
func (a *account) made(ctx context.Context, v device.Vault, key seal.VaultKey, blob device.Blob, first bool) (info backend.Info, err error) {
	k, err := openKey(v.ID, key)
	if err != nil {
		return info, err
	}
	a.mu.Lock()
	a.keys = a.keys.with(v.ID, key)
	a.mu.Unlock()
	b := a.newBox(v.ID, v.Name)
	err = a.state().Update(ctx, func(tx kv.Tx) error {
		if err := a.believe(tx, v.ID); err != nil { // of one of that name that was deleted
			return err
		}
		if err := a.place.PutVault(tx, v); err != nil {
			return err
		}
		if first {
			if err := a.place.SetDefault(tx, v.ID); err != nil {
				return err
			}
		}
		if err := b.replace(tx, &k, nil, 1, false); err != nil {
			return err
		}
		if err := b.keepState(tx, &k, blob, v); err != nil {
			return err
		}
		info = a.info(tx, v)
		info.Default = first
		return nil
	})
	return info, err
}

// known returns a vault of the list, which is asked for if it lacks it.
func (a *account) known(ctx context.Context, id string) (v device.Vault, err error) {
	vid, err := seal.ParseID(id)
	if err != nil {
		return v, notFound("vault", id)
	}
	look := func() error {
		return a.state().View(ctx, func(tx kv.Tx) error {
			v, err = a.vaultOf(tx, vid)
			return err
		})
	}
	if err := look(); !errors.Is(err, vault.ErrNotFound) || a.d.Service.Offline {
		return v, translate(err)
	}
	if err := a.syncList(ctx, nil); err != nil {
		return v, err
	}
	return v, translate(look())
}

// DeleteVault removes a vault at the service, and all that is here of it.
func (a *account) DeleteVault(ctx context.Context, id string) error {
	v, err := a.known(ctx, id)
	if err != nil {
		return err
	}
	if a.d.Service.Offline {
		return backend.ErrOffline
	}
	err = a.api.Vaults.Delete(ctx, v.Name)
	if err != nil && !errors.Is(err, client.ErrNotFound) {
		return translate(err)
	}
	ctx = context.WithoutCancel(ctx)
	err = errors.Join(translate(err), a.state().Update(ctx, func(tx kv.Tx) error {
		if err := a.place.DeleteVault(tx, v.ID); err != nil {
			return err
		}
		if err := a.believe(tx, v.ID); err != nil { // the name is free for another one
			return err
		}
		return itemdb.DeleteVault(tx, a.place.Mirror(v.ID))
	}))
	return errors.Join(err, a.keep(ctx, func(s keys) keys { return s.without(v.ID) }))
}

// SetDefault makes a vault the default one on this machine.
func (a *account) SetDefault(ctx context.Context, id string) error {
	v, err := a.known(ctx, id)
	if err != nil {
		return err
	}
	return translate(a.state().Update(ctx, func(tx kv.Tx) error { return a.place.SetDefault(tx, v.ID) }))
}

// CountItems counts by the records of the mirror.
func (a *account) CountItems(ctx context.Context, id string) (items, trashed int, err error) {
	v, err := a.Vault(ctx, id)
	if err != nil {
		return 0, 0, err
	}
	b, ok := v.(*box)
	if !ok {
		return 0, 0, errors.ErrUnsupported
	}
	return b.Count(ctx)
}
