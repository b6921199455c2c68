package vaults_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/service/vaults"
)

// A caller who says no numbers gets the last write.
func TestAny(t *testing.T) {
	t.Parallel()
	s := store{t, memory.New()}.stocked()
	anyRef := func(id seal.ID) []vaults.Ref { return []vaults.Ref{{ID: id, Revision: vaults.Any}} }
	for _, tt := range []struct {
		name string
		c    vaults.Change
		rev  uint64
		want error
	}{
		{"new item", vaults.Change{Put: []vaults.Put{put(item3, 0, "c")}}, 4, nil},
		{"new item again", vaults.Change{Put: []vaults.Put{put(item3, 0, "c")}}, 0, about("!revision")},
		{"put", vaults.Change{Put: []vaults.Put{put(item1, vaults.Any, "c")}}, 5, nil},
		{"put of no item", vaults.Change{Put: []vaults.Put{put(nothing, vaults.Any, "c")}}, 0, vaults.ErrNotFound},
		{"put in the trash", vaults.Change{Put: []vaults.Put{put(item2, vaults.Any, "c")}}, 0, about("itemId")},
		{"delete", vaults.Change{Delete: anyRef(item1)}, 6, nil},
		{"delete again", vaults.Change{Delete: anyRef(item1)}, 6, nil},
		{"delete of no item", vaults.Change{Delete: anyRef(nothing)}, 0, vaults.ErrNotFound},
		{"restore", vaults.Change{Restore: anyRef(item1)}, 7, nil},
	} {
		tt.c.KeyVersion = vaults.Any
		rev, err := s.apply(at, tt.c)
		s.want(tt.name, err, tt.want)
		if rev != tt.rev {
			t.Errorf("%s: revision %d, want %d", tt.name, rev, tt.rev)
		}
	}
	if rev, err := s.purge(anyRef(item2)...); rev != 8 || err != nil {
		t.Errorf("Purge = %d, %v", rev, err)
	}
	_, err := s.purge(anyRef(item1)...)
	s.want("Purge of what is not in the trash", err, about("itemId"))
}

func (s store) flags(id seal.ID) (f vaults.Flags) {
	s.view(func(tx kv.Tx) error { f = vaults.FlagsOf(tx, home, id); return nil })
	return f
}

func TestFlags(t *testing.T) {
	engines(t, func(s store) {
		s.made()
		flagged := func(id seal.ID, revision uint64, f vaults.Flags) vaults.Put {
			p := put(id, revision, "x")
			p.Flags = f
			return p
		}
		both := vaults.Flags{Favorite: true, Reprompt: true}
		s.mustApply(at, 2, vaults.Change{Put: []vaults.Put{flagged(item1, 0, both), flagged(item2, 0, vaults.Flags{Reprompt: true}), put(item3, 0, "c")}})
		check := func(want ...vaults.Flags) {
			s.Helper()
			if diff := cmp.Diff(want, []vaults.Flags{s.flags(item1), s.flags(item2), s.flags(item3)}); diff != "" {
				s.Error(diff)
			}
		}
		check(both, vaults.Flags{Reprompt: true}, vaults.Flags{})
		// A put is of the whole item, the trash and a new key change no flags.
		s.mustApply(at, 3, vaults.Change{Put: []vaults.Put{put(item2, 2, "x"), flagged(item3, 2, vaults.Flags{Favorite: true})}, Delete: []vaults.Ref{{ID: item1, Revision: 2}}})
		check(both, vaults.Flags{}, vaults.Flags{Favorite: true})
		if _, err := s.rekey(newKey(3, sealed(item1), sealed(item2), sealed(item3))); err != nil {
			s.Fatal(err)
		}
		check(both, vaults.Flags{}, vaults.Flags{Favorite: true})
		if _, err := s.purge(vaults.Ref{ID: item1, Revision: 3}); err != nil {
			s.Fatal(err)
		}
		check(vaults.Flags{}, vaults.Flags{}, vaults.Flags{Favorite: true})
		s.set(key("f/", home, item2), []byte("damaged"))
		check(vaults.Flags{}, vaults.Flags{}, vaults.Flags{Favorite: true})
		if err := s.update(func(tx kv.Tx) error { return vaults.Delete(tx, alice, home) }); err != nil || len(s.dump()) != 0 {
			s.Errorf("Delete: %v, %d records are left", err, len(s.dump()))
		}
	})
}

