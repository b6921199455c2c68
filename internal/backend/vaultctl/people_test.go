package vaultctl_test

import (
	"errors"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/pkg/client"
)

// Trust takes somebody by e-mail address or id, as a person types it, also in
// place of a key that was trusted before.
func TestTrustByName(t *testing.T) {
	t.Parallel()
	f := newForger(t)
	tm := newTeam(t, false)
	bob := keysOf(t, tm.bob)
	pub, _ := bob.Identity.Public()
	for _, who := range []string{"bob@example.com", bob.User.String()} {
		a := tm.ann.account().(backend.Sharer)
		if err := a.Trust(t.Context(), backend.Recipient{Email: who, Fingerprint: pub.Fingerprint()}); err != nil {
			t.Errorf("Trust of %s: %v", who, err)
		}
	}
	id, _ := f.identity.Public()
	tm.lying(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.Contains(r.URL.Path, "/users") {
			rewrite(w, r, next, r.URL.Path, f.user)
			return
		}
		next.ServeHTTP(w, r)
	})
	a := tm.ann.account().(backend.Sharer)
	if err := a.Trust(t.Context(), backend.Recipient{Email: "bob@example.com", Fingerprint: pub.Fingerprint()}); !is[*backend.AlarmError](err) {
		t.Errorf("Trust of a key with another fingerprint: %v", err)
	}
	if err := a.Trust(t.Context(), backend.Recipient{Email: "bob@example.com", Fingerprint: id.Fingerprint()}); err != nil {
		t.Errorf("Trust of another key: %v", err)
	}
	if r, err := tm.ann.account().(backend.Sharer).Recipient(t.Context(), "bob@example.com"); err != nil || !r.Trusted {
		t.Errorf("Recipient = %+v, %v", r, err)
	}
}

// The service shows somebody who is trusted in the place of somebody else: the
// vault would go to the wrong colleague, and no fingerprint would be asked for.
func TestAnotherPerson(t *testing.T) {
	t.Parallel()
	tm := newTeam(t, false)
	carol := tm.home(t, "carol@example.com", 1).signup(false)
	tm.join(carol, "admin")
	carolID, bobID := keysOf(t, carol).User.String(), keysOf(t, tm.bob).User.String()
	var real map[string]any
	tm.lying(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		rewrite(w, r, next, carolID, func(m map[string]any) { real = maps.Clone(m) })
	})
	if _, err := tm.ann.account().(backend.Sharer).Recipient(t.Context(), carolID); err != nil || real == nil {
		t.Fatalf("Recipient: %v", err)
	}
	tm.lying(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.Contains(r.URL.Path, "/users") {
			rewrite(w, r, next, r.URL.Path, func(m map[string]any) {
				maps.Copy(m, real)
				m["email"] = "bob@example.com"
			})
			return
		}
		next.ServeHTTP(w, r)
	})
	tm.requests()
	if r, err := tm.ann.account().(backend.Sharer).Recipient(t.Context(), "bob@example.com"); !is[*backend.AlarmError](err) {
		t.Errorf("Recipient by address = %+v, %v", r, err)
	}
	if r, err := tm.ann.account().(backend.Sharer).Recipient(t.Context(), bobID); !errors.Is(err, client.ErrBadAnswer) {
		t.Errorf("Recipient by id = %+v, %v", r, err)
	}
	if err := tm.ann.account().(backend.Rekeyer).Rekey(t.Context(), tm.id, nil); !errors.Is(err, client.ErrBadAnswer) {
		t.Errorf("Rekey: %v", err)
	}
	for _, asked := range tm.requests() {
		if !strings.HasPrefix(asked, "GET ") {
			t.Errorf("%s was sent", asked)
		}
	}
}
