package vaultctl_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/service/accounts"
	"github.com/keyhold/keyhold/internal/vault"
	"github.com/keyhold/keyhold/pkg/client"
)

// away is a service that cannot be reached.
func away(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
	w.WriteHeader(http.StatusBadGateway)
}

func (h *home) warnings() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	warned := h.warned
	h.warned = nil
	return warned
}

// Without the network reads come from the mirror, and nothing is written.
func TestOffline(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h := w.home(t, "ann@example.com", 0).signup(false)
	h.put(h.open(h.account(), "personal"), "db", "hunter2")
	w.lying(func(http.ResponseWriter, *http.Request, http.Handler) { panic("nothing may be asked") })
	h.deps.Service.Offline = true
	w.wait(24 * time.Hour)
	if err := h.unlock(); err != nil {
		t.Fatalf("Unlock: %v", err)
	}
	a := h.account()
	v := h.open(a, "personal")
	h.want(v, "db", "hunter2")
	before := dump(t, h.state)
	_, _, err := v.Commit(t.Context(), vault.Change{Put: []vault.Put{{Item: login("new", "1")}}})
	for what, err := range map[string]error{
		"Commit": err, "Purge": v.(vault.Trasher).Purge(t.Context(), nil),
		"Sync":   a.(backend.Syncer).Sync(t.Context(), "", false),
		"Rekey":  a.(backend.Rekeyer).Rekey(t.Context(), h.info(a, "personal").ID, nil),
		"passwd": a.(backend.PasswordChanger).ChangePassword(t.Context(), secret.TextOf("another")),
	} {
		if !errors.Is(err, backend.ErrOffline) {
			t.Errorf("%s: %v, want ErrOffline", what, err)
		}
	}
	if after := dump(t, h.state); len(after) != len(before) {
		t.Errorf("something was written")
	}
	if got := h.warnings(); len(got) > 0 || h.prompts > 0 {
		t.Errorf("warnings %v, %d questions", got, h.prompts)
	}
}

// A service that does not answer, when the mirror is old, costs a short wait and
// one warning.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	for name, lie := range map[string]func(http.ResponseWriter, *http.Request, http.Handler){
		"away":  away,
		"hangs": func(_ http.ResponseWriter, r *http.Request, _ http.Handler) { <-r.Context().Done() },
		"cut":   func(http.ResponseWriter, *http.Request, http.Handler) { panic("cut") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			h := w.home(t, "ann@example.com", 0).signup(false)
			h.put(h.open(h.account(), "personal"), "db", "hunter2")
			w.lying(lie)
			w.requests()
			h.want(h.open(h.account(), "personal"), "db", "hunter2")
			if got := w.requests(); len(got) > 0 {
				t.Errorf("the mirror is new, and %v was asked", got)
			}
			w.wait(6 * time.Minute)
			v := h.open(h.account(), "personal")
			h.want(v, "db", "hunter2")
			h.want(v, "db", "hunter2")
			if got := h.warnings(); !slices.Equal(got, []string{"offline"}) {
				t.Errorf("the warnings are %v, want one", got)
			}
			w.lying(nil)
			w.requests()
			h.want(h.open(h.account(), "personal"), "db", "hunter2")
			if got := w.requests(); !slices.Contains(got, "GET /vaults") {
				t.Errorf("the mirror is old, and %v was asked", got)
			}
		})
	}
}

