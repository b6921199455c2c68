package pwm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/vault"
	"github.com/keyhold/keyhold/pkg/client"
	api "github.com/keyhold/keyhold/pkg/client/pwm"
)

// A change is a vault.Change whose new items have their ids, so that a second
// try is the same change.
type change struct {
	vault.Change

	purge  []vault.Ref // out of the trash, for good
	wrecks []string    // ids of what does not read, out for good
	fresh  map[string]bool
}

// prepare gives new items their ids and refuses what cannot be written.
func (b *box) prepare(c vault.Change) (change, error) {
	out := change{Change: c, fresh: map[string]bool{}}
	out.Put = make([]vault.Put, len(c.Put))
	for i, p := range c.Put {
		if err := vault.CheckName(p.Item.Name); err != nil {
			return out, err
		}
		if p.Item.ID == "" {
			id, err := seal.MakeID(b.a.d.Rand)
			if err != nil {
				return out, err
			}
			p.Item.ID = id.String()
			out.fresh[p.Item.ID] = true
		}
		if _, err := write(p.Item, nil); err != nil {
			return out, err
		}
		out.Put[i] = p
	}
	return out, nil
}

// Commit applies a change to the blob that is here and sends all of it. If the
// service has another one by now the change is applied to that, as long as the
// items of the change are as they were.
func (b *box) Commit(ctx context.Context, c vault.Change) (rev vault.Revision, items []vault.Item, err error) {
	if _, err := b.key(); err != nil {
		return 0, nil, err
	}
	if b.a.d.Service.Offline {
		return 0, nil, backend.ErrOffline
	}
	ch, err := b.prepare(c)
	if err != nil {
		return 0, nil, translate(err)
	}
	err = b.turn(ctx, func() error {
		rev, items, err = b.commit(ctx, ch)
		return err
	})
	if err != nil {
		return 0, nil, translate(err)
	}
	return rev, items, nil
}

// commits is how often a change is applied to the newest blob before the core
// is asked to make it anew.
const commits = 4

// A draft is a change, applied to the blob that the mirror is of.
type draft struct {
	version uint64 // of that blob
	listed  device.Vault
	next    device.Blob
	lines   []line    // what is to be put into the mirror
	gone    []seal.ID // what leaves it
	done    bool      // the change is in that blob already
}

// commit is Commit for who has the turn.
func (b *box) commit(ctx context.Context, c change) (vault.Revision, []vault.Item, error) {
	base := c.Base
	for range commits {
		g, k, err := b.now(ctx)
		if err != nil {
			return 0, nil, err
		}
		if !g.there || g.mark.Stale {
			if err := b.sync(ctx, false); err != nil {
				return 0, nil, err
			}
		}
		d, err := b.draft(ctx, k, c)
		if errors.Is(err, errNoBlob) {
			if err := b.sync(ctx, true); err != nil {
				return 0, nil, err
			}
			d, err = b.draft(ctx, k, c)
		}
		if conflict, ok := errors.AsType[*vault.ConflictError](err); ok {
			return 0, nil, b.outdated(ctx, conflict)
		}
		if err != nil {
			return 0, nil, err
		}
		if !d.done {
			again, err := b.send(ctx, k, d)
			if err != nil {
				return 0, nil, err
			}
			if again {
				if c.Base != 0 {
					return 0, nil, b.conflict(ctx, c.Base)
				}
				base = vault.Revision(d.version)
				continue
			}
		}
		items, err := b.written(ctx, k, c)
		return vault.Revision(d.next.Version), items, err
	}
	return 0, nil, b.conflict(ctx, base)
}

// outdated has the core read what the service has by then, when it has waited
// and makes the change anew.
func (b *box) outdated(ctx context.Context, conflict error) error {
	if err := b.markStale(ctx); err != nil {
		return err
	}
	return conflict
}

