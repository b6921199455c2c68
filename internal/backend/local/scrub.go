package local

import (
	"context"
	"fmt"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/kv"
)

// scrubKey has a record from the change that left something behind in the free
// pages of the store until that is overwritten: a process that ends between the
// two leaves it to the next unlock.
var scrubKey = []byte("l/scrub")

// scrubDue notes, in the transaction of a change, that a scrub has to follow.
func scrubDue(tx kv.Tx) error { return tx.Put(scrubKey, nil) }

// scrub overwrites what was deleted or replaced, if the store is one that keeps
// it. What was committed by then is done, whatever ends ctx.
func scrub(ctx context.Context, d backend.Deps) error {
	ctx = context.WithoutCancel(ctx)
	if s, ok := d.Store.(interface{ Scrub(context.Context) error }); ok {
		if err := s.Scrub(ctx); err != nil {
			return fmt.Errorf("it is done, but what was there before is not yet overwritten: %w", translate(err))
		}
	}
	return translate(d.Store.Update(ctx, func(tx kv.Tx) error { return tx.Delete(scrubKey) }))
}

// scrubLeft does a scrub that an earlier process did not come to. That it cannot
// be done now, as in a home that is read-only, is no reason to stop.
func scrubLeft(ctx context.Context, d backend.Deps) {
	due := false
	err := d.Store.View(ctx, func(tx kv.Tx) error { due = tx.Get(scrubKey) != nil; return nil })
	if err == nil && due {
		_ = scrub(ctx, d)
	}
}
