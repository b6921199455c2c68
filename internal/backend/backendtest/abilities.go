package backendtest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/vault"
)

func (c *check) renameVaults() {
	a := c.open()
	r, ok := a.(backend.Renamer)
	if !ok {
		return
	}
	first := c.defaultOf(a)
	it := c.one(c.vaultOf(a, first.ID), login("mail", "1"))
	rename := func(name string) {
		c.Helper()
		if err := r.RenameVault(c.Context(), first.ID, name); err != nil {
			c.Errorf("RenameVault to %q: %v", name, err)
		}
		for _, a := range []backend.Account{a, c.open()} {
			if got := c.defaultOf(a); got.ID != first.ID || got.Name != name {
				c.Errorf("the vault renamed to %q is %+v", name, got)
			}
			c.same("its item", it, c.item(c.vaultOf(a, first.ID), it.ID))
		}
	}
	name := "umbenannt 🔑"
	if c.without(r.RenameVault(c.Context(), first.ID, name)) {
		return
	}
	rename(name)
	rename(name)
	for _, bad := range []string{"", ".", "..", "a/b", "a@b", "a\nb", "\xff", strings.Repeat("n", 256)} {
		c.wantError(fmt.Sprintf("RenameVault to %.20q", bad), r.RenameVault(c.Context(), first.ID, bad), vault.ErrInvalid)
	}
	for _, id := range []string{unknownID, "nothing"} {
		c.wantError("RenameVault of no vault", r.RenameVault(c.Context(), id, "n"), vault.ErrNotFound)
	}
	made, ok := c.second(a, first.Name)
	if !ok {
		return
	}
	c.wantError("a name that is taken", r.RenameVault(c.Context(), first.ID, made.Name), vault.ErrExists)
	rename(name)
}

func (c *check) purge() {
	v := c.client()
	t, ok := v.(vault.Trasher)
	if !ok {
		return
	}
	made := c.add(v, login("a", "1"), login("a", "2"), login("b", "3"))
	c.wantTrash(v)
	c.commit(v, vault.Change{Delete: slices.Concat(ref(made[0]), ref(made[1]))})
	a, b := c.item(v, made[0].ID), c.item(v, made[1].ID)
	other := c.client()
	c.wantTrash(other, a, b)

	for what, refs := range map[string][]vault.Ref{
		"an older revision": slices.Concat(ref(a), ref(made[1])),
		"a live item":       slices.Concat(ref(a), ref(made[2])),
		"no item":           append(ref(a), vault.Ref{ID: unknownID, Revision: a.Revision}),
	} {
		if err := t.Purge(c.Context(), refs); err == nil {
			c.Errorf("Purge of %s succeeded", what)
		}
		c.wantTrash(c.client(), a, b)
	}
	c.wantConflict("an older revision", t.Purge(c.Context(), ref(made[1])))
	c.wantError("a live item", t.Purge(c.Context(), ref(made[2])), vault.ErrInvalid)
	c.wantError("no item", t.Purge(c.Context(), []vault.Ref{{ID: unknownID}}), vault.ErrNotFound)

	for _, refs := range [][]vault.Ref{nil, ref(a), nil} {
		if err := t.Purge(c.Context(), refs); err != nil {
			c.Errorf("Purge: %v", err)
		}
	}
	for _, v := range []vault.Vault{v, c.client()} {
		c.wantTrash(v, b)
		_, err := v.Item(c.Context(), a.ID)
		c.wantError("a purged item", err, vault.ErrNotFound)
		c.same("the other one in the trash", b, c.item(v, b.ID))
		c.same("the live one", made[2], c.item(v, made[2].ID))
	}
	_, _, err := v.Commit(c.Context(), vault.Change{Restore: ref(a)})
	c.wantError("restoring a purged item", err, vault.ErrNotFound)
}

// wantTrash wants these items to be in the trash, and nothing else.
func (c *check) wantTrash(v vault.Vault, items ...vault.Item) {
	c.Helper()
	left := map[string]vault.Item{}
	for _, it := range items {
		left[it.ID] = it
	}
	for e, err := range v.(vault.Trasher).Trash(c.Context()) {
		it, ok := left[e.ID]
		same := e.Name == it.Name && e.Type == it.Type && e.Revision == it.Revision && e.Deleted.Equal(it.Deleted)
		if err != nil || !ok || !same || e.Deleted.IsZero() {
			c.Errorf("the trash has %+v, %v, want %+v", e, err, it)
		}
		delete(left, e.ID)
	}
	for id := range left {
		c.Errorf("item %s is not in the trash", id)
	}
	for range v.(vault.Trasher).Trash(c.Context()) {
		break
	}
}

