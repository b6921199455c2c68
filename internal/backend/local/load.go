package local

import (
	"context"
	"errors"
	"slices"

	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
)

// batch is how many items are read in one transaction, so that a long work
// does not keep writers out.
const batch = 200

// A loaded is an item as the store has it, still sealed.
type loaded struct {
	rec             itemdb.Record
	data, tags      []byte
	hasRec, hasData bool
	// itemdb.ErrDamaged, or kv.ErrDamaged where the store cannot be read
	recErr, dataErr, tagsErr error
}

// load reads items, sealed. What cannot be read does not keep it from the rest.
func load(ctx context.Context, db kv.DB, vault seal.ID, ids []seal.ID) ([]loaded, error) {
	list := make([]loaded, len(ids))
	err := db.View(ctx, func(tx kv.Tx) error {
		for i, id := range ids {
			list[i].readRecord(tx, vault, id)
			list[i].readData(tx, vault, id)
			list[i].readTags(tx, vault, id)
		}
		return nil
	})
	if !errors.Is(err, kv.ErrDamaged) {
		return list, err
	}
	for i, id := range ids { // each part alone
		l := &list[i]
		*l = loaded{}
		l.recErr = db.View(ctx, func(tx kv.Tx) error { l.readRecord(tx, vault, id); return l.recErr })
		l.dataErr = db.View(ctx, func(tx kv.Tx) error { l.readData(tx, vault, id); return nil })
		l.tagsErr = db.View(ctx, func(tx kv.Tx) error { l.readTags(tx, vault, id); return nil })
		for _, err := range []error{l.recErr, l.dataErr, l.tagsErr} {
			if err != nil && !errors.Is(err, kv.ErrDamaged) && !errors.Is(err, itemdb.ErrDamaged) {
				return nil, err
			}
		}
	}
	return list, nil
}

func (l *loaded) readRecord(tx kv.Tx, vault, id seal.ID) {
	l.rec, l.hasRec, l.recErr = itemdb.Get(tx, itemdb.ID(vault), itemdb.ID(id))
	l.rec.Name = slices.Clone(l.rec.Name)
}

func (l *loaded) readData(tx kv.Tx, vault, id seal.ID) {
	l.data, l.hasData, _ = itemdb.Data(tx, itemdb.ID(vault), itemdb.ID(id)) // its error is always nil
	l.data = slices.Clone(l.data)
}

func (l *loaded) readTags(tx kv.Tx, vault, id seal.ID) {
	l.tags = slices.Clone(itemdb.Tags(tx, itemdb.ID(vault), itemdb.ID(id)))
}
