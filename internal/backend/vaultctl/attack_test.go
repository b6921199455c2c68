package vaultctl_test

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/vault"
)

// A forger is what the service has for its lies: keys of its own.
type forger struct {
	identity seal.Identity
	rsa      seal.RSAKey
}

func newForger(t *testing.T) forger {
	t.Helper()
	keys, err := rsaKeys()
	if err != nil {
		t.Fatal(err)
	}
	f := forger{}
	if f.identity, err = seal.MakeIdentity(rand.Reader); err != nil {
		t.Fatal(err)
	}
	if f.rsa, err = seal.ParseRSAKey(keys[0]); err != nil {
		t.Fatal(err)
	}
	return f
}

// user shows the keys of the forger as those of a user.
func (f forger) user(m map[string]any) {
	public, _ := f.rsa.Public()
	signature, _ := f.identity.SignRSA(public)
	id, _ := f.identity.Public()
	m["publicKey"], m["publicKeySignature"], m["identityPublicKey"] = public.SPKI(), signature, id[:]
}

func text(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// inTeam calls change with the vault as the list has it.
func inTeam(tm team, change func(v map[string]any, all []any)) func(map[string]any) {
	return func(m map[string]any) {
		all := m["vaults"].([]any)
		for _, v := range all {
			if v := v.(map[string]any); v["vaultId"] == tm.id {
				change(v, all)
			}
		}
	}
}

// keysOf returns what somebody's session has.
func keysOf(t *testing.T, h *home) seal.KeySet {
	t.Helper()
	set, err := seal.ParseKeySet(h.keys.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// sign signs a wrap anew, as mallory.
func (f forger) sign(v map[string]any) {
	signature, _ := f.identity.Sign(blob(v, "encryptedVaultKey"))
	v["wrapSignature"] = text(signature)
}

// remake wraps a key of the forger for bob, as if ann had.
func (f forger) remake(t *testing.T, tm team, v map[string]any, compatible bool) {
	keys, _ := rsaKeys()
	rsa, err := seal.ParseRSAKey(keys[1]) // bob's
	if err != nil {
		t.Error(err)
		return
	}
	public, _ := rsa.Public()
	key, _ := seal.MakeVaultKey(rand.Reader)
	if compatible {
		wrap, _ := public.WrapV1(rand.Reader, key)
		v["encryptedVaultKey"] = text(wrap)
	} else {
		old, err := seal.ParseWrap(blob(v, "encryptedVaultKey"))
		if err != nil {
			t.Error(err)
			return
		}
		h := old.Header
		h.KeyVersion++
		v["keyVersion"] = h.KeyVersion
		w, _ := public.Wrap(rand.Reader, h, key)
		v["encryptedVaultKey"] = text(w.Marshal())
		// Without the check of the signature it would be taken: it opens.
		if _, err := w.OpenRSA(keysOf(t, tm.bob).RSA, w.Header); err != nil {
			t.Errorf("the forged wrap does not open, so the test shows nothing: %v", err)
		}
	}
	f.sign(v)
}

// TestListLies has the service lie to bob about the vault in its list. Each lie
// is found before anything is sent or written.
func TestListLies(t *testing.T) {
	t.Parallel()
	f := newForger(t)
	tests := []struct {
		name string
		code string
		lie  func(t *testing.T, tm team, v map[string]any, all []any)
	}{
		{"a wrap signed by somebody else", backend.Forged, func(_ *testing.T, _ team, v map[string]any, _ []any) {
			v["revision"] = 99
			wrap := blob(v, "encryptedVaultKey")
			w, _ := seal.ParseWrap(wrap)
			w.Check[0]++ // not the one that was seen
			v["encryptedVaultKey"] = text(w.Marshal())
			f.sign(v)
		}},
		{"a wrap made and signed by the service", backend.Forged, func(t *testing.T, tm team, v map[string]any, _ []any) {
			f.remake(t, tm, v, false)
		}},
		{"a wrap from a stranger", backend.Forged, func(t *testing.T, tm team, v map[string]any, _ []any) {
			v["senderId"] = "66666666-6666-4666-8666-666666666666"
			w, _ := seal.ParseWrap(blob(v, "encryptedVaultKey"))
			w.Sender, _ = seal.ParseID(v["senderId"].(string))
			v["encryptedVaultKey"] = text(w.Marshal())
			f.sign(v)
		}},
		{"no signature", backend.Forged, func(t *testing.T, tm team, v map[string]any, _ []any) {
			f.remake(t, tm, v, false)
			v["wrapSignature"] = nil
		}},
		{"no key", backend.Forged, func(_ *testing.T, _ team, v map[string]any, _ []any) { v["encryptedVaultKey"] = nil }},
		{"the wrap of another vault", backend.Forged, func(_ *testing.T, tm team, v map[string]any, all []any) {
			for _, other := range all {
				if other := other.(map[string]any); other["vaultId"] != tm.id {
					v["encryptedVaultKey"], v["wrapSignature"], v["senderId"] = other["encryptedVaultKey"], other["wrapSignature"], other["senderId"]
				}
			}
		}},
		{"a wrap of version 1", backend.Forged, func(t *testing.T, tm team, v map[string]any, _ []any) {
			f.remake(t, tm, v, true)
		}},
		{"a wrap for somebody else", backend.Forged, func(_ *testing.T, _ team, v map[string]any, _ []any) {
			w, _ := seal.ParseWrap(blob(v, "encryptedVaultKey"))
			w.Recipient = w.Sender
			v["encryptedVaultKey"] = text(w.Marshal())
		}},
		{"the type of a personal vault", backend.Forged, func(_ *testing.T, _ team, v map[string]any, _ []any) {
			v["vaultType"], v["type"] = "personal", "personal"
			v["encryptedVaultKey"] = text(append(blob(v, "encryptedVaultKey"), 0))
		}},
		{"an older revision", backend.Rollback, func(_ *testing.T, _ team, v map[string]any, _ []any) { v["revision"] = 1 }},
		{"no revision any more", backend.Rollback, func(_ *testing.T, _ team, v map[string]any, _ []any) { v["revision"] = 0 }},
		{"no key version any more", backend.Rollback, func(_ *testing.T, _ team, v map[string]any, _ []any) { v["keyVersion"] = 0 }},
		{"the same wrap under another key version", backend.Forged, func(_ *testing.T, _ team, v map[string]any, _ []any) { v["keyVersion"] = 2 }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tm := newTeam(t, false)
			v := tm.bob.open(tm.bob.fresh(), "team")
			tm.bob.want(v, "db", "hunter2")
			tm.put(tm.ann, "moved", "1")
			before := dump(t, tm.bob.state)
			tm.lying(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				rewrite(w, r, next, "/vaults", inTeam(tm, func(v map[string]any, all []any) { tt.lie(t, tm, v, all) }))
			})
			tm.refused(t, tt.code)
			tm.untouched(t, before)
			tm.lying(nil)
			v = tm.bob.open(tm.bob.fresh(), "team")
			tm.bob.want(v, "moved", "1")
		})
	}
}

// put has somebody put an item into the team's vault.
func (tm team) put(h *home, name, pw string) { h.put(h.open(h.fresh(), "team"), name, pw) }

// refused reads and writes as bob and wants the alarm.
func (tm team) refused(t *testing.T, code string) {
	t.Helper()
	tm.requests()
	a := tm.bob.fresh()
	if i := tm.listed(tm.bob, a); !i.Damaged || i.Open {
		t.Errorf("the vault is listed as %+v", i)
	}
	wantAlarm := func(what string, err error) {
		t.Helper()
		var alarm *backend.AlarmError
		if !errors.As(err, &alarm) || alarm.Code != code || !errors.Is(err, vault.ErrDamaged) {
			t.Errorf("%s: error %v, want the alarm %s", what, err, code)
		}
	}
	v, err := a.Vault(t.Context(), tm.id)
	wantAlarm("Vault", err)
	if err == nil {
		_, err = v.Lookup(t.Context(), "db")
		wantAlarm("Lookup", err)
	}
	// Somebody opens it who has not asked for the list yet.
	b, err := tm.bob.fresh().Vault(t.Context(), tm.id)
	if err != nil {
		t.Fatalf("Vault: %v", err)
	}
	_, err = b.Lookup(t.Context(), "db")
	wantAlarm("Lookup", err)
	_, _, err = b.Commit(t.Context(), vault.Change{Put: []vault.Put{{Item: login("new", "1")}}})
	wantAlarm("Commit", err)
	wantAlarm("Sync", tm.bob.account().(backend.Syncer).Sync(t.Context(), tm.id, false))
	for _, asked := range tm.requests() {
		if !strings.HasPrefix(asked, "GET ") {
			t.Errorf("%s was sent", asked)
		}
	}
}

// untouched wants nothing that bob's machine keeps of the vault to be another.
func (tm team) untouched(t *testing.T, before map[string]string) {
	t.Helper()
	after := dump(t, tm.bob.state)
	for _, all := range []map[string]string{before, after} {
		// What may move: marks of when the service was asked, other vaults' among them.
		maps.DeleteFunc(all, func(k, _ string) bool { return strings.HasPrefix(k, "m/") })
	}
	if !maps.Equal(before, after) {
		for k := range after {
			if before[k] != after[k] {
				t.Errorf("the record %q changed", k[:2])
			}
		}
		for k := range before {
			if _, ok := after[k]; !ok {
				t.Errorf("the record %q is gone", k[:2])
			}
		}
	}
}

func dump(t *testing.T, db kv.DB) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := db.View(t.Context(), func(tx kv.Tx) error {
		for k, v := range tx.Scan(nil) {
			all[string(k)] = string(v)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// The key from before a rekey, under its own number and under the new one.
func TestOldKeyLies(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		keyVersion any
		code       string
	}{"as it was": {nil, backend.Rollback}, "under the new number": {2, backend.Forged}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tm := newTeam(t, false)
			var old map[string]any
			tm.lying(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				rewrite(w, r, next, "/vaults", inTeam(tm, func(v map[string]any, _ []any) { old = maps.Clone(v) }))
			})
			if _, err := tm.bob.fresh().Vaults(t.Context()); err != nil {
				t.Fatal(err)
			}
			tm.lying(nil)
			if err := tm.ann.fresh().(backend.Rekeyer).Rekey(t.Context(), tm.id, nil); err != nil {
				t.Fatalf("Rekey: %v", err)
			}
			v := tm.bob.open(tm.bob.fresh(), "team")
			tm.bob.want(v, "db", "hunter2")
			before := dump(t, tm.bob.state)
			tm.lying(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				rewrite(w, r, next, "/vaults", inTeam(tm, func(v map[string]any, _ []any) {
					revision := v["revision"]
					maps.Copy(v, old)
					v["revision"] = revision
					if tt.keyVersion != nil {
						v["keyVersion"] = tt.keyVersion
					}
				}))
			})
			tm.refused(t, tt.code)
			tm.untouched(t, before)
		})
	}
}

