package pwm_test

import (
	"crypto/rand"
	"errors"
	"testing"

	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/vault"
)

// holding has the server keep a vault of that plaintext.
func (w *world) holding(name, text string) seal.VaultKey {
	w.Helper()
	v := ownVault(w, master)
	kek, err := quick(secret.TextOf(master), v.Key.Salt)
	if err != nil {
		w.Fatal(err)
	}
	key, err := kek.Unwrap(v.Key.IV, v.Key.Wrap)
	if err != nil {
		w.Fatal(err)
	}
	if v.Content.IV, v.Content.Data, err = key.SealBlob(rand.Reader, secret.TextOf(text).Bytes()); err != nil {
		w.Fatal(err)
	}
	w.add(name, v)
	return key
}

// plain returns the plaintext of a vault.
func (w *world) plain(name string, key seal.VaultKey) string {
	w.Helper()
	c := w.stored(name).Content
	text, err := key.OpenBlob(c.IV, c.Data)
	if err != nil {
		w.Fatal(err)
	}
	return string(text.Reveal())
}

// damaged returns the ids of what only is kept.
func (h *home) damaged(v vault.Vault) (ids []string) {
	h.Helper()
	for e, err := range v.Entries(h.Context()) {
		var d *vault.DamagedError
		if errors.As(err, &d) {
			ids = append(ids, e.ID)
		}
	}
	return ids
}

func TestDiscard(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key := w.holding("odd", `{"entries":[{"name":"no id"},7,7,{"id":"a","name":"good","password":"1"},{"id":"a","name":"twin"}]}`)
	h := w.home(t).login()
	odd := h.open(h.account(), "odd")
	d := odd.(vault.Discarder)
	good, err := vault.Find(t.Context(), odd, "good")
	if err != nil {
		t.Fatal(err)
	}
	if is, err := d.Wrecked(t.Context(), good.ID); is || err != nil {
		t.Errorf("an item that reads is a wreck: %v, %v", is, err)
	}
	if err := d.Discard(t.Context(), []string{good.ID}); !errors.Is(err, vault.ErrInvalid) {
		t.Errorf("Discard of an item that reads: %v", err)
	}
	ids := h.damaged(odd)
	if len(ids) != 4 {
		t.Fatalf("%d are damaged, want 4", len(ids))
	}
	for _, id := range ids {
		if is, err := d.Wrecked(t.Context(), id); !is || err != nil {
			t.Errorf("%s is no wreck: %v, %v", id, is, err)
		}
	}
	for n, id := range ids { // of two that are the same one goes, whichever it was
		left := h.damaged(odd)
		if len(left) != len(ids)-n {
			t.Fatalf("%d are left of %d after %d", len(left), len(ids), n)
		}
		if is, _ := d.Wrecked(t.Context(), id); !is {
			id = left[0]
		}
		if err := d.Discard(t.Context(), []string{id}); err != nil {
			t.Fatalf("Discard: %v", err)
		}
	}
	if got, want := w.plain("odd", key), `{"entries":[{"id":"a","name":"good","password":"1"}]}`; got != want {
		t.Errorf("left is %s, want %s", got, want)
	}
	h.want(odd, "good", "1")
}

// TestPurgeOfTwins empties a trash in which two entries have one id: the first
// goes, and the second is an item from then on; or both go.
func TestPurgeOfTwins(t *testing.T) {
	t.Parallel()
	const old = `"deletedAt":"2026-01-02T03:04:05Z"`
	for what, tt := range map[string]struct{ second, left string }{
		"both":      {`{"id":"a","name":"twin",` + old + `}`, `{"entries":[]}`},
		"the first": {`{"id":"a","name":"twin"}`, `{"entries":[{"id":"a","name":"twin"}]}`},
	} {
		w := newWorld(t)
		key := w.holding("odd", `{"entries":[{"id":"a","name":"first",`+old+`},`+tt.second+`]}`)
		h := w.home(t).login()
		odd := h.open(h.account(), "odd").(interface {
			vault.Vault
			vault.Trasher
		})
		var refs []vault.Ref
		for e, err := range odd.Trash(t.Context()) {
			var d *vault.DamagedError
			if err != nil && !errors.As(err, &d) {
				t.Fatal(err)
			}
			refs = append(refs, vault.Ref{ID: e.ID, Revision: e.Revision})
		}
		if err := odd.Purge(t.Context(), refs); err != nil {
			t.Errorf("%s: Purge of %v: %v", what, refs, err)
		}
		if got := w.plain("odd", key); got != tt.left {
			t.Errorf("%s: left is %s, want %s", what, got, tt.left)
		}
		if _, err := vault.Find(t.Context(), odd, "twin"); (err == nil) != (what == "the first") {
			t.Errorf("%s: the twin: %v", what, err)
		}
	}
}
