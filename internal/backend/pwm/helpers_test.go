package pwm_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/backend/pwm"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
	server "github.com/keyhold/keyhold/internal/server/pwm"
	"github.com/keyhold/keyhold/internal/service/blobs"
	"github.com/keyhold/keyhold/internal/service/tokens"
	"github.com/keyhold/keyhold/internal/vault"
)

var start = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

const (
	master = "cOrrect-h0rse-battery"
	email  = "ann@example.com"
)

// A world is a real server, its clock, and what stands between it and clients.
type world struct {
	testing.TB

	db    kv.DB
	ticks atomic.Int64 // seconds since start
	door  http.Handler

	mu    sync.Mutex
	asked []string // METHOD path
	// lie is asked about every request; it answers it itself, or passes it on.
	lie func(w http.ResponseWriter, r *http.Request, next http.Handler)
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{TB: t, db: memory.New()}
	w.door = server.New(server.Deps{Store: w.db, Now: w.now, Rand: rand.Reader, Log: slog.New(slog.DiscardHandler)})
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
	w.asked = append(w.asked, r.Method+" "+strings.TrimPrefix(r.URL.EscapedPath(), "/pwm"))
	lie := w.lie
	w.mu.Unlock()
	in := r.Clone(r.Context())
	in.RemoteAddr, in.RequestURI = "192.0.2.1:1000", r.URL.RequestURI()
	if in.Body == nil {
		in.Body = http.NoBody
	}
	rec := httptest.NewRecorder()
	lost := func() (lost bool) {
		defer func() { lost = recover() != nil }()
		if lie != nil {
			lie(rec, in, w.door)
		} else {
			w.door.ServeHTTP(rec, in)
		}
		return false
	}()
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

// token makes a token.
func (w *world) token() secret.String {
	w.Helper()
	var text secret.String
	err := w.db.Update(w.Context(), func(tx kv.Tx) (err error) {
		_, text, err = tokens.Create(tx, w.now(), rand.Reader, tokens.Token{API: server.API, Email: email})
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return text
}

// stored returns a vault as the server has it.
func (w *world) stored(name string) blobs.Vault {
	w.Helper()
	var v blobs.Vault
	err := w.db.View(w.Context(), func(tx kv.Tx) (err error) {
		v, err = blobs.Get(tx, email, name)
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return v
}

// quick derives without the cost.
func quick(pw secret.String, salt []byte) (seal.BlobKEK, error) {
	if len(salt) != seal.SaltSize { // as the real one
		return seal.BlobKEK{}, seal.ErrSuite
	}
	sum := sha256.Sum256([]byte(pw.Reveal() + "\x00" + string(salt)))
	return seal.NewBlobKEK(sum[:])
}

// A home is one machine of one person.
type home struct {
	testing.TB

	w      *world
	driver backend.Driver
	deps   backend.Deps

	mu       sync.Mutex
	keys     secret.Bytes // of the open session
	password string
	warned   []string
	visits   []backend.Visit
}

func (w *world) home(t testing.TB) *home {
	t.Helper()
	dir := device.NewHome(t.TempDir())
	if _, err := dir.Make(rand.Reader); err != nil {
		t.Fatal(err)
	}
	h := &home{TB: t, w: w, driver: pwm.QuickDriver(quick), password: master}
	devKey := device.NewDeviceKey(dir, nil, rand.Reader)
	if err := devKey.Wrap(t.Context(), secret.Of(bytes.Repeat([]byte{7}, 32))); err != nil {
		t.Fatal(err)
	}
	h.deps = backend.Deps{
		Now: w.now, Rand: rand.Reader, HTTP: &http.Client{Transport: w},
		Device:  device.NewAccount(dir, memory.New(), device.NewTokens(dir, nil, devKey, rand.Reader), "work"),
		Service: backend.Service{URL: "https://vault.test/pwm"},
		Ask: func(context.Context) (secret.String, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			return secret.TextOf(h.password), nil
		},
		Keep: h.keep,
		Warn: func(code, _ string) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.warned = append(h.warned, code)
		},
		Visit: func(v backend.Visit) { h.visits = append(h.visits, v) },
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

// login logs in by a token.
func (h *home) login() *home {
	h.Helper()
	was := h.deps.Service
	h.deps.Service.Token = h.w.token()
	defer func() { h.deps.Service = was }()
	keys, err := h.driver.Login(h.Context(), h.deps, secret.TextOf(h.password))
	if err != nil {
		h.Fatalf("Login: %v", err)
	}
	h.keys = keys
	return h
}

// with makes vaults.
func (h *home) with(names ...string) *home {
	h.Helper()
	for _, name := range names {
		if _, err := h.account().(backend.Creator).CreateVault(h.Context(), name); err != nil {
			h.Fatalf("CreateVault(%q): %v", name, err)
		}
	}
	return h
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
	h.w.wait(time.Second)
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

// edited is the put of an item with another password.
func edited(it vault.Item, pw string) vault.Put {
	next, err := vault.Edit{Set: []vault.Field{{Name: "password", Kind: vault.Secret, Value: secret.Of([]byte(pw))}}}.Apply(it, start.Add(time.Hour))
	if err != nil {
		panic(err)
	}
	return vault.Put{Item: next, Was: &it}
}

// want wants the password of the item of that name.
func (h *home) want(v vault.Vault, name, pw string) {
	h.Helper()
	it, err := vault.Find(h.Context(), v, name)
	f, _ := it.Field("password")
	if got := string(f.Value.Reveal()); got != pw || err != nil {
		h.Errorf("the password of %q is %q, %v, want %q", name, got, err, pw)
	}
}

type ctx = context.Context

// readCloser is a body.
type readCloser struct{ io.Reader }

func (readCloser) Close() error { return nil }

// wait lets others go on.
func wait(ctx context.Context, _ time.Duration) error {
	runtime.Gosched()
	return ctx.Err()
}

// ownVault is an empty vault under a password.
func ownVault(t testing.TB, pw string) blobs.Vault {
	t.Helper()
	key, err := seal.MakeVaultKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	v := blobs.Vault{Info: blobs.Info{Version: 1}, Key: blobs.Key{Salt: bytes.Repeat([]byte{9}, seal.SaltSize)}}
	kek, err := quick(secret.TextOf(pw), v.Key.Salt)
	if err != nil {
		t.Fatal(err)
	}
	if v.Key.IV, v.Key.Wrap, err = kek.Wrap(rand.Reader, key); err != nil {
		t.Fatal(err)
	}
	if v.Content.IV, v.Content.Data, err = pwm.NewBlob().Seal(rand.Reader, key); err != nil {
		t.Fatal(err)
	}
	return v
}
