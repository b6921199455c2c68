package vaultctl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/vault"
)

// Check verifies the pages of the store, the wrap, its signature and the pins,
// the keys of the members, the layout of the mirror, and every item. Unless the
// service is not to be asked, the mirror is brought up to date before.
func (b *box) Check(ctx context.Context, progress func(done, total int)) ([]vault.Problem, error) {
	k, err := b.key()
	if err != nil {
		return nil, err
	}
	c := checker{box: b}
	if s, ok := b.a.state().(interface{ Check(context.Context) error }); ok {
		if err := s.Check(ctx); errors.Is(err, kv.ErrDamaged) {
			c.add("%v", err)
		} else if err != nil {
			return nil, translate(err)
		}
	}
	if err := c.vault(ctx, k); err != nil {
		return nil, translate(err)
	}
	if k, err = b.key(); err != nil {
		return nil, err
	}
	if err := c.items(ctx, k, progress); err != nil {
		return nil, translate(err)
	}
	return c.problems, nil
}

// A checker is one Check under way.
type checker struct {
	*box

	problems []vault.Problem
}

func (c *checker) add(format string, args ...any) {
	c.problems = append(c.problems, vault.Problem{What: fmt.Sprintf(format, args...)})
}

// vault checks what the service says of the vault and its members.
func (c *checker) vault(ctx context.Context, k *opened) error {
	if !c.a.d.Service.Offline {
		err := c.turn(ctx, func() error { return c.sync(ctx, true) })
		switch {
		case errors.Is(err, vault.ErrDamaged) && ctx.Err() == nil:
			c.add("%v", err)
			return nil
		case err != nil:
			return err
		}
	}
	g, _, err := c.now(ctx)
	if err != nil {
		return err
	}
	if !g.there {
		return fmt.Errorf("there is no copy of vault %q on this machine to check: %w", g.listed.Name, backend.ErrOffline)
	}
	// What was verified before is verified again.
	signer, ok, err := c.signer(ctx, g.listed.Sender)
	switch {
	case err != nil:
		return err
	case !ok:
		c.add("the key of the vault is from %s, whose key is not trusted here", g.listed.Sender)
	default:
		if _, err := verifySignature(signer, g.listed, c.a.user()); err != nil {
			c.add("the signature of the vault's key: %v", err)
		}
	}
	if k.entry.Kind == seal.KindBound {
		if w, err := seal.ParseWrap(g.listed.Wrap); err != nil || w.Check != g.pin.Check {
			c.add("the key of the vault is not the one that is pinned")
		}
	}
	return c.members(ctx, g)
}

func (c *checker) signer(ctx context.Context, user seal.ID) (p seal.PublicKey, ok bool, err error) {
	err = c.a.state().View(ctx, func(tx kv.Tx) error {
		p, ok, err = c.a.signer(tx, user)
		return err
	})
	return p, ok, err
}

// members compares the keys of the members with those that are trusted here.
func (c *checker) members(ctx context.Context, g glance) error {
	if c.a.d.Service.Offline || g.listed.Type == personal {
		return nil
	}
	_, err := c.a.Members(ctx, c.id.String())
	if errors.Is(err, vault.ErrDamaged) {
		c.add("%v", err)
		return nil
	}
	return err
}

// batch is how many items are read in one transaction.
const batch = 200

// items opens every item of the mirror.
func (c *checker) items(ctx context.Context, k *opened, progress func(done, total int)) error {
	var ids []seal.ID
	faults := map[seal.ID][]string{}
	err := c.a.state().View(ctx, func(tx kv.Tx) error {
		ids = nil
		clear(faults)
		for _, p := range itemdb.Check(tx, c.Mirror) {
			faults[p.Item] = append(faults[p.Item], p.Fault.String())
		}
		for id := range itemdb.Known(tx, c.Mirror, itemdb.Names()) {
			ids = append(ids, id)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for id := range faults {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b seal.ID) int { return bytes.Compare(a[:], b[:]) })
	m := newMeter(progress, len(ids))
	for part := range slices.Chunk(ids, batch) {
		var found []vault.Problem
		err := c.a.state().View(ctx, func(tx kv.Tx) error {
			found = nil
			for _, id := range part {
				if p, ok := c.item(tx, k, id, faults[id]); ok {
					found = append(found, p)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		c.problems = append(c.problems, found...)
		for range part {
			m.step()
		}
	}
	return nil
}

// item reports what is wrong with an item, if anything is.
func (c *checker) item(tx kv.Tx, k *opened, id seal.ID, what []string) (vault.Problem, bool) {
	p := vault.Problem{ID: id.String()}
	it, err := c.read(tx, k, id)
	var damaged *vault.DamagedError
	switch {
	case errors.As(err, &damaged):
		p.Name = damaged.Name
		what = append(what, damaged.Err.Error())
	case err == nil:
		p.Name = it.Name
		tags, err := openTags(k, id, itemdb.Tags(tx, c.Mirror, id))
		if rec, _, _ := itemdb.Get(tx, c.Mirror, id); rec.Index != k.NameIndex(it.Name) {
			what = append(what, itemdb.StrayIndex.String())
		}
		if err != nil || len(tags) > 0 && !slices.Equal(tags, it.Tags) {
			what = append(what, "the copy of its tags is damaged")
		}
	}
	slices.Sort(what)
	p.What = strings.Join(slices.Compact(what), "; ")
	return p, len(what) > 0
}
