package vaults_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/service/vaults"
)

func TestApply(t *testing.T) {
	engines(t, func(s store) {
		s.made()
		want := itemdb.Record{
			ID: item1, Type: "login", Revision: 2, Created: later(1), Updated: later(1), Index: index(1), Name: blob("name of a"),
		}
		check := func(data string) {
			s.Helper()
			got, d, err := s.item(item1)
			if err != nil {
				s.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" || d != string(blob(data)) {
				s.Errorf("the item has data %q, want %q, and %s", d, data, diff)
			}
			if v, err := s.get(alice, home); err != nil || v.Revision != max(want.Revision, 2) || !v.Updated.Equal(want.Updated) || !v.Created.Equal(at) {
				s.Errorf("the vault is %+v, %v", v, err)
			}
		}
		s.mustApply(later(1).Add(time.Microsecond), 2, vaults.Change{Put: []vaults.Put{put(item1, 0, "a")}})
		check("a")

		p := put(item1, 2, "b")
		p.Type, p.Index = "secure_note", index(9)
		s.mustApply(later(2), 3, vaults.Change{Put: []vaults.Put{p}})
		want.Type, want.Revision, want.Updated, want.Index, want.Name = "secure_note", 3, later(2), index(9), blob("name of b")
		check("b")

		s.mustApply(later(3), 4, vaults.Change{Delete: []vaults.Ref{{ID: item1, Revision: 3}}})
		want.Revision, want.Updated, want.Deleted = 4, later(3), later(3)
		check("b")
		s.unchanged(func() { // again
			s.mustApply(later(4), 4, vaults.Change{Delete: []vaults.Ref{{ID: item1, Revision: 4}}})
		})

		s.mustApply(later(5), 5, vaults.Change{Restore: []vaults.Ref{{ID: item1, Revision: 4}}})
		want.Revision, want.Updated, want.Deleted = 5, later(5), time.Time{}
		check("b")
		s.unchanged(func() {
			s.mustApply(later(6), 5, vaults.Change{Restore: []vaults.Ref{{ID: item1, Revision: 5}}})
			s.mustApply(later(6), 5, vaults.Change{})
		})
		s.view(func(tx kv.Tx) error {
			if problems := itemdb.Check(tx, home); problems != nil {
				s.Errorf("Check = %v", problems)
			}
			return nil
		})
	})
}

// A change of several items is one revision, and those that stay as they are keep theirs.
func TestApplySeveral(t *testing.T) {
	engines(t, func(s store) {
		s.made()
		s.mustApply(at, 2, vaults.Change{Put: []vaults.Put{put(item1, 0, "a"), put(item2, 0, "b"), put(item3, 0, "c")}})
		s.mustApply(at, 3, vaults.Change{Delete: []vaults.Ref{{ID: item2, Revision: 2}, {ID: item3, Revision: 2}}})
		s.mustApply(at, 4, vaults.Change{
			Put: []vaults.Put{put(item1, 2, "d")}, Delete: []vaults.Ref{{ID: item2, Revision: 3}}, Restore: []vaults.Ref{{ID: item3, Revision: 3}},
		})
		for id, want := range map[seal.ID]uint64{item1: 4, item2: 3, item3: 4} {
			if rec, _, err := s.item(id); err != nil || rec.Revision != want {
				s.Errorf("item %s has revision %d, %v, want %d", id, rec.Revision, err, want)
			}
		}
	})
}

