// Package itemdb keeps sealed items, their names and the exact-name index in
// kv. It is the layout that service/vaults and the mirrors share, and knows
// nothing of keys: names and data are bytes to it. FORMAT.md describes it.
//
// Its keys begin with "i". Other packages that use the same store keep theirs
// under other first letters.
package itemdb

import (
	"bytes"
	"iter"

	"github.com/keyhold/keyhold/internal/kv"
)

// The kinds of key: each is followed by the vault.
const (
	recordKind = "in" // item: record, with the sealed name
	dataKind   = "id" // item: sealed data
	indexKind  = "ix" // index, item: nothing
	tagsKind   = "it" // item: sealed tags, if it has any
	prefixSize = 2 + 16
)

func key(kind string, vault ID, rest ...[]byte) []byte {
	k := make([]byte, 0, prefixSize+32+16)
	k = append(append(k, kind...), vault[:]...)
	for _, b := range rest {
		k = append(k, b...)
	}
	return k
}

// Put stores an item: its record, its data, its tags unless they are empty and,
// if r.Index is not zero, its place in the index. What was stored under its ID
// before is replaced, even if that is damaged. It keeps none of the slices.
func Put(tx kv.Tx, vault ID, r Record, data, tags []byte) error {
	if err := PutRecord(tx, vault, r); err != nil {
		return err
	}
	if err := tx.Put(key(dataKind, vault, r.ID[:]), data); err != nil {
		return err
	}
	if len(tags) == 0 {
		return tx.Delete(key(tagsKind, vault, r.ID[:]))
	}
	return tx.Put(key(tagsKind, vault, r.ID[:]), tags)
}

// PutRecord is Put without data and tags, which stay as they are: for the trash.
func PutRecord(tx kv.Tx, vault ID, r Record) error {
	b, err := encodeRecord(r)
	if err != nil {
		return err
	}
	if err := dropIndex(tx, vault, r.ID, r.Index); err != nil {
		return err
	}
	if r.Index != [32]byte{} {
		if err := tx.Put(key(indexKind, vault, r.Index[:], r.ID[:]), nil); err != nil {
			return err
		}
	}
	return tx.Put(key(recordKind, vault, r.ID[:]), b)
}

// dropIndex removes the index entry of the stored record unless it is keep. If
// that record cannot be read, any entry may be the one.
func dropIndex(tx kv.Tx, vault, id ID, keep [32]byte) error {
	old, ok, err := Get(tx, vault, id)
	switch {
	case err != nil:
		return deleteWhere(tx, key(indexKind, vault), func(k []byte) bool { return bytes.HasSuffix(k, id[:]) })
	case !ok || old.Index == keep || old.Index == [32]byte{}:
		return nil
	default:
		return tx.Delete(key(indexKind, vault, old.Index[:], id[:]))
	}
}

// deleteWhere deletes the keys with this prefix that match.
func deleteWhere(tx kv.Tx, prefix []byte, match func(key []byte) bool) error {
	var keys [][]byte
	for k := range tx.Scan(prefix) {
		if match(k) {
			keys = append(keys, bytes.Clone(k))
		}
	}
	for _, k := range keys {
		if err := tx.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// Get returns the record of an item and whether there is one. Its Name is valid
// until the transaction ends and must not be changed. The error is ErrDamaged.
func Get(tx kv.Tx, vault, id ID) (Record, bool, error) {
	b := tx.Get(key(recordKind, vault, id[:]))
	if b == nil {
		return Record{}, false, nil
	}
	r, err := parseRecord(id, b, "")
	return r, err == nil, err
}

// Data returns the data of an item and whether there is any. It is valid until
// the transaction ends and must not be changed. The error is always nil: a
// store that cannot be read ends the transaction.
func Data(tx kv.Tx, vault, id ID) ([]byte, bool, error) {
	b := tx.Get(key(dataKind, vault, id[:]))
	return b, b != nil, nil
}

// Tags returns the sealed tags of an item, or nil. They are valid as its data is.
func Tags(tx kv.Tx, vault, id ID) []byte { return tx.Get(key(tagsKind, vault, id[:])) }

// AllTags yields the items of a vault that have tags, live and deleted, with
// those, by ID. They are valid as the data of an item is.
func AllTags(tx kv.Tx, vault ID) iter.Seq2[ID, []byte] {
	return func(yield func(ID, []byte) bool) {
		for k, v := range tx.Scan(key(tagsKind, vault)) {
			if len(k) == prefixSize+16 && !yield(ID(k[prefixSize:]), v) {
				return
			}
		}
	}
}

// Lookup yields the records, live and deleted, that were stored with this
// index, by ID; a zero index has none. An entry of the index whose record says
// otherwise or is missing is passed over, and Check reports it. A record that
// does not parse comes as ErrDamaged, with its ID, and does not end it. The
// records are valid as those of Get.
func Lookup(tx kv.Tx, vault ID, index [32]byte) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		if index == [32]byte{} {
			return
		}
		prefix := key(indexKind, vault, index[:])
		for k := range tx.Scan(prefix) {
			if len(k) != len(prefix)+16 {
				continue
			}
			r, ok, err := Get(tx, vault, ID(k[len(prefix):]))
			if err == nil && (!ok || r.Index != index) {
				continue
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// Records yields every record of a vault, live and deleted, by ID. It reads no
// data. One that does not parse comes as ErrDamaged, with its ID, and does not
// end it. The records are valid as those of Get; the vault must not be written
// to until it has ended.
func Records(tx kv.Tx, vault ID) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		var typ string
		for k, v := range tx.Scan(key(recordKind, vault)) {
			if len(k) != prefixSize+16 {
				continue
			}
			r, err := parseRecord(ID(k[prefixSize:]), v, typ)
			if !yield(r, err) {
				return
			}
			typ = r.Type
		}
	}
}

// Delete removes an item with all that is kept of it. An item that is not
// there is no error, nor is one that is damaged.
func Delete(tx kv.Tx, vault, id ID) error {
	if err := dropIndex(tx, vault, id, [32]byte{}); err != nil {
		return err
	}
	for _, kind := range []string{recordKind, dataKind, tagsKind} {
		if err := tx.Delete(key(kind, vault, id[:])); err != nil {
			return err
		}
	}
	return nil
}

// Discard is Delete for an item of which only parts may be there. It looks
// through the whole index, and reports whether there was anything.
func Discard(tx kv.Tx, vault, id ID) (bool, error) {
	var there bool
	for _, kind := range []string{recordKind, dataKind, tagsKind} {
		k := key(kind, vault, id[:])
		there = there || tx.Get(k) != nil
		if err := tx.Delete(k); err != nil {
			return there, err
		}
	}
	err := deleteWhere(tx, key(indexKind, vault), func(k []byte) bool {
		mine := len(k) == prefixSize+32+16 && bytes.HasSuffix(k, id[:])
		there = there || mine
		return mine
	})
	return there, err
}

// DeleteVault removes everything of a vault.
func DeleteVault(tx kv.Tx, vault ID) error {
	for _, kind := range []string{recordKind, dataKind, indexKind, tagsKind} {
		if err := deleteWhere(tx, key(kind, vault), func([]byte) bool { return true }); err != nil {
			return err
		}
	}
	return nil
}
