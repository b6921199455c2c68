package vaults_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/service/vaults"
)

func (s store) rename(name string, unique bool) (rev uint64, err error) {
	s.Helper()
	err = s.update(func(tx kv.Tx) error {
		rev, err = vaults.Rename(tx, later(1), alice, home, name, unique)
		return err
	})
	return rev, err
}

func (s store) rekey(n vaults.NewKey) (rev uint64, err error) {
	s.Helper()
	err = s.update(func(tx kv.Tx) error {
		rev, err = vaults.Rekey(tx, later(1), alice, home, n)
		return err
	})
	return rev, err
}

func (s store) purge(refs ...vaults.Ref) (rev uint64, err error) {
	s.Helper()
	err = s.update(func(tx kv.Tx) error {
		rev, err = vaults.Purge(tx, later(1), alice, home, refs)
		return err
	})
	return rev, err
}

// newWrap is another wrap than newVault has.
func newWrap() []byte { return append(wrap(3)[:130], 'n') }

// sealed is an item under the new key.
func sealed(id seal.ID) vaults.SealedItem {
	return vaults.SealedItem{ID: id, Name: blob("new name"), Data: blob("new data"), Index: index(id[15] + 100)}
}

// newKey is a new key for alice, made from that revision of the vault.
func newKey(revision uint64, items ...vaults.SealedItem) vaults.NewKey {
	return vaults.NewKey{
		KeyVersion: 1, Revision: revision, Items: items,
		Members: []vaults.MemberKey{{User: alice, Wrap: newWrap(), Signature: slices.Repeat([]byte{9}, 64)}},
	}
}

func TestRename(t *testing.T) {
	engines(t, func(s store) {
		s.made()
		if _, err := s.create(alice, newVault(work, "work")); err != nil {
			s.Fatal(err)
		}
		if rev, err := s.rename("house", true); rev != 2 || err != nil {
			s.Errorf("Rename = %d, %v, want 2", rev, err)
		}
		v, err := s.get(alice, home)
		if err != nil || v.Name != "house" || v.Revision != 2 || v.KeyVersion != 1 || !v.Updated.Equal(later(1)) || !v.Created.Equal(at) {
			s.Errorf("Get = %+v, %v", v, err)
		}
		s.unchanged(func() {
			if rev, err := s.rename("house", true); rev != 2 || err != nil {
				s.Errorf("Rename again = %d, %v, want 2", rev, err)
			}
			if _, err := s.rename("work", true); !errors.Is(err, vaults.ErrExists) {
				s.Errorf("Rename to a name that is taken: %v, want ErrExists", err)
			}
			for _, name := range []string{"", strings.Repeat("n", 256), "\xff"} {
				var invalid *vaults.InvalidError
				if _, err := s.rename(name, true); !errors.As(err, &invalid) || invalid.Field != "name" {
					s.Errorf("Rename to %.9q: %v, want an *InvalidError", name, err)
				}
			}
		})
		if rev, err := s.rename("work", false); rev != 3 || err != nil {
			s.Errorf("Rename = %d, %v, want 3", rev, err)
		}
	})
}

func TestPurge(t *testing.T) {
	engines(t, func(s store) {
		s.made()
		s.mustApply(at, 2, vaults.Change{Put: []vaults.Put{put(item1, 0, "a"), put(item2, 0, "b"), put(item3, 0, "c")}})
		s.mustApply(at, 3, vaults.Change{Delete: []vaults.Ref{{ID: item1, Revision: 2}, {ID: item2, Revision: 2}}})
		s.unchanged(func() {
			var invalid *vaults.InvalidError
			if _, err := s.purge(vaults.Ref{ID: item1, Revision: 3}, vaults.Ref{ID: item3, Revision: 2}); !errors.As(err, &invalid) {
				s.Errorf("Purge of a live item: %v, want an *InvalidError", err)
			}
			if _, err := s.purge(vaults.Ref{ID: item1, Revision: 3}, vaults.Ref{ID: item1, Revision: 3}); !errors.As(err, &invalid) {
				s.Errorf("Purge of one item twice: %v, want an *InvalidError", err)
			}
			var conflict *vaults.ConflictError
			if _, err := s.purge(vaults.Ref{ID: item1, Revision: 3}, vaults.Ref{ID: item2, Revision: 2}); !errors.As(err, &conflict) || conflict.Item != item2 {
				s.Errorf("Purge of an older revision: %v, want a *ConflictError", err)
			}
			if _, err := s.purge(vaults.Ref{ID: item1, Revision: 3}, vaults.Ref{ID: nothing, Revision: 2}); !errors.Is(err, vaults.ErrNotFound) {
				s.Errorf("Purge of nothing: %v, want ErrNotFound", err)
			}
			if rev, err := s.purge(); rev != 3 || err != nil {
				s.Errorf("Purge without items = %d, %v, want 3", rev, err)
			}
		})
		if rev, err := s.purge(vaults.Ref{ID: item1, Revision: 3}, vaults.Ref{ID: item2, Revision: 3}); rev != 4 || err != nil {
			s.Errorf("Purge = %d, %v, want 4", rev, err)
		}
		for k := range s.dump() {
			if strings.HasSuffix(k, string(item1[:])) || strings.HasSuffix(k, string(item2[:])) {
				s.Errorf("%q is left", k)
			}
		}
		if _, data, err := s.item(item3); err != nil || data != string(blob("c")) {
			s.Errorf("the other item: %v", err)
		}
		if v, err := s.get(alice, home); err != nil || v.Revision != 4 || !v.Updated.Equal(later(1)) {
			s.Errorf("Get = %+v, %v", v, err)
		}
	})
}