// A vault that went back is believed once somebody says so.
func TestAcceptRollback(t *testing.T) {
	t.Parallel()
	tm := newTeam(t, false)
	v := tm.bob.open(tm.bob.fresh(), "team")
	tm.bob.want(v, "db", "hunter2")
	lower := func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		rewrite(w, r, next, "/vaults", inTeam(tm, func(v map[string]any, _ []any) { v["revision"] = 2 }))
	}
	tm.lying(lower)
	a := tm.bob.fresh()
	if err := a.(backend.Syncer).Sync(t.Context(), "", false); !errors.Is(err, vault.ErrDamaged) {
		t.Fatalf("Sync of a vault that went back: %v", err)
	}
	if err := a.(backend.Syncer).Sync(t.Context(), tm.id, true); err != nil {
		t.Fatalf("Sync that accepts it: %v", err)
	}
	tm.bob.want(tm.bob.open(tm.bob.fresh(), "team"), "db", "hunter2")
}

// TestItemLies has the service lie about the items.
func TestItemLies(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		lie  func(a, b map[string]any)
	}{
		{"data of another item", func(a, b map[string]any) {
			a["encryptedData"], b["encryptedData"] = b["encryptedData"], a["encryptedData"]
		}},
		{"a name as data", func(a, b map[string]any) {
			a["encryptedData"], b["encryptedData"] = a["encryptedName"], b["encryptedName"]
		}},
		{"data as a name", func(a, b map[string]any) {
			a["encryptedName"], b["encryptedName"] = a["encryptedData"], b["encryptedData"]
		}},
		{"no data", func(a, b map[string]any) { a["encryptedData"], b["encryptedData"] = nil, nil }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tm := newTeam(t, false)
			tm.lying(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				rewrite(w, r, next, "/items", func(m map[string]any) {
					if items := m["items"].([]any); len(items) == 2 {
						tt.lie(items[0].(map[string]any), items[1].(map[string]any))
					}
				})
			})
			v := tm.bob.open(tm.bob.fresh(), "team")
			got, err := tm.bob.passwordOf(v, "db")
			if got != "" || err == nil || tt.name != "data as a name" && !errors.Is(err, vault.ErrDamaged) {
				t.Errorf("the password is %q, %v", got, err)
			}
			problems, err := v.(vault.Checker).Check(t.Context(), nil)
			if err != nil || len(problems) != 2 {
				t.Errorf("Check = %v, %v, want both items", problems, err)
			}
		})
	}
}

