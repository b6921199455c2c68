package local_test

import (
	"context"
	"errors"
	"testing"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/vault"
)

// A counting store counts the transactions that read.
type counting struct {
	kv.DB

	views int
}

func (c *counting) View(ctx context.Context, fn func(kv.Tx) error) error {
	c.views++
	return c.DB.View(ctx, fn)
}

// However much is read in a snapshot, it is one transaction.
func TestSnapshot_oneTransaction(t *testing.T) {
	t.Parallel()
	db := &counting{DB: memory.New()}
	h := newHome(t, db)
	v := h.vault()
	items := h.put(v, "one", "two", "three")
	before := db.views
	err := vault.Snapshot(t.Context(), v, func(in vault.Vault) error {
		for _, it := range items {
			if found, err := vault.Find(t.Context(), in, it.Name); err != nil || found.ID != it.ID {
				t.Errorf("%s: %v, %v", it.Name, found.ID, err)
			}
		}
		return nil
	})
	if got := db.views - before; err != nil || got != 1 {
		t.Errorf("%d transactions, %v", got, err)
	}
}

// A damaged item is reported as such, and the others open.
func TestSnapshot_damaged(t *testing.T) {
	t.Parallel()
	for name, open := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHome(t, open(t))
			v := h.vault()
			items := h.put(v, "one", "two")
			h.change(key("id", h.set.Vaults[0].Vault, id(items[0].ID)), flip(-3))
			err := vault.Snapshot(t.Context(), v, func(in vault.Vault) error {
				var damaged *vault.DamagedError
				if _, err := in.Item(t.Context(), items[0].ID); !errors.As(err, &damaged) || damaged.ID != items[0].ID {
					t.Errorf("the damaged one: %v", err)
				}
				if _, err := in.Item(t.Context(), items[1].ID); err != nil {
					t.Errorf("the other one: %v", err)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}
