package pwm_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/service/blobs"
	"github.com/keyhold/keyhold/internal/vault"
)

func (h *home) wantAlarm(what string, err error, code string) {
	h.Helper()
	var alarm *backend.AlarmError
	if !errors.As(err, &alarm) || alarm.Code != code {
		h.Errorf("%s: %v, want the alarm %s", what, err, code)
	}
}

// set puts a vault back into the store of the server as it was.
func (w *world) set(name string, v blobs.Vault) {
	w.Helper()
	err := w.db.Update(w.Context(), func(tx kv.Tx) error {
		if err := blobs.Delete(tx, email, name); err != nil {
			return err
		}
		i, err := blobs.Create(tx, w.now(), email, name, v.Content, v.Key)
		for err == nil && i.Version < v.Version {
			i, err = blobs.Update(tx, w.now(), email, name, i.Version, v.Content, nil)
		}
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
}

func TestRollback(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h := w.home(t).login().with("work")
	v := h.open(h.account(), "work")
	it := h.put(v, "mail", "1")
	old := w.stored("work")
	if _, _, err := v.Commit(t.Context(), vault.Change{Put: []vault.Put{edited(it, "2")}}); err != nil {
		t.Fatal(err)
	}
	seen := w.stored("work")
	newer := old
	newer.Version = seen.Version + 1
	same := old
	same.Version = seen.Version
	for what, lie := range map[string]blobs.Vault{
		"an older version": old, "an older blob as the next version": newer, "an older blob as the same version": same,
	} {
		w.wait(time.Second)
		w.set("work", lie)
		a := h.fresh()
		id := h.info(h.account(), "work").ID
		if v, err := a.Vault(t.Context(), id); err == nil {
			_, err = v.Lookup(t.Context(), "mail")
			h.wantAlarm(what+", read", err, backend.Rollback)
		} else {
			h.wantAlarm(what, err, backend.Rollback)
		}
		// Without asking first: the write finds out, and overwrites nothing.
		sentinel := w.stored("work")
		if v, err := h.account().Vault(t.Context(), id); err == nil {
			_, _, err = v.Commit(t.Context(), vault.Change{Put: []vault.Put{{Item: login("new", "1")}}})
			h.wantAlarm(what+", written", err, backend.Rollback)
		}
		if now := w.stored("work"); now.Version != sentinel.Version || !bytes.Equal(now.Content.Data, sentinel.Content.Data) {
			t.Errorf("%s was overwritten", what)
		}
		w.set("work", seen)
		if err := h.account().(backend.Syncer).Sync(t.Context(), id, false); err != nil {
			t.Errorf("the one that was seen: %v", err)
		}
	}
	w.set("work", old)
	id := h.info(h.account(), "work").ID
	h.wantAlarm("sync", h.account().(backend.Syncer).Sync(t.Context(), id, false), backend.Rollback)
	if err := h.account().(backend.Syncer).Sync(t.Context(), id, true); err != nil {
		t.Fatalf("accepting it: %v", err)
	}
	v = h.open(h.account(), "work")
	h.want(v, "mail", "1")
	h.put(v, "again", "1")
}

func TestLostAnswer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		applied bool
		lost    int64
		fails   bool
		version uint64
	}{
		{"applied", true, 1, false, 2},
		{"not applied", false, 1, false, 2},
		{"never applied", false, 99, true, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			h := w.home(t).login().with("work")
			v := h.open(h.account(), "work")
			var lost atomic.Int64
			w.lying(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
				if r.Method == http.MethodPut && lost.Add(1) <= tt.lost {
					if tt.applied {
						next.ServeHTTP(httptest.NewRecorder(), r)
					}
					panic("lost")
				}
				next.ServeHTTP(rw, r)
			})
			_, _, err := v.Commit(t.Context(), vault.Change{Put: []vault.Put{{Item: login("mail", "1")}}})
			if (err != nil) != tt.fails {
				t.Errorf("Commit: %v", err)
			}
			w.lying(nil)
			if got := w.stored("work").Version; got != tt.version {
				t.Errorf("version %d, want %d", got, tt.version)
			}
			n := 0
			for range h.open(h.fresh(), "work").Entries(t.Context()) {
				n++
			}
			if n != int(tt.version)-1 {
				t.Errorf("%d items", n)
			}
		})
	}
}

// TestAlwaysConflict has a service that takes no change at all.
func TestAlwaysConflict(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h := w.home(t).login().with("work")
	v := h.open(h.account(), "work")
	w.lying(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodPut {
			rw.Header().Set("Content-Type", "application/json")
			rw.WriteHeader(http.StatusConflict)
			_, _ = rw.Write([]byte(`{"error":"Version conflict","code":"VERSION_CONFLICT","currentVersion":9,"yourVersion":1}`))
			return
		}
		next.ServeHTTP(rw, r)
	})
	_, _, err := v.Commit(t.Context(), vault.Change{Put: []vault.Put{{Item: login("mail", "1")}}})
	var conflict *vault.ConflictError
	if !errors.As(err, &conflict) {
		t.Errorf("Commit: %v, want a conflict", err)
	}
	if got := w.stored("work").Version; got != 1 {
		t.Errorf("version %d", got)
	}
}