func (c *check) verify() {
	v := c.client()
	k, ok := v.(vault.Checker)
	if !ok {
		return
	}
	for n := range 3 {
		last := -1
		problems, err := k.Check(c.Context(), func(done, total int) {
			if done <= last || done > total {
				c.Errorf("%d of %d is done after %d", done, total, last)
			}
			last = done
		})
		if err != nil || len(problems) > 0 {
			c.Errorf("Check = %v, %v", problems, err)
		}
		if last < 0 {
			c.Errorf("there is no progress")
		}
		it := c.one(v, login(fmt.Sprint("item ", n), "1"))
		c.commit(v, vault.Change{Delete: ref(it)})
		c.one(v, login(fmt.Sprint("item ", n), "2"))
	}
}

func (c *check) changePassword() {
	a := c.open()
	p, ok := a.(backend.PasswordChanger)
	if !ok {
		return
	}
	old := c.client()
	it := c.one(old, login("mail", "1"))
	err := p.ChangePassword(c.Context(), secret.TextOf("another master password"))
	if c.without(err) {
		c.same("after no change", it, c.item(c.client(), it.ID))
		return
	}
	if err != nil {
		c.Fatalf("ChangePassword: %v", err)
	}
	for _, v := range []vault.Vault{old, c.vaultOf(a, c.defaultOf(a).ID), c.client()} {
		c.same("after the change", it, c.item(v, it.ID))
		it = c.item(v, c.rewrite(v, it).ID)
	}
}

// rewrite commits an item with another password.
func (c *check) rewrite(v vault.Vault, it vault.Item) vault.Item {
	c.Helper()
	_, items := c.commit(v, vault.Change{Put: []vault.Put{c.rewritten(it, password(it)+" and more")}})
	return items[0]
}

func (c *check) rekey() {
	a := c.open()
	r, ok := a.(backend.Rekeyer)
	if !ok {
		return
	}
	first := c.defaultOf(a)
	old := c.client()
	made := c.add(old, full(vault.Types()[0]), login("mail", "1"), login("mail", "2"))
	c.commit(old, vault.Change{Delete: ref(made[2])})
	made[2] = c.item(old, made[2].ID)
	for _, id := range []string{unknownID, "nothing"} {
		c.wantError("Rekey of no vault", r.Rekey(c.Context(), id, nil), vault.ErrNotFound)
	}
	done, all := -1, 0
	if err := r.Rekey(c.Context(), first.ID, func(d, total int) { done, all = d, total }); err != nil {
		c.Fatalf("Rekey: %v", err)
	}
	if done != all {
		c.Errorf("the progress ends with %d of %d", done, all)
	}
	for _, a := range []backend.Account{a, c.open()} {
		if i := c.defaultOf(a); i.KeyVersion <= first.KeyVersion && !c.suite.Released || !i.Open {
			c.Errorf("the vault is %+v afterwards", i)
		}
		v := c.vaultOf(a, first.ID)
		for _, it := range made {
			got := c.item(v, it.ID)
			it.Revision = got.Revision // may have moved
			c.same("after the rekey", it, got)
		}
		c.wantIDs("Lookup", c.found(v, "mail"), made[1].ID)
		c.wantIDs("Entries", sortedIDs(c.entriesOf(v)), made[0].ID, made[1].ID)
	}
	_, err := old.Item(c.Context(), made[0].ID)
	c.wantError("Item with the old key", err, vault.ErrLocked)
	_, err = old.Lookup(c.Context(), "mail")
	c.wantError("Lookup with the old key", err, vault.ErrLocked)
	_, _, err = old.Commit(c.Context(), vault.Change{Put: []vault.Put{{Item: login("new", "1")}}})
	c.wantError("Commit with the old key", err, vault.ErrLocked)
	err = nil
	for _, e := range old.Entries(c.Context()) {
		err = errors.Join(err, e)
	}
	c.wantError("Entries with the old key", err, vault.ErrLocked)
	v := c.client()
	c.rewrite(v, c.item(v, made[1].ID))
}