// TestPeopleLies has the service show keys of its own as those of somebody.
func TestPeopleLies(t *testing.T) {
	t.Parallel()
	f := newForger(t)
	tm := newTeam(t, false)
	tm.lying(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.Contains(r.URL.Path, "/users") {
			rewrite(w, r, next, r.URL.Path, f.user)
			return
		}
		next.ServeHTTP(w, r)
	})
	changed := func(what string, err error) {
		t.Helper()
		var alarm *backend.AlarmError
		if !errors.As(err, &alarm) || alarm.Code != backend.ChangedKey {
			t.Errorf("%s: error %v, want the alarm %s", what, err, backend.ChangedKey)
		}
	}
	tm.requests()
	_, err := tm.ann.account().(backend.Sharer).Recipient(t.Context(), "bob@example.com")
	changed("Recipient", err)
	_, err = tm.ann.account().(backend.Sharer).Members(t.Context(), tm.id)
	changed("Members", err)
	changed("Rekey", tm.ann.account().(backend.Rekeyer).Rekey(t.Context(), tm.id, nil))
	bob := keysOf(t, tm.bob)
	pub, _ := bob.Identity.Public()
	real := backend.Recipient{ID: bob.User.String(), Fingerprint: pub.Fingerprint(), Trusted: true}
	changed("Share", tm.ann.account().(backend.Sharer).Share(t.Context(), tm.id, real, "admin"))
	changed("Trust", tm.ann.account().(backend.Sharer).Trust(t.Context(), real))
	_, err = tm.ann.account().(backend.Sharer).Unshare(t.Context(), tm.id, real.ID, nil)
	if err != nil {
		t.Errorf("whoever is removed needs no key: %v", err)
	}
	for _, asked := range tm.requests() {
		if strings.HasPrefix(asked, "POST ") && !strings.HasSuffix(asked, "/rekey") {
			t.Errorf("%s was sent", asked)
		}
	}
}

