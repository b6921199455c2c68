package vaultctl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/vault"
)

// took puts into the mirror what was committed. The mirror is current after
// that if nobody else changed the vault since it was read.
func (b *box) took(ctx context.Context, k *opened, g glance, c change, done result) ([]vault.Item, uint64, error) {
	items := make([]vault.Item, len(c.puts))
	rev := done.revision
	err := b.a.state().Update(ctx, func(tx kv.Tx) error {
		m, there := b.a.place.Mark(tx, b.id)
		m.Check, m.KeyVersion = k.check, g.listed.KeyVersion
		rev = done.revision
		switch {
		case rev != 0:
		case g.listed.Revision == 0:
			rev = g.mark.Revision + 1
		default:
			rev = g.mark.Revision // nothing had to be changed
		}
		for i, s := range c.puts {
			if err := b.tookPut(tx, rev, s, done, i, &items[i]); err != nil {
				return err
			}
		}
		for _, r := range c.deletes {
			if err := b.tookTrash(tx, rev, r.id, done, true); err != nil {
				return err
			}
		}
		for _, r := range c.restore {
			if err := b.tookTrash(tx, rev, r.id, done, false); err != nil {
				return err
			}
		}
		if !there {
			return nil
		}
		return b.tookMark(tx, g, m, rev, done.unsure)
	})
	return items, rev, err
}

// tookMark says how fresh the mirror is after a change.
func (b *box) tookMark(tx kv.Tx, g glance, m device.Mark, rev uint64, unsure bool) error {
	v, err := b.a.vaultOf(tx, b.id)
	if err != nil {
		return err
	}
	if v.Revision == 0 { // it is counted here, whoever else writes
		m.Stale, m.Revision = g.mark.Stale, rev
		return b.a.place.PutMark(tx, b.id, m)
	}
	if alone := rev <= g.mark.Revision+1 && !unsure; alone && g.there && !g.mark.Stale {
		m.Stale, m.Revision, m.Synced = false, rev, b.a.d.Now()
		v.Revision = rev
		if err := b.a.place.PutVault(tx, v); err != nil {
			return err
		}
	}
	pin, ok, err := b.a.place.Pin(tx, b.id)
	if err != nil {
		return err
	}
	if ok && rev > pin.Revision {
		pin.Revision = rev
		if err := b.a.place.PutPin(tx, b.id, pin); err != nil {
			return err
		}
	}
	return b.a.place.PutMark(tx, b.id, m)
}

// tookPut keeps an item that was put, and sets what is returned of it.
func (b *box) tookPut(tx kv.Tx, rev uint64, s sealedItem, done result, i int, out *vault.Item) error {
	if id, ok := done.ids[i]; ok {
		s.id = id
		s.plain.ID = id.String()
		s.tags = nil // they are bound to the id; without the copy the item is opened
	}
	now := b.a.d.Now()
	rec := itemdb.Record{
		ID: itemdb.ID(s.id), Type: s.stored, Revision: rev, Created: now, Updated: now, Index: s.index, Name: s.name,
	}
	if old, ok, err := itemdb.Get(tx, b.Mirror, rec.ID); err == nil && ok {
		rec.Created = old.Created
		if done.revision == 0 {
			rec.Revision = old.Revision + 1
		}
	}
	if it, ok := done.items[s.id]; ok {
		if !it.CreatedAt.IsZero() {
			rec.Created = it.CreatedAt
		}
		if !it.UpdatedAt.IsZero() {
			rec.Updated = it.UpdatedAt
		}
		if it.Revision != 0 {
			rec.Revision = it.Revision
		}
	}
	*out = s.plain
	out.Revision = rec.Revision
	return itemdb.Put(tx, b.Mirror, rec, s.data, s.tags)
}

// tookTrash keeps that an item went to the trash, or came out of it.
func (b *box) tookTrash(tx kv.Tx, rev uint64, id seal.ID, done result, trashed bool) error {
	rec, ok, err := itemdb.Get(tx, b.Mirror, itemdb.ID(id))
	if err != nil || !ok || rec.Deleted.IsZero() != trashed {
		return nil //nolint:nilerr // the next sync has it
	}
	rec.Name = bytes.Clone(rec.Name)
	rec.Updated, rec.Deleted = b.a.d.Now(), time.Time{}
	if trashed {
		rec.Deleted = rec.Updated
	}
	if it, ok := done.items[id]; ok && it.Revision != 0 {
		rev = it.Revision
	}
	if done.revision == 0 {
		rev = rec.Revision + 1
	}
	rec.Revision = rev
	return itemdb.PutRecord(tx, b.Mirror, rec)
}

// readBack finds out whether a change of which the answer was lost was made.
func (b *box) readBack(ctx context.Context, c change, lost error) ([]vault.Item, uint64, error) {
	if err := b.sync(ctx, true); err != nil {
		return nil, 0, fmt.Errorf("it is not known whether it was done: %w", errors.Join(lost, err))
	}
	items := make([]vault.Item, len(c.puts))
	var rev uint64
	err := b.a.state().View(ctx, func(tx kv.Tx) error {
		for i, s := range c.puts {
			rec, ok, err := itemdb.Get(tx, b.Mirror, itemdb.ID(s.id))
			data, _, _ := itemdb.Data(tx, b.Mirror, itemdb.ID(s.id))
			if err != nil || !ok || !bytes.Equal(data, s.data) {
				return lost
			}
			items[i] = s.plain
			items[i].Revision = rec.Revision
			rev = max(rev, rec.Revision)
		}
		for i, r := range append(c.deletes, c.restore...) {
			rec, ok, err := itemdb.Get(tx, b.Mirror, itemdb.ID(r.id))
			if err != nil || !ok || rec.Deleted.IsZero() == (i < len(c.deletes)) || rec.Revision <= r.revision {
				return lost
			}
			rev = max(rev, rec.Revision)
		}
		return nil
	})
	return items, rev, err
}
