package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
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
	open       atomic.Pointer[opened] // nil once it is closed
}

// An opened is the keys of a vault that is open.
type opened struct {
	seal.Vault // seals and opens the items

	key      seal.VaultKey
	identity seal.Identity // of the user
}

var _ interface {
	vault.Vault
	vault.Trasher
	vault.Checker
	vault.Discarder
} = (*box)(nil)

// Close forgets the key; whatever is asked of b afterwards is vault.ErrLocked.
func (b *box) Close() error {
	b.open.Store(nil)
	return nil
}

// key returns what seals and opens the items.
func (b *box) key() (*opened, error) {
	if k := b.open.Load(); k != nil {
		return k, nil
	}
	return nil, fmt.Errorf("vault %s is closed: %w", b.id, vault.ErrLocked)
}

// reason returns why the vault has nothing that opens, as far as that can be
// said: it has a newer key, or is gone. Otherwise it is err.
func (b *box) reason(ctx context.Context, err error) error {
	switch state := b.state(ctx); {
	case errors.Is(state, errOldKey):
		return errOldKey
	case errors.Is(state, vaults.ErrNotFound):
		return cmp.Or(err, translate(state))
	default:
		return err
	}
}

// state returns errOldKey if the vault has a newer key, or what keeps its
// records from being read.
func (b *box) state(ctx context.Context) error {
	return b.d.Store.View(ctx, func(tx kv.Tx) error {
		v, err := vaults.Get(tx, b.user, b.id)
		if err == nil && b.isOld(v) {
			err = errOldKey
		}
		return err
	})
}

// isOld reports whether v has another key than b. A store in which a bit of the
// key version is wrong does not look like that: record and wrap have to agree.
func (b *box) isOld(v vaults.Vault) bool {
	w, err := seal.ParseWrap(v.Wrap)
	return err == nil && w.KeyVersion == v.KeyVersion && w.KeyVersion != b.keyVersion
}

func (b *box) Entries(ctx context.Context) iter.Seq2[vault.Entry, error] {
	return func(yield func(vault.Entry, error) bool) {
		k, err := b.key()
		if err != nil {
			yield(vault.Entry{}, err)
			return
		}
		found, err := b.read(ctx, k, false)
		if err != nil {
			yield(vault.Entry{}, err)
			return
		}
		for e := range found.all() {
			if !yield(e.Entry, e.err) {
				return
			}
		}
	}
}

// read collects the entries of the trash, or those outside it, before any is
// used, so that no transaction is open while the caller does something with
// them. An item whose record is damaged is outside.
//
// What is read is not asked for by the rules of service/vaults: who holds the
// key of the vault may read it, even if the records of the vault are damaged.
func (b *box) read(ctx context.Context, k seal.Vault, trash bool) (listing, error) {
	var found listing
	var opens bool
	err := b.d.Store.View(ctx, func(tx kv.Tx) error {
		found = nil
		for rec, err := range itemdb.Records(tx, itemdb.ID(b.id)) {
			if trashed := err == nil && !rec.Deleted.IsZero(); trashed != trash {
				continue
			}
			e, err := entry(k, rec, err)
			found = found.with(listed{vault.Trashed{Entry: e, Deleted: rec.Deleted}, err})
			opens = opens || err == nil
		}
		return nil
	})
	if err == nil && !opens {
		err = b.reason(ctx, nil)
	}
	return found, translate(err)
}

// A listed is an entry, and what is wrong with it.
type listed struct {
	vault.Trashed
	err error
}

// A listing is a long list in pieces of one size: growing it copies nothing,
// which shows where a process only lives for a list of thousands.
type listing [][]listed

// piece is how many entries a piece has.
const piece = 512

func (l listing) with(e listed) listing {
	last := len(l) - 1
	if last < 0 || len(l[last]) == piece {
		l, last = append(l, make([]listed, 0, piece)), last+1
	}
	l[last] = append(l[last], e)
	return l
}

// all yields the entries in order.
func (l listing) all() iter.Seq[listed] {
	return func(yield func(listed) bool) {
		for _, p := range l {
			for _, e := range p {
				if !yield(e) {
					return
				}
			}
		}
	}
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
		found, err = named(k, name, itemdb.Lookup(tx, itemdb.ID(b.id), k.NameIndex(name)), true)
		if err != nil || len(found) > 0 {
			return err
		}
		// The index may be damaged: nothing is missing before the names say so.
		found, err = named(k, name, itemdb.Records(tx, itemdb.ID(b.id)), false)
		return err
	})
	if err != nil || len(found) == 0 {
		return nil, b.reason(ctx, translate(err))
	}
	return found, nil
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
	var l loaded
	err = b.d.Store.View(ctx, func(tx kv.Tx) error {
		l.readRecord(tx, b.id, iid)
		l.readData(tx, b.id, iid)
		return nil
	})
	switch {
	case err != nil:
		return vault.Item{}, translate(err)
	case !l.hasRec && l.recErr == nil:
		return vault.Item{}, fmt.Errorf("item %s: %w", id, vault.ErrNotFound)
	case l.recErr == nil && !l.hasData:
		l.recErr = errNoData
	}
	it, err := openItem(k, l.rec, l.data, l.recErr)
	if err != nil {
		err = b.reason(ctx, err)
	}
	return it, err
}

// errNoData is what is wrong with an item of which only the name is there.
var errNoData = errors.New(itemdb.NoData.String())

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