// Two machines of one person see each other's writes and merge.
func TestTwoMachines(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one := w.home(t, "ann@example.com", 0).signup(false)
	it := one.put(one.open(one.account(), "personal"), "db", "hunter2")
	two := w.home(t, "ann@example.com", 0)
	if err := two.login(); err != nil {
		t.Fatalf("Login: %v", err)
	}
	v := two.open(two.account(), "personal")
	two.want(v, "db", "hunter2")
	if _, _, err := v.Commit(t.Context(), vault.Change{Put: []vault.Put{edit(it, "of two")}}); err != nil {
		t.Fatalf("Commit: %v", err)
	}
	old := one.open(one.account(), "personal") // its mirror is five minutes good
	one.want(old, "db", "hunter2")
	_, _, err := old.Commit(t.Context(), vault.Change{Put: []vault.Put{edit(it, "of one")}})
	if !is[*vault.ConflictError](err) {
		t.Errorf("a change from an old copy: %v", err)
	}
	one.want(old, "db", "of two")

	if _, err := two.account().(backend.Creator).CreateVault(t.Context(), "second"); err != nil {
		t.Fatalf("CreateVault: %v", err)
	}
	a := one.fresh()
	if i := one.info(a, "second"); i.Open {
		t.Errorf("without the password the new vault is %+v", i)
	}
	if _, err := a.Vault(t.Context(), one.info(a, "second").ID); !errors.Is(err, vault.ErrLocked) {
		t.Errorf("a personal vault that was made elsewhere: %v", err)
	}
	if err := one.unlock(); err != nil {
		t.Fatalf("Unlock: %v", err)
	}
	one.put(one.open(one.account(), "second"), "x", "y")

	id := two.info(two.account(), "personal").ID
	if err := two.account().(backend.Rekeyer).Rekey(t.Context(), id, nil); err != nil {
		t.Fatalf("Rekey: %v", err)
	}
	_, err = old.Lookup(t.Context(), "db")
	if err == nil {
		_, err = one.fresh().Vault(t.Context(), id)
	}
	if err == nil {
		a := one.fresh()
		_, _ = a.Vaults(t.Context())
		_, err = a.Vault(t.Context(), id)
	}
	if !errors.Is(err, vault.ErrLocked) {
		t.Errorf("with the old key: %v", err)
	}
	if err := one.unlock(); err != nil {
		t.Fatalf("Unlock: %v", err)
	}
	one.want(one.open(one.account(), "personal"), "db", "of two")
}

// Another password on one machine: the other has to log in with it, and does so
// by itself when it is unlocked.
func TestPasswordElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one := w.home(t, "ann@example.com", 0).signup(false)
	one.put(one.open(one.account(), "personal"), "db", "hunter2")
	two := w.home(t, "ann@example.com", 0)
	if err := two.login(); err != nil {
		t.Fatalf("Login: %v", err)
	}
	next := "another master password"
	if err := one.account().(backend.PasswordChanger).ChangePassword(t.Context(), secret.TextOf(next)); err != nil {
		t.Fatalf("ChangePassword: %v", err)
	}
	one.put(one.open(one.fresh(), "personal"), "new", "1")
	if err := one.unlock(); !errors.Is(err, vault.ErrWrongPassword) {
		t.Errorf("the old password: %v", err)
	}
	one.password = next
	if err := one.unlock(); err != nil {
		t.Errorf("the new password: %v", err)
	}
	_, err := two.passwordOf(two.open(two.account(), "personal"), "db")
	if err == nil {
		_, err = two.fresh().Vaults(t.Context())
	}
	if !errors.Is(err, backend.ErrSignedOut) {
		t.Errorf("the other machine: %v", err)
	}
	two.password = "a wrong password"
	if err := two.unlock(); !errors.Is(err, vault.ErrWrongPassword) {
		t.Errorf("a wrong password: %v", err)
	}
	two.password = next
	if err := two.unlock(); err != nil {
		t.Fatalf("the new password: %v", err)
	}
	two.want(two.open(two.fresh(), "personal"), "new", "1")
}

// An access token that is out of date is refreshed once, by one of several
// processes.
func TestRefresh(t *testing.T) {
	t.Parallel()
	w := worldOn(t, memory.New(), time.Minute)
	h := w.home(t, "ann@example.com", 0).signup(false)
	w.wait(2 * time.Minute)
	w.requests()
	var wg sync.WaitGroup
	for range 8 {
		a := h.fresh()
		wg.Go(func() {
			if _, err := a.Vaults(t.Context()); err != nil {
				t.Errorf("Vaults: %v", err)
			}
		})
	}
	wg.Wait()
	n := 0
	for _, asked := range w.requests() {
		if asked == "POST /auth/refresh" {
			n++
		}
	}
	if n != 1 {
		t.Errorf("there were %d refreshes, want 1", n)
	}
}