// conflict is that of the whole vault.
func (b *box) conflict(ctx context.Context, base vault.Revision) error {
	var current uint64
	err := b.a.state().View(ctx, func(tx kv.Tx) error {
		m, _ := b.a.place.Mark(tx, b.id)
		current = m.Revision
		return nil
	})
	if err != nil {
		return err
	}
	return &vault.ConflictError{What: fmt.Sprintf("vault %q", b.name), Base: base, Current: vault.Revision(current)}
}

// written returns the items of a change as the mirror has them.
func (b *box) written(ctx context.Context, k *opened, c change) (items []vault.Item, err error) {
	err = b.a.state().View(context.WithoutCancel(ctx), func(tx kv.Tx) error {
		items = nil
		for _, p := range c.Put {
			id, err := seal.ParseID(p.Item.ID)
			if err != nil {
				return err
			}
			it, err := b.read(tx, k, id)
			if err != nil {
				return err
			}
			items = append(items, it)
		}
		return nil
	})
	return items, err
}

var errNoBlob = errors.New("there is no blob beside the mirror")

// draft applies a change. What it was made from must be what the mirror has.
func (b *box) draft(ctx context.Context, k *opened, c change) (d draft, err error) {
	err = b.a.state().View(ctx, func(tx kv.Tx) error {
		d = draft{}
		m, ok := b.a.place.Mark(tx, b.id)
		blob, there := b.a.place.Blob(tx, b.id)
		if !ok || !there || m.Revision != blob.Version {
			return errNoBlob
		}
		if d.listed, err = b.a.vaultOf(tx, b.id); err != nil {
			return err
		}
		d.version = blob.Version
		content, err := OpenBlob(k.key, blob.IV, blob.Data)
		if err != nil {
			return errNoBlob
		}
		if c.Base != 0 && uint64(c.Base) != m.Revision {
			return &vault.ConflictError{What: fmt.Sprintf("vault %q", b.name), Base: c.Base, Current: vault.Revision(m.Revision)}
		}
		if d.done, err = b.contains(tx, c); err != nil || d.done {
			d.next = blob
			return err
		}
		if err := b.apply(tx, k, content, c, &d); err != nil {
			return err
		}
		d.next.Version = blob.Version + 1
		d.next.IV, d.next.Data, err = content.Seal(b.a.d.Rand, k.key)
		return err
	})
	return d, err
}

// contains reports whether the mirror has a new item of the change already: its
// answer was lost, and somebody else wrote after it.
func (b *box) contains(tx kv.Tx, c change) (bool, error) {
	for id := range c.fresh {
		iid, err := seal.ParseID(id)
		if err != nil {
			return false, err
		}
		if _, ok, err := itemdb.Get(tx, b.Mirror, itemdb.ID(iid)); err != nil || ok {
			return ok, err
		}
	}
	return false, nil
}

// apply makes the change in content.
func (b *box) apply(tx kv.Tx, k *opened, content *Blob, c change, d *draft) error {
	for _, p := range c.Put {
		if err := b.applyPut(tx, k, content, p, d); err != nil {
			return err
		}
	}
	now := b.a.d.Now()
	for i, r := range append(append([]vault.Ref{}, c.Delete...), c.Restore...) {
		e, err := b.at(tx, k, r)
		if err != nil {
			return err
		}
		it, err := content.Item(e.head.ID)
		if err != nil {
			return err
		}
		if i >= len(c.Delete) {
			it.Deleted = time.Time{}
		} else if it.Deleted.IsZero() {
			it.Deleted = now
		}
		if err := b.write(content, it, e.head.ID, d); err != nil {
			return err
		}
	}
	return b.takeOut(tx, k, content, c, d)
}

