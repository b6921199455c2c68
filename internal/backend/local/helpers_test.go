package local_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/backend/local"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/bolt"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/service/accounts"
	"github.com/keyhold/keyhold/internal/vault"
)

const password = "cOrrect-h0rse-battery"

var at = time.Date(2026, 3, 4, 5, 6, 7, 8e6, time.UTC)

// A made is an account with its first vault, and its keys. Making one takes the
// full cost of the key derivation, so all tests start from copies of the same.
type made struct {
	pairs     map[string]string
	keys      secret.Bytes
	set       seal.KeySet
	stretched seal.StretchedKey
}

var template = sync.OnceValues(func() (made, error) {
	db := memory.New()
	d := deps(db, at)
	keys, err := local.Driver().Create(context.Background(), d, secret.TextOf(password), backend.Signup{Vault: "personal"})
	if err != nil {
		return made{}, err
	}
	m := made{keys: keys}
	if m.pairs, err = pairs(db); err != nil {
		return made{}, err
	}
	if m.set, err = seal.ParseKeySet(keys.Reveal()); err != nil {
		return made{}, err
	}
	var acc accounts.Account
	err = db.View(context.Background(), func(tx kv.Tx) (err error) {
		acc, err = accounts.Get(tx, m.set.User)
		return err
	})
	if err != nil {
		return made{}, err
	}
	master, err := seal.Default().Derive(secret.TextOf(password), acc.Salt)
	if err != nil {
		return made{}, err
	}
	_, m.stretched, err = master.Split()
	return m, err
})

// deps has a clock that ticks whenever it is asked.
func deps(db kv.DB, start time.Time) backend.Deps {
	var ticks atomic.Int64
	now := func() time.Time { return start.Add(time.Duration(ticks.Add(1)) * time.Millisecond) }
	return backend.Deps{
		Store: db, Now: now, Rand: rand.Reader,
		Ask:  func(context.Context) (secret.String, error) { return secret.TextOf(password), nil },
		Keep: func(context.Context, func(secret.Bytes) (secret.Bytes, error)) error { return nil },
	}
}

func pairs(db kv.DB) (map[string]string, error) {
	all := map[string]string{}
	err := db.View(context.Background(), func(tx kv.Tx) error {
		for k, v := range tx.Scan(nil) {
			all[string(k)] = string(v)
		}
		return nil
	})
	return all, err
}

// A home is a copy of the template and what a test does with it.
type home struct {
	testing.TB
	made

	db   kv.DB
	deps backend.Deps
}

// engines are the stores to test with.
var engines = map[string]func(testing.TB) kv.DB{
	"memory": func(testing.TB) kv.DB { return memory.New() },
	"bolt":   func(t testing.TB) kv.DB { return bolt.New(filepath.Join(t.TempDir(), "local.db")) },
}

func newHome(t testing.TB, db kv.DB) *home {
	t.Helper()
	m, err := template()
	if err != nil {
		t.Fatal(err)
	}
	m.keys = secret.Of(bytes.Clone(m.keys.Reveal()))
	err = db.Update(t.Context(), func(tx kv.Tx) error {
		for k, v := range m.pairs {
			if err := tx.Put([]byte(k), []byte(v)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	h := &home{TB: t, made: m, db: db, deps: deps(db, at.Add(time.Hour))}
	h.deps.Keep = func(_ context.Context, change func(secret.Bytes) (secret.Bytes, error)) error {
		keys, err := change(h.keys)
		if err == nil {
			h.keys = keys
		}
		return err
	}
	return h
}

func (h *home) account() backend.Account {
	h.Helper()
	a, err := local.Driver().Open(h.Context(), h.deps, h.keys)
	if err != nil {
		h.Fatal(err)
	}
	return a
}

func (h *home) infos(a backend.Account) []backend.Info {
	h.Helper()
	infos, err := a.Vaults(h.Context())
	if err != nil {
		h.Fatal(err)
	}
	return infos
}

// vault opens the first vault.
func (h *home) vault() vault.Vault {
	h.Helper()
	a := h.account()
	v, err := a.Vault(h.Context(), h.set.Vaults[0].Vault.String())
	if err != nil {
		h.Fatal(err)
	}
	return v
}

func (h *home) unlock(password string) (seal.KeySet, error) {
	h.Helper()
	keys, err := local.Driver().Unlock(h.Context(), h.deps, secret.TextOf(password))
	if err != nil {
		return seal.KeySet{}, err
	}
	return seal.ParseKeySet(keys.Reveal())
}

func (h *home) update(fn func(kv.Tx) error) {
	h.Helper()
	if err := h.db.Update(h.Context(), fn); err != nil {
		h.Fatal(err)
	}
}

// change changes the value of a key that is there.
func (h *home) change(key []byte, fn func(value []byte) []byte) {
	h.Helper()
	h.update(func(tx kv.Tx) error {
		v := tx.Get(key)
		if v == nil {
			h.Fatalf("there is nothing under %x", key)
		}
		return tx.Put(key, fn(bytes.Clone(v)))
	})
}

// flip flips a bit of the byte at i, from the end if negative.
func flip(i int) func([]byte) []byte {
	return func(b []byte) []byte {
		if i < 0 {
			i += len(b)
		}
		b[i] ^= 1
		return b
	}
}

func (h *home) dump() map[string]string {
	h.Helper()
	all, err := pairs(h.db)
	if err != nil {
		h.Fatal(err)
	}
	return all
}

// put puts items by name and returns them.
func (h *home) put(v vault.Vault, names ...string) []vault.Item {
	h.Helper()
	var c vault.Change
	for _, n := range names {
		c.Put = append(c.Put, vault.Put{Item: vault.Item{
			Type: "login", Name: n, Created: at, Updated: at,
			Fields: []vault.Field{{Name: "password", Kind: vault.Secret, Value: secret.Of([]byte("of " + n))}},
		}})
	}
	_, items, err := v.Commit(h.Context(), c)
	if err != nil {
		h.Fatal(err)
	}
	return items
}

func id(s string) seal.ID {
	id, err := seal.ParseID(s)
	if err != nil {
		panic(err)
	}
	return id
}

// key is a key of the store.
func key(prefix string, ids ...seal.ID) []byte {
	k := []byte(prefix)
	for _, id := range ids {
		k = append(k, id[:]...)
	}
	return k
}