// stocked makes the vault home with a live item and one in the trash; it is at
// revision 3 then.
func (s store) stocked() store {
	s.made()
	s.mustApply(at, 2, vaults.Change{Put: []vaults.Put{put(item1, 0, "a"), put(item2, 0, "b")}})
	s.mustApply(at, 3, vaults.Change{Delete: []vaults.Ref{{ID: item2, Revision: 2}}})
	return s
}

func TestRekey(t *testing.T) {
	engines(t, func(s store) {
		s.stocked()
		stray := append(key("ix", home), append(make([]byte, 32), item1[:]...)...)
		s.set(stray, nil) // of the old key: it must go
		before := map[seal.ID]itemdb.Record{}
		for _, id := range []seal.ID{item1, item2} {
			before[id], _, _ = s.item(id)
		}
		if rev, err := s.rekey(newKey(3, sealed(item2), sealed(item1))); rev != 4 || err != nil {
			s.Fatalf("Rekey = %d, %v, want 4", rev, err)
		}
		v, err := s.get(alice, home)
		want := vaults.Vault{
			ID: home, Name: "home", Type: vaults.Personal, KeyVersion: 2, Revision: 4, Created: at, Updated: later(1),
			Membership: vaults.Membership{Role: vaults.Owner, Wrap: newWrap(), Sender: alice, Signature: slices.Repeat([]byte{9}, 64), Added: at},
		}
		if err != nil || !cmp.Equal(want, v) {
			s.Errorf("%v, %s", err, cmp.Diff(want, v))
		}
		for id, want := range before {
			want.Name, want.Index = blob("new name"), index(id[15]+100)
			rec, data, err := s.item(id)
			if err != nil || data != string(blob("new data")) || !cmp.Equal(want, rec) {
				s.Errorf("item: %v, %s", err, cmp.Diff(want, rec))
			}
		}
		s.view(func(tx kv.Tx) error {
			if problems := itemdb.Check(tx, home); problems != nil {
				s.Errorf("Check = %v", problems)
			}
			return nil
		})
		s.unchanged(func() {
			var conflict *vaults.ConflictError
			if _, err := s.apply(at, vaults.Change{KeyVersion: 1, Put: []vaults.Put{put(item3, 0, "c")}}); !errors.As(err, &conflict) || conflict.Field != "keyVersion" {
				s.Errorf("Apply under the old key: %v, want a *ConflictError", err)
			}
		})
	})
}

