package vaults

import (
	"fmt"
	"iter"

	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
)

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
	b, err := data(tx, id, item)
	return rec, b, err
}

// An Entry is an item with all that is kept of it.
type Entry struct {
	itemdb.Record
	Data  []byte
	Flags Flags
}

// Entries is Records with the data and the flags. An item without its data
// comes as ErrDamaged, too.
func Entries(tx kv.Tx, caller, id seal.ID) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for rec, err := range Records(tx, caller, id) {
			e := Entry{Record: rec}
			if err == nil {
				e.Data, err = data(tx, id, rec.ID)
				e.Flags = FlagsOf(tx, id, rec.ID)
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// data returns the data of an item that has a record.
func data(tx kv.Tx, id, item seal.ID) ([]byte, error) {
	data, found, err := itemdb.Data(tx, itemdb.ID(id), itemdb.ID(item))
	if err == nil && !found {
		err = fmt.Errorf("item %s has no data: %w", item, ErrDamaged)
	}
	return data, own(err)
}
