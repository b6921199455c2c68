package pwm

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/vault"
	api "github.com/keyhold/keyhold/pkg/client/pwm"
)

// refreshList brings the list of vaults up to date if that is due.
func (a *account) refreshList(ctx context.Context) error {
	var at time.Time
	err := a.state().View(ctx, func(tx kv.Tx) error {
		at = a.place.Listed(tx)
		return nil
	})
	if err != nil || !a.Due(at, at.IsZero()) {
		return translate(err)
	}
	return a.Online(ctx, at, func(ctx context.Context) error { return a.syncList(ctx, nil) })
}

// syncList asks the service for its list of vaults and keeps it. A vault that
// is refused keeps what was known of it and has a fault. It says of every
// mirror whether it is still current. believe says which vaults may be older
// than they were; nil: none.
func (a *account) syncList(ctx context.Context, believe func(seal.ID) bool) error {
	unlock, err := a.listTurn(ctx)
	if err != nil {
		return translate(err)
	}
	defer unlock()
	if a.d.Service.Offline {
		return backend.ErrOffline
	}
	var before map[seal.ID]device.Pin
	err = a.state().View(ctx, func(tx kv.Tx) error { before = maps.Collect(a.place.Pins(tx)); return nil })
	if err != nil {
		return translate(err)
	}
	list, err := a.api.Vaults.List(ctx)
	if err != nil {
		return translate(err)
	}
	faults := map[seal.ID]error{}
	err = a.state().Update(ctx, func(tx kv.Tx) error {
		clear(faults)
		overtaken, err := a.takeList(tx, list, before, believe, faults)
		if err != nil || overtaken || len(faults) > 0 {
			return err // else it is asked again by the next one
		}
		return a.place.SetListed(tx, a.d.Now())
	})
	if err != nil {
		return translate(err)
	}
	a.mu.Lock()
	a.faults, a.listed = faults, true
	a.mu.Unlock()
	return nil
}

// takeList keeps a list, with the faults of what is refused of it. Overtaken says
// that some of it was passed over as late.
func (a *account) takeList(
	tx kv.Tx, list []api.Info, before map[seal.ID]device.Pin, believe func(seal.ID) bool, faults map[seal.ID]error,
) (overtaken bool, err error) {
	gone, err := a.place.Vaults(tx)
	if err != nil {
		return false, err
	}
	left := map[seal.ID]bool{}
	for _, v := range gone {
		left[v.ID] = true
	}
	for _, i := range list {
		id := vaultID(a.place, i.Name)
		delete(left, id)
		late, err := a.isLate(tx, id, i, before)
		if err != nil {
			return false, err
		}
		if late {
			overtaken = true
			continue
		}
		fault, err := a.putListed(tx, id, i, believe != nil && believe(id))
		if err != nil {
			return false, err
		}
		if fault != nil {
			faults[id] = fault
		}
	}
	for id := range left {
		if err := a.place.DeleteVault(tx, id); err != nil {
			return false, err
		}
	}
	return overtaken, nil
}

// isLate reports whether a vault of the list is older than what this home has
// seen of it, but not than what it had seen when the list was asked for: another
// process has written to it meanwhile. Then it says nothing.
func (a *account) isLate(tx kv.Tx, id seal.ID, i api.Info, before map[seal.ID]device.Pin) (bool, error) {
	pin, known, err := a.place.Pin(tx, id)
	if err != nil || !known || i.Version >= pin.Revision {
		return false, err
	}
	then, knew := before[id]
	return !knew || i.Version >= then.Revision, nil
}

// listTurn has the processes of this home change the list one after the other:
// a list that was asked for before a vault was made must not take it out.
func (a *account) listTurn(ctx context.Context) (func(), error) {
	return a.d.Device.Lock(ctx, "list-"+a.d.Device.Profile())
}

// putListed keeps a vault of the list, or returns why it is refused.
func (a *account) putListed(tx kv.Tx, id seal.ID, i api.Info, rollback bool) (fault, err error) {
	pin, known, err := a.place.Pin(tx, id)
	if err != nil {
		return nil, err
	}
	v, there, err := a.place.Vault(tx, id)
	if errors.Is(err, device.ErrDamaged) {
		there, err = false, nil
	}
	if err != nil {
		return nil, err
	}
	if rollback {
		if err := a.believe(tx, id); err != nil {
			return nil, err
		}
		known, v.Wrap = false, nil // it may have another key as well: the password has to open the one that is there
	}
	if known && i.Version < pin.Revision {
		if !there {
			v = device.Vault{ID: id, Name: i.Name, Revision: pin.Revision}
			if err := a.place.PutVault(tx, v); err != nil {
				return nil, err
			}
		}
		return older(backend.Rollback, i.Name, fmt.Sprintf("the service shows version %d, this machine has seen version %d", i.Version, pin.Revision)), nil
	}
	next := device.Vault{ID: id, Name: i.Name, Wrap: v.Wrap, Revision: i.Version, Created: v.Created, Updated: i.UpdatedAt}
	if !i.CreatedAt.IsZero() {
		next.Created = i.CreatedAt
	}
	if err := a.place.PutVault(tx, next); err != nil {
		return nil, err
	}
	m, ok := a.place.Mark(tx, id)
	if !ok {
		return nil, nil
	}
	// One that was rolled back may have come to the same version again since.
	moved := !i.UpdatedAt.IsZero() && !m.Updated.IsZero() && i.UpdatedAt.UnixMilli() != m.Updated.UnixMilli()
	m.Stale, m.Synced = moved || m.Revision != i.Version, a.d.Now()
	return nil, a.place.PutMark(tx, id, m)
}

// believe forgets what was true of a vault, and its mirror.
func (a *account) believe(tx kv.Tx, id seal.ID) error {
	if err := a.place.DeletePin(tx, id); err != nil {
		return err
	}
	if err := a.place.DeleteMark(tx, id); err != nil {
		return err
	}
	return a.place.DeleteBlob(tx, id, true)
}

// Sync makes mirrors current.
func (a *account) Sync(ctx context.Context, vaultID string, acceptRollback bool) error {
	if a.d.Service.Offline {
		return backend.ErrOffline
	}
	var only seal.ID
	if vaultID != "" {
		var err error
		if only, err = seal.ParseID(vaultID); err != nil {
			return notFound("vault", vaultID)
		}
	}
	var believe func(seal.ID) bool
	if acceptRollback {
		believe = func(id seal.ID) bool { return only.IsZero() || id == only }
	}
	if err := a.syncList(ctx, believe); err != nil {
		return err
	}
	if !only.IsZero() {
		return a.syncVault(ctx, only)
	}
	list, err := a.list(ctx)
	if err != nil {
		return err
	}
	var all error
	for _, v := range list {
		if err := a.syncVault(ctx, v.ID); !errors.Is(err, vault.ErrLocked) {
			all = errors.Join(all, err)
		}
	}
	return all
}

func (a *account) syncVault(ctx context.Context, id seal.ID) error {
	b, err := a.box(ctx, id)
	if err != nil {
		return translate(err)
	}
	return translate(b.turn(ctx, func() error { return b.sync(ctx, false) }))
}