func TestRekeyRefused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		spoil func(s store, n *vaults.NewKey)
		want  string // the field of an *InvalidError or a *ConflictError; empty: ErrDamaged
	}{
		{"other key version", func(_ store, n *vaults.NewKey) { n.KeyVersion = 2 }, "keyVersion"},
		{"other revision", func(_ store, n *vaults.NewKey) { n.Revision = 2 }, "revision"},
		{"no member", func(_ store, n *vaults.NewKey) { n.Members = nil }, "newKeys"},
		{"other member", func(_ store, n *vaults.NewKey) { n.Members[0].User = bob }, "newKeys"},
		{"member twice", func(_ store, n *vaults.NewKey) { n.Members = slices.Repeat(n.Members, 2) }, "newKeys"},
		{"member missing", func(s store, _ *vaults.NewKey) { s.as(vaults.Owner) }, "newKeys"},
		{"one member twice, one missing", func(s store, n *vaults.NewKey) { s.as(vaults.Owner); n.Members = slices.Repeat(n.Members, 2) }, "newKeys"},
		{"no wrap", func(_ store, n *vaults.NewKey) { n.Members[0].Wrap = nil }, "encryptedVaultKey"},
		{"no signature", func(_ store, n *vaults.NewKey) { n.Members[0].Signature = nil }, "wrapSignature"},
		{"no items", func(_ store, n *vaults.NewKey) { n.Items = nil }, "items"},
		{"without the trash", func(_ store, n *vaults.NewKey) { n.Items = n.Items[:1] }, "items"},
		{"item twice", func(_ store, n *vaults.NewKey) { n.Items[1] = n.Items[0] }, "items"},
		{"unknown item", func(_ store, n *vaults.NewKey) { n.Items[1].ID = nothing }, "items"},
		{"one item more", func(_ store, n *vaults.NewKey) { n.Items = append(n.Items, sealed(nothing)) }, "items"},
		{"no name", func(_ store, n *vaults.NewKey) { n.Items[0].Name = nil }, "encryptedName"},
		{"no data", func(_ store, n *vaults.NewKey) { n.Items[0].Data = []byte("x") }, "encryptedData"},
		{"damaged record", func(s store, _ *vaults.NewKey) { s.set(key("in", home, item1), []byte("x")) }, ""},
		{"data without a record", func(s store, _ *vaults.NewKey) { s.set(key("id", home, item3), []byte("x")) }, ""},
		{"damaged member", func(s store, _ *vaults.NewKey) { s.set(key("m/", home, bob), []byte("x")) }, ""},
		{"damaged member key", func(s store, n *vaults.NewKey) {
			s.as(vaults.Owner)
			s.set(append(key("m/", home, bob), 'x'), member(vaults.Owner))
			n.Members = append(n.Members, n.Members[0], n.Members[0])
		}, ""},
		{"damaged vault", func(s store, _ *vaults.NewKey) { s.set(key("v/", home), []byte("x")) }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := store{t, memory.New()}.stocked()
			n := newKey(3, sealed(item1), sealed(item2))
			tt.spoil(s, &n)
			s.unchanged(func() {
				_, err := s.rekey(n)
				var invalid *vaults.InvalidError
				var conflict *vaults.ConflictError
				field := ""
				switch {
				case errors.As(err, &invalid):
					field = invalid.Field
				case errors.As(err, &conflict):
					field = conflict.Field
				case !errors.Is(err, vaults.ErrDamaged):
					t.Errorf("Rekey: %v, want ErrDamaged", err)
				}
				if field != tt.want {
					t.Errorf("Rekey: %v, want it to be about %q", err, tt.want)
				}
			})
		})
	}
}

func TestRewrap(t *testing.T) {
	engines(t, func(s store) {
		s.stocked().as(vaults.Member)
		rewrap := func(version uint64, wrap []byte, signature int) error {
			return s.update(func(tx kv.Tx) error {
				return vaults.Rewrap(tx, bob, home, version, wrap, slices.Repeat([]byte{9}, signature))
			})
		}
		s.unchanged(func() {
			var conflict *vaults.ConflictError
			if err := rewrap(2, newWrap(), 64); !errors.As(err, &conflict) || conflict.Field != "keyVersion" {
				s.Errorf("Rewrap of another key: %v, want a *ConflictError", err)
			}
			var invalid *vaults.InvalidError
			if err := rewrap(1, wrap(2), 64); !errors.As(err, &invalid) {
				s.Errorf("Rewrap by a wrap of another kind: %v, want an *InvalidError", err)
			}
			if err := rewrap(1, newWrap(), 63); !errors.As(err, &invalid) {
				s.Errorf("Rewrap without a signature: %v, want an *InvalidError", err)
			}
		})
		before := s.dump()
		if err := rewrap(1, newWrap(), 64); err != nil {
			s.Fatal(err)
		}
		v, err := s.get(bob, home)
		if err != nil || string(v.Wrap) != string(newWrap()) || v.Sender != bob || v.Role != vaults.Member || v.Revision != 3 {
			s.Errorf("Get = %+v, %v", v, err)
		}
		after := s.dump()
		delete(before, string(key("m/", home, bob)))
		delete(after, string(key("m/", home, bob)))
		if diff := cmp.Diff(before, after); diff != "" {
			s.Errorf("something else changed: %s", diff)
		}
	})
}
