package local

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync/atomic"

	"golang.org/x/text/unicode/norm"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/service/vaults"
	"github.com/keyhold/keyhold/internal/vault"
)

// A box is one vault with its key. It may be used from several goroutines.
type box struct {
	d          backend.Deps
	user, id   seal.ID
	keyVersion uint64
	sealer     atomic.Pointer[seal.Vault] // nil once it is closed
}

var _ vault.Vault = (*box)(nil)

// Close forgets the key; whatever is asked of b afterwards is vault.ErrLocked.
func (b *box) Close() error {
	b.sealer.Store(nil)
	return nil
}

// key returns what seals and opens the items.
func (b *box) key() (seal.Vault, error) {
	if k := b.sealer.Load(); k != nil {
		return *k, nil
	}
	return nil, fmt.Errorf("vault %s is closed: %w", b.id, vault.ErrLocked)
}

func (b *box) Entries(ctx context.Context) iter.Seq2[vault.Entry, error] {
	return func(yield func(vault.Entry, error) bool) {
		k, err := b.key()
		if err != nil {
			yield(vault.Entry{}, err)
			return
		}
		entries, errs, err := b.read(ctx, k)
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
func (b *box) read(ctx context.Context, k seal.Vault) (entries []vault.Entry, errs []error, err error) {
	err = b.d.Store.View(ctx, func(tx kv.Tx) error {
		entries, errs = nil, nil
		for rec, err := range vaults.Records(tx, b.user, b.id) {
			if err != nil && !errors.Is(err, vaults.ErrDamaged) {
				return err
			}
			if err == nil && !rec.Deleted.IsZero() {
				continue
			}
			e, err := entry(k, rec, err)
			entries, errs = append(entries, e), append(errs, err)
		}
		return nil
	})
	return entries, errs, translate(err)
}

// entry opens the name of a record. err is what is wrong with the record
// itself. What does not open is a *vault.DamagedError.
func entry(k seal.Vault, rec itemdb.Record, err error) (vault.Entry, error) {
	id := seal.ID(rec.ID)
	e := vault.Entry{ID: id.String()}
	if err == nil {
		e.Type, e.Created, e.Updated, e.Revision = vault.UserType(rec.Type), rec.Created, rec.Updated, rec.Revision
		e.Name, err = k.OpenName(id, rec.Name)
	}
	if err != nil {
		return e, &vault.DamagedError{ID: e.ID, Err: err}
	}
	return e, nil
}

func (b *box) Lookup(ctx context.Context, name string) ([]vault.Entry, error) {
	k, err := b.key()
	if err != nil {
		return nil, err
	}
	var found []vault.Entry
	err = b.d.Store.View(ctx, func(tx kv.Tx) (err error) {
		// An item of the index that is damaged is the one that was asked for.
		found, err = named(k, name, vaults.Lookup(tx, b.user, b.id, k.NameIndex(name)), true)
		if err != nil || len(found) > 0 {
			return err
		}
		// The index may be damaged: nothing is missing before the names say so.
		found, err = named(k, name, vaults.Records(tx, b.user, b.id), false)
		return err
	})
	if err != nil {
		return nil, translate(err)
	}
	return found, nil
}

// named returns the entries outside the trash that have this name. Damaged
// ones are passed over unless strict.
func named(k seal.Vault, name string, records iter.Seq2[itemdb.Record, error], strict bool) ([]vault.Entry, error) {
	name = norm.NFC.String(name)
	var found []vault.Entry
	for rec, err := range records {
		if err != nil && !errors.Is(err, vaults.ErrDamaged) {
			return nil, err
		}
		if err == nil && !rec.Deleted.IsZero() {
			continue
		}
		e, err := entry(k, rec, err)
		switch {
		case err != nil && strict:
			return nil, err
		case err == nil && norm.NFC.String(e.Name) == name:
			found = append(found, e)
		}
	}
	return found, nil
}

func (b *box) Item(ctx context.Context, id string) (vault.Item, error) {
	k, err := b.key()
	if err != nil {
		return vault.Item{}, err
	}
	iid, err := seal.ParseID(id)
	if err != nil {
		return vault.Item{}, fmt.Errorf("item %s: %w", id, vault.ErrNotFound)
	}
	var rec itemdb.Record
	var data []byte
	var damage error // of this item; the store itself is whole
	err = b.d.Store.View(ctx, func(tx kv.Tx) error {
		r, d, err := vaults.Item(tx, b.user, b.id, iid)
		rec, data = r, slices.Clone(d)
		rec.Name = slices.Clone(r.Name)
		if damage = nil; errors.Is(err, vaults.ErrDamaged) {
			damage, err = err, nil
		}
		return err
	})
	if err != nil {
		return vault.Item{}, translate(err)
	}
	return openItem(k, rec, data, damage)
}

// Commit seals the items and has them written in one transaction.
func (b *box) Commit(ctx context.Context, c vault.Change) (vault.Revision, []vault.Item, error) {
	k, err := b.key()
	if err != nil {
		return 0, nil, err
	}
	change := vaults.Change{KeyVersion: b.keyVersion}
	var items []vault.Item
	for _, p := range c.Put {
		it, put, err := sealItem(k, b.d.Rand, p)
		if err != nil {
			return 0, nil, err
		}
		items, change.Put = append(items, it), append(change.Put, put)
	}
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