func TestApplyRefused(t *testing.T) {
	conflict := func(field string, item seal.ID, base, current uint64) error {
		return &vaults.ConflictError{Field: field, Item: item, Base: base, Current: current}
	}
	invalid := func(field string) error { return &vaults.InvalidError{Field: field} }
	spoilt := func(spoil func(*vaults.Put)) []vaults.Put {
		p := put(item3, 0, "c")
		spoil(&p)
		return []vaults.Put{p}
	}
	refs := func(id seal.ID, rev uint64) []vaults.Ref { return []vaults.Ref{{ID: id, Revision: rev}} }
	// In the vault: item1 at revision 2, item2 in the trash at revision 3.
	tests := []struct {
		name string
		c    vaults.Change
		want error
	}{
		{"older key", vaults.Change{KeyVersion: 0, Put: []vaults.Put{put(item3, 0, "c")}}, conflict("keyVersion", seal.ID{}, 0, 1)},
		{"newer key", vaults.Change{KeyVersion: 2}, conflict("keyVersion", seal.ID{}, 2, 1)},
		{"id taken", vaults.Change{Put: []vaults.Put{put(item1, 0, "c")}}, conflict("revision", item1, 0, 2)},
		{"older item", vaults.Change{Put: []vaults.Put{put(item1, 1, "c")}}, conflict("revision", item1, 1, 2)},
		{"newer item", vaults.Change{Put: []vaults.Put{put(item1, 3, "c")}}, conflict("revision", item1, 3, 2)},
		{"put of no item", vaults.Change{Put: []vaults.Put{put(item3, 2, "c")}}, vaults.ErrNotFound},
		{"put in the trash", vaults.Change{Put: []vaults.Put{put(item2, 3, "c")}}, invalid("itemId")},
		{"put in the trash, older", vaults.Change{Put: []vaults.Put{put(item2, 2, "c")}}, conflict("revision", item2, 2, 3)},
		{"delete older", vaults.Change{Delete: refs(item1, 1)}, conflict("revision", item1, 1, 2)},
		{"delete again, older", vaults.Change{Delete: refs(item2, 2)}, conflict("revision", item2, 2, 3)},
		{"delete of no item", vaults.Change{Delete: refs(item3, 2)}, vaults.ErrNotFound},
		{"restore older", vaults.Change{Restore: refs(item2, 2)}, conflict("revision", item2, 2, 3)},
		{"restore of no item", vaults.Change{Restore: refs(item3, 1)}, vaults.ErrNotFound},
		{"put without id", vaults.Change{Put: []vaults.Put{put(seal.ID{}, 0, "c")}}, invalid("itemId")},
		{"delete without id", vaults.Change{Delete: refs(seal.ID{}, 0)}, invalid("itemId")},
		{"put twice", vaults.Change{Put: []vaults.Put{put(item3, 0, "c"), put(item3, 2, "d")}}, invalid("itemId")},
		{"put and delete", vaults.Change{Put: []vaults.Put{put(item1, 2, "c")}, Delete: refs(item1, 2)}, invalid("itemId")},
		{"delete and restore", vaults.Change{Delete: refs(item1, 2), Restore: refs(item1, 2)}, invalid("itemId")},
		{"no type", vaults.Change{Put: spoilt(func(p *vaults.Put) { p.Type = "" })}, invalid("itemType")},
		{"long type", vaults.Change{Put: spoilt(func(p *vaults.Put) { p.Type = strings.Repeat("t", 65) })}, invalid("itemType")},
		{"no name", vaults.Change{Put: spoilt(func(p *vaults.Put) { p.Name = nil })}, invalid("encryptedName")},
		{"empty name", vaults.Change{Put: spoilt(func(p *vaults.Put) { p.Name = blob("") })}, invalid("encryptedName")},
		{"long name", vaults.Change{Put: spoilt(func(p *vaults.Put) { p.Name = blob(strings.Repeat("n", 16<<10-29)) })}, invalid("encryptedName")},
		{"name of version 3", vaults.Change{Put: spoilt(func(p *vaults.Put) { p.Name[0] = 3 })}, invalid("encryptedName")},
		{"name of version 0", vaults.Change{Put: spoilt(func(p *vaults.Put) { p.Name[0] = 0 })}, invalid("encryptedName")},
		{"name by RSA", vaults.Change{Put: spoilt(func(p *vaults.Put) { p.Name[1] = 2 })}, invalid("encryptedName")},
		{"no data", vaults.Change{Put: spoilt(func(p *vaults.Put) { p.Data = nil })}, invalid("encryptedData")},
		{"data in the clear", vaults.Change{Put: spoilt(func(p *vaults.Put) { p.Data = []byte(`{"password":"hunter2","type":"login"}`) })}, invalid("encryptedData")},
		{"long data", vaults.Change{Put: spoilt(func(p *vaults.Put) { p.Data = blob(strings.Repeat("d", 4<<20+4096-29)) })}, invalid("encryptedData")},
		{"name taken", vaults.Change{Put: spoilt(func(p *vaults.Put) { p.Index, p.Unique = index(1), true })}, conflict("name", item1, 0, 2)},
	}
	// engines runs it twice, for the stores; the table is the same.
	engines(t, func(s store) {
		s.made()
		s.mustApply(at, 2, vaults.Change{Put: []vaults.Put{put(item1, 0, "a"), put(item2, 0, "b")}})
		s.mustApply(at, 3, vaults.Change{Delete: refs(item2, 2)})
		before := s.dump()
		for _, tt := range tests {
			if tt.c.KeyVersion == 0 && tt.name != "older key" {
				tt.c.KeyVersion = 1
			}
			_, err := s.apply(later(1), tt.c)
			checkRefused(s, tt.name, tt.want, err)
			// The same fault last in a change leaves no trace of the rest.
			if tt.c.KeyVersion == 1 {
				first := tt.c
				first.Put = append([]vaults.Put{put(nothing, 0, "first")}, tt.c.Put...)
				_, err := s.apply(later(1), first)
				checkRefused(s, tt.name+", last", tt.want, err)
			}
		}
		if diff := cmp.Diff(before, s.dump()); diff != "" {
			s.Errorf("the store changed: %s", diff)
		}
	})
}

