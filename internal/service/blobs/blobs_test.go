package blobs_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/bolt"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/service/blobs"
)

const ada, bob = "ada@example.com", "bob@example.com"

var at = time.Date(2026, 3, 4, 5, 6, 7, 8e6, time.UTC)

func content(text string) blobs.Content {
	return blobs.Content{Data: append(make([]byte, 16), text...), IV: []byte("iv for a gcm")}
}

func key(fill byte) blobs.Key {
	return blobs.Key{Wrap: bytes.Repeat([]byte{fill}, 48), IV: bytes.Repeat([]byte{fill}, 12), Salt: bytes.Repeat([]byte{fill}, 16)}
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

// must fails unless the error of fn is want.
func (s store) must(want error, fn func(kv.Tx) error) {
	s.Helper()
	if err := s.update(fn); !errors.Is(err, want) {
		s.Fatalf("error = %v, want %v", err, want)
	}
}

func (s store) create(want error, owner, name, text string) {
	s.Helper()
	s.must(want, func(tx kv.Tx) error {
		_, err := blobs.Create(tx, at, owner, name, content(text), key('k'))
		return err
	})
}

func (s store) get(owner, name string) (v blobs.Vault, err error) {
	s.Helper()
	err = s.db.View(s.Context(), func(tx kv.Tx) error {
		v, err = blobs.Get(tx, owner, name)
		return err
	})
	return v, err
}

func (s store) list(owner string) (list []blobs.Info) {
	s.Helper()
	if err := s.db.View(s.Context(), func(tx kv.Tx) error {
		list = blobs.List(tx, owner)
		return nil
	}); err != nil {
		s.Fatal(err)
	}
	return list
}

func TestVaults(t *testing.T) {
	engines(t, func(s store) {
		s.create(nil, ada, "home", "one")
		s.create(nil, ada, "a/b ?🔑", "two")
		s.create(nil, bob, "home", "bob's")
		s.create(blobs.ErrExists, ada, "home", "again")
		later := at.Add(time.Hour)
		s.must(nil, func(tx kv.Tx) error {
			_, err := blobs.Update(tx, later, ada, "home", 1, content("three"), nil)
			return err
		})
		got, err := s.get(ada, "home")
		want := blobs.Vault{Info: blobs.Info{Name: "home", Version: 2, Created: at, Updated: later}, Content: content("three"), Key: key('k')}
		if d := cmp.Diff(want, got); err != nil || d != "" {
			s.Errorf("error %v (-want +got):\n%s", err, d)
		}
		if got, err := s.get(bob, "home"); err != nil || !bytes.Equal(got.Content.Data, content("bob's").Data) {
			s.Errorf("another owner's vault changed: %v", err)
		}
		list := []blobs.Info{{Name: "a/b ?🔑", Version: 1, Created: at, Updated: at}, want.Info}
		if d := cmp.Diff(list, s.list(ada)); d != "" {
			s.Errorf("list (-want +got):\n%s", d)
		}
		s.must(nil, func(tx kv.Tx) error { return blobs.Delete(tx, ada, "home") })
		s.must(blobs.ErrNotFound, func(tx kv.Tx) error { return blobs.Delete(tx, ada, "home") })
		if _, err := s.get(ada, "home"); !errors.Is(err, blobs.ErrNotFound) {
			s.Errorf("after Delete: %v", err)
		}
		s.create(nil, ada, "home", "new")
		if v, err := s.get(ada, "home"); err != nil || v.Version != 1 || len(s.list(bob)) != 1 {
			s.Errorf("a vault made again has version %d, error %v", v.Version, err)
		}
	})
}

// TestPassword replaces the key together with the content, or neither.
func TestPassword(t *testing.T) {
	engines(t, func(s store) {
		s.create(nil, ada, "home", "one")
		update := func(version uint64, k blobs.Key) error {
			return s.update(func(tx kv.Tx) error {
				_, err := blobs.Update(tx, at, ada, "home", version, content("two"), &k)
				return err
			})
		}
		bad := key('n')
		bad.Wrap = bad.Wrap[1:]
		var invalid *blobs.InvalidError
		if err := update(1, bad); !errors.As(err, &invalid) || invalid.Field != "wrappedVaultKey" {
			s.Errorf("short wrap: %v", err)
		}
		var conflict *blobs.ConflictError
		if err := update(2, key('n')); !errors.As(err, &conflict) || *conflict != (blobs.ConflictError{Yours: 2, Current: 1}) {
			s.Errorf("another version: %v", err)
		}
		if v, err := s.get(ada, "home"); err != nil || v.Version != 1 || !cmp.Equal(v.Key, key('k')) || !cmp.Equal(v.Content, content("one")) {
			s.Errorf("a refused change did something: %+v, %v", v, err)
		}
		if err := update(1, key('n')); err != nil {
			s.Error(err)
		}
		if v, err := s.get(ada, "home"); err != nil || v.Version != 2 || !cmp.Equal(v.Key, key('n')) || !cmp.Equal(v.Content, content("two")) {
			s.Errorf("after the change: %+v, %v", v, err)
		}
	})
}

func TestDefault(t *testing.T) {
	engines(t, func(s store) {
		s.must(blobs.ErrNotFound, func(tx kv.Tx) error { return blobs.Delete(tx, ada, "default") })
		s.create(nil, ada, "default", "one")
		s.create(nil, ada, "Default", "two")
		s.must(blobs.ErrDenied, func(tx kv.Tx) error { return blobs.Delete(tx, ada, "default") })
		s.must(nil, func(tx kv.Tx) error { return blobs.Delete(tx, ada, "Default") })
		if len(s.list(ada)) != 1 {
			s.Error("default is gone")
		}
	})
}

func TestRefused(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("n", 256)
	tests := []struct {
		name, owner, vault string
		change             func(*blobs.Content, *blobs.Key)
		field              string
	}{
		{"no owner", "", "v", nil, "email"},
		{"long owner", long, "v", nil, "email"},
		{"no name", ada, "", nil, "name"},
		{"dot", ada, ".", nil, "name"},
		{"dots", ada, "..", nil, "name"},
		{"long name", ada, long, nil, "name"},
		{"not UTF-8", ada, "\xff", nil, "name"},
		{"short data", ada, "v", func(c *blobs.Content, _ *blobs.Key) { c.Data = c.Data[:15] }, "encryptedData"},
		{"short iv", ada, "v", func(c *blobs.Content, _ *blobs.Key) { c.IV = c.IV[:11] }, "iv"},
		{"long iv", ada, "v", func(c *blobs.Content, _ *blobs.Key) { c.IV = append(slices.Clone(c.IV), 0) }, "iv"},
		{"long wrap", ada, "v", func(_ *blobs.Content, k *blobs.Key) { k.Wrap = append(slices.Clone(k.Wrap), 0) }, "wrappedVaultKey"},
		{"no iv of the wrap", ada, "v", func(_ *blobs.Content, k *blobs.Key) { k.IV = nil }, "vaultKeyIv"},
		{"short salt", ada, "v", func(_ *blobs.Content, k *blobs.Key) { k.Salt = k.Salt[:15] }, "vaultKeySalt"},
	}
	for _, tt := range tests {
		c, k := content("text"), key('k')
		if tt.change != nil {
			tt.change(&c, &k)
		}
		err := memory.New().Update(t.Context(), func(tx kv.Tx) error {
			_, err := blobs.Create(tx, at, tt.owner, tt.vault, c, k)
			return err
		})
		var invalid *blobs.InvalidError
		if !errors.As(err, &invalid) || invalid.Field != tt.field {
			t.Errorf("%s: error = %v, want one about %s", tt.name, err, tt.field)
		}
	}
}

func TestLimit(t *testing.T) {
	engines(t, func(s store) {
		c := blobs.Content{Data: make([]byte, 25<<20), IV: make([]byte, 12)}
		s.must(nil, func(tx kv.Tx) error {
			_, err := blobs.Create(tx, at, ada, "v", c, key('k'))
			return err
		})
		c.Data = append(c.Data, 0)
		s.must(blobs.ErrTooLarge, func(tx kv.Tx) error {
			_, err := blobs.Update(tx, at, ada, "v", 1, c, nil)
			return err
		})
		if v, err := s.get(ada, "v"); err != nil || v.Version != 1 || len(v.Content.Data) != 25<<20 {
			s.Errorf("%d bytes, %v", len(v.Content.Data), err)
		}
	})
}

// TestDamaged makes sure that a broken record is called so and hides no other.
func TestDamaged(t *testing.T) {
	t.Parallel()
	s := store{t, memory.New()}
	s.create(nil, ada, "a", "one")
	s.create(nil, ada, "b", "two")
	s.must(nil, func(tx kv.Tx) error {
		for k, b := range tx.Scan([]byte("b/")) {
			if bytes.HasSuffix(k, []byte("a")) {
				return tx.Put(bytes.Clone(k), append(bytes.Clone(b), 0))
			}
		}
		return errors.New("no head")
	})
	if _, err := s.get(ada, "a"); !errors.Is(err, blobs.ErrDamaged) {
		t.Errorf("error = %v", err)
	}
	if d := cmp.Diff([]blobs.Info{{Name: "a"}, {Name: "b", Version: 1, Created: at, Updated: at}}, s.list(ada)); d != "" {
		t.Error(d)
	}
	s.must(nil, func(tx kv.Tx) error { return blobs.Delete(tx, ada, "a") })
}
