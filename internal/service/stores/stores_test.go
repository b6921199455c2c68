package stores_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/service/stores"
)

func TestCreateStore(t *testing.T) {
	engines(t, func(s store) {
		got, err := s.createStore(alice, stores.NewStore{Name: "default"})
		want := stores.Store{ID: got.ID, Owner: alice, Name: "default", Created: at, Modified: at}
		if err != nil || got != want || got.ID == (stores.ID{}) {
			s.Fatalf("%+v, %v, want %+v", got, err, want)
		}
		s.view(func(tx kv.Tx) error {
			if again, err := stores.GetStore(tx, alice, got.ID); err != nil || again != want {
				s.Errorf("GetStore = %+v, %v", again, err)
			}
			for _, o := range []stores.Owner{bob, robot} {
				if _, err := stores.GetStore(tx, o, got.ID); err != stores.ErrStoreNotFound {
					s.Errorf("GetStore of %+v: %v", o, err)
				}
				if all, err := stores.Stores(tx, o); len(all) > 0 || err != nil {
					s.Errorf("Stores of %+v: %v, %v", o, all, err)
				}
			}
			return nil
		})
		s.unchanged(func() {
			if _, err := s.createStore(alice, stores.NewStore{Name: "second"}); err != stores.ErrMaxStores {
				s.Errorf("a second store: %v", err)
			}
		})
		s.made(bob)
		s.made(robot)
		s.made(robot)
		s.unchanged(func() {
			if _, err := s.createStore(robot, stores.NewStore{Name: "a", Number: 8}); ruleOf(err) != stores.NumberInvalid {
				s.Errorf("another number: %v", err)
			}
		})
	})
}

func ruleOf(err error) stores.Rule {
	if e, ok := errors.AsType[*stores.RuleError](err); ok {
		return e.Rule
	}
	return ""
}

func TestStoreRules(t *testing.T) {
	t.Parallel()
	tests := []struct {
		owner stores.Owner
		store stores.NewStore
		want  stores.Rule
	}{
		{alice, stores.NewStore{Name: ""}, stores.StoreNameEmpty},
		{alice, stores.NewStore{Name: "a b"}, stores.StoreNameInvalid},
		{alice, stores.NewStore{Name: "a\x00"}, stores.StoreNameInvalid},
		{alice, stores.NewStore{Name: "\xff"}, stores.StoreNameInvalid},
		{alice, stores.NewStore{Name: strings.Repeat("a", 256)}, stores.StoreNameInvalid},
		{alice, stores.NewStore{Name: strings.Repeat("a", 255)}, ""},
		{alice, stores.NewStore{Name: "a", Number: 1}, stores.NumberInvalid},
		{robot, stores.NewStore{Name: "a"}, stores.NumberInvalid},
	}
	for _, tt := range tests {
		s := inMemory(t)
		if _, err := s.createStore(tt.owner, tt.store); ruleOf(err) != tt.want || (err == nil) != (tt.want == "") {
			t.Errorf("%+v: %v, want %s", tt.store, err, tt.want)
		}
	}
}

func TestDeleteStore(t *testing.T) {
	engines(t, func(s store) {
		id, other := s.made(alice), s.made(bob)
		remove := func(o stores.Owner, force bool) error {
			return s.update(func(tx kv.Tx) error { return stores.DeleteStore(tx, o, id, force) })
		}
		s.mustCreate(alice, id, fresh("A"), fresh("B"))
		kept := s.mustCreate(bob, other, fresh("A"))[0]
		s.unchanged(func() {
			for _, o := range []stores.Owner{bob, robot} {
				if err := remove(o, true); err != stores.ErrStoreNotFound {
					s.Errorf("deleted by another: %v", err)
				}
			}
			if err := remove(alice, false); err != stores.ErrNotEmpty {
				s.Errorf("without force: %v", err)
			}
		})
		if err := remove(alice, true); err != nil {
			s.Fatal(err)
		}
		if err := remove(alice, true); err != stores.ErrStoreNotFound {
			s.Errorf("again: %v", err)
		}
		if s.holds(string(id[:])) {
			s.Error("something of the store is left")
		}
		if v, err := s.value(bob, kept); err != nil || v != canary+" of A" {
			s.Errorf("the other store's value: %q, %v", v, err)
		}
		id = s.made(alice) // there is room again
		if err := remove(alice, false); err != nil {
			s.Errorf("an empty one: %v", err)
		}
	})
}

// TestQuota fills an account, and a service's stores in it, to the last place.
func TestQuota(t *testing.T) {
	t.Parallel()
	s := inMemory(t)
	id, first, second := s.made(alice), s.made(robot), s.made(robot)
	many := func(from, to int) (list []stores.New) {
		for i := range to - from {
			list = append(list, fresh(fmt.Sprintf("N%d", from+i)))
		}
		return list
	}
	usage := func(o stores.Owner) (n int) {
		s.view(func(tx kv.Tx) (err error) { n, err = stores.Usage(tx, o); return err })
		return n
	}
	s.mustCreate(alice, id, many(0, 98)...)
	s.unchanged(func() {
		if _, err := s.create(alice, id, many(98, 101)...); err != stores.ErrMaxSecrets {
			t.Errorf("the 101st in a batch: %v", err)
		}
	})
	all := s.mustCreate(alice, id, many(98, 100)...)
	s.unchanged(func() {
		if _, err := s.create(alice, id, fresh("X")); err != stores.ErrMaxSecrets {
			t.Errorf("the 101st: %v", err)
		}
		if _, err := s.duplicate(alice, id, all[0].ID, fresh("X")); err != stores.ErrMaxSecrets {
			t.Errorf("the 101st by duplicate: %v", err)
		}
	})
	s.mustCreate(robot, first, many(0, 60)...)
	s.mustCreate(robot, second, many(0, 40)...)
	if _, err := s.create(robot, first, fresh("X")); err != stores.ErrMaxSecrets {
		t.Errorf("the service's 101st: %v", err)
	}
	if a, b, c := usage(alice), usage(robot), usage(bob); a != 100 || b != 100 || c != 0 {
		t.Errorf("usage %d, %d, %d", a, b, c)
	}
	if err := s.remove(alice, id, all[0].ID); err != nil {
		t.Fatal(err)
	}
	s.mustCreate(alice, id, fresh("X"))
}

