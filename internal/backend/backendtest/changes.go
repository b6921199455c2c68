package backendtest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/vault"
)

func ref(it vault.Item) []vault.Ref { return []vault.Ref{{ID: it.ID, Revision: it.Revision}} }

func (c *check) trash() {
	v := c.client()
	it := c.one(v, full(vault.Types()[0]))
	c.commit(v, vault.Change{Delete: ref(it)})
	other := c.client()
	c.wantIDs("Entries without the deleted item", sortedIDs(c.entriesOf(other)))
	c.wantIDs("Lookup without the deleted item", c.found(other, it.Name))
	gone := c.item(other, it.ID)
	if gone.Deleted.IsZero() || gone.Revision <= it.Revision {
		c.Errorf("the deleted item has Deleted %v and revision %d, it had %d", gone.Deleted, gone.Revision, it.Revision)
	}
	want := it
	want.Deleted, want.Revision = gone.Deleted, gone.Revision
	c.same("in the trash", want, gone)
	c.commit(other, vault.Change{Delete: ref(gone)}) // again

	gone = c.item(other, it.ID)
	c.commit(other, vault.Change{Restore: ref(gone)})
	v = c.client()
	back := c.item(v, it.ID)
	want.Deleted, want.Revision = it.Deleted, back.Revision
	c.same("restored", want, back)
	c.wantIDs("Lookup of the restored item", c.found(v, it.Name), it.ID)
	c.commit(v, vault.Change{Restore: ref(back)}) // again

	_, _, err := v.Commit(c.Context(), vault.Change{Delete: []vault.Ref{{ID: unknownID, Revision: 1}}})
	var conflict *vault.ConflictError
	if !errors.Is(err, vault.ErrNotFound) && !errors.As(err, &conflict) {
		c.Errorf("deleting nothing: %v, want ErrNotFound or a conflict", err)
	}
}

// atomic makes changes of which only the last part is stale.
func (c *check) atomic() {
	v := c.client()
	made := c.add(v, login("a", "1"), login("b", "1"))
	a, b := made[0], made[1]
	stale := c.rewritten(b, "3")
	_, items := c.commit(v, vault.Change{Put: []vault.Put{c.rewritten(b, "2")}})
	b2 := items[0]
	for what, change := range map[string]vault.Change{
		"new and stale":     {Put: []vault.Put{{Item: login("c", "1")}, stale}},
		"put and stale":     {Put: []vault.Put{c.rewritten(a, "2"), stale}},
		"put, delete stale": {Put: []vault.Put{c.rewritten(a, "2")}, Delete: ref(b)},
		"delete both":       {Delete: append(ref(a), ref(b)...)},
	} {
		_, _, err := v.Commit(c.Context(), change)
		c.wantConflict(what, err)
		other := c.client()
		c.wantIDs(what+": Entries", sortedIDs(c.entriesOf(other)), a.ID, b.ID)
		c.same(what, a, c.item(other, a.ID))
		c.same(what, b2, c.item(other, b.ID))
		_ = c.entriesOf(v) // after an error the caller reads
	}
	next := vault.Change{Put: []vault.Put{{Item: login("c", "1")}, c.rewritten(c.item(v, a.ID), "2")}, Delete: ref(c.item(v, b.ID))}
	rev, items := c.commit(v, next)
	other := c.client()
	c.wantIDs("Entries after all", sortedIDs(c.entriesOf(other)), a.ID, items[0].ID)
	for _, id := range []string{items[0].ID, a.ID, b.ID} {
		if it := c.item(other, id); it.Revision != uint64(rev) && !c.suite.Released {
			c.Errorf("one change has the revisions %d and %d", rev, it.Revision)
		}
	}
}

