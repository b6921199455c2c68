package vaults_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/service/vaults"
)

// A modelItem is an item as the model of a vault has it.
type modelItem struct {
	Revision uint64
	Index    byte
	Data     string
	Deleted  bool
}

// A model is what a vault should be, in plain Go.
type model struct {
	revision uint64
	items    map[seal.ID]modelItem
}

// apply returns the model after c and whether c is accepted.
func (m model) apply(c vaults.Change) (model, bool) {
	next := model{m.revision, map[seal.ID]modelItem{}}
	for id, it := range m.items {
		next.items[id] = it
	}
	seen, changed := map[seal.ID]bool{}, false
	for _, p := range c.Put {
		old, found := next.items[p.ID]
		if seen[p.ID] || old.Revision != p.Revision || found && old.Deleted {
			return m, false
		}
		for id, other := range next.items {
			if p.Unique && id != p.ID && !other.Deleted && other.Index == p.Index[31] {
				return m, false
			}
		}
		seen[p.ID], changed = true, true
		next.items[p.ID] = modelItem{m.revision + 1, p.Index[31], string(p.Data), false}
	}
	move := func(refs []vaults.Ref, deleted bool) bool {
		for _, r := range refs {
			it, found := next.items[r.ID]
			if seen[r.ID] || !found || it.Revision != r.Revision {
				return false
			}
			if seen[r.ID] = true; it.Deleted != deleted {
				it.Revision, it.Deleted, changed = m.revision+1, deleted, true
				next.items[r.ID] = it
			}
		}
		return true
	}
	if !move(c.Delete, true) || !move(c.Restore, false) {
		return m, false
	}
	if changed {
		next.revision++
	}
	return next, true
}

// drawChange draws a change that fits the model more often than not.
func (m model) drawChange(t *rapid.T) vaults.Change {
	c := vaults.Change{KeyVersion: 1}
	id := rapid.Custom(func(t *rapid.T) seal.ID { return seal.ID{15: rapid.ByteRange(1, 4).Draw(t, "id")} })
	revision := func(id seal.ID) uint64 {
		if rapid.IntRange(0, 9).Draw(t, "stale") == 0 {
			return rapid.Uint64Range(0, m.revision+1).Draw(t, "revision")
		}
		return m.items[id].Revision
	}
	for range rapid.IntRange(0, 2).Draw(t, "puts") {
		id := id.Draw(t, "put")
		p := put(id, revision(id), rapid.StringN(1, 4, -1).Draw(t, "data"))
		p.Index, p.Unique = index(rapid.ByteRange(1, 3).Draw(t, "index")), rapid.Bool().Draw(t, "unique")
		c.Put = append(c.Put, p)
	}
	for _, refs := range []*[]vaults.Ref{&c.Delete, &c.Restore} {
		for range rapid.IntRange(0, 1).Draw(t, "refs") {
			id := id.Draw(t, "ref")
			*refs = append(*refs, vaults.Ref{ID: id, Revision: revision(id)})
		}
	}
	return c
}

// TestModel makes random changes in a vault and in a model of it.
func TestModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ctx, db := context.Background(), memory.New()
		err := db.Update(ctx, func(tx kv.Tx) error {
			_, err := vaults.Create(tx, at, alice, newVault(home, "home"))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		m := model{revision: 1}
		for i := range rapid.IntRange(1, 12).Draw(t, "changes") {
			c := m.drawChange(t)
			var rev uint64
			err := db.Update(ctx, func(tx kv.Tx) (err error) {
				rev, err = vaults.Apply(tx, later(i), alice, home, c)
				return err
			})
			next, ok := m.apply(c)
			if ok != (err == nil) {
				t.Fatalf("Apply: %v, but the model says %v", err, ok)
			}
			if m = next; ok && rev != m.revision {
				t.Fatalf("the revision is %d, want %d", rev, m.revision)
			}
			compare(t, db, m)
		}
	})
}

func compare(t *rapid.T, db kv.DB, m model) {
	err := db.View(context.Background(), func(tx kv.Tx) error {
		v, err := vaults.Get(tx, alice, home)
		if err != nil || v.Revision != m.revision {
			t.Fatalf("the vault is %+v, %v, want revision %d", v, err, m.revision)
		}
		items := map[seal.ID]modelItem{}
		for rec, err := range vaults.Records(tx, alice, home) {
			_, data, err2 := vaults.Item(tx, alice, home, rec.ID)
			if err := errors.Join(err, err2); err != nil {
				return err
			}
			items[rec.ID] = modelItem{rec.Revision, rec.Index[31], string(data), !rec.Deleted.IsZero()}
		}
		if diff := cmp.Diff(m.items, items); len(m.items)+len(items) > 0 && diff != "" {
			t.Fatal(diff)
		}
		if problems := itemdb.Check(tx, home); problems != nil {
			t.Fatalf("Check = %v", problems)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
