package local

import (
	"context"
	"errors"
	"fmt"

	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/service/vaults"
	"github.com/keyhold/keyhold/internal/vault"
)

// Wrecked looks at all that the store has of an item.
func (b *box) Wrecked(ctx context.Context, id string) (bool, error) {
	k, err := b.key()
	if err != nil {
		return false, err
	}
	iid, err := seal.ParseID(id)
	if err != nil {
		return false, nil //nolint:nilerr // what is no id is no wreck
	}
	list, err := load(ctx, b.d.Store, b.id, []seal.ID{iid})
	if err != nil {
		return false, translate(err)
	}
	l := list[0]
	switch {
	case errors.Is(l.recErr, kv.ErrDamaged) || errors.Is(l.dataErr, kv.ErrDamaged):
		return false, nil // it may well be whole: the store is what is damaged
	case l.recErr != nil:
		return true, translate(b.state(ctx))
	case l.hasRec && l.rec.Deleted.IsZero():
		return false, nil
	case l.hasRec:
		if _, err := openItem(k, l.rec, l.data, nil); err == nil {
			return false, nil
		}
		return true, translate(b.state(ctx)) // with an old key nothing opens
	case l.hasData:
		return true, nil
	}
	wrecked := false
	err = b.d.Store.View(ctx, func(tx kv.Tx) error {
		for _, part := range itemdb.Parts() {
			for known := range itemdb.Known(tx, itemdb.ID(b.id), part) {
				wrecked = wrecked || seal.ID(known) == iid
			}
		}
		return nil
	})
	return wrecked, translate(err)
}

// Discard removes wrecks in one transaction.
func (b *box) Discard(ctx context.Context, ids []string) error {
	if _, err := b.key(); err != nil {
		return err
	}
	items := make([]seal.ID, len(ids))
	for i, id := range ids {
		var err error
		if items[i], err = seal.ParseID(id); err != nil {
			return fmt.Errorf("item %s: %w", id, vault.ErrNotFound)
		}
	}
	err := b.d.Store.Update(ctx, func(tx kv.Tx) error {
		_, err := vaults.Discard(tx, b.d.Now(), b.user, b.id, items)
		return errors.Join(err, scrubDue(tx))
	})
	if err != nil {
		return translate(err)
	}
	return scrub(ctx, b.d)
}
