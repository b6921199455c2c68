package vaults_test

import (
	"encoding/binary"
	"errors"
	"iter"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/bolt"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/service/vaults"
)

var (
	alice, bob     = seal.ID{0: 'a'}, seal.ID{0: 'b'}
	home, work     = seal.ID{0: 1}, seal.ID{0: 2}
	item1, item2   = seal.ID{15: 1}, seal.ID{15: 2}
	item3, nothing = seal.ID{15: 3}, seal.ID{15: 99}
	at             = time.Date(2026, 3, 4, 5, 6, 7, 8e6, time.UTC)
)

func later(n int) time.Time { return at.Add(time.Duration(n) * time.Hour) }

func index(n byte) [32]byte { return [32]byte{31: n} }

// blob has the form of the envelope of an item's part.
func blob(text string) []byte { return append(append([]byte{2, 1}, make([]byte, 28)...), text...) }

// wrap has the form of the envelope of a vault's key.
func wrap(alg byte) []byte { return append([]byte{2, alg}, make([]byte, 129)...) }

// shared has the form of a wrap for a member of a shared vault.
func shared(vault, recipient, sender seal.ID, keyVersion uint64) []byte {
	b := binary.BigEndian.AppendUint64([]byte{2, 2, 2}, keyVersion)
	return slices.Concat(b, vault[:], recipient[:], sender[:], make([]byte, 32+256))
}

func newVault(id seal.ID, name string) vaults.New {
	return vaults.New{ID: id, Name: name, Type: vaults.Personal, Wrap: wrap(3), Signature: make([]byte, 64)}
}

func put(id seal.ID, revision uint64, text string) vaults.Put {
	return vaults.Put{ID: id, Type: "login", Name: blob("name of " + text), Data: blob(text), Index: index(id[15]), Revision: revision}
}

// A store is a kv.DB and what the tests do with it.
type store struct {
	*testing.T

	db kv.DB
}

// engines runs a test over both engines.
func engines(t *testing.T, run func(s store)) {
	t.Parallel()
	for name, db := range map[string]kv.DB{"memory": memory.New(), "bolt": bolt.New(filepath.Join(t.TempDir(), "test.db"))} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(store{t, db})
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

func (s store) create(caller seal.ID, n vaults.New) (v vaults.Vault, err error) {
	s.Helper()
	err = s.update(func(tx kv.Tx) error {
		v, err = vaults.Create(tx, at, caller, n)
		return err
	})
	return v, err
}

// made makes the vault home of alice.
func (s store) made() store {
	s.Helper()
	if _, err := s.create(alice, newVault(home, "home")); err != nil {
		s.Fatal(err)
	}
	return s
}

func (s store) apply(now time.Time, c vaults.Change) (rev uint64, err error) {
	s.Helper()
	err = s.update(func(tx kv.Tx) error {
		rev, err = vaults.Apply(tx, now, alice, home, c)
		return err
	})
	return rev, err
}

// mustApply applies a change under key version 1 and wants that revision.
func (s store) mustApply(now time.Time, want uint64, c vaults.Change) {
	s.Helper()
	c.KeyVersion = 1
	rev, err := s.apply(now, c)
	if err != nil {
		s.Fatal(err)
	}
	if rev != want {
		s.Fatalf("the revision is %d, want %d", rev, want)
	}
}

func (s store) get(caller, id seal.ID) (v vaults.Vault, err error) {
	s.view(func(tx kv.Tx) error { v, err = vaults.Get(tx, caller, id); return nil })
	return v, err
}

func (s store) list(caller seal.ID) (list []vaults.Vault) {
	s.view(func(tx kv.Tx) error { list = vaults.List(tx, caller); return nil })
	return list
}

// item returns an item and its data.
func (s store) item(id seal.ID) (rec itemdb.Record, data string, err error) {
	s.view(func(tx kv.Tx) error {
		r, d, e := vaults.Item(tx, alice, home, id)
		rec, data, err = r, string(d), e
		rec.Name = append([]byte(nil), r.Name...)
		return nil
	})
	return rec, data, err
}

// collect returns the ids that a sequence yields, and its errors.
func collect(seq iter.Seq2[itemdb.Record, error]) (ids []seal.ID, err error) {
	for r, e := range seq {
		if e == nil {
			ids = append(ids, r.ID)
		}
		err = errors.Join(err, e)
	}
	return ids, err
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

func (s store) set(key, value []byte) {
	s.Helper()
	if err := s.update(func(tx kv.Tx) error { return tx.Put(key, value) }); err != nil {
		s.Fatal(err)
	}
}

func key(prefix string, ids ...seal.ID) []byte {
	k := []byte(prefix)
	for _, id := range ids {
		k = append(k, id[:]...)
	}
	return k
}
