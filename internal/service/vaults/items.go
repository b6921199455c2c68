package vaults

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
)

// A Change is applied whole or not at all.
type Change struct {
	KeyVersion uint64 // that everything is sealed under, the vault's, or Any
	Put        []Put
	Delete     []Ref // into the trash
	Restore    []Ref // out of it
}

// A Put is an item to be written.
type Put struct {
	ID         seal.ID // chosen by the client
	Type       string
	Name, Data []byte   // envelopes
	Index      [32]byte // of the exact name
	Tags       []byte   // a copy of the tags, sealed by its writer for itself; nil: none
	Revision   uint64   // that it replaces, or Any; 0 for a new item
	Flags      Flags    // in place of those that it had
	// Unique makes Apply return a *ConflictError if another item outside the
	// trash has the same Index.
	Unique bool
}

// A Ref is an item at a revision.
type Ref struct {
	ID       seal.ID
	Revision uint64 // or Any
}

// The limits of an item's parts, in bytes.
const (
	MaxItemName = 16 << 10
	MaxItemData = 4<<20 + 4096
	MaxItemType = 64
)

// Apply makes a change in one of the caller's vaults and returns the vault's
// revision after it, which every item that changed has from now on. A change
// made from an older state is a *ConflictError. A deleted item that is in the
// trash already, or a restored one that is not, is left as it is; a change
// that changes nothing leaves the revision alone too. After an error the
// transaction must not be committed. Items to be put into a vault that needs a
// new key are ErrRekeyRequired.
func Apply(tx kv.Tx, now time.Time, caller, id seal.ID, c Change) (uint64, error) {
	v, err := Get(tx, caller, id)
	if err != nil {
		return 0, err
	}
	if v.RekeyRequired && len(c.Put) > 0 {
		return 0, ErrRekeyRequired
	}
	if c.KeyVersion != v.KeyVersion && c.KeyVersion != Any {
		return 0, &ConflictError{Field: "keyVersion", Base: c.KeyVersion, Current: v.KeyVersion}
	}
	now = now.UTC().Truncate(time.Millisecond)
	b := batch{tx: tx, vault: id, revision: v.Revision + 1, now: now, seen: make(map[seal.ID]bool)}
	for _, p := range c.Put {
		if err := b.put(p); err != nil {
			return 0, err
		}
	}
	for _, r := range c.Delete {
		if err := b.trash(r, now); err != nil {
			return 0, err
		}
	}
	for _, r := range c.Restore {
		if err := b.trash(r, time.Time{}); err != nil {
			return 0, err
		}
	}
	if !b.changed {
		return v.Revision, nil
	}
	return b.revision, v.moved(tx, now)
}

// A batch is one Apply under way.
type batch struct {
	tx       kv.Tx
	vault    seal.ID
	revision uint64
	now      time.Time
	seen     map[seal.ID]bool
	changed  bool
}

func (b *batch) once(id seal.ID) error {
	if id.IsZero() || b.seen[id] {
		return &InvalidError{"itemId", "it is missing or stands twice in the change"}
	}
	b.seen[id] = true
	return nil
}

func (b *batch) put(p Put) error {
	if err := b.once(p.ID); err != nil {
		return err
	}
	if err := p.check(); err != nil {
		return err
	}
	old, found, err := itemdb.Get(b.tx, itemdb.ID(b.vault), itemdb.ID(p.ID))
	if err != nil {
		return own(err)
	}
	rec := itemdb.Record{
		ID: itemdb.ID(p.ID), Type: p.Type, Revision: b.revision, Created: b.now, Updated: b.now, Index: p.Index, Name: p.Name,
	}
	switch {
	case !found && p.Revision != 0:
		return fmt.Errorf("item %s: %w", p.ID, ErrNotFound)
	case found && old.Revision != p.Revision && p.Revision != Any:
		return &ConflictError{Field: "revision", Item: p.ID, Base: p.Revision, Current: old.Revision}
	case found && !old.Deleted.IsZero():
		return &InvalidError{"itemId", "the item is in the trash"}
	case found:
		rec.Created = old.Created
	}
	if p.Unique {
		for other, err := range itemdb.Lookup(b.tx, itemdb.ID(b.vault), p.Index) {
			if err != nil {
				return own(err)
			}
			if other.ID != rec.ID && other.Deleted.IsZero() {
				return &ConflictError{Field: "name", Item: seal.ID(other.ID), Current: other.Revision}
			}
		}
	}
	b.changed = true
	if found || p.Flags != (Flags{}) {
		if err := p.Flags.put(b.tx, b.vault, p.ID); err != nil {
			return err
		}
	}
	return itemdb.Put(b.tx, itemdb.ID(b.vault), rec, p.Data, p.Tags)
}

func (p Put) check() error {
	switch {
	case p.Type == "" || len(p.Type) > MaxItemType:
		return &InvalidError{"itemType", "it must have 1 to 64 bytes"}
	case !isBlob(p.Name, MaxItemName):
		return &InvalidError{"encryptedName", "it is not an envelope, or too long"}
	case !isBlob(p.Data, MaxItemData):
		return &InvalidError{"encryptedData", "it is not an envelope, or too long"}
	}
	return nil
}

// isBlob reports whether b looks like an envelope by AES-256-GCM of version 1 or 2.
func isBlob(b []byte, limit int) bool {
	const header, nonce, tag, aesGCM = 2, 12, 16, 1
	return len(b) > header+nonce+tag && len(b) <= limit && (b[0] == 1 || b[0] == 2) && b[1] == aesGCM
}

// find returns the record of an item, which must be at the revision of r.
func (b *batch) find(r Ref) (itemdb.Record, error) {
	if err := b.once(r.ID); err != nil {
		return itemdb.Record{}, err
	}
	rec, found, err := itemdb.Get(b.tx, itemdb.ID(b.vault), itemdb.ID(r.ID))
	switch {
	case err != nil:
		return rec, own(err)
	case !found:
		return rec, fmt.Errorf("item %s: %w", r.ID, ErrNotFound)
	case rec.Revision != r.Revision && r.Revision != Any:
		return rec, &ConflictError{Field: "revision", Item: r.ID, Base: r.Revision, Current: rec.Revision}
	}
	return rec, nil
}

func (b *batch) trash(r Ref, deleted time.Time) error {
	rec, err := b.find(r)
	if err != nil || rec.Deleted.IsZero() == deleted.IsZero() {
		return err
	}
	rec.Deleted, rec.Updated, rec.Revision = deleted, b.now, b.revision
	rec.Name = slices.Clone(rec.Name) // a Put may move what Get returned
	b.changed = true
	return itemdb.PutRecord(b.tx, itemdb.ID(b.vault), rec)
}

// own makes the damage of an item's record this package's too.
func own(err error) error {
	if errors.Is(err, itemdb.ErrDamaged) {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}
