package local

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/service/accounts"
	"github.com/keyhold/keyhold/internal/service/vaults"
	"github.com/keyhold/keyhold/internal/vault"
)

// Check verifies the pages of the store, the account, the vault's records, its
// key and every item that any part of the store still knows.
func (b *box) Check(ctx context.Context, progress func(done, total int)) ([]vault.Problem, error) {
	k, err := b.key()
	if err != nil {
		return nil, err
	}
	c := checker{box: b, k: k, ids: map[seal.ID]bool{}, faults: map[seal.ID][]string{}}
	for _, part := range []func(context.Context) error{c.pages, c.account, c.vault, c.layout, c.known} {
		if err := part(ctx); err != nil {
			return nil, translate(err)
		}
	}
	if c.missing != nil && len(c.ids) == 0 {
		return nil, translate(c.missing)
	}
	if err := c.items(ctx, progress); err != nil {
		return nil, translate(err)
	}
	return c.problems, nil
}

// A checker is one Check under way.
type checker struct {
	*box

	k        *opened
	ids      map[seal.ID]bool     // of the items that there are
	faults   map[seal.ID][]string // of items, as far as their keys tell
	torn     bool                 // there may be more faults
	missing  error                // vaults.ErrNotFound if the vault itself is not there
	problems []vault.Problem
}

// add reports a problem of no item.
func (c *checker) add(format string, args ...any) {
	c.problems = append(c.problems, vault.Problem{What: fmt.Sprintf(format, args...)})
}

// read is View for one thing that is called what: that it cannot be read is a
// problem, and nothing else is an error.
func (c *checker) read(ctx context.Context, what string, fn func(kv.Tx) error) error {
	err := c.d.Store.View(ctx, fn)
	if errors.Is(err, kv.ErrDamaged) {
		c.add("%s cannot be read", what)
		return nil
	}
	return err
}

// pages has the store check its own structure, if it can.
func (c *checker) pages(ctx context.Context) error {
	err := checkPages(ctx, c.d.Store)
	if errors.Is(err, kv.ErrDamaged) {
		c.add("%v", err)
		return nil
	}
	return err
}

func checkPages(ctx context.Context, db kv.DB) error {
	s, ok := db.(interface{ Check(context.Context) error })
	if !ok {
		return nil
	}
	return s.Check(ctx)
}

func (c *checker) account(ctx context.Context) error {
	return c.read(ctx, "the account", func(tx kv.Tx) error {
		pub, err := c.k.identity.Public()
		if err != nil {
			return err
		}
		switch acc, err := accounts.Get(tx, c.user); {
		case err != nil:
			c.add("%v", err)
		case !bytes.Equal(acc.Identity, pub[:]):
			c.add("the account has another identity key than this session")
		}
		return nil
	})
}

// vault checks the records of the vault and the wrap of its key.
func (c *checker) vault(ctx context.Context) error {
	return c.read(ctx, "the vault", func(tx kv.Tx) error {
		listed := slices.ContainsFunc(vaults.List(tx, c.user), func(v vaults.Vault) bool { return v.ID == c.id })
		v, err := vaults.Get(tx, c.user, c.id)
		switch {
		case errors.Is(err, vaults.ErrNotFound) && !listed:
			c.missing = err
			c.add("%v", err)
			return nil
		case err != nil:
			c.add("%v", err)
			return nil
		case c.isOld(v):
			return errOldKey
		case !listed:
			c.add("the list of vaults lacks the vault")
		}
		w, err := wrapOf(c.k.identity, c.user, v)
		if err != nil {
			c.add("the key of the vault: %v", err)
			return nil
		}
		check, err := c.k.key.Check(c.id, c.keyVersion)
		if err == nil && (w.Check != check || w.KeyVersion != c.keyVersion) {
			c.add("the vault has another key than this session")
		}
		return err
	})
}