// conflict has two clients change what both have read.
func (c *check) conflict() {
	v := c.client()
	it := c.one(v, login("mail", "1"))
	other := c.client()
	mine, theirs := c.item(v, it.ID), c.item(other, it.ID)
	c.commit(other, vault.Change{Put: []vault.Put{c.rewritten(theirs, "theirs")}})

	for what, change := range map[string]vault.Change{
		"put":     {Put: []vault.Put{c.rewritten(mine, "mine")}},
		"delete":  {Delete: ref(mine)},
		"restore": {Restore: ref(mine)},
	} {
		_, _, err := v.Commit(c.Context(), change)
		c.wantConflict(what, err)
		// Having read something else does not make the old copy a new one.
		c.wantIDs("Lookup", c.found(v, "mail"), it.ID)
		_, _, err = v.Commit(c.Context(), change)
		c.wantConflict(what+" after reading", err)
	}
	now := c.item(v, it.ID)
	if password(now) != "theirs" {
		c.Errorf("after a conflict the item is %q, want that of the other client", password(now))
	}
	c.commit(v, vault.Change{Put: []vault.Put{c.rewritten(now, "mine")}})
	if got := password(c.item(c.client(), it.ID)); got != "mine" {
		c.Errorf("the second try left %q", got)
	}
}

func (c *check) unique() {
	if c.suite.NoUnique {
		return
	}
	v := c.client()
	it := c.one(v, login("caf\u00e9", "1"))
	taken := vault.Put{Item: login("cafe\u0301", "2"), Unique: true}
	_, _, err := v.Commit(c.Context(), vault.Change{Put: []vault.Put{taken}})
	c.wantConflict("a name that is taken", err)
	c.wantIDs("Entries", sortedIDs(c.entriesOf(v)), it.ID)

	self := c.rewritten(c.item(v, it.ID), "2")
	self.Unique = true
	_, items := c.commit(v, vault.Change{Put: []vault.Put{self}})
	c.commit(v, vault.Change{Delete: ref(items[0])})
	c.commit(v, vault.Change{Put: []vault.Put{taken}}) // the other one is in the trash
}

func (c *check) base() {
	v := c.client()
	rev, _ := c.commit(v, vault.Change{Put: []vault.Put{{Item: login("a", "1")}}})
	if got := c.defaultOf(c.open()).Revision; got != uint64(rev) {
		c.Errorf("the vault is listed at revision %d, Commit said %d", got, rev)
	}
	next, _ := c.commit(v, vault.Change{Base: rev, Put: []vault.Put{{Item: login("b", "1")}}})
	if next <= rev {
		c.Errorf("the revision went from %d to %d", rev, next)
	}
	_, _, err := v.Commit(c.Context(), vault.Change{Base: rev, Put: []vault.Put{{Item: login("c", "1")}}})
	c.wantConflict("an older base", err)
	if n := len(c.entriesOf(c.client())); n != 2 {
		c.Errorf("there are %d items, want 2", n)
	}
}

// differentItems has several clients add and change items of their own.
func (c *check) differentItems() {
	const writers, each = 4, 5
	clients := make([]vault.Vault, writers)
	for i := range clients {
		clients[i] = c.client()
	}
	ctx := c.Context()
	c.all(writers, func(i int) error {
		v := clients[i]
		for n := range each {
			name := fmt.Sprintf("item %d of %d", n, i)
			_, items, err := vault.Apply(ctx, v, retry, func(ctx context.Context) (vault.Change, error) {
				_, err := v.Lookup(ctx, name)
				return vault.Change{Put: []vault.Put{{Item: login(name, "first")}}}, err
			})
			if err != nil {
				return err
			}
			if err := set(ctx, v, items[0].ID, vault.Field{Name: "password", Kind: vault.Secret, Value: secret.Of([]byte(name))}, func() {}); err != nil {
				return err
			}
		}
		return nil
	})
	v := c.client()
	for i := range writers {
		for n := range each {
			name := fmt.Sprintf("item %d of %d", n, i)
			ids := c.found(v, name)
			if len(ids) != 1 || password(c.item(v, ids[0])) != name {
				c.Errorf("%q is there %d times, or with another password", name, len(ids))
			}
		}
	}
	if n := len(c.entriesOf(v)); n != writers*each {
		c.Errorf("there are %d items, want %d", n, writers*each)
	}
}

