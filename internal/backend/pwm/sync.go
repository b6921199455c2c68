package pwm

import (
	"context"
	"errors"
	"fmt"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/vault"
)

// A fetched is a vault as the service gave it, with sizes that are right.
type fetched struct {
	listed device.Vault
	blob   device.Blob
	key    wrapped
}

// fetch asks for a vault.
func (a *account) fetch(ctx context.Context, name string) (f fetched, err error) {
	if a.d.Service.Offline {
		return f, backend.ErrOffline
	}
	v, err := a.api.Vaults.Get(ctx, name)
	if err != nil {
		return f, err
	}
	f.key = wrapped{v.WrappedVaultKey, v.VaultKeyIV, v.VaultKeySalt}
	if err := f.key.check(); err != nil {
		return f, fmt.Errorf("vault %q: %w", name, err)
	}
	f.blob = device.Blob{Version: v.Version, IV: v.IV, Data: v.EncryptedData}
	f.listed = device.Vault{
		ID: vaultID(a.place, name), Name: name, Wrap: f.key.bytes(), Revision: v.Version, Created: v.CreatedAt, Updated: v.UpdatedAt,
	}
	return f, nil
}

// sync makes the mirror of the vault what the service has. The caller has the
// turn. With force the vault is fetched, whatever the list says.
func (b *box) sync(ctx context.Context, force bool) error {
	g, k, err := b.now(ctx)
	if err != nil {
		return err
	}
	b.a.mu.Lock()
	listed := b.a.listed
	b.a.mu.Unlock()
	if !force && g.there && (!listed || g.mark.Stale && g.mark.Revision == g.listed.Revision) {
		if err := b.a.syncList(ctx, nil); err != nil {
			return err
		}
		if g, k, err = b.now(ctx); err != nil {
			return err
		}
	}
	if !force && g.there && !g.mark.Stale && g.mark.Revision == g.listed.Revision {
		return b.fresh(ctx)
	}
	f, err := b.a.fetch(ctx, b.name)
	if err != nil {
		return err
	}
	return b.store(ctx, k, f, false)
}

// fresh says of a mirror that is current that it was seen to be.
func (b *box) fresh(ctx context.Context) error {
	return b.a.state().Update(ctx, func(tx kv.Tx) error {
		m, ok := b.a.place.Mark(tx, b.id)
		if !ok || !b.a.Due(m.Synced, false) {
			return nil // the list has done it
		}
		m.Synced = b.a.d.Now()
		return b.a.place.PutMark(tx, b.id, m)
	})
}

// store makes the mirror of a vault out of what was fetched, or refuses it.
// Mine says that it is what this device sent a moment ago.
func (b *box) store(ctx context.Context, k *opened, f fetched, mine bool) error {
	content, err := OpenBlob(k.key, f.blob.IV, f.blob.Data)
	if err != nil {
		return b.unreadable(ctx, k, f, err)
	}
	lines := b.linesOf(content)
	return b.a.state().Update(ctx, func(tx kv.Tx) error {
		if err := b.refuse(tx, f, mine); err != nil {
			return err
		}
		old, there, err := b.a.place.Vault(tx, b.id)
		if errors.Is(err, device.ErrDamaged) {
			there, err = false, nil
		}
		if err != nil {
			return err
		}
		next := f.listed
		if there && next.Created.IsZero() {
			next.Created = old.Created
		}
		if next.Updated.IsZero() {
			next.Updated = old.Updated
		}
		if err := b.a.place.PutVault(tx, next); err != nil {
			return err
		}
		m, kept := b.a.place.Mark(tx, b.id)
		if err := b.replace(tx, k, lines, f.blob.Version, kept && m.Check == k.check); err != nil {
			return err
		}
		return b.keepState(tx, k, f.blob, next)
	})
}

// keepState keeps blob, pin and mark of a vault whose mirror is current.
func (b *box) keepState(tx kv.Tx, k *opened, blob device.Blob, v device.Vault) error {
	if err := b.a.place.PutBlob(tx, b.id, blob); err != nil {
		return err
	}
	if err := b.a.place.PutPin(tx, b.id, device.Pin{KeyVersion: 1, Revision: blob.Version, Check: k.check, Accepted: true}); err != nil {
		return err
	}
	return b.a.place.PutMark(tx, b.id, device.Mark{
		Synced: b.a.d.Now(), KeyVersion: 1, Revision: blob.Version, Updated: v.Updated, Check: k.check,
	})
}

// refuse is the alarm of a vault that is older than what was seen of it.
func (b *box) refuse(tx kv.Tx, f fetched, mine bool) error {
	pin, known, err := b.a.place.Pin(tx, b.id)
	switch {
	case err != nil:
		return err
	case known && f.blob.Version < pin.Revision:
		return older(backend.Rollback, b.name, fmt.Sprintf("the service shows version %d, this machine has seen version %d", f.blob.Version, pin.Revision))
	case !mine && b.a.place.Replayed(tx, b.id, f.blob):
		return older(backend.Rollback, b.name, fmt.Sprintf("what the service shows as version %d is not what this machine has seen as that", f.blob.Version))
	}
	return nil
}

// unreadable says why a blob does not open. With another wrap it has another
// key: an alarm where the one at hand is what this machine has seen, else the
// password opens it.
func (b *box) unreadable(ctx context.Context, k *opened, f fetched, err error) error {
	var v device.Vault
	var pin device.Pin
	var known bool
	verr := b.a.state().View(ctx, func(tx kv.Tx) (err error) {
		if v, err = b.a.vaultOf(tx, b.id); err != nil {
			return err
		}
		pin, known, err = b.a.place.Pin(tx, b.id)
		return err
	})
	switch {
	case verr != nil || string(v.Wrap) == string(f.listed.Wrap):
		return fmt.Errorf("vault %q: %w", b.name, err)
	case known && pin.Check == k.check:
		return older(backend.ChangedKey, b.name, "the service shows another key than this machine has seen")
	}
	return fmt.Errorf("vault %q has another key since this session was opened: %w", b.name, vault.ErrLocked)
}
