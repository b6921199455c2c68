package vaultctl

import (
	"context"
	"errors"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/backend/mirror"
	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/vault"
	"github.com/keyhold/keyhold/pkg/client"
	api "github.com/keyhold/keyhold/pkg/client/vaultctl"
)

// A change is a vault.Change, sealed.
type change struct {
	puts             []sealedItem
	deletes, restore []ref
}

// A ref is an item at a revision.
type ref struct {
	id       seal.ID
	revision uint64
}

func refs(list []vault.Ref) ([]ref, error) {
	out := make([]ref, len(list))
	for i, r := range list {
		id, err := seal.ParseID(r.ID)
		if err != nil {
			return nil, notFound("item", r.ID)
		}
		out[i] = ref{id, r.Revision}
	}
	return out, nil
}

// sealChange seals everything in c.
func (b *box) sealChange(k *opened, c vault.Change) (change, error) {
	var sealed change
	var err error
	for _, p := range c.Put {
		s, err := sealPut(k, b.a.d.Rand, p)
		if err != nil {
			return change{}, err
		}
		sealed.puts = append(sealed.puts, s)
	}
	if sealed.deletes, err = refs(c.Delete); err != nil {
		return change{}, err
	}
	sealed.restore, err = refs(c.Restore)
	return sealed, err
}

// Commit seals the items and sends them. What is restored from the trash is no
// part of the one change that the service makes; it follows.
func (b *box) Commit(ctx context.Context, c vault.Change) (rev vault.Revision, items []vault.Item, err error) {
	k, err := b.key()
	if err != nil {
		return 0, nil, err
	}
	if b.a.d.Service.Offline {
		return 0, nil, backend.ErrOffline
	}
	if _, err := b.sealChange(k, c); err != nil { // what cannot be sealed is refused before anything is asked
		return 0, nil, translate(err)
	}
	err = b.turn(ctx, func() error {
		rev, items, err = b.commit(ctx, c)
		return err
	})
	if err != nil {
		return 0, nil, translate(err)
	}
	return rev, items, nil
}

// commit is Commit for who has the turn. If the vault has another key by now it
// goes on with that.
func (b *box) commit(ctx context.Context, c vault.Change) (vault.Revision, []vault.Item, error) {
	for range tries {
		g, k, err := b.now(ctx)
		if err != nil {
			return 0, nil, err
		}
		if g.old {
			if err := b.rekeyed(ctx); err != nil {
				return 0, nil, err
			}
			continue
		}
		if err := b.before(ctx, k, g, c); err != nil {
			return 0, nil, err
		}
		if g, k, err = b.now(ctx); err != nil {
			return 0, nil, err
		}
		sealed, err := b.sealChange(k, c)
		if err != nil {
			return 0, nil, err
		}
		items, rev, err := b.send(ctx, k, g, sealed)
		if errors.Is(err, client.ErrConflict) && about(err, "keyVersion") {
			if err := b.a.syncList(ctx, nil); err != nil {
				return 0, nil, err
			}
			if err := b.rekeyed(ctx); err != nil {
				return 0, nil, err
			}
			continue
		}
		return vault.Revision(rev), items, err
	}
	return 0, nil, &vault.ConflictError{What: "the key of the vault"}
}

// before checks what the service does not: the base, names that are taken, and
// what is to be restored.
func (b *box) before(ctx context.Context, k *opened, g glance, c vault.Change) error {
	if c.Base != 0 || len(c.Restore) > 0 || !g.there {
		if err := b.sync(ctx, true); err != nil {
			return err
		}
	}
	return b.a.state().View(ctx, func(tx kv.Tx) error {
		if m, _ := b.a.place.Mark(tx, b.id); c.Base != 0 && uint64(c.Base) != m.Revision {
			return &vault.ConflictError{What: "the vault", Base: c.Base, Current: vault.Revision(m.Revision)}
		}
		for _, p := range c.Put {
			if err := b.unique(tx, k, p); err != nil {
				return err
			}
		}
		for _, r := range c.Restore {
			if err := b.at(tx, r); err != nil {
				return err
			}
		}
		return nil
	})
}

// unique reports the conflict of a new name that the mirror has already.
func (b *box) unique(tx kv.Tx, k *opened, p vault.Put) error {
	if !p.Unique {
		return nil
	}
	for rec, err := range itemdb.Lookup(tx, b.Mirror, k.NameIndex(p.Item.Name)) {
		if err != nil {
			return err
		}
		if id := seal.ID(rec.ID).String(); rec.Deleted.IsZero() && id != p.Item.ID {
			return &vault.ConflictError{What: "item " + id, Current: vault.Revision(rec.Revision)}
		}
	}
	return nil
}