// TestSealed looks for values and names of keys where they must not be.
func TestSealed(t *testing.T) {
	engines(t, func(s store) {
		id, other := s.made(alice), s.made(bob)
		made := s.mustCreate(alice, id, fresh("A"), fresh("B"))
		theirs := s.mustCreate(bob, other, fresh("A"))[0]
		if s.holds(canary) {
			s.Error("a value is kept in the clear")
		}
		if text := fmt.Sprintf("%v %+v %#v %v", made, made, fresh("A"), s.keys); strings.Contains(text, canary) {
			s.Error("a value prints")
		}
		sealed := func(it stores.Secret) string { return s.dump()["sv/"+string(it.Store[:])+string(it.ID[:])] }
		if sealed(made[0])[13:] == sealed(made[1])[13:] || sealed(made[0])[1:13] == sealed(theirs)[1:13] {
			s.Error("two values are sealed in the same way")
		}
		// A value opens in its own place alone.
		moved := []byte(sealed(made[0]))
		if err := s.update(func(tx kv.Tx) error {
			return tx.Put([]byte("sv/"+string(made[1].Store[:])+string(made[1].ID[:])), moved)
		}); err != nil {
			s.Fatal(err)
		}
		if _, err := s.value(alice, made[1]); !errors.Is(err, stores.ErrDamaged) {
			s.Errorf("a value in another's place: %v", err)
		}
		if _, err := s.duplicate(alice, id, made[1].ID, fresh("C")); !errors.Is(err, stores.ErrDamaged) {
			s.Errorf("its duplicate: %v", err)
		}
		if _, err := s.value(bob, made[0]); !errors.Is(err, stores.ErrDamaged) {
			s.Errorf("a value of another account: %v", err)
		}
	})
}

func TestReseal(t *testing.T) {
	engines(t, func(s store) {
		made := s.mustCreate(alice, s.made(alice), fresh("A"), fresh("B"))
		made = append(made, s.mustCreate(robot, s.made(robot), fresh("A"))...)
		old, next := s.keys, newKeys(s, 2)
		reseal := func(from, to stores.Keys) error {
			return s.update(func(tx kv.Tx) error { return stores.Reseal(tx, rand.Reader, from, to) })
		}
		s.unchanged(func() {
			if err := reseal(next, old); !errors.Is(err, stores.ErrDamaged) {
				s.Errorf("from the wrong keys: %v", err)
			}
		})
		if err := reseal(old, next); err != nil {
			s.Fatal(err)
		}
		for _, it := range made {
			s.keys = next
			if v, err := s.value(alice, it); err != nil || v != canary+" of "+it.Name {
				s.Errorf("under the new keys: %q, %v", v, err)
			}
			s.keys = old
			if _, err := s.value(alice, it); !errors.Is(err, stores.ErrDamaged) {
				s.Errorf("under the old ones: %v", err)
			}
		}
	})
}

func TestNewKeys(t *testing.T) {
	t.Parallel()
	if _, err := stores.NewKeys(secret.Of(bytes.Repeat([]byte{1}, 31))); err == nil {
		t.Error("31 bytes are enough for a key")
	}
}

func TestParseID(t *testing.T) {
	t.Parallel()
	const text = "00112233445566778899aabbccddeeff"
	id, err := stores.ParseID(text)
	if err != nil || id.String() != text || id[15] != 0xff {
		t.Errorf("%v, %v", id, err)
	}
	if upper, err := stores.ParseID(strings.ToUpper(text)); err != nil || upper != id {
		t.Errorf("upper case: %v, %v", upper, err)
	}
	for _, bad := range []string{"", text[1:], text + "0", "g" + text[1:], "00112233-4455-6677-8899-aabbccddeeff"} {
		if _, err := stores.ParseID(bad); err == nil {
			t.Errorf("%q is an id", bad)
		}
	}
}

func TestQueryStores(t *testing.T) {
	t.Parallel()
	a := stores.Store{Name: "a", Created: later(2), Modified: later(2)}
	b := stores.Store{Name: "b", Created: later(1), Modified: later(3)}
	tests := []struct {
		query stores.Query
		want  []stores.Store
	}{
		{stores.Query{}, []stores.Store{a, b}},
		{stores.Query{Asc: true}, []stores.Store{b, a}},
		{stores.Query{Order: "name", Asc: true}, []stores.Store{a, b}},
		{stores.Query{Order: "modified"}, []stores.Store{b, a}},
	}
	for _, tt := range tests {
		if d := cmp.Diff(tt.want, tt.query.Stores([]stores.Store{b, a})); d != "" {
			t.Errorf("%+v:\n%s", tt.query, d)
		}
	}
}
