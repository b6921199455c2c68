package vaultctl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/vault"
	"github.com/keyhold/keyhold/pkg/client"
	api "github.com/keyhold/keyhold/pkg/client/vaultctl"
)

// sync makes the mirror of the vault what the service has. The caller has the
// turn. With force the list of vaults is asked for, however new it is.
func (b *box) sync(ctx context.Context, force bool) error {
	b.a.mu.Lock()
	listed := b.a.listed
	b.a.mu.Unlock()
	for try := range tries {
		g, k, err := b.now(ctx)
		if err != nil {
			return err
		}
		// A mirror that is stale although the list agrees with it was left so by
		// a write of which the end is not known.
		if force || !listed || try > 0 || g.mark.Stale && current(g.mark, g.listed) {
			if err := b.a.syncList(ctx, nil); err != nil {
				return err
			}
			if g, k, err = b.now(ctx); err != nil {
				return err
			}
		}
		switch {
		case g.old:
			if err := b.rekeyed(ctx); err != nil {
				return err
			}
			continue
		case g.there && current(g.mark, g.listed):
			return b.fresh(ctx, g.mark)
		}
		items, err := b.fetch(ctx, g.listed)
		if err != nil {
			return err
		}
		if err := b.store(ctx, k, g.listed, items); err != nil {
			return err
		}
		if g.listed.Revision == 0 {
			return nil // it cannot be told whether it moved meanwhile
		}
	}
	return nil // it moves faster than it is read; the mark says that it is stale
}

// now looks at the vault outside of a read.
func (b *box) now(ctx context.Context) (g glance, k *opened, err error) {
	if k, err = b.key(); err != nil {
		return g, nil, err
	}
	err = b.a.state().View(ctx, func(tx kv.Tx) error {
		g, err = b.look(tx, k)
		return err
	})
	return g, k, err
}

// fresh says of a mirror that is current that it was seen to be.
func (b *box) fresh(ctx context.Context, m device.Mark) error {
	if !m.Stale && !b.a.Due(m.Synced, false) {
		return nil // the list has done it
	}
	return b.a.state().Update(ctx, func(tx kv.Tx) error {
		m, ok := b.a.place.Mark(tx, b.id)
		if !ok {
			return nil
		}
		m.Stale, m.Synced = false, b.a.d.Now()
		return b.a.place.PutMark(tx, b.id, m)
	})
}

// An item is an item as the service has it, still sealed.
type item struct {
	api.Item

	id seal.ID
}

// fetch asks for everything in a vault. What it returns fits together in its
// form alone.
func (b *box) fetch(ctx context.Context, v device.Vault) ([]item, error) {
	var live, trashed []api.Item
	err := b.a.call(ctx, func(c *api.Client) (err error) {
		if live, err = c.Items.List(ctx, v.ID.String(), api.ListItemsOptions{}); err != nil {
			return err
		}
		trashed, err = c.Trash.List(ctx, v.ID.String())
		return err
	})
	if err != nil {
		return nil, err
	}
	seen := make(map[seal.ID]int, len(live)+len(trashed))
	items := make([]item, 0, len(live)+len(trashed))
	for i, it := range append(live, trashed...) {
		got, err := checkItem(v, it)
		if err != nil {
			return nil, err
		}
		at, twice := seen[got.id]
		switch {
		case twice && i >= len(live) && at < len(live): // it went to the trash between the two
			items[at] = got
		case twice:
			return nil, fmt.Errorf("%w: item %s is listed twice", client.ErrBadAnswer, got.id)
		default:
			seen[got.id] = len(items)
			items = append(items, got)
		}
	}
	return items, nil
}

// checkItem reads the id of an item and checks that it is of that vault.
func checkItem(v device.Vault, it api.Item) (item, error) {
	id, err := seal.ParseID(it.ID)
	if err != nil {
		return item{}, fmt.Errorf("%w: the id of an item is none", client.ErrBadAnswer)
	}
	if of, err := seal.ParseID(it.VaultID); it.VaultID != "" && (err != nil || of != v.ID) {
		return item{}, forged(fmt.Sprintf("the service shows item %s of another vault in vault %q", id, v.Name), nil)
	}
	if len(it.Type) > 255 {
		return item{}, fmt.Errorf("%w: the type of an item is too long", client.ErrBadAnswer)
	}
	return item{it, id}, nil
}