func TestEntries(t *testing.T) {
	engines(t, func(s store) {
		s.stocked()
		p := put(item3, 0, "c")
		p.Flags.Favorite = true
		s.mustApply(at, 4, vaults.Change{Put: []vaults.Put{p, put(nothing, 0, "d")}})
		if err := s.update(func(tx kv.Tx) error { return tx.Delete(key("id", home, item1)) }); err != nil {
			s.Fatal(err)
		}
		s.set(key("in", home, nothing), []byte("x"))
		s.view(func(tx kv.Tx) error {
			var got []string
			for e, err := range vaults.Entries(tx, alice, home) {
				text := string(e.Data)
				switch {
				case errors.Is(err, vaults.ErrDamaged):
					text = "damaged"
				case err != nil:
					return err
				case e.Flags.Favorite:
					text += " favorite"
				case !e.Deleted.IsZero():
					text += " deleted"
				}
				got = append(got, text)
			}
			if diff := cmp.Diff([]string{"damaged", string(blob("b")) + " deleted", string(blob("c")) + " favorite", "damaged"}, got); diff != "" {
				s.Error(diff)
			}
			for range vaults.Entries(tx, alice, home) {
				break
			}
			return nil
		})
	})
}

func TestPurgeOld(t *testing.T) {
	engines(t, func(s store) {
		s.made()
		s.mustApply(at, 2, vaults.Change{Put: []vaults.Put{put(item1, 0, "a"), put(item2, 0, "b"), put(item3, 0, "c"), put(nothing, 0, "d")}})
		s.mustApply(at, 3, vaults.Change{Delete: []vaults.Ref{{ID: item1, Revision: 2}, {ID: nothing, Revision: 2}}})
		s.mustApply(later(1), 4, vaults.Change{Delete: []vaults.Ref{{ID: item2, Revision: 2}}})
		s.set(key("in", home, nothing), []byte("damaged"))
		purge := func(now time.Time, want int) {
			s.Helper()
			var n int
			err := s.update(func(tx kv.Tx) (err error) { n, err = vaults.PurgeOld(tx, now, alice, home); return err })
			if err != nil || n != want {
				s.Errorf("PurgeOld = %d, %v, want %d", n, err, want)
			}
		}
		s.unchanged(func() { purge(at.Add(vaults.Retention-time.Millisecond), 0) })
		purge(at.Add(vaults.Retention), 1)
		if v, err := s.get(alice, home); err != nil || v.Revision != 5 || !v.Updated.Equal(at.Add(vaults.Retention)) {
			s.Errorf("the vault is %+v, %v", v, err)
		}
		_, _, err := s.item(item1)
		s.want("the old item", err, vaults.ErrNotFound)
		for _, id := range []seal.ID{item2, item3} {
			_, _, err := s.item(id)
			s.want("another item", err, nil)
		}
	})
}

func TestSweep(t *testing.T) {
	t.Parallel()
	s := store{t, memory.New()}.stocked().shared()
	if err := s.change(carol, vaults.Change{KeyVersion: 1, Put: []vaults.Put{put(item1, 0, "a")}}); err != nil {
		t.Fatal(err)
	}
	if err := s.change(carol, vaults.Change{KeyVersion: 1, Delete: []vaults.Ref{{ID: item1, Revision: 4}}}); err != nil {
		t.Fatal(err)
	}
	s.set(key("v/", work), []byte("damaged"))
	s.set(append(key("v/", work), 'x'), nil)
	sweep := func(now time.Time) {
		t.Helper()
		if err := s.update(func(tx kv.Tx) error { return vaults.Sweep(tx, now) }); err != nil {
			t.Fatal(err)
		}
	}
	s.unchanged(func() { sweep(at.Add(vaults.Retention - 1)) })
	sweep(later(3).Add(vaults.Retention))
	for id, want := range map[seal.ID]uint64{home: 4, team: 6} {
		if v, err := s.get(alice, id); err != nil || v.Revision != want {
			t.Errorf("vault %s: %d, %v, want revision %d", id, v.Revision, err, want)
		}
	}
	_, _, err := s.item(item1)
	s.want("an item that is not in the trash", err, nil)
}
