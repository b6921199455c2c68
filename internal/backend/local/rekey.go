package local

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/service/vaults"
	"github.com/keyhold/keyhold/internal/vault"
)

// Rekey gives a vault another key. It reads and seals without holding the
// store, and commits only if the vault is still what was read.
func (a *account) Rekey(ctx context.Context, id string, progress func(done, total int)) error {
	vid, err := seal.ParseID(id)
	if err != nil {
		return fmt.Errorf("vault %s: %w", id, vault.ErrNotFound)
	}
	var done rekeyed
	err = a.asOwner(ctx, func(o owner) (err error) {
		done, err = o.rekey(ctx, a.d, vid, progress)
		return err
	})
	if err != nil {
		return err
	}
	// It is committed: whatever ends ctx, the session gets the key.
	ctx = context.WithoutCancel(ctx)
	err = done.readBack(ctx, a)
	if err == nil {
		err = scrub(ctx, a.d)
	}
	kept := a.keep(ctx, func(s seal.KeySet) seal.KeySet { return s.With(done.entry) })
	if kept != nil {
		kept = fmt.Errorf("the vault has a new key, but it is not in the open session: %w", kept)
	}
	return errors.Join(err, kept)
}

// A rekeyed is a vault that has a new key.
type rekeyed struct {
	entry seal.VaultEntry
	ids   []seal.ID // of its items
	meter *meter    // half way
}

// A sealedVault is a vault as it was read in one transaction.
type sealedVault struct {
	vaults.Vault

	items []loaded
}

// rekey seals a vault anew and commits that.
func (o owner) rekey(ctx context.Context, d backend.Deps, id seal.ID, progress func(done, total int)) (rekeyed, error) {
	fail := func(err error) (rekeyed, error) { return rekeyed{}, err }
	v, err := o.readVault(ctx, d.Store, id)
	if err != nil {
		return fail(err)
	}
	old, err := o.unwrap(v.Vault)
	if err != nil {
		return fail(fmt.Errorf("the key of vault %s: %w", id, translate(err)))
	}
	defer old.Key.Wipe()
	done := rekeyed{meter: newMeter(progress, 2*len(v.items))}
	if done.entry, err = makeKey(d.Rand, id, v.KeyVersion+1); err != nil {
		return fail(err)
	}
	n := vaults.NewKey{KeyVersion: v.KeyVersion, Revision: v.Revision, Members: []vaults.MemberKey{{User: o.ID}}}
	if n.Members[0].Wrap, n.Members[0].Signature, err = o.wrap(done.entry); err != nil {
		return fail(err)
	}
	from, err := old.Open()
	if err != nil {
		return fail(err)
	}
	to, err := done.entry.Open()
	if err != nil {
		return fail(err)
	}
	for i, it := range v.items {
		if err := ctx.Err(); err != nil {
			return fail(err)
		}
		s, err := reseal(from, to, d.Rand, it)
		if err != nil {
			return fail(err)
		}
		v.items[i] = loaded{} // what is sealed twice does not have to be in memory twice
		n.Items, done.ids = append(n.Items, s), append(done.ids, s.ID)
		done.meter.step()
	}
	return done, d.Store.Update(ctx, func(tx kv.Tx) error {
		if err := o.current(tx); err != nil {
			return err
		}
		_, err := vaults.Rekey(tx, d.Now(), o.ID, id, n)
		return errors.Join(err, scrubDue(tx))
	})
}

// readVault reads a vault with all its items. Data without a record, which
// would stay under the old key, is a *vault.DamagedError.
func (o owner) readVault(ctx context.Context, db kv.DB, id seal.ID) (v sealedVault, err error) {
	err = db.View(ctx, func(tx kv.Tx) (err error) {
		if v.Vault, err = vaults.Get(tx, o.ID, id); err != nil {
			return err
		}
		v.items = nil
		for _, p := range itemdb.Check(tx, itemdb.ID(id)) {
			switch p.Fault { //nolint:exhaustive // the index is made anew, and reseal finds what is missing
			case itemdb.NoRecord:
				return &vault.DamagedError{ID: seal.ID(p.Item).String(), Err: errors.New(p.Fault.String())}
			case itemdb.UnknownKey:
				return fmt.Errorf("vault %s: %w: %s", id, vault.ErrDamaged, p.Fault)
			}
		}
		for item := range itemdb.Known(tx, itemdb.ID(id), itemdb.Names()) {
			var l loaded
			l.readRecord(tx, id, seal.ID(item))
			l.readData(tx, id, seal.ID(item))
			v.items = append(v.items, l)
		}
		return nil
	})
	return v, err
}

// reseal opens an item and seals the same bytes under another key.
func reseal(from, to seal.Vault, rand io.Reader, it loaded) (s vaults.SealedItem, err error) {
	s.ID = seal.ID(it.rec.ID)
	if it.recErr != nil {
		return s, &vault.DamagedError{ID: s.ID.String(), Err: it.recErr}
	}
	name, err := from.OpenName(s.ID, it.rec.Name)
	if err != nil {
		return s, &vault.DamagedError{ID: s.ID.String(), Err: err}
	}
	plain, err := from.OpenData(s.ID, it.data) // damaged, too, if there is none
	if err != nil {
		return s, &vault.DamagedError{ID: s.ID.String(), Name: name, Err: err}
	}
	defer plain.Wipe()
	if s.Name, err = to.SealName(rand, s.ID, name); err != nil {
		return s, err
	}
	item, err := vault.UnmarshalItem(plain)
	if err != nil {
		return s, &vault.DamagedError{ID: s.ID.String(), Name: name, Err: err}
	}
	if s.Tags, err = sealTags(to, rand, s.ID, item.Tags); err != nil {
		return s, err
	}
	s.Data, err = to.SealData(rand, s.ID, plain)
	s.Index = to.NameIndex(name)
	return s, err
}

// readBack opens everything under the new key as the store has it now. What is
// gone was purged meanwhile.
func (r rekeyed) readBack(ctx context.Context, a *account) error {
	b, err := a.box(r.entry)
	if err != nil {
		return err
	}
	k := b.open.Load()
	for rest := r.ids; len(rest) > 0; rest = rest[min(batch, len(rest)):] {
		ids := rest[:min(batch, len(rest))]
		list, err := load(ctx, a.d.Store, r.entry.Vault, ids)
		if err != nil {
			return translate(err)
		}
		for i, l := range list {
			r.meter.step()
			if gone := !l.hasRec && !l.hasData && l.recErr == nil && l.dataErr == nil; gone {
				continue
			}
			if _, what := l.open(k, ids[i]); len(what) > 0 {
				err := fmt.Errorf("after it was sealed anew: %s", what[0])
				return b.reason(ctx, &vault.DamagedError{ID: ids[i].String(), Err: err})
			}
		}
	}
	return nil
}
