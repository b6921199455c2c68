package local

import (
	"context"
	"errors"
	"iter"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/service/vaults"
	"github.com/keyhold/keyhold/internal/vault"
)

// Trash yields what is in the trash.
func (b *box) Trash(ctx context.Context) iter.Seq2[vault.Trashed, error] {
	return func(yield func(vault.Trashed, error) bool) {
		k, err := b.key()
		if err != nil {
			yield(vault.Trashed{}, err)
			return
		}
		found, err := b.read(ctx, k, true)
		if err != nil {
			yield(vault.Trashed{}, err)
			return
		}
		for e := range found.all() {
			if !yield(e.Trashed, e.err) {
				return
			}
		}
	}
}

// Purge removes items of the trash in one transaction.
func (b *box) Purge(ctx context.Context, list []vault.Ref) error {
	if _, err := b.key(); err != nil {
		return err
	}
	which, err := refs(list)
	if err != nil {
		return err
	}
	if len(which) > 0 {
		err := b.d.Store.Update(ctx, func(tx kv.Tx) error {
			_, err := vaults.Purge(tx, b.d.Now(), b.user, b.id, which)
			return errors.Join(err, scrubDue(tx))
		})
		if err != nil {
			return translate(err)
		}
	}
	return scrub(ctx, b.d)
}