func checkRefused(s store, name string, want, err error) {
	s.Helper()
	var conflict, wantConflict *vaults.ConflictError
	var invalid, wantInvalid *vaults.InvalidError
	switch {
	case errors.As(want, &wantConflict):
		if !errors.As(err, &conflict) || *conflict != *wantConflict || conflict.Error() == "" {
			s.Errorf("%s: %#v, want %#v", name, err, want)
		}
	case errors.As(want, &wantInvalid):
		if !errors.As(err, &invalid) || invalid.Field != wantInvalid.Field {
			s.Errorf("%s: %v, want an *InvalidError about %s", name, err, wantInvalid.Field)
		}
	case !errors.Is(err, want):
		s.Errorf("%s: %v, want %v", name, err, want)
	}
}

// The greatest and smallest parts that an item may have.
func TestLimits(t *testing.T) {
	t.Parallel()
	s := store{t, memory.New()}.made()
	large, small := put(item1, 0, ""), put(item2, 0, "")
	large.Type, large.Name, large.Data = strings.Repeat("t", 64), blob(strings.Repeat("n", 16<<10-30)), blob(strings.Repeat("d", 4<<20+4096-30))
	small.Type, small.Name, small.Data = "t", blob("n"), blob("d")
	small.Name[0], small.Data[0] = 1, 1
	s.mustApply(at, 2, vaults.Change{Put: []vaults.Put{large, small}})
	for _, p := range []vaults.Put{large, small} {
		if rec, data, err := s.item(p.ID); err != nil || data != string(p.Data) || !bytes.Equal(rec.Name, p.Name) || rec.Type != p.Type {
			t.Errorf("an item of %d bytes: %v", len(p.Data), err)
		}
	}
}

func TestUnique(t *testing.T) {
	t.Parallel()
	s := store{t, memory.New()}.made()
	named := func(id seal.ID, revision uint64, ix byte) vaults.Put {
		p := put(id, revision, "x")
		p.Index, p.Unique = index(ix), true
		return p
	}
	s.mustApply(at, 2, vaults.Change{Put: []vaults.Put{named(item1, 0, 1)}})
	s.mustApply(at, 3, vaults.Change{Put: []vaults.Put{named(item1, 2, 1)}}) // itself
	s.mustApply(at, 4, vaults.Change{Delete: []vaults.Ref{{ID: item1, Revision: 3}}})
	s.mustApply(at, 5, vaults.Change{Put: []vaults.Put{named(item2, 0, 1)}})                                                  // the other is in the trash
	s.mustApply(at, 6, vaults.Change{Put: []vaults.Put{put(item3, 0, "x")}, Restore: []vaults.Ref{{ID: item1, Revision: 4}}}) // nobody asked
	if _, err := s.apply(at, vaults.Change{KeyVersion: 1, Put: []vaults.Put{named(item3, 6, 1)}}); err == nil {
		t.Error("item3 took a name that is taken")
	}
	// Two of one change: the second one sees the first.
	if _, err := s.apply(at, vaults.Change{KeyVersion: 1, Put: []vaults.Put{named(nothing, 0, 8), named(seal.ID{15: 98}, 0, 8)}}); err == nil {
		t.Error("two items of one change have the same unique name")
	}
}

