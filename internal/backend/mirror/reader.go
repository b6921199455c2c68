// Package mirror reads the copy that this machine has of a vault at a service,
// and decides when it has to be made current before. How a copy is made, and
// what is believed of a service, is for each backend.
package mirror

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"golang.org/x/text/unicode/norm"

	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/vault"
)

// A Reader has the reads of a vault.Vault.
type Reader struct {
	Mirror itemdb.ID // of the copy
	// View calls fn over a copy that is as fresh as it has to be.
	View func(ctx context.Context, fn func(kv.Tx, seal.Vault) error) error
	// EntryOf opens the name of a record; err is what is wrong with the record
	// itself. What does not open is a *vault.DamagedError.
	EntryOf func(k seal.Vault, rec itemdb.Record, err error) (vault.Entry, error)
	// Open opens an item.
	Open func(tx kv.Tx, k seal.Vault, id seal.ID) (vault.Item, error)
}

// Entries yields the entries outside the trash.
func (r *Reader) Entries(ctx context.Context) iter.Seq2[vault.Entry, error] {
	return func(yield func(vault.Entry, error) bool) {
		for e, err := range r.Listing(ctx, false) {
			if !yield(e.Entry, err) {
				return
			}
		}
	}
}

// Trash yields what is in the trash.
func (r *Reader) Trash(ctx context.Context) iter.Seq2[vault.Trashed, error] {
	return r.Listing(ctx, true)
}

// A listed is an entry, and what is wrong with it.
type listed struct {
	vault.Trashed
	err error
}

// piece is how many entries are kept in one slice: growing a long one would
// copy what is there.
const piece = 512

// Listing collects the entries of the trash, or those outside it, before any is
// yielded, so that no transaction is open meanwhile.
func (r *Reader) Listing(ctx context.Context, trash bool) iter.Seq2[vault.Trashed, error] {
	return func(yield func(vault.Trashed, error) bool) {
		var found [][]listed
		err := r.View(ctx, func(tx kv.Tx, k seal.Vault) error {
			found = nil
			for rec, err := range itemdb.Records(tx, r.Mirror) {
				if trashed := err == nil && !rec.Deleted.IsZero(); trashed != trash {
					continue
				}
				e, err := r.EntryOf(k, rec, err)
				if n := len(found); n == 0 || len(found[n-1]) == piece {
					found = append(found, make([]listed, 0, piece))
				}
				last := &found[len(found)-1]
				*last = append(*last, listed{vault.Trashed{Entry: e, Deleted: rec.Deleted}, err})
			}
			return nil
		})
		if err != nil {
			yield(vault.Trashed{}, err)
			return
		}
		for _, p := range found {
			for _, e := range p {
				if !yield(e.Trashed, e.err) {
					return
				}
			}
		}
	}
}

// Count counts by the records alone. A damaged one is an item: it is listed, as
// an error.
func (r *Reader) Count(ctx context.Context) (items, trashed int, err error) {
	err = r.View(ctx, func(tx kv.Tx, _ seal.Vault) error {
		items, trashed = 0, 0
		for rec, err := range itemdb.Records(tx, r.Mirror) {
			if err == nil && !rec.Deleted.IsZero() {
				trashed++
			} else {
				items++
			}
		}
		return nil
	})
	return items, trashed, err
}

// Lookup looks into the index and, if that has nothing, at all names.
func (r *Reader) Lookup(ctx context.Context, name string) (found []vault.Entry, err error) {
	err = r.View(ctx, func(tx kv.Tx, k seal.Vault) (err error) {
		found, err = r.lookup(tx, k, name)
		return err
	})
	return found, err
}

func (r *Reader) lookup(tx kv.Tx, k seal.Vault, name string) ([]vault.Entry, error) {
	found, err := r.named(k, name, itemdb.Lookup(tx, r.Mirror, k.NameIndex(name)), true)
	if err != nil || len(found) > 0 {
		return found, err
	}
	return r.named(k, name, itemdb.Records(tx, r.Mirror), false)
}