// A refresh token that somebody else used ends the session.
func TestReusedToken(t *testing.T) {
	t.Parallel()
	w := worldOn(t, memory.New(), time.Minute)
	h := w.home(t, "ann@example.com", 0).signup(false)
	stolen, err := h.deps.Device.Token(t.Context(), "vault", "https://vault.test")
	if err != nil {
		t.Fatal(err)
	}
	stolen.Secret = secret.Of(slices.Clone(stolen.Secret.Reveal()))
	w.wait(2 * time.Minute)
	if _, err := h.fresh().Vaults(t.Context()); err != nil {
		t.Fatalf("Vaults: %v", err)
	}
	if err := h.deps.Device.SetToken(t.Context(), "vault", stolen); err != nil {
		t.Fatal(err)
	}
	_, err = h.fresh().Vaults(t.Context())
	if !errors.Is(err, backend.ErrSessionRevoked) || !errors.Is(err, backend.ErrSignedOut) {
		t.Errorf("with a token that was used: %v", err)
	}
	if h.prompts > 0 {
		t.Errorf("the password was asked for")
	}
	_, err = h.fresh().Vaults(t.Context())
	if !errors.Is(err, backend.ErrSignedOut) {
		t.Errorf("after that: %v", err)
	}
	if err := h.login(); err != nil {
		t.Fatalf("Login: %v", err)
	}
	if _, err := h.fresh().Vaults(t.Context()); err != nil {
		t.Errorf("after a login: %v", err)
	}
}

// lostAnswers lets requests arrive and loses the answers to those with this
// method and end of path, n times.
func lostAnswers(method, suffix string, n int) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method != method || !strings.HasSuffix(r.URL.Path, suffix) || n == 0 {
			next.ServeHTTP(w, r)
			return
		}
		n--
		next.ServeHTTP(httptest.NewRecorder(), r)
		panic("the answer is lost")
	}
}

// A refresh of which the answer was lost logs in again with the password.
func TestLostRefresh(t *testing.T) {
	t.Parallel()
	for name, asked := range map[string]bool{"with a password": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := worldOn(t, memory.New(), time.Minute)
			h := w.home(t, "ann@example.com", 0).signup(false)
			if !asked {
				h.deps.Ask = func(context.Context) (secret.String, error) { return secret.String{}, errors.New("nobody is there") }
			}
			w.wait(2 * time.Minute)
			w.lying(lostAnswers(http.MethodPost, "/auth/refresh", 1))
			if err := h.account().(backend.Syncer).Sync(t.Context(), "", false); !errors.Is(err, client.ErrUnavailable) {
				t.Errorf("Sync: %v", err)
			}
			err := h.account().(backend.Syncer).Sync(t.Context(), "", false)
			if asked && err != nil || !asked && !errors.Is(err, backend.ErrSignedOut) {
				t.Errorf("the next: %v", err)
			}
		})
	}
}

