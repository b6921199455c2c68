package backendtest

import (
	"fmt"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/vault"
)

func (c *check) vaults() {
	a := c.open()
	infos := c.list(a)
	if len(infos) != 1 {
		c.Fatalf("there are %d vaults, want 1", len(infos))
	}
	i := infos[0]
	if !vault.IsID(i.ID) || i.Name == "" || !i.Open || !i.Default {
		c.Errorf("the first vault is %+v", i)
	}
	for _, id := range []string{unknownID, i.Name, ""} {
		_, err := a.Vault(c.Context(), id)
		c.wantError(fmt.Sprintf("Vault(%q)", id), err, vault.ErrNotFound)
	}
	if n, ok := a.(backend.Counter); ok {
		v := c.client()
		gone := c.add(v, login("mail", "1"), login("mail", "1"), login("mail", "1"))[0]
		c.commit(v, vault.Change{Delete: ref(gone)})
		items, trashed, err := n.CountItems(c.Context(), i.ID)
		if items != 2 || trashed != 1 || err != nil {
			c.Errorf("CountItems = %d, %d, %v, want 2, 1", items, trashed, err)
		}
		for _, id := range []string{unknownID, ""} {
			_, _, err = n.CountItems(c.Context(), id)
			c.wantError("CountItems of no vault", err, vault.ErrNotFound)
		}
	}
}

// second makes a vault, or returns false where that is not to be had.
func (c *check) second(a backend.Account, name string) (backend.Info, bool) {
	c.Helper()
	made, ok, err := c.create(a, name)
	if err != nil {
		c.Fatalf("CreateVault: %v", err)
	}
	return made, ok
}

func (c *check) createVaults() {
	a := c.open()
	first := c.defaultOf(a)
	if _, ok, _ := c.create(a, ""); !ok {
		return
	}
	for _, name := range []string{"", ".", "..", "a/b", "a@b", "a\nb", "\xff", strings.Repeat("n", 256)} {
		_, _, err := c.create(a, name)
		c.wantError(fmt.Sprintf("a vault named %.20q", name), err, vault.ErrInvalid)
	}
	_, _, err := c.create(a, first.Name)
	c.wantError("a vault whose name is taken", err, vault.ErrExists)
	name := "zweiter 🔑"
	made, _ := c.second(a, name)
	if made.Name != name || !made.Open || made.Default || made.ID == first.ID {
		c.Errorf("the new vault is %+v", made)
	}
	for _, a := range []backend.Account{a, c.open()} {
		infos := c.list(a)
		if len(infos) != 2 || infos[0].ID != first.ID || !cmp.Equal(infos[1], made) {
			c.Errorf("Vaults = %+v, want the new one last", infos)
		}
		c.wantIDs("Entries of the new vault", sortedIDs(c.entriesOf(c.vaultOf(a, made.ID))))
	}

	v, old := c.vaultOf(a, made.ID), c.vaultOf(a, first.ID)
	inNew, inOld := c.one(v, login("mail", "new")), c.one(old, login("mail", "old"))
	c.wantIDs("the first vault", c.found(old, "mail"), inOld.ID)
	c.wantIDs("the second vault", c.found(v, "mail"), inNew.ID)
	_, err = old.Item(c.Context(), inNew.ID)
	c.wantError("an item of the other vault", err, vault.ErrNotFound)

	d, ok := a.(backend.Deleter)
	if !ok {
		return
	}
	if err := d.DeleteVault(c.Context(), made.ID); err != nil {
		c.Fatalf("DeleteVault: %v", err)
	}
	c.wantError("to delete it again", d.DeleteVault(c.Context(), made.ID), vault.ErrNotFound)
	c.wantError("to delete no vault", d.DeleteVault(c.Context(), "nothing"), vault.ErrNotFound)
	_, err = v.Item(c.Context(), inNew.ID)
	c.wantError("an item of the deleted vault", err, vault.ErrNotFound)
	_, _, err = v.Commit(c.Context(), vault.Change{Put: []vault.Put{{Item: login("mail", "1")}}})
	c.wantError("to write to the deleted vault", err, vault.ErrNotFound)
	for _, a := range []backend.Account{a, c.open()} {
		if infos := c.list(a); len(infos) != 1 || infos[0].ID != first.ID {
			c.Errorf("Vaults = %+v, want the first one alone", infos)
		}
		_, err := a.Vault(c.Context(), made.ID)
		c.wantError("to open the deleted vault", err, vault.ErrNotFound)
		c.same("the other vault", inOld, c.item(c.vaultOf(a, first.ID), inOld.ID))
	}
}

func (c *check) defaultVault() {
	a := c.open()
	def, ok := a.(backend.Defaulter)
	if !ok {
		return
	}
	first := c.defaultOf(a)
	for _, id := range []string{unknownID, "nothing"} {
		c.wantError("SetDefault of no vault", def.SetDefault(c.Context(), id), vault.ErrNotFound)
	}
	want := func(what, id string) {
		c.Helper()
		for _, a := range []backend.Account{a, c.open()} {
			if got := c.defaultOf(a); got.ID != id {
				c.Errorf("%s: the default vault is %q", what, got.Name)
			}
		}
	}
	choose := func(id string) {
		c.Helper()
		if err := def.SetDefault(c.Context(), id); err != nil {
			c.Fatalf("SetDefault: %v", err)
		}
	}
	choose(first.ID)
	want("the only one", first.ID)
	made, ok := c.second(a, "second")
	if !ok {
		return
	}
	want("with a second one", first.ID)
	choose(made.ID)
	want("chosen", made.ID)
	if d, ok := a.(backend.Deleter); ok {
		if err := d.DeleteVault(c.Context(), made.ID); err != nil {
			c.Fatalf("DeleteVault: %v", err)
		}
		want("deleted", first.ID)
	}
}