// writes is one process: each time it puts an item of its own and sets a field
// of its own in the one that all have.
func writes(t *testing.T, v vault.Vault, shared, who string, puts int) error {
	retry := vault.Retry{Attempts: 1000, Within: time.Hour, Now: func() time.Time { return start }, Wait: wait}
	for i := range puts {
		name := fmt.Sprintf("item %d of %s", i, who)
		put := vault.Change{Put: []vault.Put{{Item: login(name, name)}}}
		if _, _, err := vault.Apply(t.Context(), v, retry, func(ctx) (vault.Change, error) { return put, nil }); err != nil {
			return err
		}
		f := vault.Field{Name: "by " + who, Kind: vault.Text, Value: secret.Of([]byte(strconv.Itoa(i)))}
		_, _, err := vault.Apply(t.Context(), v, retry, func(ctx ctx) (vault.Change, error) {
			it, err := v.Item(ctx, shared)
			if err != nil {
				return vault.Change{}, err
			}
			next, err := vault.Edit{Set: []vault.Field{f}}.Apply(it, start)
			return vault.Change{Put: []vault.Put{{Item: next, Was: &it}}}, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// TestWriters has several machines, and several processes of each, write.
func TestWriters(t *testing.T) {
	t.Parallel()
	puts := 10 // with real processes there are more
	if testing.Short() {
		puts = 5
	}
	t.Run("16 processes of one home", func(t *testing.T) { t.Parallel(); write(t, 1, 16, puts) })
	t.Run("4 homes", func(t *testing.T) { t.Parallel(); write(t, 4, 4, puts) })
}

// write has all of them write at once: no put is lost, and the version counts
// those that were taken.
func write(t *testing.T, homes, processes, puts int) {
	t.Helper()
	w := newWorld(t)
	first := w.home(t).login().with("work")
	item := first.put(first.open(first.account(), "work"), "shared", "0")
	var sent atomic.Int64
	w.lying(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		if r.Method == http.MethodPut && rec.Code == http.StatusOK {
			sent.Add(1)
		}
		for k, v := range rec.Header() {
			rw.Header()[k] = v
		}
		rw.WriteHeader(rec.Code)
		_, _ = rw.Write(rec.Body.Bytes())
	})
	base := w.stored("work").Version
	errs := make(chan error)
	for n := range homes {
		h := w.home(t).login()
		for p := range processes {
			v := h.open(h.account(), "work")
			go func() { errs <- writes(t, v, item.ID, fmt.Sprintf("%d/%d", n, p), puts) }()
		}
	}
	for range homes * processes {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if got := w.stored("work").Version - base; got != uint64(sent.Load()) || got != uint64(2*homes*processes*puts) { //nolint:gosec // small
		t.Errorf("the version went up by %d, %d PUTs were taken", got, sent.Load())
	}
	v := first.open(first.fresh(), "work")
	for n := range homes {
		for p := range processes {
			for i := range puts {
				name := fmt.Sprintf("item %d of %d/%d", i, n, p)
				first.want(v, name, name)
			}
			it, err := v.Item(t.Context(), item.ID)
			f, _ := it.Field(fmt.Sprintf("by %d/%d", n, p))
			if err != nil || string(f.Value.Reveal()) != fmt.Sprint(puts-1) {
				t.Errorf("the field of %d/%d is %q, %v", n, p, f.Value.Reveal(), err)
			}
		}
	}
}

func TestPasswords(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h := w.home(t).login().with("one", "two")
	// Another machine makes a vault with another password.
	const own = "an-0ther-master-password"
	w.set("two", ownVault(t, own))
	other := w.home(t).login()
	if !slices.Contains(other.warned, "vault_closed") {
		t.Errorf("it was not said that a vault stays closed: %v", other.warned)
	}
	a := other.account()
	if i := other.info(a, "two"); i.Open {
		t.Errorf("a vault with another password is open")
	}
	if _, err := a.Vault(t.Context(), other.info(a, "two").ID); !errors.Is(err, vault.ErrLocked) {
		t.Errorf("a closed vault: %v", err)
	}
	other.password = "wrong, wrong, wrong"
	if err := other.unlock(); !errors.Is(err, vault.ErrWrongPassword) {
		t.Errorf("a wrong password: %v", err)
	}
	other.password = master
	other.put(other.open(other.account(), "one"), "mail", "1")

	other.warned = nil
	next := "a-completely-new-password"
	if err := other.account().(backend.PasswordChanger).ChangePassword(t.Context(), secret.TextOf(next)); err != nil {
		t.Fatalf("ChangePassword: %v", err)
	}
	if !slices.Contains(other.warned, "other_password") {
		t.Errorf("it was not said that a vault keeps its password: %v", other.warned)
	}
	if err := other.unlock(); !errors.Is(err, vault.ErrWrongPassword) {
		t.Errorf("the old password: %v", err)
	}
	other.password = next
	if err := other.unlock(); err != nil {
		t.Errorf("the new password: %v", err)
	}
	other.want(other.open(other.account(), "one"), "mail", "1")
	_ = h
}

// TestPasswordNotTaken has a service that keeps the old wrap and says nothing.
func TestPasswordNotTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h := w.home(t).login().with("one")
	w.lying(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodPut {
			var body map[string]any
			if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
				panic(err)
			}
			for _, m := range []string{"wrappedVaultKey", "vaultKeyIv", "vaultKeySalt"} {
				delete(body, m)
			}
			text, _ := json.Marshal(body)
			r.Body, r.ContentLength = http.NoBody, int64(len(text))
			r = r.Clone(r.Context())
			r.Body = readCloser{bytes.NewReader(text)}
		}
		next.ServeHTTP(rw, r)
	})
	err := h.account().(backend.PasswordChanger).ChangePassword(t.Context(), secret.TextOf("a-completely-new-password"))
	if !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("ChangePassword: %v", err)
	}
	w.lying(nil)
	if err := h.unlock(); err != nil {
		t.Errorf("the old password: %v", err)
	}
	h.put(h.open(h.account(), "one"), "mail", "1")
}

