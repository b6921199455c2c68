package local

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"golang.org/x/text/unicode/norm"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/service/vaults"
	"github.com/keyhold/keyhold/internal/vault"
)

// A box is one vault with its key.
type box struct {
	d          backend.Deps
	user, id   seal.ID
	keyVersion uint64
	seal       seal.Vault
}

var _ vault.Vault = (*box)(nil)

// Close forgets the key.
func (b *box) Close() error {
	b.seal = nil
	return nil
}

func (b *box) Entries(ctx context.Context) iter.Seq2[vault.Entry, error] {
	return func(yield func(vault.Entry, error) bool) {
		entries, errs, err := b.read(ctx)
		if err != nil {
			yield(vault.Entry{}, err)
			return
		}
		for i, e := range entries {
			if !yield(e, errs[i]) {
				return
			}
		}
	}
}

// read collects the entries before any is used, so that no transaction is
// open while the caller does something with them.
func (b *box) read(ctx context.Context) (entries []vault.Entry, errs []error, err error) {
	err = b.d.Store.View(ctx, func(tx kv.Tx) error {
		for rec, err := range vaults.Records(tx, b.user, b.id) {
			if err != nil {
				return err
			}
			if !rec.Deleted.IsZero() {
				continue
			}
			e, err := b.entry(rec)
			entries, errs = append(entries, e), append(errs, err)
		}
		return nil
	})
	return entries, errs, translate(err)
}

// entry opens the name of a record.
func (b *box) entry(rec itemdb.Record) (vault.Entry, error) {
	id := seal.ID(rec.ID)
	e := vault.Entry{ID: id.String(), Type: vault.UserType(rec.Type), Created: rec.Created, Updated: rec.Updated, Revision: rec.Revision}
	var err error
	if e.Name, err = b.seal.OpenName(id, rec.Name); err != nil {
		err = &vault.DamagedError{ID: e.ID, Err: err}
	}
	return e, err
}

func (b *box) Lookup(ctx context.Context, name string) ([]vault.Entry, error) {
	name = norm.NFC.String(name)
	var found []vault.Entry
	collect := func(records iter.Seq2[itemdb.Record, error], strict bool) error {
		for rec, err := range records {
			if err != nil {
				return err
			}
			if !rec.Deleted.IsZero() {
				continue
			}
			e, err := b.entry(rec)
			if err != nil && strict {
				return err
			}
			if err == nil && norm.NFC.String(e.Name) == name {
				found = append(found, e)
			}
		}
		return nil
	}
	err := b.d.Store.View(ctx, func(tx kv.Tx) error {
		found = nil
		if err := collect(vaults.Lookup(tx, b.user, b.id, b.seal.NameIndex(name)), true); err != nil || len(found) > 0 {
			return err
		}
		// The index may be damaged: nothing is missing before the names say so.
		return collect(vaults.Records(tx, b.user, b.id), false)
	})
	return found, translate(err)
}

func (b *box) Item(ctx context.Context, id string) (vault.Item, error) {
	iid, err := seal.ParseID(id)
	if err != nil {
		return vault.Item{}, fmt.Errorf("item %s: %w", id, vault.ErrNotFound)
	}
	var rec itemdb.Record
	var data []byte
	err = b.d.Store.View(ctx, func(tx kv.Tx) error {
		r, d, err := vaults.Item(tx, b.user, b.id, iid)
		rec, data = r, slices.Clone(d)
		rec.Name = slices.Clone(r.Name)
		return err
	})
	if err != nil {
		return vault.Item{}, translate(err)
	}
	return b.openItem(rec, data)
}

// Commit seals the items and has them written in one transaction.
func (b *box) Commit(ctx context.Context, c vault.Change) (vault.Revision, []vault.Item, error) {
	change := vaults.Change{KeyVersion: b.keyVersion}
	var items []vault.Item
	for _, p := range c.Put {
		it, put, err := b.sealItem(p)
		if err != nil {
			return 0, nil, err
		}
		items, change.Put = append(items, it), append(change.Put, put)
	}
	var err error
	if change.Delete, err = refs(c.Delete); err != nil {
		return 0, nil, err
	}
	if change.Restore, err = refs(c.Restore); err != nil {
		return 0, nil, err
	}
	var rev uint64
	err = b.d.Store.Update(ctx, func(tx kv.Tx) error {
		if c.Base != 0 {
			v, err := vaults.Get(tx, b.user, b.id)
			if err != nil {
				return err
			}
			if v.Revision != uint64(c.Base) {
				return &vaults.ConflictError{Field: "revision", Base: uint64(c.Base), Current: v.Revision}
			}
		}
		rev, err = vaults.Apply(tx, b.d.Now(), b.user, b.id, change)
		return err
	})
	if err != nil {
		return 0, nil, translate(err)
	}
	for i := range items {
		items[i].Revision = rev
	}
	return vault.Revision(rev), items, nil
}

func refs(list []vault.Ref) ([]vaults.Ref, error) {
	out := make([]vaults.Ref, len(list))
	for i, r := range list {
		id, err := seal.ParseID(r.ID)
		if err != nil {
			return nil, fmt.Errorf("item %s: %w", r.ID, vault.ErrNotFound)
		}
		out[i] = vaults.Ref{ID: id, Revision: r.Revision}
	}
	return out, nil
}