func (b *box) applyPut(tx kv.Tx, k *opened, content *Blob, p vault.Put, d *draft) error {
	id, err := seal.ParseID(p.Item.ID)
	if err != nil {
		return notFound("item", p.Item.ID)
	}
	if err := b.unique(tx, k, p); err != nil {
		return err
	}
	own := id.String()
	if p.Was != nil {
		e, err := b.at(tx, k, vault.Ref{ID: own, Revision: p.Was.Revision})
		if err != nil {
			return err
		}
		own = e.head.ID
	} else if rec, ok, err := itemdb.Get(tx, b.Mirror, itemdb.ID(id)); err == nil && ok {
		return &vault.ConflictError{What: "item " + own, Current: vault.Revision(rec.Revision)}
	}
	it := p.Item
	it.Deleted = time.Time{}
	return b.write(content, it, own, d)
}

// write puts an item into the blob under the id that its entry has there.
func (b *box) write(content *Blob, it vault.Item, own string, d *draft) error {
	it.ID = own
	if err := content.Put(it); err != nil {
		return err
	}
	e := content.entries[content.places[own]]
	d.lines = append(d.lines, line{b.localID(own), e.raw, e.head})
	return nil
}

// at returns the entry of an item, or a conflict unless the mirror has it at
// that revision.
func (b *box) at(tx kv.Tx, k *opened, r vault.Ref) (entry, error) {
	id, err := seal.ParseID(r.ID)
	if err != nil {
		return entry{}, notFound("item", r.ID)
	}
	rec, e, err := b.raw(tx, k, id)
	if err == nil && rec.Revision != r.Revision {
		err = &vault.ConflictError{What: "item " + r.ID, Base: vault.Revision(r.Revision), Current: vault.Revision(rec.Revision)}
	}
	return e, err
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

// send sends a draft and takes it into the mirror. again says that the service
// had another blob, which the mirror is of by now. The mirror is stale from
// before it is sent until it is known what came of it.
func (b *box) send(ctx context.Context, k *opened, d draft) (again bool, err error) {
	if err := b.markStale(ctx); err != nil {
		return false, err
	}
	req := api.UpdateRequest{Version: d.version, Content: api.Content{EncryptedData: d.next.Data, IV: d.next.IV}}
	for try := 1; ; try++ {
		info, err := b.a.api.Vaults.Update(ctx, b.name, req)
		switch {
		case err == nil:
			return false, b.took(context.WithoutCancel(ctx), k, d, info.UpdatedAt)
		case errors.Is(err, client.ErrConflict):
		case ctx.Err() != nil:
			return false, err
		case errors.Is(err, client.ErrNotFound): // the list says more, before the next read
			return false, err
		case unsent(err): // the mirror is what it was
			return false, errors.Join(err, b.setStale(ctx, false))
		}
		lost := err
		f, err := b.a.fetch(ctx, b.name)
		if err != nil {
			return false, fmt.Errorf("it is not known whether it was done: %w", errors.Join(lost, err))
		}
		switch {
		case f.blob.Version == d.next.Version && bytes.Equal(f.blob.IV, d.next.IV) && bytes.Equal(f.blob.Data, d.next.Data):
			return false, b.took(context.WithoutCancel(ctx), k, d, f.listed.Updated)
		case f.blob.Version == d.version && !errors.Is(lost, client.ErrConflict):
			if try > 1 {
				return false, lost
			}
			continue // at most one of the two can have an effect
		}
		return true, b.store(ctx, k, f, false)
	}
}

// took puts into the mirror what was sent.
func (b *box) took(ctx context.Context, k *opened, d draft, updated time.Time) error {
	return b.a.state().Update(ctx, func(tx kv.Tx) error {
		for _, l := range d.lines {
			if err := b.put(tx, k, l, d.next.Version); err != nil {
				return err
			}
		}
		for _, id := range d.gone {
			if _, err := itemdb.Discard(tx, b.Mirror, itemdb.ID(id)); err != nil {
				return err
			}
		}
		v := d.listed
		v.Revision = d.next.Version
		if !updated.IsZero() {
			v.Updated = updated
		}
		if err := b.a.place.PutVault(tx, v); err != nil {
			return err
		}
		return b.keepState(tx, k, d.next, v)
	})
}