// store makes the mirror of a vault out of items.
func (b *box) store(ctx context.Context, k *opened, v device.Vault, items []item) error {
	slices.SortFunc(items, func(x, y item) int { return bytes.Compare(x.id[:], y.id[:]) })
	parts := make([]parts, len(items))
	for i, it := range items {
		parts[i] = b.open1(k, it)
	}
	if err := b.fill(ctx, k, items, parts); err != nil {
		return err
	}
	return b.a.state().Update(ctx, func(tx kv.Tx) error {
		m, there := b.a.place.Mark(tx, b.id)
		if there && v.Revision != 0 && m.KeyVersion == v.KeyVersion && m.Revision > v.Revision {
			return nil // what this process wrote meanwhile is newer
		}
		changed, err := b.replace(tx, items, parts)
		if err != nil {
			return err
		}
		next := device.Mark{Synced: b.a.d.Now(), KeyVersion: v.KeyVersion, Revision: v.Revision, Updated: v.Updated, Check: k.check}
		if next.Revision == 0 {
			next.Revision = m.Revision
			if changed || next.Revision == 0 {
				next.Revision++
			}
		} else {
			// Whether it moved while it was read, the next list says.
			next.Stale = true
		}
		return b.a.place.PutMark(tx, b.id, next)
	})
}

// filled is how many items are put in one transaction into a mirror that is
// made anew: an engine takes few large ones longer than many small ones.
const filled = 500