// named returns the entries outside the trash that have this name. Damaged
// ones are passed over unless strict.
func (r *Reader) named(k seal.Vault, name string, records iter.Seq2[itemdb.Record, error], strict bool) ([]vault.Entry, error) {
	name = norm.NFC.String(name)
	var found []vault.Entry
	for rec, err := range records {
		if err == nil && !rec.Deleted.IsZero() {
			continue
		}
		e, err := r.EntryOf(k, rec, err)
		switch {
		case err != nil && strict:
			return nil, err
		case err == nil && norm.NFC.String(e.Name) == name:
			found = append(found, e)
		}
	}
	return found, nil
}

// Item opens one item.
func (r *Reader) Item(ctx context.Context, id string) (it vault.Item, err error) {
	err = r.View(ctx, func(tx kv.Tx, k seal.Vault) (err error) {
		it, err = r.item(tx, k, id)
		return err
	})
	return it, err
}

func (r *Reader) item(tx kv.Tx, k seal.Vault, id string) (vault.Item, error) {
	iid, err := seal.ParseID(id)
	if err != nil {
		return vault.Item{}, fmt.Errorf("item %s: %w", id, vault.ErrNotFound)
	}
	return r.Open(tx, k, iid)
}

// Tags opens the copies of the tags that stand beside the items.
func (r *Reader) Tags(ctx context.Context) (tags map[string][]string, err error) {
	err = r.View(ctx, func(tx kv.Tx, k seal.Vault) error {
		tags = r.tags(tx, k)
		return nil
	})
	return tags, err
}

func (r *Reader) tags(tx kv.Tx, k seal.Vault) map[string][]string {
	tags := map[string][]string{}
	for id, blob := range itemdb.AllTags(tx, r.Mirror) {
		list, err := k.OpenTags(seal.ID(id), blob)
		if err != nil {
			it, err := r.Open(tx, k, seal.ID(id))
			if err != nil {
				continue
			}
			list = slices.Clone(it.Tags)
		}
		tags[seal.ID(id).String()] = list
	}
	return tags
}

// Snapshot reads in one transaction.
func (r *Reader) Snapshot(ctx context.Context, fn func(vault.Vault) error) error {
	return r.View(ctx, func(tx kv.Tx, k seal.Vault) error { return fn(snapshot{r, k, tx}) })
}

// A snapshot is a vault for as long as tx is open.
type snapshot struct {
	r  *Reader
	k  seal.Vault
	tx kv.Tx
}

var errSnapshot = fmt.Errorf("a snapshot can only be read: %w", errors.ErrUnsupported)

// Entries is that of the vault.
func (s snapshot) Entries(context.Context) iter.Seq2[vault.Entry, error] {
	return func(yield func(vault.Entry, error) bool) {
		for rec, err := range itemdb.Records(s.tx, s.r.Mirror) {
			if err == nil && !rec.Deleted.IsZero() {
				continue
			}
			if !yield(s.r.EntryOf(s.k, rec, err)) {
				return
			}
		}
	}
}

// Lookup is that of the vault.
func (s snapshot) Lookup(_ context.Context, name string) ([]vault.Entry, error) {
	return s.r.lookup(s.tx, s.k, name)
}

// Item is that of the vault.
func (s snapshot) Item(_ context.Context, id string) (vault.Item, error) {
	return s.r.item(s.tx, s.k, id)
}

// Tags is that of the vault.
func (s snapshot) Tags(context.Context) (map[string][]string, error) { return s.r.tags(s.tx, s.k), nil }

// Commit is refused.
func (s snapshot) Commit(context.Context, vault.Change) (vault.Revision, []vault.Item, error) {
	return 0, nil, errSnapshot
}

// Close does nothing: the key is that of the vault.
func (s snapshot) Close() error { return nil }
