package pwm

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

// Entries yields the entries outside the trash.
func (b *box) Entries(ctx context.Context) iter.Seq2[vault.Entry, error] {
	return func(yield func(vault.Entry, error) bool) {
		for e, err := range b.listing(ctx, false) {
			if !yield(e.Entry, err) {
				return
			}
		}
	}
}

// Trash yields what is in the trash.
func (b *box) Trash(ctx context.Context) iter.Seq2[vault.Trashed, error] { return b.listing(ctx, true) }

// A listed is an entry, and what is wrong with it.
type listed struct {
	vault.Trashed
	err error
}

// piece is how many entries are kept in one slice: growing a long one would
// copy what is there.
const piece = 512

// listing collects the entries of the trash, or those outside it, before any is
// yielded, so that no transaction is open meanwhile.
func (b *box) listing(ctx context.Context, trash bool) iter.Seq2[vault.Trashed, error] {
	return func(yield func(vault.Trashed, error) bool) {
		var found [][]listed
		err := b.view(ctx, func(tx kv.Tx, k *opened) error {
			found = nil
			for rec, err := range itemdb.Records(tx, b.mirror) {
				if trashed := err == nil && !rec.Deleted.IsZero(); trashed != trash {
					continue
				}
				e, err := listOf(k, rec, err)
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

// listOf opens the name of a record. err is what is wrong with the record
// itself. What does not open is a *vault.DamagedError.
func listOf(k seal.Vault, rec itemdb.Record, err error) (vault.Entry, error) {
	id := seal.ID(rec.ID)
	e := vault.Entry{ID: id.String()}
	if err == nil {
		e.Type, e.Created, e.Updated, e.Revision = rec.Type, rec.Created, rec.Updated, rec.Revision
		e.Name, err = k.OpenName(id, rec.Name)
	}
	if err == nil && rec.Type == damagedType {
		err = errKept
	}
	if err != nil {
		return e, &vault.DamagedError{ID: e.ID, Name: e.Name, Err: err}
	}
	return e, nil
}

// errKept is what is wrong with an entry that is only kept; reading it says more.
var errKept = errors.New("the entry does not read, and is kept as it is")

// Lookup looks into the index and, if that has nothing, at all names.
func (b *box) Lookup(ctx context.Context, name string) (found []vault.Entry, err error) {
	err = b.view(ctx, func(tx kv.Tx, k *opened) (err error) {
		found, err = named(k, name, itemdb.Lookup(tx, b.mirror, k.NameIndex(name)), true)
		if err != nil || len(found) > 0 {
			return err
		}
		found, err = named(k, name, itemdb.Records(tx, b.mirror), false)
		return err
	})
	return found, err
}

// named returns the entries outside the trash that have this name. Damaged
// ones are passed over unless strict.
func named(k seal.Vault, name string, records iter.Seq2[itemdb.Record, error], strict bool) ([]vault.Entry, error) {
	name = norm.NFC.String(name)
	var found []vault.Entry
	for rec, err := range records {
		if err == nil && !rec.Deleted.IsZero() {
			continue
		}
		e, err := listOf(k, rec, err)
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
func (b *box) Item(ctx context.Context, id string) (it vault.Item, err error) {
	iid, err := seal.ParseID(id)
	if err != nil {
		if _, err := b.key(); err != nil {
			return vault.Item{}, err
		}
		return vault.Item{}, notFound("item", id)
	}
	err = b.view(ctx, func(tx kv.Tx, k *opened) (err error) {
		it, err = b.read(tx, k, iid)
		return err
	})
	return it, err
}

// Tags opens the copies of the tags that stand beside the items.
func (b *box) Tags(ctx context.Context) (tags map[string][]string, err error) {
	err = b.view(ctx, func(tx kv.Tx, k *opened) error {
		tags = b.tags(tx, k)
		return nil
	})
	return tags, err
}

func (b *box) tags(tx kv.Tx, k *opened) map[string][]string {
	tags := map[string][]string{}
	for id, blob := range itemdb.AllTags(tx, b.mirror) {
		list, err := k.OpenTags(seal.ID(id), blob)
		if err != nil {
			it, err := b.read(tx, k, seal.ID(id))
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
func (b *box) Snapshot(ctx context.Context, fn func(vault.Vault) error) error {
	return b.view(ctx, func(tx kv.Tx, k *opened) error { return fn(snapshot{b, k, tx}) })
}

// A snapshot is a vault for as long as tx is open.
type snapshot struct {
	b  *box
	k  *opened
	tx kv.Tx
}

var errSnapshot = fmt.Errorf("a snapshot can only be read: %w", errors.ErrUnsupported)

// Entries is that of the vault.
func (s snapshot) Entries(context.Context) iter.Seq2[vault.Entry, error] {
	return func(yield func(vault.Entry, error) bool) {
		for rec, err := range itemdb.Records(s.tx, s.b.mirror) {
			if err == nil && !rec.Deleted.IsZero() {
				continue
			}
			if !yield(listOf(s.k, rec, err)) {
				return
			}
		}
	}
}

// Lookup is that of the vault.
func (s snapshot) Lookup(_ context.Context, name string) ([]vault.Entry, error) {
	found, err := named(s.k, name, itemdb.Lookup(s.tx, s.b.mirror, s.k.NameIndex(name)), true)
	if err != nil || len(found) > 0 {
		return found, err
	}
	return named(s.k, name, itemdb.Records(s.tx, s.b.mirror), false)
}

// Item is that of the vault.
func (s snapshot) Item(_ context.Context, id string) (vault.Item, error) {
	iid, err := seal.ParseID(id)
	if err != nil {
		return vault.Item{}, notFound("item", id)
	}
	return s.b.read(s.tx, s.k, iid)
}

// Tags is that of the vault.
func (s snapshot) Tags(context.Context) (map[string][]string, error) { return s.b.tags(s.tx, s.k), nil }

// Commit is refused.
func (s snapshot) Commit(context.Context, vault.Change) (vault.Revision, []vault.Item, error) {
	return 0, nil, errSnapshot
}

// Close does nothing: the key is that of the vault.
func (s snapshot) Close() error { return nil }