// fill makes a mirror anew, where there is none under the key at hand. As long
// as it is under way there is no mark, so that nobody reads it.
func (b *box) fill(ctx context.Context, k *opened, items []item, parts []parts) error {
	there := false
	err := b.a.state().View(ctx, func(tx kv.Tx) error {
		m, ok := b.a.place.Mark(tx, b.id)
		there = ok && m.Check == k.check
		return nil
	})
	if err != nil || there {
		return err
	}
	err = b.a.state().Update(ctx, func(tx kv.Tx) error {
		return errors.Join(b.a.place.DeleteMark(tx, b.id), itemdb.DeleteVault(tx, b.Mirror))
	})
	for at := 0; at < len(items) && err == nil; at += filled {
		end := min(at+filled, len(items))
		err = b.a.state().Update(ctx, func(tx kv.Tx) error {
			for i := at; i < end; i++ {
				if _, err := b.put(tx, items[i], parts[i]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return err
}

// Parts are what this machine adds to an item: copies that can be searched.
type parts struct {
	index [32]byte // zero: the name does not open
	tags  []byte
}

// open1 opens an item for its index and tags. One that does not open is kept as it
// is: whoever reads it sees what is wrong.
func (b *box) open1(k *opened, it item) (p parts) {
	name, err := k.OpenName(it.id, it.EncryptedName)
	if err != nil {
		return p
	}
	p.index = k.NameIndex(name)
	if content, err := openData(k, it.id, it.EncryptedData); err == nil {
		p.tags, _ = sealTags(k, b.a.d.Rand, it.id, content.Tags) // without the copy the item is opened
	}
	return p
}

// replace puts items in place of all that the mirror has and reports whether
// something changed. What is there already is not written again.
func (b *box) replace(tx kv.Tx, items []item, parts []parts) (changed bool, err error) {
	left := map[itemdb.ID]bool{}
	for _, part := range itemdb.Parts() {
		for id := range itemdb.Known(tx, b.Mirror, part) {
			left[id] = true
		}
	}
	sorted := &inOrder{Tx: tx}
	for i, it := range items {
		delete(left, itemdb.ID(it.id))
		wrote, err := b.put(sorted, it, parts[i])
		if err != nil {
			return false, err
		}
		changed = changed || wrote
	}
	if err := sorted.write(); err != nil {
		return false, err
	}
	for id := range left {
		if _, err := itemdb.Discard(tx, b.Mirror, id); err != nil {
			return false, err
		}
		if err := b.a.place.PutFlags(tx, b.id, seal.ID(id), device.Flags{}); err != nil {
			return false, err
		}
	}
	return changed || len(left) > 0, nil
}

// put keeps an item in the mirror, unless it is there already. Where the
// service gives no revisions the mirror counts its own.
func (b *box) put(tx kv.Tx, it item, p parts) (wrote bool, err error) {
	rec := itemdb.Record{
		ID: itemdb.ID(it.id), Type: it.Type, Revision: it.Revision,
		Created: it.CreatedAt, Updated: it.UpdatedAt, Index: p.index, Name: it.EncryptedName,
	}
	if it.Trashed {
		rec.Deleted = it.TrashedAt
		if rec.Deleted.IsZero() {
			rec.Deleted = it.UpdatedAt
		}
		if rec.Deleted.Unix() < 0 || rec.Deleted.UTC().Year() > 9999 { // which a record cannot have
			rec.Deleted = time.Unix(0, 0)
		}
	}
	old, found, err := itemdb.Get(tx, b.Mirror, rec.ID)
	if errors.Is(err, itemdb.ErrDamaged) {
		found, err = false, nil
	}
	if err != nil {
		return false, err
	}
	data, _, err := itemdb.Data(tx, b.Mirror, rec.ID)
	if err != nil {
		return false, err
	}
	same := found && old.Deleted.IsZero() == rec.Deleted.IsZero() && bytes.Equal(old.Name, rec.Name) && bytes.Equal(data, it.EncryptedData)
	if rec.Revision == 0 {
		rec.Revision = old.Revision
		if !same {
			rec.Revision++
		}
	}
	if err := b.a.place.PutFlags(tx, b.id, it.id, device.Flags{Folder: it.FolderID, Favorite: it.Favorite, Reprompt: it.Reprompt}); err != nil {
		return false, err
	}
	if same && old.Revision == rec.Revision && old.Index == rec.Index {
		return false, nil
	}
	return true, itemdb.Put(tx, b.Mirror, rec, it.EncryptedData, p.tags)
}

// Sync makes mirrors current.
func (a *account) Sync(ctx context.Context, vaultID string, acceptRollback bool) error {
	if a.d.Service.Offline {
		return backend.ErrOffline
	}
	var only seal.ID
	if vaultID != "" {
		var err error
		if only, err = seal.ParseID(vaultID); err != nil {
			return notFound("vault", vaultID)
		}
	}
	var believe func(seal.ID) bool
	if acceptRollback {
		believe = func(id seal.ID) bool { return only.IsZero() || id == only }
	}
	if err := a.syncList(ctx, believe); err != nil {
		return err
	}
	if !only.IsZero() {
		return a.syncVault(ctx, only)
	}
	var list []device.Vault
	err := a.state().View(ctx, func(tx kv.Tx) (err error) {
		list, err = a.place.Vaults(tx)
		return err
	})
	if err != nil {
		return translate(err)
	}
	var all error
	for _, v := range list {
		err := a.syncVault(ctx, v.ID)
		if !errors.Is(err, vault.ErrLocked) && !errors.Is(err, backend.ErrNotAccepted) {
			all = errors.Join(all, err)
		}
	}
	return all
}

func (a *account) syncVault(ctx context.Context, id seal.ID) error {
	k, err := a.entry(ctx, id)
	if err != nil {
		return translate(err)
	}
	b := a.box(k)
	return translate(b.turn(ctx, func() error {
		if err := b.doubt(ctx, &k); err != nil {
			return err
		}
		return b.sync(ctx, false)
	}))
}

// doubt has a mirror fetched anew in which an item does not open: it may be the
// service that showed a wrong one, and then the numbers do not move when it
// shows the right one again.
func (b *box) doubt(ctx context.Context, k *opened) error {
	bad := false
	err := b.a.state().View(ctx, func(tx kv.Tx) error {
		bad = false
		for rec, err := range itemdb.Records(tx, b.Mirror) {
			if err == nil {
				_, err = b.read(tx, k, rec.ID)
			}
			if bad = err != nil; bad {
				break
			}
		}
		return nil
	})
	if err != nil || !bad {
		return err
	}
	return b.a.state().Update(ctx, func(tx kv.Tx) error {
		m, ok := b.a.place.Mark(tx, b.id)
		if !ok {
			return nil
		}
		m.Stale, m.Updated = true, time.Time{}
		if v, err := b.a.vaultOf(tx, b.id); err == nil && v.Revision != 0 {
			m.Revision = 0 // else the mirror counts for itself
		}
		return b.a.place.PutMark(tx, b.id, m)
	})
}
