package vaultctl

import (
	"bytes"
	"context"
	"errors"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/vault"
	"github.com/keyhold/keyhold/pkg/client"
	api "github.com/keyhold/keyhold/pkg/client/vaultctl"
)

// each sends a change item by item, to a service that cannot take it at once.
// Everything is compared with what the service has before the first is sent;
// what others write between the two is lost if it gives no revisions.
func (b *box) each(ctx context.Context, g glance, c change) (done result, err error) {
	done = result{items: map[seal.ID]item{}, ids: map[int]seal.ID{}}
	for _, s := range c.puts {
		if s.revision != 0 {
			if err := b.unchanged(ctx, ref{s.id, s.revision}, g); err != nil {
				return done, err
			}
		}
	}
	for _, r := range c.deletes {
		if err := b.unchanged(ctx, r, g); err != nil {
			return done, err
		}
	}
	for i, s := range c.puts {
		it, err := b.putOne(ctx, g, s)
		if err != nil {
			return done, err
		}
		id, err := seal.ParseID(it.ID)
		switch {
		case err != nil:
			return done, client.ErrBadAnswer
		case id != s.id && b.open.Load().entry.Kind == seal.KindBound:
			return done, backend.ErrNoIDs
		case id != s.id:
			done.ids[i] = id
		}
		done.items[id] = item{*it, id}
		done.revision = max(done.revision, it.Revision)
	}
	for _, r := range c.deletes {
		err := b.a.raw(ctx, func(cl *api.Client) error {
			return cl.Items.Delete(ctx, b.id.String(), r.id.String(), sent(g, r.revision))
		})
		if err != nil {
			return done, b.mine(ctx, err, func(it api.Item) bool { return it.Trashed }, r.id)
		}
	}
	done.unsure = g.listed.Revision != 0 && len(c.deletes) > 0
	return done, nil
}

// sent is a revision as the service knows it: those that are counted here it
// does not.
func sent(g glance, revision uint64) uint64 {
	if g.listed.Revision == 0 {
		return 0
	}
	return revision
}

// putOne creates or replaces an item.
func (b *box) putOne(ctx context.Context, g glance, s sealedItem) (it *api.Item, err error) {
	req, err := b.request(ctx, g, s)
	if err != nil {
		return nil, err
	}
	req.Revision = sent(g, req.Revision)
	err = b.a.raw(ctx, func(cl *api.Client) (err error) {
		if s.revision == 0 {
			it, err = cl.Items.Create(ctx, b.id.String(), req)
		} else {
			it, err = cl.Items.Put(ctx, b.id.String(), req)
		}
		return err
	})
	if err != nil && s.revision != 0 {
		same := func(got api.Item) bool {
			it = &got
			return bytes.Equal(got.EncryptedData, s.data)
		}
		err = b.mine(ctx, err, same, s.id)
	}
	return it, err
}

// mine returns nil if an item is already what a request was to make of it: the
// request was sent twice, and met itself.
func (b *box) mine(ctx context.Context, err error, same func(api.Item) bool, id seal.ID) error {
	if !errors.Is(err, client.ErrConflict) {
		return err
	}
	var it *api.Item
	again := b.a.raw(ctx, func(cl *api.Client) (err error) {
		it, err = cl.Items.Get(ctx, b.id.String(), id.String())
		return err
	})
	if again == nil && same(*it) {
		return nil
	}
	return err
}

// unchanged compares an item with the mirror, which the change was made from.
func (b *box) unchanged(ctx context.Context, r ref, g glance) error {
	var it *api.Item
	err := b.a.raw(ctx, func(cl *api.Client) (err error) {
		it, err = cl.Items.Get(ctx, b.id.String(), r.id.String())
		return err
	})
	if err != nil {
		return err
	}
	return b.a.state().View(ctx, func(tx kv.Tx) error {
		rec, ok, err := itemdb.Get(tx, b.Mirror, itemdb.ID(r.id))
		if err != nil {
			return err
		}
		data, _, err := itemdb.Data(tx, b.Mirror, itemdb.ID(r.id))
		if err != nil {
			return err
		}
		current := rec.Revision
		if g.listed.Revision != 0 {
			current = it.Revision
		}
		same := ok && current == r.revision && bytes.Equal(data, it.EncryptedData) && bytes.Equal(rec.Name, it.EncryptedName)
		if !same || it.Trashed != !rec.Deleted.IsZero() {
			return &vault.ConflictError{What: "item " + r.id.String(), Base: vault.Revision(r.revision), Current: vault.Revision(current)}
		}
		return nil
	})
}

// restore takes items out of the trash, one by one.
func (b *box) restore(ctx context.Context, list []ref) (done result, err error) {
	done.items = map[seal.ID]item{}
	for _, r := range list {
		var in bool
		err := b.a.state().View(ctx, func(tx kv.Tx) error {
			rec, ok, err := itemdb.Get(tx, b.Mirror, itemdb.ID(r.id))
			in = ok && !rec.Deleted.IsZero()
			return err
		})
		if err != nil {
			return done, err
		}
		if !in {
			continue // it is out already
		}
		var it *api.Item
		err = b.a.raw(ctx, func(cl *api.Client) (err error) {
			it, err = cl.Trash.Restore(ctx, b.id.String(), r.id.String())
			return err
		})
		if err != nil {
			return done, err
		}
		done.items[r.id] = item{*it, r.id}
		done.revision = max(done.revision, it.Revision)
	}
	return done, nil
}
