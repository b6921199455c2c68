package local_test

import (
	"errors"
	"testing"

	"github.com/keyhold/keyhold/internal/backend/local"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/service/vaults"
	"github.com/keyhold/keyhold/internal/vault"
)

// Whatever is left of an item that cannot go to the trash, Discard removes it;
// and nothing else.
func TestDiscard(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		damage func(h *home, item seal.ID)
		trash  bool // put there first
		want   bool
	}{
		{"whole", func(*home, seal.ID) {}, false, false},
		{"whole, in the trash", func(*home, seal.ID) {}, true, false},
		{"data", func(h *home, item seal.ID) { h.change(key("id", h.first(), item), flip(-1)) }, false, false},
		{"name", func(h *home, item seal.ID) { h.change(key("in", h.first(), item), flip(-1)) }, false, false},
		{"data, in the trash", func(h *home, item seal.ID) { h.change(key("id", h.first(), item), flip(-1)) }, true, true},
		{"no data, in the trash", func(h *home, item seal.ID) { h.drop(key("id", h.first(), item)) }, true, true},
		{"name, in the trash", func(h *home, item seal.ID) { h.change(key("in", h.first(), item), flip(-1)) }, true, true},
		{"record", func(h *home, item seal.ID) { h.change(key("in", h.first(), item), flip(0)) }, false, true},
		{"no record", func(h *home, item seal.ID) { h.drop(key("in", h.first(), item)) }, false, true},
		{"index alone", func(h *home, item seal.ID) {
			h.drop(key("in", h.first(), item))
			h.drop(key("id", h.first(), item))
		}, false, true},
		{"nothing", func(h *home, item seal.ID) {
			index := h.sealer().NameIndex("bad")
			h.drop(key("in", h.first(), item))
			h.drop(key("id", h.first(), item))
			h.drop(append(key("ix", h.first()), append(index[:], item[:]...)...))
		}, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHome(t, memory.New())
			v := h.vault()
			items := h.put(v, "good", "bad")
			bad := items[1]
			if tt.trash {
				if _, _, err := v.Commit(t.Context(), vault.Change{Delete: []vault.Ref{{ID: bad.ID, Revision: bad.Revision}}}); err != nil {
					t.Fatal(err)
				}
			}
			tt.damage(h, id(bad.ID))
			d := v.(vault.Discarder)
			if got, err := d.Wrecked(t.Context(), bad.ID); err != nil || got != tt.want {
				t.Fatalf("Wrecked = %v, %v, want %v", got, err, tt.want)
			}
			if !tt.want {
				return
			}
			if err := d.Discard(t.Context(), []string{bad.ID, items[0].ID}); !errors.Is(err, vault.ErrInvalid) {
				t.Errorf("Discard with an item that is whole = %v, want ErrInvalid", err)
			}
			if got, err := d.Wrecked(t.Context(), bad.ID); err != nil || !got {
				t.Errorf("Wrecked after a Discard that failed = %v, %v", got, err)
			}
			if err := d.Discard(t.Context(), []string{bad.ID}); err != nil {
				t.Fatal(err)
			}
			h.wantProblems(v)
			if _, err := v.Item(t.Context(), items[0].ID); err != nil {
				t.Error(err)
			}
			if err := d.Discard(t.Context(), []string{bad.ID}); !errors.Is(err, vault.ErrNotFound) {
				t.Errorf("Discard again = %v, want ErrNotFound", err)
			}
		})
	}
}

// In a closed or rekeyed vault nothing is a wreck only because it does not open.
func TestDiscardLocked(t *testing.T) {
	t.Parallel()
	h := newHome(t, memory.New())
	v := h.vault()
	it := h.put(v, "a")[0]
	if _, _, err := v.Commit(t.Context(), vault.Change{Delete: []vault.Ref{{ID: it.ID, Revision: it.Revision}}}); err != nil {
		t.Fatal(err)
	}
	w, err := h.twin().owner(0)
	if err == nil {
		err = w.Rekey(t.Context(), h.deps, h.first())
	}
	if err != nil {
		t.Fatal(err)
	}
	d := v.(vault.Discarder)
	if _, err := d.Wrecked(t.Context(), it.ID); !errors.Is(err, vault.ErrLocked) {
		t.Errorf("Wrecked after a rekey = %v, want ErrLocked", err)
	}
	if got, err := d.Wrecked(t.Context(), "mail"); got || err != nil {
		t.Errorf("Wrecked of no id = %v, %v", got, err)
	}
	if err := d.Discard(t.Context(), []string{"mail"}); !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("Discard of no id = %v, want ErrNotFound", err)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = d.Wrecked(t.Context(), it.ID)
	if e := d.Discard(t.Context(), []string{it.ID}); !errors.Is(err, vault.ErrLocked) || !errors.Is(e, vault.ErrLocked) {
		t.Errorf("after Close: %v, %v, want ErrLocked", err, e)
	}
}

// A vault whose key record is forged is damaged, not locked; one that has
// another key by now is locked.
func TestVaultsDamaged(t *testing.T) {
	t.Parallel()
	h := newHome(t, memory.New())
	w, err := h.twin().owner(0)
	if err == nil {
		err = w.Rekey(t.Context(), h.deps, h.first())
	}
	if err != nil {
		t.Fatal(err)
	}
	if i := h.infos(h.account())[0]; i.Open || i.Damaged {
		t.Errorf("after a rekey it is open: %v, damaged: %v; want neither", i.Open, i.Damaged)
	}
	h.change(key("m/", h.first(), h.set.User), flip(-1))
	if i := h.infos(h.account())[0]; i.Open || !i.Damaged {
		t.Errorf("with a forged signature it is open: %v, damaged: %v", i.Open, i.Damaged)
	}
	h.update(func(tx kv.Tx) error { return tx.Delete(key("v/", h.first())) })
	if i := h.infos(h.account())[0]; i.Open || !i.Damaged {
		t.Errorf("without its record it is open: %v, damaged: %v", i.Open, i.Damaged)
	}
}

// A vault that the list lacks is there all the same, and another password takes
// it along.
func TestVaultsUnlisted(t *testing.T) {
	t.Parallel()
	h := newHome(t, memory.New())
	want := h.stock(4)
	listed := key("u/", h.set.User, h.first())
	wrong := append(listed[:len(listed)-1:len(listed)-1], listed[len(listed)-1]^1)
	h.update(func(tx kv.Tx) error { return errors.Join(tx.Delete(listed), tx.Put(wrong, nil)) })
	infos := h.infos(h.account())
	if len(infos) != 2 || infos[0].Name != "personal" || !infos[0].Open || !infos[0].Default || !infos[1].Damaged {
		t.Fatalf("the vaults are %+v", infos)
	}
	h.wantProblems(h.vault(), ": the list of vaults lacks the vault")
	for item := range want {
		if _, err := h.vault().Item(t.Context(), item); err != nil {
			t.Error(err)
		}
	}
	h.update(func(tx kv.Tx) error { return tx.Delete(wrong) })
	w := h.twin()
	var owners [2]local.Owner
	for i := range owners {
		var err error
		if owners[i], err = w.owner(i); err != nil {
			t.Fatal(err)
		}
	}
	if err := owners[0].ReplaceBy(t.Context(), h.db, owners[1]); err != nil {
		t.Fatal(err)
	}
	err := h.db.View(t.Context(), func(tx kv.Tx) error {
		_, err := owners[1].KeySet(vaults.All(tx, h.set.User))
		return err
	})
	if err != nil || len(h.infos(h.account())) != 1 {
		t.Errorf("after another password: %v", err)
	}
}