// layout compares the parts of the store with each other.
func (c *checker) layout(ctx context.Context) error {
	var found []itemdb.Problem
	err := c.d.Store.View(ctx, func(tx kv.Tx) error {
		found = itemdb.Check(tx, itemdb.ID(c.id))
		return nil
	})
	if errors.Is(err, kv.ErrDamaged) {
		c.torn = true
		c.add("the items cannot all be read")
		return nil
	}
	for _, p := range found {
		if p.Fault == itemdb.UnknownKey {
			c.add("%s", p.Fault)
			continue
		}
		id := seal.ID(p.Item)
		c.ids[id] = true
		c.faults[id] = append(c.faults[id], p.Fault.String())
	}
	return err
}

// known finds the items that each part of the store knows. Where a page cannot
// be read it goes on behind it.
func (c *checker) known(ctx context.Context) error {
	for _, part := range itemdb.Parts() {
		scan := func(first ...byte) error {
			return c.d.Store.View(ctx, func(tx kv.Tx) error {
				for id := range itemdb.Known(tx, itemdb.ID(c.id), part, first...) {
					c.ids[seal.ID(id)] = true
				}
				return nil
			})
		}
		err := scan()
		for b := 0; b < 256 && errors.Is(err, kv.ErrDamaged); b++ {
			if e := scan(byte(b)); e != nil && !errors.Is(e, kv.ErrDamaged) {
				return e
			}
		}
		if err != nil && !errors.Is(err, kv.ErrDamaged) {
			return err
		}
	}
	return nil
}

// items opens every item.
func (c *checker) items(ctx context.Context, progress func(done, total int)) error {
	all := slices.SortedFunc(maps.Keys(c.ids), func(a, b seal.ID) int { return bytes.Compare(a[:], b[:]) })
	m := newMeter(progress, len(all))
	found := len(c.problems)
	for ids := range slices.Chunk(all, batch) {
		list, err := load(ctx, c.d.Store, c.id, ids)
		if err != nil {
			return err
		}
		for i, l := range list {
			c.item(ids[i], l)
			m.step()
		}
	}
	if len(c.problems) > found { // has another process given the vault a new key?
		if err := c.state(ctx); errors.Is(err, errOldKey) {
			return err
		}
	}
	return nil
}

// item reports what is wrong with an item, if anything is.
func (c *checker) item(id seal.ID, l loaded) {
	faults := c.faults[id]
	if !l.hasRec && !l.hasData && l.recErr == nil && l.dataErr == nil {
		// Nothing but the index knows it, or it was purged meanwhile.
		if c.torn && len(faults) == 0 {
			faults = []string{itemdb.StrayIndex.String()}
		}
		if len(faults) > 0 {
			c.problems = append(c.problems, vault.Problem{ID: id.String(), What: faults[0]})
		}
		return
	}
	name, what := l.open(c.k, id)
	for _, f := range faults {
		if !slices.Contains(what, f) {
			what = append(what, f)
		}
	}
	if len(what) > 0 {
		c.problems = append(c.problems, vault.Problem{ID: id.String(), Name: name, What: strings.Join(what, "; ")})
	}
}

// open opens both parts of an item and returns its name, if that opens, and
// what is wrong.
func (l loaded) open(k *opened, id seal.ID) (name string, what []string) {
	var err error
	switch {
	case errors.Is(l.recErr, itemdb.ErrDamaged):
		what = append(what, itemdb.BadRecord.String())
	case l.recErr != nil:
		what = append(what, "its record cannot be read")
	case !l.hasRec:
		what = append(what, itemdb.NoRecord.String())
	default:
		if name, err = k.OpenName(id, l.rec.Name); err != nil {
			what = append(what, "its name does not open")
		} else if k.NameIndex(name) != l.rec.Index {
			what = append(what, itemdb.StrayIndex.String())
		}
	}
	switch {
	case l.dataErr != nil:
		what = append(what, "its data cannot be read")
	case !l.hasData:
		what = append(what, itemdb.NoData.String())
	default:
		if it, err := openData(k, id, l.data); err != nil {
			what = append(what, "its data does not open")
		} else if tags, err := openTags(k, id, l.tags); cmp.Or(l.tagsErr, err) != nil || !slices.Equal(tags, it.Tags) {
			what = append(what, "the copy of its tags is damaged")
		}
	}
	return name, what
}
