package vaultctl_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/vault"
)

// A team is ann, who owns the vault "team", and bob, who accepted it.
type team struct {
	*world

	ann, bob *home
	id       string // of the vault
}

func newTeam(t *testing.T, compatible bool) team {
	t.Helper()
	return teamIn(t, newWorld(t), compatible)
}

func teamIn(t *testing.T, w *world, compatible bool) team {
	t.Helper()
	tm := team{world: w, ann: w.home(t, "ann@example.com", 0).signup(false), bob: w.home(t, "bob@example.com", 1).signup(false)}
	a := tm.ann.account()
	info, err := a.(backend.KindCreator).CreateVaultOf(t.Context(), backend.NewVault{Name: "team", Shared: true, Compatible: compatible})
	if err != nil {
		t.Fatalf("CreateVaultOf: %v", err)
	}
	tm.id = info.ID
	v := tm.ann.open(a, "team")
	tm.ann.put(v, "db", "hunter2")
	tm.ann.put(v, "mail", "letmein")
	tm.join(tm.bob, "member")
	w.requests()
	return tm
}

// join has ann share the vault with somebody, who accepts it.
func (tm team) join(h *home, role string) {
	tm.Helper()
	a := tm.ann.account().(backend.Sharer)
	r, err := a.Recipient(tm.Context(), h.deps.Service.Email)
	if err != nil {
		tm.Fatalf("Recipient: %v", err)
	}
	if !r.Trusted {
		if err := a.Share(tm.Context(), tm.id, r, role); !is[*backend.UntrustedError](err) {
			tm.Fatalf("to share with somebody who is not trusted: %v", err)
		}
		if err := a.Trust(tm.Context(), r); err != nil {
			tm.Fatalf("Trust: %v", err)
		}
	}
	if err := a.Share(tm.Context(), tm.id, r, role); err != nil {
		tm.Fatalf("Share: %v", err)
	}
	b := h.fresh()
	if i := tm.listed(h, b); !i.NotAccepted || i.Open {
		tm.Fatalf("before it is accepted the vault is %+v", i)
	}
	if _, err := b.Vault(tm.Context(), tm.id); !errors.Is(err, backend.ErrNotAccepted) || !errors.Is(err, vault.ErrNotFound) {
		tm.Fatalf("to open it before: %v", err)
	}
	sender, err := b.(backend.Sharer).Sender(tm.Context(), tm.id)
	if err != nil {
		tm.Fatalf("Sender: %v", err)
	}
	if err := b.(backend.Sharer).Accept(tm.Context(), tm.id, "", sender); err != nil {
		tm.Fatalf("Accept: %v", err)
	}
}

// listed returns the vault as it is listed.
func (tm team) listed(h *home, a backend.Account) backend.Info {
	tm.Helper()
	infos, err := a.Vaults(tm.Context())
	if err != nil {
		tm.Fatalf("Vaults: %v", err)
	}
	for _, i := range infos {
		if i.ID == tm.id {
			return i
		}
	}
	return backend.Info{}
}

