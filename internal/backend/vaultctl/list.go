package vaultctl

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/pkg/client"
	api "github.com/keyhold/keyhold/pkg/client/vaultctl"
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
		return err
	}
	defer unlock()
	var before map[seal.ID]device.Pin
	err = a.state().View(ctx, func(tx kv.Tx) error { before = maps.Collect(a.place.Pins(tx)); return nil })
	if err != nil {
		return translate(err)
	}
	list, err := a.list(ctx)
	if err != nil {
		return err
	}
	faults := map[seal.ID]error{}
	err = a.state().Update(ctx, func(tx kv.Tx) error {
		clear(faults)
		overtaken := false
		left, err := a.listedNow(tx)
		if err != nil {
			return err
		}
		for _, v := range list {
			delete(left, v.ID)
			late, err := a.isLate(tx, v, before)
			if err != nil {
				return err
			}
			if late {
				overtaken = true
				continue
			}
			fault, err := a.putListed(tx, v, believe != nil && believe(v.ID))
			if err != nil {
				return err
			}
			if fault != nil {
				faults[v.ID] = fault
			}
		}
		for id := range left {
			if err := a.place.DeleteVault(tx, id); err != nil {
				return err
			}
		}
		if overtaken || len(faults) > 0 {
			return nil // it is asked again by the next one
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

// listedNow returns which vaults are listed.
func (a *account) listedNow(tx kv.Tx) (map[seal.ID]bool, error) {
	list, err := a.place.Vaults(tx)
	ids := map[seal.ID]bool{}
	for _, v := range list {
		ids[v.ID] = true
	}
	return ids, err
}

// isLate reports whether a vault of the list is older than what this home has
// seen of it, but not than what it had seen when the list was asked for: another
// process has written to it meanwhile. Then it says nothing.
func (a *account) isLate(tx kv.Tx, v device.Vault, before map[seal.ID]device.Pin) (bool, error) {
	pin, known, err := a.place.Pin(tx, v.ID)
	if err != nil || !known || grown(v, pin) == nil {
		return false, err
	}
	then, knew := before[v.ID]
	return !knew || grown(v, then) == nil, nil
}

// listTurn has the processes of this home change the list one after the other:
// a list that was asked for before a vault was made must not take it out.
func (a *account) listTurn(ctx context.Context) (func(), error) {
	return a.d.Device.Lock(ctx, "list-"+a.d.Device.Profile())
}

// putListed keeps a vault of the list, or returns why it is refused.
func (a *account) putListed(tx kv.Tx, v device.Vault, rollback bool) (fault, err error) {
	pin, known, err := a.place.Pin(tx, v.ID)
	if err != nil {
		return nil, err
	}
	if rollback && known && grown(v, pin) != nil {
		if v.KeyVersion < pin.KeyVersion {
			pin.KeyVersion, pin.Check, pin.Wrap = v.KeyVersion, [32]byte{}, [32]byte{}
		}
		pin.Revision = v.Revision
		// The mirror is newer than what is believed now: it is made anew.
		if err := errors.Join(a.place.PutPin(tx, v.ID, pin), a.place.DeleteMark(tx, v.ID)); err != nil {
			return nil, err
		}
	}
	d, fault := a.judge(tx, v)
	_, before, err := a.place.Vault(tx, v.ID)
	if err != nil {
		return nil, err
	}
	if fault != nil && before {
		return fault, nil
	}
	if fault == nil && d.known && v.Revision > d.pin.Revision {
		d.pin.Revision = v.Revision
		if err := a.place.PutPin(tx, v.ID, d.pin); err != nil {
			return nil, err
		}
	}
	if err := a.place.PutVault(tx, v); err != nil {
		return nil, err
	}
	return fault, a.putFreshness(tx, v)
}

// putFreshness says whether the mirror of a vault is what the service has.
func (a *account) putFreshness(tx kv.Tx, v device.Vault) error {
	m, ok := a.place.Mark(tx, v.ID)
	if !ok {
		return nil
	}
	m.Stale = !current(m, v)
	if !m.Stale {
		m.Synced = a.d.Now()
	}
	return a.place.PutMark(tx, v.ID, m)
}

// current reports whether a mirror is what the service lists. Without numbers
// only a time of the last change can say so; it is given in seconds, so one
// that is about as late as the copy says nothing.
func current(m device.Mark, v device.Vault) bool {
	if v.Revision != 0 {
		return m.Revision == v.Revision && m.KeyVersion == v.KeyVersion
	}
	const margin = 5 * time.Second
	return v.KeyVersion == m.KeyVersion && !v.Updated.IsZero() && v.Updated.Equal(m.Updated) && v.Updated.Add(margin).Before(m.Synced)
}

// list asks for the vaults and reads the ids.
func (a *account) list(ctx context.Context) ([]device.Vault, error) {
	var got []api.Vault
	err := a.call(ctx, func(c *api.Client) (err error) {
		got, err = c.Vaults.List(ctx)
		if errors.Is(err, client.ErrNotFound) { // everybody has a list
			err = fmt.Errorf("%w: there is no list of vaults; check the address", client.ErrBadAnswer)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	seen := map[seal.ID]bool{}
	list := make([]device.Vault, 0, len(got))
	for _, g := range got {
		v, err := listedVault(g)
		if err != nil {
			return nil, err
		}
		if seen[v.ID] {
			return nil, fmt.Errorf("%w: a vault is listed twice", client.ErrBadAnswer)
		}
		seen[v.ID] = true
		list = append(list, v)
	}
	return list, nil
}

func listedVault(g api.Vault) (device.Vault, error) {
	v := device.Vault{
		Name: g.Name, Type: g.Type, Role: g.Role, Wrap: g.EncryptedVaultKey, Signature: g.WrapSignature,
		KeyVersion: g.KeyVersion, Revision: g.Revision, RekeyRequired: g.RekeyRequired,
		Created: g.CreatedAt.UTC().Truncate(time.Millisecond), Updated: g.UpdatedAt.UTC().Truncate(time.Millisecond),
	}
	var err error
	if v.ID, err = seal.ParseID(g.ID); err != nil {
		return v, fmt.Errorf("%w: the id of a vault is none", client.ErrBadAnswer)
	}
	if g.SenderID == "" { // nobody: it is judged so
		return v, nil
	}
	if v.Sender, err = seal.ParseID(g.SenderID); err != nil {
		return v, fmt.Errorf("%w: the sender of a vault has no id", client.ErrBadAnswer)
	}
	return v, nil
}
