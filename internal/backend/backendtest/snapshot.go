package backendtest

import (
	"errors"

	"github.com/keyhold/keyhold/internal/vault"
)

func (c *check) snapshot() {
	v := c.client()
	s, ok := v.(vault.Snapshotter)
	if !ok {
		return
	}
	made := c.add(v, login("a", "1"), login("b", "2"), login("b", "3"))
	calls := 0
	var kept vault.Item
	err := s.Snapshot(c.Context(), func(in vault.Vault) error {
		calls++
		for _, it := range made {
			c.same("an item of a snapshot", it, c.item(in, it.ID))
		}
		c.wantIDs("Lookup in a snapshot", c.found(in, "b"), made[1].ID, made[2].ID)
		c.wantIDs("Entries of a snapshot", sortedIDs(c.entriesOf(in)), made[0].ID, made[1].ID, made[2].ID)
		_, err := in.Item(c.Context(), unknownID)
		c.wantError("an unknown item in a snapshot", err, vault.ErrNotFound)
		if _, _, err := in.Commit(c.Context(), vault.Change{Put: []vault.Put{{Item: login("c", "4")}}}); err == nil {
			c.Errorf("Commit works in a snapshot")
		}
		kept = c.item(in, made[0].ID)
		return nil
	})
	if err != nil || calls != 1 {
		c.Errorf("Snapshot: %v, fn called %d times", err, calls)
	}
	if got := c.found(c.client(), "c"); len(got) > 0 {
		c.Errorf("a snapshot was written to: %v", got)
	}
	c.commit(v, vault.Change{Put: []vault.Put{c.rewritten(made[0], "other")}})
	c.same("what was read in a snapshot, after a change", made[0], kept)
	err = s.Snapshot(c.Context(), func(in vault.Vault) error {
		if got := password(c.item(in, made[0].ID)); got != "other" {
			c.Errorf("the next snapshot has the password %q", got)
		}
		return nil
	})
	if err != nil {
		c.Errorf("Snapshot: %v", err)
	}

	own := errors.New("of fn itself")
	c.wantError("an error of fn", s.Snapshot(c.Context(), func(vault.Vault) error { return own }), own)
	if err := v.Close(); err != nil {
		c.Errorf("Close: %v", err)
	}
	if err := s.Snapshot(c.Context(), func(in vault.Vault) error {
		_, err := in.Item(c.Context(), made[0].ID)
		return err
	}); err == nil {
		c.Errorf("Snapshot works after Close")
	}
}
