package itemdb

import (
	"iter"

	"github.com/keyhold/keyhold/internal/kv"
)

// A Part is one of the places of the store that know an item.
type Part struct {
	kind   string
	before int // of the id, in a key
}

// Names returns the part that has the record of every item.
func Names() Part { return Part{recordKind, prefixSize} }

// Parts returns all parts.
func Parts() []Part {
	return []Part{Names(), {dataKind, prefixSize}, {indexKind, prefixSize + 32}, {tagsKind, prefixSize}}
}

// Known yields the ids of the items of a vault that a part knows, in the order
// of its keys. It looks at keys alone, so that it works as long as the store
// can be read at all; with first, only at those that go on with that byte, so
// that a damaged page does not hide what is behind it.
func Known(tx kv.Tx, vault ID, part Part, first ...byte) iter.Seq[ID] {
	return func(yield func(ID) bool) {
		for k := range tx.Scan(key(part.kind, vault, first)) {
			if len(k) == part.before+16 && !yield(ID(k[part.before:])) {
				return
			}
		}
	}
}
