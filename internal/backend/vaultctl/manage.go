package vaultctl

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/vault"
	"github.com/keyhold/keyhold/pkg/client"
	api "github.com/keyhold/keyhold/pkg/client/vaultctl"
)

// CreateVault makes a personal bound vault.
func (a *account) CreateVault(ctx context.Context, name string) (backend.Info, error) {
	return a.CreateVaultOf(ctx, backend.NewVault{Name: name})
}

// CreateVaultOf makes a vault. A personal one needs the master password.
func (a *account) CreateVaultOf(ctx context.Context, n backend.NewVault) (info backend.Info, err error) {
	if err := vault.CheckVaultName(n.Name); err != nil {
		return backend.Info{}, err
	}
	if a.d.Service.Offline {
		return backend.Info{}, backend.ErrOffline
	}
	if err := a.syncList(ctx, nil); err != nil {
		return backend.Info{}, err
	}
	if err := a.free(ctx, n.Name, seal.ID{}); err != nil {
		return backend.Info{}, err
	}
	if n.Shared {
		return a.createAs(ctx, nil, n)
	}
	err = a.asOwner(ctx, func(o *owner) error {
		info, err = a.createAs(ctx, o, n)
		return err
	})
	return info, err
}

// free returns vault.ErrExists if another vault has that name.
func (a *account) free(ctx context.Context, name string, but seal.ID) error {
	return translate(a.state().View(ctx, func(tx kv.Tx) error {
		list, err := a.place.Vaults(tx)
		if err != nil {
			return err
		}
		for _, v := range list {
			if i := a.info(tx, v); i.Name == name && v.ID != but {
				return fmt.Errorf("a vault named %q %w", name, vault.ErrExists)
			}
		}
		return nil
	}))
}

// createAs makes a vault of which the name is free.
func (a *account) createAs(ctx context.Context, o *owner, n backend.NewVault) (backend.Info, error) {
	fail := func(err error) (backend.Info, error) { return backend.Info{}, translate(err) }
	id, err := seal.MakeID(a.d.Rand)
	if err != nil {
		return fail(err)
	}
	key, err := seal.MakeVaultKey(a.d.Rand)
	if err != nil {
		return fail(err)
	}
	e := seal.VaultEntry{Vault: id, Kind: seal.KindBound, KeyVersion: 1, Key: key}
	if n.Compatible {
		e.Kind, e.KeyVersion = seal.KindCompatible, 0
	}
	req := api.CreateVaultRequest{ID: id.String(), Name: n.Name, Type: personal}
	if n.Shared {
		req.Type = shared
	}
	if req.EncryptedVaultKey, req.WrapSignature, err = a.wrapSelf(o, e); err != nil {
		return fail(err)
	}
	unlock, err := a.listTurn(ctx)
	if err != nil {
		return fail(err)
	}
	defer unlock()
	var got *api.Vault
	err = a.raw(ctx, func(c *api.Client) (err error) {
		got, err = c.Vaults.Create(ctx, req)
		return err
	})
	if !n.Compatible && refusesBound(err) {
		return fail(fmt.Errorf("%w: %w", backend.ErrNoIDs, err))
	}
	if err != nil {
		return fail(err)
	}
	return a.made(ctx, n, e, req, *got)
}

// refusesBound reports whether a service refused a wrap because it knows no
// other version than the first: the released one says 500 of that.
func refusesBound(err error) bool {
	e, ok := errors.AsType[*client.Error](err)
	return ok && (e.Status == http.StatusInternalServerError || e.Status == http.StatusBadRequest && (e.Field == "encryptedVaultKey" || e.Field == "encrypted_vault_key"))
}

// made keeps a vault that the service has made.
func (a *account) made(ctx context.Context, n backend.NewVault, e seal.VaultEntry, req api.CreateVaultRequest, got api.Vault) (backend.Info, error) {
	ctx = context.WithoutCancel(ctx) // it is there
	id, err := seal.ParseID(got.ID)
	if err != nil {
		return backend.Info{}, fmt.Errorf("%w: the id of the new vault is none", client.ErrBadAnswer)
	}
	if id != e.Vault {
		if !n.Compatible {
			undone := a.call(ctx, func(c *api.Client) error { return c.Vaults.Delete(ctx, id.String()) })
			return backend.Info{}, errors.Join(backend.ErrNoIDs, undone)
		}
		e.Vault = id
	}
	v := device.Vault{
		ID: id, Name: n.Name, Type: req.Type, Role: "owner", Wrap: req.EncryptedVaultKey, Sender: a.user(), Signature: req.WrapSignature,
		KeyVersion: got.KeyVersion, Revision: got.Revision, Created: got.CreatedAt.UTC(), Updated: got.UpdatedAt.UTC(),
	}
	if !n.Compatible && v.KeyVersion != 1 {
		return backend.Info{}, fmt.Errorf("%w: the new vault has key version %d", client.ErrBadAnswer, v.KeyVersion)
	}
	var info backend.Info
	a.mu.Lock()
	a.keys = a.keys.With(e)
	a.mu.Unlock()
	err = a.state().Update(ctx, func(tx kv.Tx) error {
		first, err := a.place.Vaults(tx)
		if err != nil {
			return err
		}
		if err := a.place.PutVault(tx, v); err != nil {
			return err
		}
		p, err := a.pinned(tx, v, e)
		if err != nil {
			return err
		}
		p.Revision = v.Revision
		if err := a.place.PutPin(tx, id, p); err != nil {
			return err
		}
		if len(first) == 0 {
			if err := a.place.SetDefault(tx, id); err != nil {
				return err
			}
		}
		if err := a.emptyMirror(tx, v, p); err != nil {
			return err
		}
		info = a.info(tx, v)
		info.Default = len(first) == 0
		return nil
	})
	if err != nil {
		return backend.Info{}, translate(err)
	}
	if err := a.keep(ctx, func(s seal.KeySet) seal.KeySet { return s.With(e) }); err != nil {
		return info, fmt.Errorf("the vault %q was made, but its key is not in the open session: %w", n.Name, err)
	}
	return info, nil
}