// A change of which the answer was lost is recognised by reading back.
func TestLostCommit(t *testing.T) {
	t.Parallel()
	for name, compatible := range map[string]bool{"bound": false, "compatible": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			h := w.home(t, "ann@example.com", 0).signup(compatible)
			v := h.open(h.account(), "personal")
			it := h.put(v, "db", "hunter2")
			w.lying(lostAnswers(http.MethodPost, "/changes", 1))
			rev, items, err := v.Commit(t.Context(), vault.Change{Put: []vault.Put{edit(it, "2"), {Item: login("new", "1")}}})
			if err != nil || len(items) != 2 || items[0].Revision != uint64(rev) || rev == 0 {
				t.Fatalf("Commit = %d, %+v, %v", rev, items, err)
			}
			h.want(v, "db", "2")
			w.lying(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
				if strings.HasSuffix(r.URL.Path, "/changes") {
					away(rw, r, next)
					return
				}
				next.ServeHTTP(rw, r)
			})
			_, _, err = v.Commit(t.Context(), vault.Change{Put: []vault.Put{edit(items[0], "3")}})
			if !errors.Is(err, client.ErrUnavailable) {
				t.Errorf("a change that did not arrive: %v", err)
			}
			h.want(v, "db", "2")
			w.lying(lostAnswers(http.MethodPost, "/rekey", 1))
			a := h.account()
			if err := a.(backend.Rekeyer).Rekey(t.Context(), h.info(a, "personal").ID, nil); err != nil {
				t.Fatalf("a rekey of which the answer was lost: %v", err)
			}
			h.want(h.open(h.account(), "personal"), "db", "2")
			w.lying(lostAnswers(http.MethodPost, "/auth/password/change", 1))
			if err := h.account().(backend.PasswordChanger).ChangePassword(t.Context(), secret.TextOf("another password")); err != nil {
				t.Fatalf("another password of which the answer was lost: %v", err)
			}
			h.password = "another password"
			if err := h.unlock(); err != nil {
				t.Fatalf("Unlock: %v", err)
			}
			h.want(h.open(h.fresh(), "personal"), "db", "2")
		})
	}
}

// Writers at work during rekeys lose nothing.
func TestRekeyRace(t *testing.T) {
	t.Parallel()
	tm := newTeam(t, false)
	const writes, rekeys = 12, 5
	retry := vault.Retry{Attempts: 1000, Within: time.Hour, Now: time.Now, Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }}
	v := tm.bob.open(tm.bob.fresh(), "team")
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range writes {
			_, _, err := vault.Apply(t.Context(), v, retry, func(ctx context.Context) (vault.Change, error) {
				it, err := vault.Find(ctx, v, "db")
				return vault.Change{Put: []vault.Put{edit(it, string(rune('a'+i))), {Item: login("more", "1")}}}, err
			})
			if err != nil {
				t.Errorf("write %d: %v", i, err)
			}
		}
	})
	a := tm.ann.account()
	for i := range rekeys {
		for try := 0; ; try++ {
			err := a.(backend.Rekeyer).Rekey(t.Context(), tm.id, nil)
			if err == nil {
				break
			}
			if !is[*vault.ConflictError](err) || try > 100 {
				t.Fatalf("rekey %d: %v", i, err)
			}
		}
	}
	wg.Wait()
	for _, h := range []*home{tm.ann, tm.bob} {
		v := h.open(h.fresh(), "team")
		h.want(v, "db", string(rune('a'+writes-1)))
		if found, err := v.Lookup(t.Context(), "more"); err != nil || len(found) != writes {
			t.Errorf("%d of %d items are there, %v", len(found), writes, err)
		}
	}
}

// A login comes after a logout, and the pins are still there.
func TestLogout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h := w.home(t, "ann@example.com", 0).signup(false)
	h.put(h.open(h.account(), "personal"), "db", "hunter2")
	if err := h.driver.Logout(t.Context(), h.deps); err != nil {
		t.Fatalf("Logout: %v", err)
	}
	if _, err := h.driver.Describe(t.Context(), h.deps); !errors.Is(err, backend.ErrNoAccount) {
		t.Errorf("Describe after it: %v", err)
	}
	if err := h.unlock(); !errors.Is(err, backend.ErrNoAccount) {
		t.Errorf("Unlock after it: %v", err)
	}
	h.password = "a wrong password"
	if err := h.login(); !errors.Is(err, vault.ErrWrongPassword) {
		t.Errorf("a wrong password: %v", err)
	}
	for range 5 {
		_ = h.login()
	}
	if err := h.login(); !errors.Is(err, backend.ErrAccountLocked) {
		t.Errorf("one time too often: %v", err)
	}
	w.wait(accounts.LockTime + time.Second)
	h.password = password
	if err := h.login(); err != nil {
		t.Fatalf("Login: %v", err)
	}
	h.want(h.open(h.account(), "personal"), "db", "hunter2")
}
