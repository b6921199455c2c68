package vaults

import (
	"iter"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
)

// A Part is one of the places of the store that know an item: the kinds of key
// of itemdb (its FORMAT.md), which knows them by name only where all is whole.
type Part string

// The parts.
const (
	NamePart  Part = "in"
	DataPart  Part = "id"
	IndexPart Part = "ix"
)

// Parts returns all parts.
func Parts() []Part { return []Part{NamePart, DataPart, IndexPart} }

// Known yields the ids of the items of a vault that a part knows, in the order
// of its keys. It looks at keys alone, so that it works as long as the store
// can be read at all; with first, only at those that go on with that byte, so
// that a damaged page does not hide what is behind it. It asks for no
// membership: to know ids opens nothing.
func Known(tx kv.Tx, id seal.ID, part Part, first ...byte) iter.Seq[seal.ID] {
	return func(yield func(seal.ID) bool) {
		before := len(part) + len(id) // the item's id is at the end
		if part == IndexPart {
			before += 32
		}
		for k := range tx.Scan(append(join(string(part), id), first...)) {
			if len(k) != before+len(id) {
				continue
			}
			if !yield(seal.ID(k[before:])) {
				return
			}
		}
	}
}
