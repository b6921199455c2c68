package stores_test

import (
	"crypto/rand"
	"errors"
	"testing"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/service/stores"
)

// TestDamaged cuts, lengthens and changes every record. What needs it is
// ErrDamaged then, not a panic and not a part of it.
func TestDamaged(t *testing.T) {
	t.Parallel()
	s := inMemory(t)
	id := s.made(alice)
	it := s.mustCreate(alice, id, fresh("A"))[0]
	for k, v := range s.dump() {
		if k[:3] == "sl/" {
			continue
		}
		bad := []string{"", v + "\x00", "\x02" + v[1:]}
		for n := range v {
			bad = append(bad, v[:n])
		}
		if k[:3] == "sv/" {
			for i := range v {
				bad = append(bad, v[:i]+string(v[i]^1)+v[i+1:])
			}
		}
		for _, b := range bad {
			put := func(b string) {
				if err := s.update(func(tx kv.Tx) error { return tx.Put([]byte(k), []byte(b)) }); err != nil {
					t.Fatal(err)
				}
			}
			put(b)
			if _, err := s.duplicate(alice, id, it.ID, fresh("B")); !errors.Is(err, stores.ErrDamaged) {
				t.Errorf("%q: %v, want ErrDamaged", k[:3], err)
			}
			put(v)
		}
	}
}

// TestDamagedKeys has keys that are too long.
func TestDamagedKeys(t *testing.T) {
	t.Parallel()
	s := inMemory(t)
	id := s.made(alice)
	s.mustCreate(alice, id, fresh("A"))
	for k, v := range s.dump() {
		if k[:3] == "st/" {
			continue
		}
		err := s.update(func(tx kv.Tx) error {
			if err := tx.Put([]byte(k+"x"), []byte(v)); err != nil {
				return err
			}
			_, err := stores.Create(tx, at, rand.Reader, s.keys, alice, id, []stores.New{fresh("B")})
			return errors.Join(err, stores.Reseal(tx, rand.Reader, s.keys, s.keys))
		})
		if !errors.Is(err, stores.ErrDamaged) {
			t.Errorf("%q: %v, want ErrDamaged", k[:3], err)
		}
	}
}