// emptyMirror makes the mirror of a new vault, in which there is nothing yet.
func (a *account) emptyMirror(tx kv.Tx, v device.Vault, p device.Pin) error {
	m := device.Mark{Synced: a.d.Now(), KeyVersion: v.KeyVersion, Revision: max(v.Revision, 1), Updated: v.Updated, Check: p.Check}
	return a.place.PutMark(tx, v.ID, m)
}

// wrapSelf wraps and signs the key of a vault for the user: under the stretched
// key of o, or for the RSA key without one.
func (a *account) wrapSelf(o *owner, e seal.VaultEntry) (wrap, signature []byte, err error) {
	if o == nil {
		public, err := seal.ParseRSAPublicKey(a.login.RSA)
		if err != nil {
			return nil, nil, err
		}
		return a.wrapFor(a.user(), public, e)
	}
	if e.Kind == seal.KindCompatible {
		wrap, err = o.stretched.WrapV1(e.Key)
	} else {
		var w seal.Wrap
		h := seal.Header{KeyVersion: e.KeyVersion, Vault: e.Vault, Recipient: a.user(), Sender: a.user()}
		w, err = o.stretched.Wrap(h, e.Key)
		wrap = w.Marshal()
	}
	return a.sign(wrap, err)
}

// wrapFor wraps and signs the key of a vault for a user's RSA key.
func (a *account) wrapFor(user seal.ID, public seal.RSAPublicKey, e seal.VaultEntry) (wrap, signature []byte, err error) {
	if e.Kind == seal.KindCompatible {
		wrap, err = public.WrapV1(a.d.Rand, e.Key)
	} else {
		var w seal.Wrap
		h := seal.Header{KeyVersion: e.KeyVersion, Vault: e.Vault, Recipient: user, Sender: a.user()}
		w, err = public.Wrap(a.d.Rand, h, e.Key)
		wrap = w.Marshal()
	}
	return a.sign(wrap, err)
}

func (a *account) sign(wrap []byte, err error) ([]byte, []byte, error) {
	if err != nil {
		return nil, nil, err
	}
	signature, err := a.keySet().Identity.Sign(wrap)
	return wrap, signature, err
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

// DeleteVault removes a vault at the service, and what is here of it but its pin.
func (a *account) DeleteVault(ctx context.Context, id string) error {
	v, err := a.known(ctx, id)
	if err != nil {
		return err
	}
	if err := a.call(ctx, func(c *api.Client) error { return c.Vaults.Delete(ctx, v.ID.String()) }); err != nil {
		return err
	}
	return a.drop(context.WithoutCancel(ctx), v.ID)
}

// drop forgets a vault that is not the user's any more, and its key.
func (a *account) drop(ctx context.Context, id seal.ID) error {
	err := a.state().Update(ctx, func(tx kv.Tx) error {
		if err := a.place.DeleteVault(tx, id); err != nil {
			return err
		}
		if err := a.place.DeleteMark(tx, id); err != nil {
			return err
		}
		return itemdb.DeleteVault(tx, a.place.Mirror(id))
	})
	return errors.Join(translate(err), a.keep(ctx, func(s seal.KeySet) seal.KeySet { return s.Without(id) }))
}

// RenameVault gives a vault another name, for all of its members.
func (a *account) RenameVault(ctx context.Context, id, name string) error {
	if err := vault.CheckVaultName(name); err != nil {
		return err
	}
	v, err := a.known(ctx, id)
	if err != nil {
		return err
	}
	if err := a.free(ctx, name, v.ID); err != nil {
		return err
	}
	if err := a.call(ctx, func(c *api.Client) error { return c.Vaults.Rename(ctx, v.ID.String(), name) }); err != nil {
		return err
	}
	err = a.state().Update(ctx, func(tx kv.Tx) error {
		p, ok, err := a.place.Pin(tx, v.ID)
		if err != nil || !ok || p.As == "" {
			return err
		}
		p.As = ""
		return a.place.PutPin(tx, v.ID, p)
	})
	return errors.Join(translate(err), a.syncList(ctx, nil))
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

// manages reports whether a role may change members and keys.
func manages(role string) bool { return slices.Contains([]string{"owner", "admin"}, role) }