// set sets one field of an item, again and again until no other change is in
// the way. It calls read whenever it has read the item.
func set(ctx context.Context, v vault.Vault, id string, f vault.Field, read func()) error {
	_, _, err := vault.Apply(ctx, v, retry, func(ctx context.Context) (vault.Change, error) {
		it, err := v.Item(ctx, id)
		read()
		if err != nil {
			return vault.Change{}, err
		}
		p, err := edited(it, f)
		return vault.Change{Put: []vault.Put{p}}, err
	})
	return err
}

// oneItem has several clients edit a field each of the same item: every edit
// is there afterwards, and the history has them all. In every round all have
// read the item before the first one writes.
func (c *check) oneItem() {
	const writers, each = 4, 3
	it := c.one(c.client(), login("mail", "1"))
	var rounds [each]sync.WaitGroup
	clients := make([]vault.Vault, writers)
	for i := range clients {
		clients[i] = c.client()
	}
	for n := range rounds {
		rounds[n].Add(writers)
	}
	ctx := c.Context()
	c.all(writers, func(i int) error {
		var failed error
		for n := range rounds {
			f := vault.Field{Name: fmt.Sprint("field ", i), Kind: vault.Text, Value: secret.Of([]byte(fmt.Sprint("value ", n)))}
			meet := sync.OnceFunc(func() {
				rounds[n].Done()
				rounds[n].Wait()
			})
			if failed == nil {
				failed = set(ctx, clients[i], it.ID, f, meet)
			}
			meet() // the others wait for those that failed, too
		}
		return failed
	})
	got := c.item(c.client(), it.ID)
	for i := range writers {
		f, ok := got.Field(fmt.Sprint("field ", i))
		if want := fmt.Sprint("value ", each-1); !ok || string(f.Value.Reveal()) != want {
			c.Errorf("field %d is %q, want %q", i, f.Value.Reveal(), want)
		}
	}
	if n := len(got.Revisions()); n != writers*each {
		c.Errorf("the history has %d changes, want %d", n, writers*each)
	}
	if password(got) != "1" {
		c.Errorf("the password is %q", password(got))
	}
}

func (c *check) cancelled() {
	v := c.client()
	it := c.one(v, login("mail", "1"))
	ctx, cancel := context.WithCancel(c.Context())
	cancel()
	_, err := v.Item(ctx, it.ID)
	c.wantError("Item", err, context.Canceled)
	_, err = v.Lookup(ctx, "mail")
	c.wantError("Lookup", err, context.Canceled)
	err = nil
	for _, e := range v.Entries(ctx) {
		err = errors.Join(err, e)
	}
	c.wantError("Entries", err, context.Canceled)
	_, _, err = v.Commit(ctx, vault.Change{Put: []vault.Put{c.rewritten(it, "2"), {Item: login("other", "1")}}})
	c.wantError("Commit", err, context.Canceled)
	_, err = c.open().Vaults(ctx)
	c.wantError("Vaults", err, context.Canceled)
	other := c.client()
	c.wantIDs("Entries", sortedIDs(c.entriesOf(other)), it.ID)
	c.same("after all that was cancelled", it, c.item(other, it.ID))
}

// close closes one of two handles of the same account.
func (c *check) close() {
	a := c.open()
	id := c.defaultOf(a).ID
	v, other := c.vaultOf(a, id), c.vaultOf(a, id)
	it := c.one(v, login("mail", "1"))
	for range 2 {
		if err := v.Close(); err != nil {
			c.Errorf("Close: %v", err)
		}
	}
	ctx := c.Context()
	if _, err := v.Item(ctx, it.ID); err == nil {
		c.Errorf("Item works after Close")
	}
	if _, err := v.Lookup(ctx, "mail"); err == nil {
		c.Errorf("Lookup works after Close")
	}
	for e, err := range v.Entries(ctx) {
		if err == nil {
			c.Errorf("Entries yields %v after Close", e)
		}
	}
	if _, _, err := v.Commit(ctx, vault.Change{Put: []vault.Put{{Item: login("other", "1")}}}); err == nil {
		c.Errorf("Commit works after Close")
	}
	c.same("through the other handle", it, c.item(other, it.ID))
}
