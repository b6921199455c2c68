package vaultctl

import (
	"context"
	"errors"
	"fmt"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/vault"
	"github.com/keyhold/keyhold/pkg/client"
	api "github.com/keyhold/keyhold/pkg/client/vaultctl"
)

// Purge checks all items before it removes the first: the service takes them
// one by one. It asks for the password.
func (b *box) Purge(ctx context.Context, list []vault.Ref) error {
	if _, err := b.key(); err != nil {
		return err
	}
	if b.a.d.Service.Offline {
		return backend.ErrOffline
	}
	if len(list) == 0 {
		return b.scrub(ctx)
	}
	return translate(b.turn(ctx, func() error {
		if err := b.sync(ctx, true); err != nil {
			return err
		}
		ids, err := b.purgeable(ctx, list)
		if err != nil {
			return err
		}
		return b.purge(ctx, ids)
	}))
}

// purgeable checks that items are in the trash, at their revisions.
func (b *box) purgeable(ctx context.Context, list []vault.Ref) ([]seal.ID, error) {
	var ids []seal.ID
	err := b.a.state().View(ctx, func(tx kv.Tx) error {
		ids = nil
		for _, r := range list {
			if err := b.at(tx, r); err != nil {
				return err
			}
			id, err := seal.ParseID(r.ID)
			if err != nil {
				return err
			}
			if rec, _, err := itemdb.Get(tx, b.Mirror, itemdb.ID(id)); err != nil || rec.Deleted.IsZero() {
				return errors.Join(err, fmt.Errorf("item %s is not in the trash: %w", r.ID, vault.ErrInvalid))
			}
			ids = append(ids, id)
		}
		return nil
	})
	return ids, err
}

// purge removes items of the trash at the service and here.
func (b *box) purge(ctx context.Context, ids []seal.ID) error {
	if err := b.markStale(ctx); err != nil {
		return err
	}
	var gone []seal.ID
	var failed error
	for _, id := range ids {
		err := b.a.raw(ctx, func(c *api.Client) error { return c.Trash.Purge(ctx, b.id.String(), id.String()) })
		if err != nil && !errors.Is(err, client.ErrNotFound) { // not found: the request was sent twice
			failed = err
			break
		}
		gone = append(gone, id)
	}
	ctx = context.WithoutCancel(ctx)
	err := b.a.state().Update(ctx, func(tx kv.Tx) error {
		for _, id := range gone {
			if _, err := itemdb.Discard(tx, b.Mirror, itemdb.ID(id)); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(failed, err, b.scrub(ctx))
}

// scrub overwrites what was deleted from the mirror, if the store keeps it.
func (b *box) scrub(ctx context.Context) error {
	if s, ok := b.a.state().(interface{ Scrub(context.Context) error }); ok {
		return translate(s.Scrub(ctx))
	}
	return nil
}

// Wrecked reports whether an item in the trash does not open. Any other damaged
// item can be moved there: the service does not look into it.
func (b *box) Wrecked(ctx context.Context, id string) (wrecked bool, err error) {
	iid, err := seal.ParseID(id)
	if err != nil {
		return false, nil //nolint:nilerr // what is no id is no wreck
	}
	err = b.view(ctx, func(tx kv.Tx, k *opened) error {
		rec, ok, err := itemdb.Get(tx, b.Mirror, itemdb.ID(iid))
		if err != nil || !ok || rec.Deleted.IsZero() {
			wrecked = false
			return err
		}
		_, err = b.read(tx, k, iid)
		wrecked = err != nil
		return nil
	})
	return wrecked, err
}

// Discard purges wrecks.
func (b *box) Discard(ctx context.Context, ids []string) error {
	var list []vault.Ref
	for _, id := range ids {
		iid, err := seal.ParseID(id)
		if err != nil {
			return notFound("item", id)
		}
		err = b.view(ctx, func(tx kv.Tx, _ *opened) error {
			rec, ok, err := itemdb.Get(tx, b.Mirror, itemdb.ID(iid))
			if err == nil && !ok {
				err = notFound("item", id)
			}
			list = append(list, vault.Ref{ID: id, Revision: rec.Revision})
			return err
		})
		if err != nil {
			return err
		}
	}
	return b.Purge(ctx, list)
}
