package pwm_test

import (
	"errors"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/vault"
)

// TestAnotherKey has a vault deleted elsewhere, and made anew under its name and
// the same password: with another key.
func TestAnotherKey(t *testing.T) {
	t.Parallel()
	for what, version := range map[string]uint64{"a lower version": 1, "the next version": 3} {
		w := newWorld(t)
		h := w.home(t).login().with("default", "work")
		h.put(h.open(h.account(), "work"), "mail", "1")
		anew := ownVault(t, master)
		anew.Version = version
		w.wait(time.Second)
		w.set("work", anew)

		id := h.info(h.account(), "work").ID
		sync := func(accept bool) error { return h.account().(backend.Syncer).Sync(t.Context(), id, accept) }
		code := backend.Rollback
		if version > 2 {
			code = backend.ChangedKey
		}
		h.wantAlarm(what, sync(false), code)
		if err := h.unlock(); err != nil {
			t.Errorf("%s: unlock: %v", what, err)
		}
		h.wantAlarm(what+", unlocked again", sync(false), code)
		if now := w.stored("work"); now.Version != version {
			t.Errorf("%s: it was overwritten", what)
		}
		if err := sync(true); err != nil && !errors.Is(err, vault.ErrLocked) {
			t.Errorf("%s: accepting it: %v", what, err)
		}
		if err := h.unlock(); err != nil {
			t.Errorf("%s: unlock: %v", what, err)
		}
		v := h.open(h.account(), "work")
		if found, err := v.Lookup(t.Context(), "mail"); len(found) > 0 || err != nil {
			t.Errorf("%s: what was in the old one: %v, %v", what, found, err)
		}
		h.put(v, "new", "2")
		h.want(h.open(h.fresh(), "work"), "new", "2")
	}
}

// TestGone has a vault deleted elsewhere: who writes to it learns that, and it
// is not read any more.
func TestGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h := w.home(t).login().with("default", "work")
	v := h.open(h.account(), "work")
	h.put(v, "mail", "1")
	other := w.home(t).login()
	a := other.account()
	if err := a.(backend.Deleter).DeleteVault(t.Context(), other.info(a, "work").ID); err != nil {
		t.Fatal(err)
	}
	if _, _, err := v.Commit(t.Context(), vault.Change{Put: []vault.Put{{Item: login("new", "1")}}}); !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("a write: %v", err)
	}
	if _, err := v.Lookup(t.Context(), "mail"); !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("a read after that: %v", err)
	}
}
