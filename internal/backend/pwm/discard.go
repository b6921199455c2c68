package pwm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/vault"
)

// Wrecked reports whether an entry of the blob does not read: there is no
// deletedAt to be written into it. What is damaged in the mirror alone is none.
func (b *box) Wrecked(ctx context.Context, id string) (wrecked bool, err error) {
	iid, err := seal.ParseID(id)
	if err != nil {
		return false, nil //nolint:nilerr // what is no id is no wreck
	}
	err = b.view(ctx, func(tx kv.Tx, k *opened) error {
		wrecked = false
		var damaged *vault.DamagedError
		if _, err := b.read(tx, k, iid); !errors.As(err, &damaged) {
			return nil
		}
		blob, ok := b.a.place.Blob(tx, b.id)
		if !ok {
			return nil
		}
		content, err := OpenBlob(k.key, blob.IV, blob.Data)
		if err != nil {
			return err
		}
		wrecked = slices.ContainsFunc(b.linesOf(content), func(l line) bool { return l.id == iid && l.wrecked() })
		return nil
	})
	return wrecked, err
}

func (l line) wrecked() bool {
	if l.head.Err != nil {
		return true
	}
	_, err := entry{l.raw, l.head}.item()
	return err != nil
}

// Discard takes wrecks out of the blob.
func (b *box) Discard(ctx context.Context, ids []string) error {
	if _, err := b.key(); err != nil {
		return err
	}
	if b.a.d.Service.Offline {
		return backend.ErrOffline
	}
	if len(ids) == 0 {
		return nil
	}
	return b.remove(ctx, change{wrecks: ids})
}

// remove commits a change that takes entries out, and overwrites what is left
// of them.
func (b *box) remove(ctx context.Context, c change) error {
	err := b.turn(ctx, func() error {
		_, _, err := b.commit(ctx, c)
		return err
	})
	if err != nil {
		return translate(err)
	}
	return b.scrub(ctx)
}

func (b *box) scrub(ctx context.Context) error {
	if s, ok := b.a.state().(interface{ Scrub(context.Context) error }); ok {
		return translate(s.Scrub(ctx))
	}
	return nil
}

// takeOut makes the part of a change that nothing brings back. What stays may
// have other ids on this machine then: entries that are damaged, and those that
// were because one that is gone had their id.
func (b *box) takeOut(tx kv.Tx, k *opened, content *Blob, c change, d *draft) error {
	if len(c.purge)+len(c.wrecks) == 0 {
		return nil
	}
	before := b.linesOf(content)
	places := make(map[string]int, len(before))
	for i, l := range before {
		places[l.id.String()] = i
	}
	doomed, err := b.purged(tx, k, before, places, c.purge)
	if err != nil {
		return err
	}
	for _, id := range c.wrecks {
		i, ok := places[id]
		switch {
		case !ok:
			return notFound("item", id)
		case !before[i].wrecked():
			return fmt.Errorf("item %s is not damaged: %w", id, vault.ErrInvalid)
		}
		doomed[i] = true
	}
	content.drop(doomed)
	was, left := make(map[seal.ID][]byte), make(map[seal.ID]bool)
	for _, l := range before {
		was[l.id] = l.raw
	}
	for _, l := range b.linesOf(content) {
		left[l.id] = true
		if !bytes.Equal(was[l.id], l.raw) {
			d.lines = append(d.lines, l)
		}
	}
	for _, l := range before {
		if !left[l.id] {
			d.gone = append(d.gone, l.id)
		}
	}
	return nil
}

// purged returns the places of what is to leave the trash, whether it reads or
// not.
func (b *box) purged(tx kv.Tx, k *opened, lines []line, places map[string]int, list []vault.Ref) (map[int]bool, error) {
	doomed := make(map[int]bool)
	for _, r := range list {
		id, err := seal.ParseID(r.ID)
		if err != nil {
			return nil, notFound("item", r.ID)
		}
		rec, _, err := b.raw(tx, k, id)
		var damaged *vault.DamagedError
		if err != nil && (!errors.As(err, &damaged) || rec.ID != itemdb.ID(id)) {
			return nil, err
		}
		at, ok := places[r.ID]
		switch {
		case rec.Revision != r.Revision:
			return nil, &vault.ConflictError{What: "item " + r.ID, Base: vault.Revision(r.Revision), Current: vault.Revision(rec.Revision)}
		case !ok:
			return nil, notFound("item", r.ID)
		case lines[at].head.Deleted.IsZero():
			return nil, fmt.Errorf("item %s is not in the trash: %w", r.ID, vault.ErrInvalid)
		}
		doomed[at] = true
	}
	return doomed, nil
}
