package local_test

import (
	"testing"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/vault"
)

// What a change could not overwrite, the next unlock does, once.
func TestScrubLeft(t *testing.T) {
	t.Parallel()
	changes := map[string]func(h *home, v vault.Vault, it vault.Item) error{
		"rekey": func(h *home, _ vault.Vault, _ vault.Item) error { return h.rekey(h.account(), nil) },
		"purge": func(h *home, v vault.Vault, it vault.Item) error {
			refs := []vault.Ref{{ID: it.ID, Revision: it.Revision}}
			if _, _, err := v.Commit(h.Context(), vault.Change{Delete: refs}); err != nil {
				return err
			}
			refs[0].Revision++
			return v.(vault.Trasher).Purge(h.Context(), refs)
		},
		"delete": func(h *home, _ vault.Vault, _ vault.Item) error {
			return h.account().(backend.Deleter).DeleteVault(h.Context(), h.first().String())
		},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &scrubber{DB: memory.New(), err: kv.ErrBusy}
			h := newHome(t, s)
			v := h.vault()
			if err := change(h, v, h.put(v, "one")[0]); err == nil || s.scrubbed != 1 {
				t.Fatalf("%v, scrubbed %d times; want the error of Scrub", err, s.scrubbed)
			}
			for _, tt := range []struct {
				err  error
				want int
			}{{kv.ErrBusy, 2}, {nil, 3}, {nil, 3}} {
				s.err = tt.err
				if _, err := h.unlock(password); err != nil {
					t.Fatal(err)
				}
				if s.scrubbed != tt.want {
					t.Errorf("scrubbed %d times after an unlock, want %d", s.scrubbed, tt.want)
				}
			}
		})
	}
}
