package vaults

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
)

// A Change is applied whole or not at all.
type Change struct {
	KeyVersion uint64 // that everything is sealed under; must be the vault's
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
	Revision   uint64   // that it replaces; 0 for a new item
	// Unique makes Apply return a *ConflictError if another item outside the
	// trash has the same Index.
	Unique bool
}

// A Ref is an item at a revision.
type Ref struct {
	ID       seal.ID
	Revision uint64
}

// The limits of an item's parts, in bytes.
const (
	maxItemName = 16 << 10
	maxItemData = 4<<20 + 4096
	maxItemType = 64
)

// Apply makes a change in one of the caller's vaults and returns the vault's
// revision after it, which every item that changed has from now on. A change
// made from an older state is a *ConflictError. A deleted item that is in the
// trash already, or a restored one that is not, is left as it is; a change
// that changes nothing leaves the revision alone too. After an error the
// transaction must not be committed.
func Apply(tx kv.Tx, now time.Time, caller, id seal.ID, c Change) (uint64, error) {
	v, err := Get(tx, caller, id)
	if err != nil {
		return 0, err
	}
	if c.KeyVersion != v.KeyVersion {
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
	case found && old.Revision != p.Revision:
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
	return itemdb.Put(b.tx, itemdb.ID(b.vault), rec, p.Data, p.Tags)
}

func (p Put) check() error {
	switch {
	case p.Type == "" || len(p.Type) > maxItemType:
		return &InvalidError{"itemType", "it must have 1 to 64 bytes"}
	case !isBlob(p.Name, maxItemName):
		return &InvalidError{"encryptedName", "it is not an envelope, or too long"}
	case !isBlob(p.Data, maxItemData):
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
	case rec.Revision != r.Revision:
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

// Purge removes items from the trash for good and returns the vault's revision
// after that. An item that is not in the trash is an *InvalidError, one at
// another revision a *ConflictError; then, as after any error, the transaction
// must not be committed.
func Purge(tx kv.Tx, now time.Time, caller, id seal.ID, refs []Ref) (uint64, error) {
	v, err := Get(tx, caller, id)
	if err != nil || len(refs) == 0 {
		return v.Revision, err
	}
	b := batch{tx: tx, vault: id, seen: make(map[seal.ID]bool)}
	for _, r := range refs {
		rec, err := b.find(r)
		if err != nil {
			return 0, err
		}
		if rec.Deleted.IsZero() {
			return 0, &InvalidError{"itemId", "the item is not in the trash"}
		}
		if err := itemdb.Delete(tx, itemdb.ID(id), rec.ID); err != nil {
			return 0, err
		}
	}
	return v.Revision + 1, v.moved(tx, now)
}

// Discard removes items for good that cannot be moved to the trash, because
// their records are damaged or missing, or that are there already: what is left
// of them in any part of the store. It returns the vault's revision after that.
// Any other item is an *InvalidError; one of which nothing is left is
// ErrNotFound; then, as after any error, the transaction must not be committed.
func Discard(tx kv.Tx, now time.Time, caller, id seal.ID, items []seal.ID) (uint64, error) {
	v, err := Get(tx, caller, id)
	if err != nil || len(items) == 0 {
		return v.Revision, err
	}
	for _, item := range items {
		rec, found, err := itemdb.Get(tx, itemdb.ID(id), itemdb.ID(item))
		if err == nil && found && rec.Deleted.IsZero() {
			return 0, &InvalidError{"itemId", "the item can be moved to the trash"}
		}
		there, err := itemdb.Discard(tx, itemdb.ID(id), itemdb.ID(item))
		if err != nil {
			return 0, err
		}
		if !there {
			return 0, fmt.Errorf("item %s: %w", item, ErrNotFound)
		}
	}
	return v.Revision + 1, v.moved(tx, now)
}

// own makes the damage of an item's record this package's too.
func own(err error) error {
	if errors.Is(err, itemdb.ErrDamaged) {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}

// Records yields the items of one of the caller's vaults without their data,
// those in the trash too, by ID. One whose record is damaged comes as
// ErrDamaged, with its ID, and does not end the sequence. The records are valid
// as long as the transaction, which must not be written to meanwhile.
func Records(tx kv.Tx, caller, id seal.ID) iter.Seq2[itemdb.Record, error] {
	return readable(tx, caller, id, itemdb.Records(tx, itemdb.ID(id)))
}

// Lookup is Records for the items whose exact name has this index. An empty
// index has none.
func Lookup(tx kv.Tx, caller, id seal.ID, index [32]byte) iter.Seq2[itemdb.Record, error] {
	return readable(tx, caller, id, itemdb.Lookup(tx, itemdb.ID(id), index))
}

// readable yields records if the vault is the caller's, else ErrNotFound.
func readable(tx kv.Tx, caller, id seal.ID, records iter.Seq2[itemdb.Record, error]) iter.Seq2[itemdb.Record, error] {
	return func(yield func(itemdb.Record, error) bool) {
		if tx.Get(memberKey(id, caller)) == nil {
			yield(itemdb.Record{}, fmt.Errorf("vault %s: %w", id, ErrNotFound))
			return
		}
		for rec, err := range records {
			if !yield(rec, own(err)) {
				return
			}
		}
	}
}

// Item returns one item with its data, also from the trash, or ErrNotFound.
// The slices are valid as long as the transaction. With ErrDamaged the record
// comes as far as it could be read.
func Item(tx kv.Tx, caller, id, item seal.ID) (itemdb.Record, []byte, error) {
	if tx.Get(memberKey(id, caller)) == nil {
		return itemdb.Record{}, nil, fmt.Errorf("vault %s: %w", id, ErrNotFound)
	}
	rec, found, err := itemdb.Get(tx, itemdb.ID(id), itemdb.ID(item))
	if err != nil {
		return rec, nil, own(err)
	}
	if !found {
		return itemdb.Record{}, nil, fmt.Errorf("item %s: %w", item, ErrNotFound)
	}
	data, found, err := itemdb.Data(tx, itemdb.ID(id), itemdb.ID(item))
	if err == nil && !found {
		err = fmt.Errorf("item %s has no data: %w", item, ErrDamaged)
	}
	return rec, data, own(err)
}
