package stores_test

import (
	"bytes"
	"crypto/rand"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/bolt"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/service/stores"
)

const canary = "canary-77c0ffee"

var (
	at    = time.Date(2026, 3, 4, 5, 6, 7, 8000, time.UTC)
	alice = stores.Owner{Account: stores.ID{0: 'a'}}
	bob   = stores.Owner{Account: stores.ID{0: 'b'}}
	robot = stores.Owner{Account: alice.Account, Service: "images"}
	none  = stores.ID{15: 9}
)

func later(n int) time.Time { return at.Add(time.Duration(n) * time.Hour) }

// A store is a kv.DB and what the tests do with it.
type store struct {
	*testing.T

	db   kv.DB
	keys stores.Keys
}

func newKeys(t testing.TB, b byte) stores.Keys {
	t.Helper()
	k, err := stores.NewKeys(secret.Of(bytes.Repeat([]byte{b}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func inMemory(t *testing.T) store {
	t.Helper()
	return store{t, memory.New(), newKeys(t, 1)}
}

// engines runs a test over both engines.
func engines(t *testing.T, run func(s store)) {
	t.Parallel()
	for name, db := range map[string]kv.DB{"memory": memory.New(), "bolt": bolt.New(filepath.Join(t.TempDir(), "test.db"))} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(store{t, db, newKeys(t, 1)})
		})
	}
}

func (s store) update(fn func(kv.Tx) error) error {
	s.Helper()
	return s.db.Update(s.Context(), fn)
}

func (s store) view(fn func(kv.Tx) error) {
	s.Helper()
	if err := s.db.View(s.Context(), fn); err != nil {
		s.Fatal(err)
	}
}

func (s store) createStore(o stores.Owner, n stores.NewStore) (out stores.Store, err error) {
	err = s.update(func(tx kv.Tx) error {
		out, err = stores.CreateStore(tx, at, rand.Reader, o, n)
		return err
	})
	return out, err
}

// made returns a new store of an owner.
func (s store) made(o stores.Owner) stores.ID {
	s.Helper()
	n := stores.NewStore{Name: "default"}
	if o.Service != "" {
		n.Number = 7
	}
	out, err := s.createStore(o, n)
	if err != nil {
		s.Fatal(err)
	}
	return out.ID
}

func (s store) create(o stores.Owner, id stores.ID, list ...stores.New) (out []stores.Secret, err error) {
	err = s.update(func(tx kv.Tx) error {
		out, err = stores.Create(tx, at, rand.Reader, s.keys, o, id, list)
		return err
	})
	return out, err
}

func (s store) mustCreate(o stores.Owner, id stores.ID, list ...stores.New) []stores.Secret {
	s.Helper()
	out, err := s.create(o, id, list...)
	if err != nil {
		s.Fatal(err)
	}
	return out
}

func (s store) change(now time.Time, o stores.Owner, st, id stores.ID, c stores.Change) (out stores.Secret, err error) {
	err = s.update(func(tx kv.Tx) error {
		out, err = stores.Update(tx, now, rand.Reader, s.keys, o, st, id, c)
		return err
	})
	return out, err
}

func (s store) duplicate(o stores.Owner, st, id stores.ID, n stores.New) (out stores.Secret, err error) {
	err = s.update(func(tx kv.Tx) error {
		out, err = stores.Duplicate(tx, later(1), rand.Reader, s.keys, o, st, id, n)
		return err
	})
	return out, err
}

func (s store) remove(o stores.Owner, st stores.ID, ids ...stores.ID) error {
	return s.update(func(tx kv.Tx) error { return stores.Delete(tx, o, st, ids...) })
}

func (s store) value(o stores.Owner, it stores.Secret) (text string, err error) {
	s.view(func(tx kv.Tx) error {
		v, e := stores.Value(tx, s.keys, o, it.Store, it.ID)
		text, err = v.Reveal(), e
		return nil
	})
	return text, err
}

func (s store) dump() map[string]string {
	s.Helper()
	all := map[string]string{}
	s.view(func(tx kv.Tx) error {
		for k, v := range tx.Scan(nil) {
			all[string(k)] = string(v)
		}
		return nil
	})
	return all
}

// unchanged runs fn and reports what it changed in the store.
func (s store) unchanged(fn func()) {
	s.Helper()
	before := s.dump()
	fn()
	if after := s.dump(); !maps.Equal(before, after) {
		s.Errorf("the store changed: %s", cmp.Diff(before, after))
	}
}

// holds reports whether the text is anywhere in the store.
func (s store) holds(text string) bool {
	for k, v := range s.dump() {
		if strings.Contains(k+v, text) {
			return true
		}
	}
	return false
}

func fresh(name string) stores.New {
	return stores.New{Name: name, Scopes: []string{"workers"}, Value: secret.TextOf(canary + " of " + name)}
}

func ptr[T any](v T) *T { return &v }