// at returns a conflict unless the mirror has the item at that revision.
func (b *box) at(tx kv.Tx, r vault.Ref) error {
	id, err := seal.ParseID(r.ID)
	if err != nil {
		return notFound("item", r.ID)
	}
	rec, ok, err := itemdb.Get(tx, b.Mirror, itemdb.ID(id))
	switch {
	case err != nil:
		return err
	case !ok:
		return notFound("item", r.ID)
	case rec.Revision != r.Revision:
		return &vault.ConflictError{What: "item " + r.ID, Base: vault.Revision(r.Revision), Current: vault.Revision(rec.Revision)}
	}
	return nil
}

// markStale says that the mirror may not be what the service has, until that is
// known again.
func (b *box) markStale(ctx context.Context) error {
	b.a.mu.Lock()
	b.a.listed = false
	b.a.mu.Unlock()
	return b.a.state().Update(ctx, func(tx kv.Tx) error {
		m, ok := b.a.place.Mark(tx, b.id)
		if !ok {
			return nil
		}
		m.Stale = true
		return b.a.place.PutMark(tx, b.id, m)
	})
}

// send sends a change and takes what comes of it into the mirror. The mirror is
// stale from before it is sent until it is known what came of it.
func (b *box) send(ctx context.Context, k *opened, g glance, c change) ([]vault.Item, uint64, error) {
	if err := b.markStale(ctx); err != nil {
		return nil, 0, err
	}
	done, err := b.post(ctx, g, c)
	if errors.Is(err, errors.ErrUnsupported) {
		done, err = b.each(ctx, g, c)
	}
	if err == nil && len(c.restore) > 0 {
		var back result
		back, err = b.restore(ctx, c.restore)
		done.add(back)
	}
	switch {
	case err == nil:
	case mirror.Unreachable(err) && !unsent(err) && ctx.Err() == nil:
		return b.readBack(ctx, c, err)
	default:
		return nil, 0, err
	}
	// It is done: whatever ends ctx, the mirror has it.
	return b.took(context.WithoutCancel(ctx), k, g, c, done)
}

// A result is what the service said of a change.
type result struct {
	revision uint64           // of the vault; 0: not given
	items    map[seal.ID]item // as they are now
	ids      map[int]seal.ID  // of new items, where the service chose
	unsure   bool             // the service has revisions and did not say which
}

func (r *result) add(more result) {
	if more.revision > r.revision {
		r.revision = more.revision
	}
	for id, it := range more.items {
		if r.items == nil {
			r.items = map[seal.ID]item{}
		}
		r.items[id] = it
	}
}

// request is a put as it is sent.
func (b *box) request(ctx context.Context, g glance, s sealedItem) (api.ItemRequest, error) {
	r := api.ItemRequest{
		ID: s.id.String(), Type: s.stored, EncryptedData: s.data, EncryptedName: s.name,
		KeyVersion: g.listed.KeyVersion, Revision: s.revision,
	}
	if s.revision == 0 {
		return r, nil
	}
	err := b.a.state().View(ctx, func(tx kv.Tx) error {
		f := b.a.place.Flags(tx, b.id, s.id)
		r.FolderID, r.Favorite, r.Reprompt = f.Folder, f.Favorite, f.Reprompt
		return nil
	})
	return r, err
}

// post sends what is put and deleted as one change.
func (b *box) post(ctx context.Context, g glance, c change) (done result, err error) {
	if len(c.puts)+len(c.deletes) == 0 {
		return done, nil
	}
	if g.listed.Revision == 0 {
		return done, errors.ErrUnsupported
	}
	req := api.ChangeRequest{KeyVersion: g.listed.KeyVersion, Put: []api.ItemRequest{}, Delete: []api.ItemRef{}}
	for _, s := range c.puts {
		r, err := b.request(ctx, g, s)
		if err != nil {
			return done, err
		}
		r.KeyVersion = 0 // it stands in front
		req.Put = append(req.Put, r)
	}
	for _, r := range c.deletes {
		req.Delete = append(req.Delete, api.ItemRef{ItemID: r.id.String(), Revision: r.revision})
	}
	var got *api.ChangeResult
	err = b.a.raw(ctx, func(cl *api.Client) (err error) {
		got, err = cl.Items.Changes(ctx, b.id.String(), req)
		return err
	})
	if err != nil {
		return done, err
	}
	done = result{revision: got.Revision, items: map[seal.ID]item{}}
	for _, it := range got.Items {
		if id, err := seal.ParseID(it.ID); err == nil {
			done.items[id] = item{it, id}
		}
	}
	return done, nil
}
