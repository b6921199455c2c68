package vaultctl_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/backend/vaultctl"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
	server "github.com/keyhold/keyhold/internal/server/vaultctl"
	"github.com/keyhold/keyhold/internal/service/accounts"
	"github.com/keyhold/keyhold/internal/vault"
)

var start = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

const password = "cOrrect-h0rse-battery"

// A world is a real server, its clock, and what stands between it and clients.
type world struct {
	testing.TB

	db    kv.DB
	ticks atomic.Int64 // seconds since start
	deps  server.Deps
	door  http.Handler

	mu    sync.Mutex
	asked []string // METHOD path
	// lie is asked about every request; it answers it itself, or passes it on.
	lie func(w http.ResponseWriter, r *http.Request, next http.Handler)
}

// newWorld returns a world with a server that has nothing.
func newWorld(t testing.TB) *world { return worldOn(t, memory.New(), accounts.AccessTime) }

func worldOn(t testing.TB, db kv.DB, access time.Duration) *world {
	t.Helper()
	keys, err := accounts.NewKeys(secret.Of(bytes.Repeat([]byte{'k'}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{TB: t, db: db}
	w.deps = server.Deps{
		Store: db, Keys: keys, Now: w.now, Rand: rand.Reader, Mode: accounts.Open, AccessTime: access,
		Log:    slog.New(slog.DiscardHandler),
		Limits: server.Limits{Credentials: 1 << 20, StepUp: 1 << 20, Users: 1 << 20},
	}
	w.door = server.New(w.deps)
	return w
}

// now is the time, for all.
func (w *world) now() time.Time { return start.Add(time.Duration(w.ticks.Load()) * time.Second) }

// wait lets time pass.
func (w *world) wait(d time.Duration) { w.ticks.Add(int64(d / time.Second)) }

// RoundTrip makes a world a transport.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	w.mu.Lock()
	w.asked = append(w.asked, r.Method+" "+strings.TrimPrefix(r.URL.Path, "/api/v1"))
	lie := w.lie
	w.mu.Unlock()
	in := r.Clone(r.Context())
	in.RemoteAddr, in.RequestURI = "192.0.2.1:1000", r.URL.RequestURI()
	if in.Body == nil {
		in.Body = http.NoBody
	}
	rec := httptest.NewRecorder()
	done := make(chan struct{})
	lost := false
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				lost = true
			}
		}()
		if lie != nil {
			lie(rec, in, w.door)
		} else {
			w.door.ServeHTTP(rec, in)
		}
	}()
	select {
	case <-done:
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if lost {
		return nil, io.ErrUnexpectedEOF
	}
	return rec.Result(), nil
}

// lying has lie answer from now on; nil: the server itself.
func (w *world) lying(lie func(w http.ResponseWriter, r *http.Request, next http.Handler)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lie = lie
}

// requests returns what was asked since the last call.
func (w *world) requests() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	asked := w.asked
	w.asked = nil
	return asked
}

var rsaKeys = sync.OnceValues(func() ([][]byte, error) {
	var keys [][]byte
	for _, name := range []string{"rsa2048.pem", "rsa2048b.pem"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "seal", "testdata", "keys", name))
		if err != nil {
			return nil, err
		}
		block, _ := pem.Decode(text)
		if block == nil {
			return nil, errors.New(name + " is no PEM")
		}
		keys = append(keys, block.Bytes)
	}
	return keys, nil
})

// quick is the driver with RSA keys of 2048 bits that exist already, and a
// derivation that costs nothing.
func quick(key int) backend.Driver {
	return vaultctl.QuickDriver(
		func(io.Reader) (seal.RSAKey, error) {
			keys, err := rsaKeys()
			if err != nil {
				return seal.RSAKey{}, err
			}
			return seal.ParseRSAKey(bytes.Clone(keys[key]))
		},
		func(s seal.Suite, pw secret.String, salt []byte) (seal.MasterKey, error) {
			if len(salt) < seal.SaltSize { // as the real one
				return seal.MasterKey{}, seal.ErrSuite
			}
			sum := sha256.Sum256([]byte(s.Name() + "\x00" + pw.Reveal() + "\x00" + string(salt)))
			return seal.NewMasterKey(sum[:])
		},
	)
}

// A home is one machine of one person.
type home struct {
	testing.TB

	w      *world
	driver backend.Driver
	deps   backend.Deps
	state  kv.DB

	mu       sync.Mutex
	keys     secret.Bytes // of the open session
	password string
	warned   []string
	prompts  int
}

// home makes a machine of somebody; key is which RSA key an account made there has.
func (w *world) home(t testing.TB, email string, key int) *home {
	t.Helper()
	return w.homeOn(t, email, key, memory.New())
}