func TestReading(t *testing.T) {
	engines(t, func(s store) {
		s.made()
		s.view(func(tx kv.Tx) error {
			if ids, err := collect(vaults.Records(tx, alice, home)); ids != nil || err != nil {
				s.Errorf("Records of an empty vault: %v, %v", ids, err)
			}
			if _, _, err := vaults.Item(tx, alice, home, item1); !errors.Is(err, vaults.ErrNotFound) {
				s.Errorf("Item of an empty vault: %v", err)
			}
			return nil
		})
		same := put(item3, 0, "c")
		same.Index = index(1)
		s.mustApply(at, 2, vaults.Change{Put: []vaults.Put{same, put(item2, 0, "b"), put(item1, 0, "a")}})
		s.mustApply(at, 3, vaults.Change{Delete: []vaults.Ref{{ID: item1, Revision: 2}}})
		s.view(func(tx kv.Tx) error {
			all, err := collect(vaults.Records(tx, alice, home))
			if !slices.Equal(all, []seal.ID{item1, item2, item3}) || err != nil {
				s.Errorf("Records: %v, %v", all, err)
			}
			found, err := collect(vaults.Lookup(tx, alice, home, index(1)))
			if !slices.Equal(found, []seal.ID{item1, item3}) || err != nil {
				s.Errorf("Lookup: %v, %v", found, err)
			}
			if ids, err := collect(vaults.Lookup(tx, alice, home, index(7))); ids != nil || err != nil {
				s.Errorf("Lookup of no name: %v, %v", ids, err)
			}
			for range vaults.Records(tx, alice, home) {
				break
			}
			return nil
		})
	})
}

// What is damaged in one item is ErrDamaged there and nowhere else.
func TestDamagedItem(t *testing.T) {
	engines(t, func(s store) {
		s.made()
		s.mustApply(at, 2, vaults.Change{Put: []vaults.Put{put(item1, 0, "a"), put(item2, 0, "b"), put(item3, 0, "c")}})
		s.set(key("in", home, item1), []byte("damaged"))
		if err := s.update(func(tx kv.Tx) error { return tx.Delete(key("id", home, item3)) }); err != nil {
			s.Fatal(err)
		}
		s.view(func(tx kv.Tx) error {
			ids, err := collect(vaults.Records(tx, alice, home))
			if !slices.Equal(ids, []seal.ID{item2, item3}) || !errors.Is(err, vaults.ErrDamaged) {
				s.Errorf("Records: %v, %v", ids, err)
			}
			if ids, err := collect(vaults.Lookup(tx, alice, home, index(1))); ids != nil || !errors.Is(err, vaults.ErrDamaged) {
				s.Errorf("Lookup: %v, %v", ids, err)
			}
			return nil
		})
		for _, id := range []seal.ID{item1, item3} {
			if rec, _, err := s.item(id); !errors.Is(err, vaults.ErrDamaged) || rec.ID != id {
				s.Errorf("Item: %x, %v, want ErrDamaged", rec.ID, err)
			}
		}
		if _, _, err := s.item(item2); err != nil {
			s.Errorf("Item that is whole: %v", err)
		}
		unique := put(nothing, 0, "d")
		unique.Index, unique.Unique = index(1), true
		for name, c := range map[string]vaults.Change{
			"put":    {Put: []vaults.Put{put(item1, 2, "x")}},
			"trash":  {Delete: []vaults.Ref{{ID: item1, Revision: 2}}},
			"unique": {Put: []vaults.Put{unique}},
		} {
			c.KeyVersion = 1
			s.unchanged(func() {
				if _, err := s.apply(at, c); !errors.Is(err, vaults.ErrDamaged) {
					s.Errorf("%s: %v, want ErrDamaged", name, err)
				}
			})
		}
	})
}
