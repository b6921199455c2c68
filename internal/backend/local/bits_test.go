package local_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/vault"
)

// Each bit of each key and value of the store is flipped by itself: what the
// account cannot read then, Check finds.
func TestCheck_everyBit(t *testing.T) {
	t.Parallel()
	h := newHome(t, memory.New())
	names := []string{"one", "two"}
	h.put(h.vault(), names...)
	for k, v := range h.dump() {
		for bit := range 8 * (len(k) + len(v)) {
			pair := []byte(k + v)
			pair[bit/8] ^= 1 << (bit % 8)
			h.replace([]byte(k), pair[:len(k)], pair[len(k):])
			if found, lost := h.isFound(), h.lost(names); len(lost) > 0 && !found {
				t.Errorf("bit %d of %q = %x flipped: Check finds nothing, and yet: %v", bit, k, v, lost)
			}
			h.replace(pair[:len(k)], []byte(k), []byte(v))
		}
	}
}

func (h *home) replace(old, key, value []byte) {
	h.Helper()
	h.update(func(tx kv.Tx) error { return errors.Join(tx.Delete(old), tx.Put(key, value)) })
}

// isFound reports whether Check of any vault finds anything.
func (h *home) isFound() bool {
	h.Helper()
	a := h.account()
	infos, err := a.Vaults(h.Context())
	if err != nil {
		return true
	}
	return slices.ContainsFunc(infos, func(i backend.Info) bool {
		v, err := a.Vault(h.Context(), i.ID)
		if err != nil {
			return true
		}
		found, err := v.(vault.Checker).Check(h.Context(), nil)
		return err != nil || len(found) > 0
	})
}

// lost returns what cannot be read of the items with these names.
func (h *home) lost(names []string) (lost []string) {
	h.Helper()
	a := h.account()
	infos, err := a.Vaults(h.Context())
	if err != nil || len(infos) != 1 || !infos[0].Default { // nothing vouches for its name
		return []string{fmt.Sprint(infos, err)}
	}
	v, err := a.Vault(h.Context(), infos[0].ID)
	if err != nil {
		return []string{err.Error()}
	}
	for _, name := range names {
		it, err := vault.Find(h.Context(), v, name)
		if err != nil || string(it.Fields[0].Value.Reveal()) != "of "+name {
			lost = append(lost, fmt.Sprint(name, err))
		}
	}
	return lost
}

// A store in which a scan goes astray seems to have no vaults.
func TestVaults_lost(t *testing.T) {
	t.Parallel()
	for _, check := range []error{nil, fmt.Errorf("page 6: %w", kv.ErrDamaged), errors.New("no memory")} {
		h := newHome(t, memory.New())
		h.deps.Store = &torn{DB: memory.New(), check: check}
		infos, err := h.account().Vaults(t.Context())
		set, perr := seal.ParseKeySet(h.keys.Reveal())
		if perr != nil || (len(set.Vaults) == 0) != (check == nil) {
			t.Errorf("Check = %v: the session has %d keys, %v", check, len(set.Vaults), perr)
		}
		switch {
		case check == nil && (err != nil || len(infos) != 0): // it was deleted
			t.Errorf("a sound store: %v, %v", infos, err)
		case errors.Is(check, kv.ErrDamaged) && (err != nil || len(infos) != 1 || !infos[0].Damaged || infos[0].ID != h.first().String()):
			t.Errorf("a damaged store: %v, %v", infos, err)
		case check != nil && !errors.Is(check, kv.ErrDamaged) && !errors.Is(err, check):
			t.Errorf("a store that cannot be checked: %v, %v", infos, err)
		}
	}
}