// homeOn is home with a state of its own kind.
func (w *world) homeOn(t testing.TB, email string, key int, state kv.DB) *home {
	t.Helper()
	dir := device.NewHome(t.TempDir())
	if _, err := dir.Make(rand.Reader); err != nil {
		t.Fatal(err)
	}
	h := &home{TB: t, w: w, driver: quick(key), state: state, password: password}
	devKey := device.NewDeviceKey(dir, nil, rand.Reader)
	if err := devKey.Wrap(t.Context(), secret.Of(bytes.Repeat([]byte{7}, 32))); err != nil {
		t.Fatal(err)
	}
	h.deps = backend.Deps{
		Now: w.now, Rand: rand.Reader, HTTP: &http.Client{Transport: w},
		Device: device.NewAccount(dir, h.state, device.NewTokens(dir, nil, devKey, rand.Reader), "work"),
		Service: backend.Service{
			URL: "https://vault.test", Email: email, Device: "device of " + email + " " + filepath.Base(dir.Dir()),
		},
		Ask: func(context.Context) (secret.String, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.prompts++
			return secret.TextOf(h.password), nil
		},
		Keep: h.keep,
		Warn: func(code, _ string) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.warned = append(h.warned, code)
		},
	}
	return h
}

func (h *home) keep(_ context.Context, change func(secret.Bytes) (secret.Bytes, error)) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.keys.Len() == 0 { // no session is open
		return nil
	}
	keys, err := change(h.keys)
	if err == nil {
		h.keys = keys
	}
	return err
}

func (h *home) signup(compatible bool) *home {
	h.Helper()
	keys, err := h.driver.Create(h.Context(), h.deps, secret.TextOf(h.password), backend.Signup{Vault: "personal", Compatible: compatible})
	if err != nil {
		h.Fatalf("Create: %v", err)
	}
	h.keys = keys
	return h
}

func (h *home) login() error {
	keys, err := h.driver.Login(h.Context(), h.deps, secret.TextOf(h.password))
	if err == nil {
		h.keys = keys
	}
	return err
}

func (h *home) unlock() error {
	keys, err := h.driver.Unlock(h.Context(), h.deps, secret.TextOf(h.password))
	if err == nil {
		h.keys = keys
	}
	return err
}

// account opens the account anew, as another process would.
func (h *home) account() backend.Account {
	h.Helper()
	h.w.wait(time.Second) // what is made after is newer: the wire has whole seconds
	h.mu.Lock()
	keys := secret.Of(bytes.Clone(h.keys.Reveal()))
	h.mu.Unlock()
	a, err := h.driver.Open(h.Context(), h.deps, keys)
	if err != nil {
		h.Fatalf("Open: %v", err)
	}
	return a
}

// fresh is account for a process that syncs before it reads.
func (h *home) fresh() backend.Account {
	h.Helper()
	was := h.deps.Service
	h.deps.Service.Fresh = true
	defer func() { h.deps.Service = was }()
	return h.account()
}

// info returns the vault of that name.
func (h *home) info(a backend.Account, name string) backend.Info {
	h.Helper()
	infos, err := a.Vaults(h.Context())
	if err != nil {
		h.Fatalf("Vaults: %v", err)
	}
	for _, i := range infos {
		if i.Name == name {
			return i
		}
	}
	h.Fatalf("there is no vault %q in %+v", name, infos)
	return backend.Info{}
}

// open opens the vault of that name.
func (h *home) open(a backend.Account, name string) vault.Vault {
	h.Helper()
	v, err := a.Vault(h.Context(), h.info(a, name).ID)
	if err != nil {
		h.Fatalf("Vault %q: %v", name, err)
	}
	return v
}

// login is a new item with a name and a password.
func login(name, password string) vault.Item {
	return vault.Item{
		Type: "login", Name: name, Created: start, Updated: start, Tags: []string{"a tag"},
		Fields: []vault.Field{{Name: "password", Kind: vault.Secret, Value: secret.Of([]byte(password))}},
	}
}

// put puts one new item and returns it.
func (h *home) put(v vault.Vault, name, pw string) vault.Item {
	h.Helper()
	_, items, err := v.Commit(h.Context(), vault.Change{Put: []vault.Put{{Item: login(name, pw)}}})
	if err != nil {
		h.Fatalf("Commit of %q: %v", name, err)
	}
	return items[0]
}

// edit is the put of an item with another password.
func edit(it vault.Item, pw string) vault.Put {
	next, err := vault.Edit{Set: []vault.Field{{Name: "password", Kind: vault.Secret, Value: secret.Of([]byte(pw))}}}.Apply(it, start.Add(time.Hour))
	if err != nil {
		panic(err)
	}
	return vault.Put{Item: next, Was: &it}
}

// passwordOf returns the password of the item of that name.
func (h *home) passwordOf(v vault.Vault, name string) (string, error) {
	it, err := vault.Find(h.Context(), v, name)
	if err != nil {
		return "", err
	}
	f, _ := it.Field("password")
	return string(f.Value.Reveal()), nil
}

func secretOf(text string) secret.String { return secret.TextOf(text) }

// want wants the password of the item of that name.
func (h *home) want(v vault.Vault, name, pw string) {
	h.Helper()
	if got, err := h.passwordOf(v, name); got != pw || err != nil {
		h.Errorf("the password of %q is %q, %v, want %q", name, got, err, pw)
	}
}