// A ghost is a member whom the service made up to get the next key.
func TestGhost(t *testing.T) {
	t.Parallel()
	f := newForger(t)
	tm := newTeam(t, false)
	carol := tm.home(t, "carol@example.com", 1).signup(false)
	ghost := keysOf(t, carol).User.String()
	tm.lying(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/members"):
			rewrite(w, r, next, "/members", func(m map[string]any) {
				m["members"] = append(m["members"].([]any), map[string]any{"userId": ghost, "role": "member"})
			})
		case strings.HasSuffix(r.URL.Path, ghost):
			rewrite(w, r, next, ghost, f.user)
		default:
			next.ServeHTTP(w, r)
		}
	})
	tm.requests()
	a := tm.ann.account()
	var ghostly *backend.UntrustedError
	if err := a.(backend.Rekeyer).Rekey(t.Context(), tm.id, nil); !errors.As(err, &ghostly) || ghostly.ID != ghost {
		t.Errorf("Rekey with a ghost: %v", err)
	}
	if _, err := a.(backend.Sharer).Unshare(t.Context(), tm.id, keysOf(t, tm.bob).User.String(), nil); !errors.As(err, &ghostly) {
		t.Errorf("Unshare with a ghost: %v", err)
	}
	for _, asked := range tm.requests() {
		if !strings.HasPrefix(asked, "GET ") {
			t.Errorf("%s was sent", asked)
		}
	}
}

// An item that is left out of the list at a rekey would be lost.
func TestLeftOut(t *testing.T) {
	t.Parallel()
	tm := newTeam(t, false)
	tm.ann.want(tm.ann.open(tm.ann.fresh(), "team"), "mail", "letmein")
	for name, lie := range map[string]func([]any) []any{
		"left out": func(items []any) []any { return items[:1] },
		"older":    func(items []any) []any { items[0].(map[string]any)["revision"] = 1; return items },
	} {
		tm.lying(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			rewrite(w, r, next, "/items", func(m map[string]any) { m["items"] = lie(m["items"].([]any)) })
		})
		tm.requests()
		err := tm.ann.account().(backend.Rekeyer).Rekey(t.Context(), tm.id, nil)
		if !is[*backend.AlarmError](err) {
			t.Errorf("Rekey with an item %s: %v", name, err)
		}
		for _, asked := range tm.requests() {
			if !strings.HasPrefix(asked, "GET ") {
				t.Errorf("%s: %s was sent", name, asked)
			}
		}
	}
	tm.lying(nil)
	if err := tm.ann.account().(backend.Rekeyer).Rekey(t.Context(), tm.id, nil); err != nil {
		t.Errorf("Rekey: %v", err)
	}
}