func is[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

// TestTeam is the story of a shared vault.
func TestTeam(t *testing.T) {
	t.Parallel()
	for name, compatible := range map[string]bool{"bound": false, "compatible": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tm := newTeam(t, compatible)
			carol := tm.home(t, "carol@example.com", 1).signup(false)
			tm.join(carol, "admin")
			bob := tm.bob.account()
			v := tm.bob.open(bob, "team")
			tm.bob.want(v, "db", "hunter2")
			tm.bob.put(v, "new", "of bob")
			annsOld := tm.ann.open(tm.ann.fresh(), "team")
			tm.ann.want(annsOld, "new", "of bob")
			if err := bob.(backend.Rekeyer).Rekey(t.Context(), tm.id, nil); !errors.Is(err, vault.ErrDenied) {
				t.Errorf("Rekey by a member: %v", err)
			}

			members, err := tm.ann.account().(backend.Sharer).Members(t.Context(), tm.id)
			if err != nil || len(members) != 3 || !members[0].Self || members[1].Email != "bob@example.com" || !members[1].Trusted || members[2].Role != "admin" {
				t.Fatalf("Members = %+v, %v", members, err)
			}
			read, err := tm.ann.account().(backend.Sharer).Unshare(t.Context(), tm.id, members[2].ID, nil)
			if err != nil || len(read) != 3 {
				t.Fatalf("Unshare = %+v, %v", read, err)
			}
			carols, err := carol.fresh().Vault(t.Context(), tm.id)
			if err != nil {
				t.Fatalf("to open what is listed here: %v", err)
			}
			if _, err := carols.Lookup(t.Context(), "db"); !errors.Is(err, vault.ErrNotFound) {
				t.Errorf("the next read of who was removed: %v", err)
			}
			if i := tm.listed(carol, carol.account()); i.ID != "" {
				t.Errorf("who was removed still sees %+v", i)
			}
			if _, err := carol.open(carol.account(), "personal").Lookup(t.Context(), "db"); err != nil {
				t.Errorf("the other vault of who was removed: %v", err)
			}

			// Who stays goes on with the new key, by himself.
			tm.bob.put(v, "after", "of bob")
			v = tm.bob.open(tm.bob.fresh(), "team")
			tm.bob.want(v, "db", "hunter2")
			tm.ann.want(tm.ann.open(tm.ann.fresh(), "team"), "after", "of bob")
			oldKeyOpensNothing(t, tm, carol)
			if problems, err := v.(vault.Checker).Check(t.Context(), nil); err != nil || len(problems) > 0 {
				t.Errorf("Check = %v, %v", problems, err)
			}

			if err := tm.bob.account().(backend.Sharer).Leave(t.Context(), tm.id); err != nil {
				t.Fatalf("Leave: %v", err)
			}
			if i := tm.listed(tm.bob, tm.bob.fresh()); i.ID != "" {
				t.Errorf("the vault that was left is %+v", i)
			}
			a := tm.ann.fresh()
			if i := tm.listed(tm.ann, a); !i.NeedsRekey {
				t.Errorf("after somebody left the vault is %+v", i)
			}
			_, _, err = tm.ann.open(a, "team").Commit(t.Context(), vault.Change{Put: []vault.Put{{Item: login("x", "y")}}})
			if !errors.Is(err, backend.ErrRekeyRequired) {
				t.Errorf("to write before the rekey: %v", err)
			}
			if err := a.(backend.Rekeyer).Rekey(t.Context(), tm.id, nil); err != nil {
				t.Fatalf("Rekey: %v", err)
			}
			tm.ann.put(tm.ann.open(a, "team"), "x", "y")
		})
	}
}

// oldKeyOpensNothing tries the key that somebody still has on what the service
// has now.
func oldKeyOpensNothing(t *testing.T, tm team, h *home) {
	t.Helper()
	set, err := seal.ParseKeySet(h.keys.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	id, _ := seal.ParseID(tm.id)
	e, ok := set.Vault(id)
	if !ok {
		t.Fatalf("who was removed has no key")
	}
	k, err := e.Open()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	tm.lying(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		rewrite(w, r, next, "/items", func(m map[string]any) {
			for _, it := range m["items"].([]any) {
				it := it.(map[string]any)
				item, _ := seal.ParseID(it["itemId"].(string))
				if _, err := k.OpenData(item, blob(it, "encryptedData")); err == nil {
					t.Errorf("the old key opens item %s", item)
				}
				n++
			}
		})
	})
	defer tm.lying(nil)
	if err := tm.ann.account().(backend.Syncer).Sync(t.Context(), tm.id, false); err != nil {
		t.Errorf("Sync: %v", err)
	}
	tm.ann.put(tm.ann.open(tm.ann.account(), "team"), "newer", "1")
	if err := tm.bob.account().(backend.Syncer).Sync(t.Context(), tm.id, false); err != nil || n == 0 {
		t.Errorf("Sync: %v, %d items were seen", err, n)
	}
}

// rewrite passes a request on and, if its path ends so, changes the answer.
func rewrite(w http.ResponseWriter, r *http.Request, next http.Handler, suffix string, change func(map[string]any)) {
	if !strings.HasSuffix(r.URL.Path, suffix) {
		next.ServeHTTP(w, r)
		return
	}
	rec := httptest.NewRecorder()
	next.ServeHTTP(rec, r)
	body := rec.Body.Bytes()
	var m map[string]any
	if rec.Code/100 == 2 && json.Unmarshal(body, &m) == nil {
		change(m)
		body, _ = json.Marshal(m)
	}
	for k, v := range rec.Header() {
		if k != "Content-Length" {
			w.Header()[k] = v
		}
	}
	w.WriteHeader(rec.Code)
	_, _ = w.Write(body)
}

// blob returns a binary member.
func blob(m map[string]any, name string) []byte {
	var b []byte
	text, _ := json.Marshal(m[name])
	_ = json.Unmarshal(text, &b)
	return b
}