func TestBadParts(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]func(*blobs.Vault){
		"a blob with a bit flipped": func(v *blobs.Vault) { v.Content.Data[3] ^= 1 },
		"a blob of nothing":         func(v *blobs.Vault) { v.Content.Data = v.Content.Data[:16] },
		"another iv":                func(v *blobs.Vault) { v.Content.IV[0] ^= 1 },
	} {
		w := newWorld(t)
		h := w.home(t).login().with("one")
		v := w.stored("one")
		v.Version++
		v.Content.Data, v.Content.IV = bytes.Clone(v.Content.Data), bytes.Clone(v.Content.IV)
		change(&v)
		w.set("one", v)
		_, err := h.open(h.fresh(), "one").Lookup(t.Context(), "mail")
		if !errors.Is(err, vault.ErrDamaged) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, answer := range map[string]string{
		"a wrap of 40 bytes": `"wrappedVaultKey":"` + strings.Repeat("A", 54) + `","vaultKeyIv":"AAAAAAAAAAAAAAAA","vaultKeySalt":"AAAAAAAAAAAAAAAAAAAAAA=="`,
		"an iv of 16 bytes":  `"wrappedVaultKey":"` + strings.Repeat("A", 64) + `","vaultKeyIv":"AAAAAAAAAAAAAAAAAAAAAA==","vaultKeySalt":"AAAAAAAAAAAAAAAAAAAAAA=="`,
		"a salt of 12 bytes": `"wrappedVaultKey":"` + strings.Repeat("A", 64) + `","vaultKeyIv":"AAAAAAAAAAAAAAAA","vaultKeySalt":"AAAAAAAAAAAAAAAA"`,
	} {
		w := newWorld(t)
		w.home(t).login().with("one")
		w.lying(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
			if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/one") {
				rw.Header().Set("Content-Type", "application/json")
				_, _ = fmt.Fprintf(rw, `{"encryptedData":"AAAAAAAAAAAAAAAAAAAAAAAAAAAA","iv":"AAAAAAAAAAAAAAAA",%s,"version":1,"updatedAt":"2026-03-04T05:06:07Z"}`, answer)
				return
			}
			next.ServeHTTP(rw, r)
		})
		h := w.home(t)
		h.deps.Service.Token = w.token()
		_, err := h.driver.Login(t.Context(), h.deps, secret.TextOf(master))
		if !errors.Is(err, vault.ErrDamaged) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h := w.home(t).login()
	// Those with / and @ only others make.
	foreign := []string{"a/b", "/", "what?", "100%", "%2F", " spaces ", "emoji 🔑", "me@home", "../up"}
	for _, name := range foreign {
		err := w.db.Update(t.Context(), func(tx kv.Tx) error {
			v := ownVault(t, master)
			_, err := blobs.Create(tx, w.now(), email, name, v.Content, v.Key)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := h.account().(backend.Syncer).Sync(t.Context(), "", false); err != nil {
		t.Fatal(err)
	}
	if err := h.unlock(); err != nil {
		t.Fatal(err)
	}
	for _, name := range foreign {
		h.put(h.open(h.account(), name), "of "+name, name)
		if got := w.stored(name).Version; got != 2 {
			t.Errorf("vault %q has version %d", name, got)
		}
		h.want(h.open(h.fresh(), name), "of "+name, name)
	}
	w.requests()
	for _, name := range []string{"", ".", ".."} {
		if _, err := h.account().(backend.Creator).CreateVault(t.Context(), name); !errors.Is(err, vault.ErrInvalid) {
			t.Errorf("CreateVault(%q): %v", name, err)
		}
	}
	if asked := w.requests(); len(asked) > 0 {
		t.Errorf("bad names were sent: %v", asked)
	}
}

func TestOffline(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h := w.home(t).login().with("one")
	h.put(h.open(h.account(), "one"), "mail", "1")
	w.lying(func(http.ResponseWriter, *http.Request, http.Handler) { panic("down") })
	w.requests()
	h.want(h.open(h.account(), "one"), "mail", "1")
	if asked := w.requests(); len(asked) > 0 {
		t.Errorf("a copy that is new enough asked %v", asked)
	}
	w.wait(10 * time.Minute)
	h.warned = nil
	h.want(h.open(h.account(), "one"), "mail", "1")
	if !slices.Equal(h.warned, []string{"offline"}) {
		t.Errorf("warned of %v, want once of offline", h.warned)
	}
	h.deps.Service.Offline = true
	v := h.open(h.account(), "one")
	h.want(v, "mail", "1")
	if _, _, err := v.Commit(t.Context(), vault.Change{Put: []vault.Put{{Item: login("new", "1")}}}); !errors.Is(err, backend.ErrOffline) {
		t.Errorf("a write without the network: %v", err)
	}
	if err := h.unlock(); err != nil {
		t.Errorf("unlock without the network: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h := w.home(t).login().with("default", "one")
	a := h.account()
	if err := a.(backend.Deleter).DeleteVault(t.Context(), h.info(a, "default").ID); !errors.Is(err, vault.ErrDenied) {
		t.Errorf("deleting default: %v", err)
	}
	if _, err := a.(backend.Creator).CreateVault(t.Context(), "one"); !errors.Is(err, vault.ErrExists) {
		t.Errorf("creating twice: %v", err)
	}
	if err := h.driver.Logout(t.Context(), h.deps); err != nil {
		t.Errorf("Logout: %v", err)
	}
	if _, err := h.driver.Describe(t.Context(), h.deps); !errors.Is(err, backend.ErrNoAccount) {
		t.Errorf("after a logout: %v", err)
	}
}

// TestLogoutRefused has a service that does not end the session.
func TestLogoutRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h := w.home(t).login()
	w.lying(func(rw http.ResponseWriter, _ *http.Request, _ http.Handler) {
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(http.StatusForbidden)
		_, _ = rw.Write([]byte(`{"error":"Forbidden","code":"FORBIDDEN"}`))
	})
	if err := h.driver.Logout(t.Context(), h.deps); err != nil || !slices.Contains(h.warned, "logout_refused") {
		t.Errorf("Logout: %v, warned of %v", err, h.warned)
	}
	if _, err := h.driver.Describe(t.Context(), h.deps); !errors.Is(err, backend.ErrNoAccount) {
		t.Errorf("after it: %v", err)
	}
}

func TestExpiredToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h := w.home(t).login().with("one")
	w.lying(func(rw http.ResponseWriter, _ *http.Request, _ http.Handler) {
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(http.StatusUnauthorized)
		_, _ = rw.Write([]byte(`{"error":"Unauthorized","code":"UNAUTHORIZED"}`))
	})
	v := h.open(h.account(), "one")
	if _, _, err := v.Commit(t.Context(), vault.Change{Put: []vault.Put{{Item: login("new", "1")}}}); !errors.Is(err, backend.ErrSignedOut) {
		t.Errorf("a write with an expired token: %v", err)
	}
}

func TestVisit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h := w.home(t)
	h.deps.Visit = func(v backend.Visit) {
		err := w.db.Update(t.Context(), func(tx kv.Tx) error {
			return blobs.Approve(tx, w.now(), secret.TextOf(v.Session), email)
		})
		if err != nil {
			t.Error(err)
		}
	}
	keys, err := h.driver.Login(t.Context(), h.deps, secret.TextOf(master))
	if err != nil {
		t.Fatal(err)
	}
	h.keys = keys
	h.with("one")
	h.deps.Visit = nil // nobody completes it
	if _, err := h.driver.Login(t.Context(), h.deps, secret.TextOf(master)); !errors.Is(err, backend.ErrSignedOut) {
		t.Errorf("a login that nobody completes: %v", err)
	}
}