// A vault that the service puts in under the name of another is not answered to.
func TestInjectedVault(t *testing.T) {
	t.Parallel()
	f := newForger(t)
	tm := newTeam(t, false)
	const injected = "77777777-7777-4777-8777-777777777777"
	tm.lying(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		rewrite(w, r, next, "/vaults", func(m map[string]any) {
			inTeam(tm, func(v map[string]any, all []any) {
				bad := maps.Clone(v)
				f.remake(t, tm, bad, true)
				bad["vaultId"], bad["id"], bad["senderId"], bad["keyVersion"] = injected, injected, "66666666-6666-4666-8666-666666666666", 1
				m["vaults"] = append(all, bad)
			})(m)
		})
	})
	a := tm.bob.fresh()
	infos, err := a.Vaults(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, i := range infos {
		if i.Name != "team" {
			continue
		}
		n++
		if i.ID == injected && (i.Open || !i.NotAccepted) {
			t.Errorf("the injected vault is %+v", i)
		}
	}
	if n != 2 {
		t.Errorf("%d vaults are listed as team, want 2", n)
	}
	if _, err := a.Vault(t.Context(), injected); !errors.Is(err, backend.ErrNotAccepted) {
		t.Errorf("to open the injected vault: %v", err)
	}
	if err := tm.bob.unlock(); err != nil {
		t.Fatal(err)
	}
	if id, _ := seal.ParseID(injected); func() bool { _, ok := keysOf(t, tm.bob).Vault(id); return ok }() {
		t.Errorf("the session has the key of the injected vault")
	}
}

// TestLoginLies has the service lie before and after a login.
func TestLoginLies(t *testing.T) {
	t.Parallel()
	f := newForger(t)
	kdf := func(iterations, memory, lanes any) func(map[string]any) {
		return func(m map[string]any) { m["iterations"], m["memoryKB"], m["parallelism"] = iterations, memory, lanes }
	}
	tests := []struct {
		name, path, code string
		lie              func(map[string]any)
		sent             bool // the auth hash goes out: the lie comes with the answer
	}{
		{"weaker numbers", "/auth/prelogin", backend.WeakKDF, kdf(1, 19456, 1), false},
		{"numbers that take for ever", "/auth/prelogin", backend.WeakKDF, kdf(4_000_000_000, 65536, 4), false},
		{"numbers that take all memory", "/auth/prelogin", backend.WeakKDF, kdf(3, 4_000_000_000, 4), false},
		{"a short salt", "/auth/prelogin", backend.WeakKDF, func(m map[string]any) { m["salt"] = "AA==" }, false},
		{"a suite below the one before", "/auth/prelogin", backend.WeakKDF, kdf(3, 65536, 4), false},
		{"another identity", "/auth/login", backend.ChangedKey, f.user, true},
		{"another RSA key", "/auth/login", backend.Forged, func(m map[string]any) { u := map[string]any{}; f.user(u); m["publicKey"] = u["publicKey"] }, true},
		{"another user", "/auth/login", backend.Forged, func(m map[string]any) { m["userId"] = "66666666-6666-4666-8666-666666666666" }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			h := w.home(t, "ann@example.com", 1).signup(false)
			if tt.name == "a suite below the one before" {
				err := h.state.Update(t.Context(), func(tx kv.Tx) error {
					l, err := h.deps.Device.Login(tx)
					if err != nil {
						return err
					}
					l.Suite = "argon2id-256m"
					return h.deps.Device.PutLogin(tx, l)
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			before := dump(t, h.state)
			w.lying(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
				rewrite(rw, r, next, tt.path, tt.lie)
			})
			w.requests()
			err := h.login()
			var alarm *backend.AlarmError
			if !errors.As(err, &alarm) || alarm.Code != tt.code {
				t.Errorf("login: error %v, want the alarm %s", err, tt.code)
			}
			if n := len(w.requests()); n != 1 && !tt.sent {
				t.Errorf("%d requests were made, want the first one alone", n)
			}
			if !maps.Equal(before, dump(t, h.state)) {
				t.Errorf("the login answer was kept")
			}
			w.lying(nil)
			if err := h.unlock(); err != nil && tt.name != "a suite below the one before" {
				t.Errorf("unlock after it: %v", err)
			}
		})
	}
}
