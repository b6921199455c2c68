package vaults_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/service/vaults"
)

func TestCreate(t *testing.T) {
	engines(t, func(s store) {
		if got := s.list(alice); got != nil {
			s.Errorf("List in an empty store = %v", got)
		}
		n := newVault(home, "home")
		n.Wrap, n.Signature = append(wrap(3), "wrap"...), bytes.Repeat([]byte{7}, 64)
		var made vaults.Vault
		err := s.update(func(tx kv.Tx) (err error) {
			made, err = vaults.Create(tx, at.Add(999*time.Microsecond).In(time.FixedZone("", 3600)), alice, n)
			return err
		})
		if err != nil {
			s.Fatal(err)
		}
		want := vaults.Vault{
			ID: home, Name: "home", Type: vaults.Personal, KeyVersion: 1, Revision: 1, Created: at, Updated: at,
			Membership: vaults.Membership{Role: vaults.Owner, Wrap: n.Wrap, Sender: alice, Signature: n.Signature, Added: at},
		}
		if diff := cmp.Diff(want, made); diff != "" {
			s.Errorf("Create: %s", diff)
		}
		got, err := s.get(alice, home)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			s.Errorf("Get: %v, %s", err, diff)
		}
		if diff := cmp.Diff([]vaults.Vault{want}, s.list(alice)); diff != "" {
			s.Errorf("List: %s", diff)
		}
		clear(got.Wrap) // it is the caller's own
		clear(got.Signature)
		if again, err := s.get(alice, home); err != nil || !cmp.Equal(want, again) {
			s.Errorf("the store was changed through what Get returned")
		}
	})
}

func TestCreateInvalid(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		spoil func(*vaults.New)
		field string // none: it is fine
	}{
		{"shared", func(n *vaults.New) { n.Type, n.Wrap = vaults.Shared, shared(home, alice, alice, 1) }, ""},
		{"shared, version 1", func(n *vaults.New) { n.Type, n.Wrap = vaults.Shared, append([]byte{1, 2}, make([]byte, 256)...) }, ""},
		{"shared, no wrap at all", func(n *vaults.New) { n.Type, n.Wrap = vaults.Shared, wrap(2) }, "encryptedVaultKey"},
		{"shared, for another vault", func(n *vaults.New) { n.Type, n.Wrap = vaults.Shared, shared(work, alice, alice, 1) }, "encryptedVaultKey"},
		{"shared, for another user", func(n *vaults.New) { n.Type, n.Wrap = vaults.Shared, shared(home, bob, alice, 1) }, "encryptedVaultKey"},
		{"shared, by another user", func(n *vaults.New) { n.Type, n.Wrap = vaults.Shared, shared(home, alice, bob, 1) }, "encryptedVaultKey"},
		{"version 1", func(n *vaults.New) { n.Wrap = append([]byte{1, 3}, make([]byte, 40)...) }, ""},
		{"longest name", func(n *vaults.New) { n.Name = strings.Repeat("n", 255) }, ""},
		{"longest wrap", func(n *vaults.New) { n.Wrap = append(wrap(3), make([]byte, 4096-131)...) }, ""},
		{"no id", func(n *vaults.New) { n.ID = seal.ID{} }, "vaultId"},
		{"no name", func(n *vaults.New) { n.Name = "" }, "name"},
		{"long name", func(n *vaults.New) { n.Name = strings.Repeat("n", 256) }, "name"},
		{"name not UTF-8", func(n *vaults.New) { n.Name = "\xff" }, "name"},
		{"no type", func(n *vaults.New) { n.Type = "" }, "type"},
		{"unknown type", func(n *vaults.New) { n.Type = "public" }, "type"},
		{"no wrap", func(n *vaults.New) { n.Wrap = nil }, "encryptedVaultKey"},
		{"short wrap", func(n *vaults.New) { n.Wrap = n.Wrap[:41] }, "encryptedVaultKey"},
		{"long wrap", func(n *vaults.New) { n.Wrap = append(wrap(3), make([]byte, 4096-130)...) }, "encryptedVaultKey"},
		{"wrap of version 3", func(n *vaults.New) { n.Wrap[0] = 3 }, "encryptedVaultKey"},
		{"wrap of version 0", func(n *vaults.New) { n.Wrap[0] = 0 }, "encryptedVaultKey"},
		{"RSA wrap of a personal vault", func(n *vaults.New) { n.Wrap = wrap(2) }, "encryptedVaultKey"},
		{"AES wrap of a shared vault", func(n *vaults.New) { n.Type = vaults.Shared }, "encryptedVaultKey"},
		{"GCM wrap", func(n *vaults.New) { n.Wrap = wrap(1) }, "encryptedVaultKey"},
		{"no signature", func(n *vaults.New) { n.Signature = nil }, "wrapSignature"},
		{"long signature", func(n *vaults.New) { n.Signature = make([]byte, 65) }, "wrapSignature"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := store{t, memory.New()}
			n := newVault(home, "home")
			tt.spoil(&n)
			_, err := s.create(alice, n)
			var invalid *vaults.InvalidError
			switch {
			case tt.field == "" && err != nil:
				t.Errorf("Create: %v", err)
			case tt.field != "" && !errors.As(err, &invalid):
				t.Errorf("Create: %v, want an *InvalidError", err)
			case tt.field != "" && (invalid.Field != tt.field || !strings.HasPrefix(err.Error(), tt.field+": ")):
				t.Errorf("Create: %v, want it to be about %s", err, tt.field)
			case tt.field != "" && len(s.dump()) != 0:
				t.Errorf("something was stored: %v", s.dump())
			}
		})
	}
}

func TestExists(t *testing.T) {
	engines(t, func(s store) {
		s.made()
		other := newVault(home, "other")
		unique := newVault(work, "home")
		unique.UniqueName = true
		for _, tt := range []struct {
			caller seal.ID
			n      vaults.New
		}{{alice, other}, {bob, other}, {alice, unique}} {
			s.unchanged(func() {
				if _, err := s.create(tt.caller, tt.n); !errors.Is(err, vaults.ErrExists) {
					s.Errorf("Create: %v, want ErrExists", err)
				}
			})
		}
		if _, err := s.create(bob, unique); err != nil {
			s.Errorf("a name that another user's vault has: %v", err)
		}
		if _, err := s.create(alice, newVault(item3, "home")); err != nil {
			s.Errorf("the same name where names need not be unique: %v", err)
		}
	})
}

func TestList(t *testing.T) {
	t.Parallel()
	s := store{t, memory.New()}
	ids := []seal.ID{{0: 9}, {0: 5}, {0: 7}, {0: 6}}
	for i, created := range []time.Time{later(0), later(2), later(1), later(2)} {
		err := s.update(func(tx kv.Tx) error {
			_, err := vaults.Create(tx, created, alice, newVault(ids[i], "vault"))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.create(bob, newVault(work, "bob's")); err != nil {
		t.Fatal(err)
	}
	check := func(want ...byte) {
		t.Helper()
		var got []byte
		for _, v := range s.list(alice) {
			got = append(got, v.ID[0])
			if damaged := v.Role == ""; damaged && !cmp.Equal(v, vaults.Vault{ID: v.ID}) {
				t.Errorf("a damaged vault is %v", v)
			}
		}
		if !bytes.Equal(got, want) {
			t.Errorf("List = %v, want %v", got, want)
		}
	}
	check(9, 7, 5, 6)
	s.set(key("u/", alice)[:10], nil) // strays
	s.set(append(key("u/", alice, home), 0), nil)
	s.set(key("v/", ids[2]), []byte("damaged"))
	s.set(key("m/", ids[0], alice), nil)
	if err := s.update(func(tx kv.Tx) error { return tx.Delete(key("v/", ids[3])) }); err != nil {
		t.Fatal(err)
	}
	check(5, 6, 7, 9)
	if _, err := s.get(alice, ids[2]); !errors.Is(err, vaults.ErrDamaged) {
		t.Errorf("Get of a damaged vault: %v", err)
	}
	if _, err := s.get(alice, ids[0]); !errors.Is(err, vaults.ErrDamaged) {
		t.Errorf("Get with a damaged membership: %v", err)
	}
}

func TestNotAMember(t *testing.T) {
	engines(t, func(s store) {
		s.made()
		s.mustApply(at, 2, vaults.Change{Put: []vaults.Put{put(item1, 0, "a")}})
		for _, tt := range []struct {
			name       string
			caller, id seal.ID
		}{{"not a member", bob, home}, {"no such vault", alice, work}, {"nobody", seal.ID{}, home}} {
			calls := map[string]func(kv.Tx) error{
				"Get":    func(tx kv.Tx) error { _, err := vaults.Get(tx, tt.caller, tt.id); return err },
				"Delete": func(tx kv.Tx) error { return vaults.Delete(tx, tt.caller, tt.id) },
				"Apply": func(tx kv.Tx) error {
					_, err := vaults.Apply(tx, at, tt.caller, tt.id, vaults.Change{KeyVersion: 1, Put: []vaults.Put{put(item2, 0, "b")}})
					return err
				},
				"Purge": func(tx kv.Tx) error {
					_, err := vaults.Purge(tx, at, tt.caller, tt.id, []vaults.Ref{{ID: item1, Revision: 2}})
					return err
				},
				"Rename":  func(tx kv.Tx) error { _, err := vaults.Rename(tx, at, tt.caller, tt.id, "n", false); return err },
				"Rekey":   func(tx kv.Tx) error { _, err := vaults.Rekey(tx, at, tt.caller, tt.id, vaults.NewKey{}); return err },
				"Rewrap":  func(tx kv.Tx) error { return vaults.Rewrap(tx, tt.caller, tt.id, 1, wrap(3), make([]byte, 64)) },
				"Members": func(tx kv.Tx) error { _, err := vaults.Members(tx, tt.caller, tt.id); return err },
				"PutMember": func(tx kv.Tx) error {
					_, err := vaults.PutMember(tx, at, tt.caller, tt.id, vaults.NewMember{Role: vaults.Member})
					return err
				},
				"RemoveMember": func(tx kv.Tx) error { _, err := vaults.RemoveMember(tx, at, tt.caller, tt.id, tt.caller); return err },
				"PurgeOld":     func(tx kv.Tx) error { _, err := vaults.PurgeOld(tx, at, tt.caller, tt.id); return err },
				"Entries": func(tx kv.Tx) (err error) {
					for _, e := range vaults.Entries(tx, tt.caller, tt.id) {
						err = errors.Join(err, e)
					}
					return err
				},
				"Records": func(tx kv.Tx) error { _, err := collect(vaults.Records(tx, tt.caller, tt.id)); return err },
				"Lookup":  func(tx kv.Tx) error { _, err := collect(vaults.Lookup(tx, tt.caller, tt.id, index(1))); return err },
				"Item":    func(tx kv.Tx) error { _, _, err := vaults.Item(tx, tt.caller, tt.id, item1); return err },
			}
			for name, call := range calls {
				s.unchanged(func() {
					if err := s.update(call); !errors.Is(err, vaults.ErrNotFound) {
						s.Errorf("%s, %s: %v, want ErrNotFound", tt.name, name, err)
					}
				})
			}
		}
		if got := s.list(bob); got != nil {
			s.Errorf("List of somebody else = %v", got)
		}
	})
}

// as gives the caller of home another role, and bob's membership besides.
func (s store) as(role vaults.Role) store {
	s.Helper()
	m := member(role)
	s.set(key("m/", home, alice), m)
	s.set(key("m/", home, bob), m)
	s.set(key("u/", bob, home), nil)
	return s
}

// member is a record of a membership.
func member(role vaults.Role) []byte {
	b := append([]byte{1, 0, 0, 0, byte(len(role))}, role...)
	b = append(b, alice[:]...)
	b = append(b, make([]byte, 8)...) // added: never
	return append(b, 0, 0, 0, 1, 'w', 0, 0, 0, 1, 's')
}

func TestRoles(t *testing.T) {
	t.Parallel()
	tests := []struct {
		role                vaults.Role
		put, delete, manage error
	}{
		{vaults.Owner, nil, nil, nil},
		{vaults.Admin, nil, vaults.ErrDenied, nil},
		{vaults.Member, nil, vaults.ErrDenied, vaults.ErrDenied},
		{"guest", vaults.ErrDamaged, vaults.ErrDamaged, vaults.ErrDamaged},
		{"", vaults.ErrDamaged, vaults.ErrDamaged, vaults.ErrDamaged},
	}
	for _, tt := range tests {
		t.Run(string(tt.role), func(t *testing.T) {
			t.Parallel()
			s := store{t, memory.New()}.made().as(tt.role)
			if v, err := s.get(alice, home); !errors.Is(err, tt.put) || err == nil && v.Role != tt.role {
				t.Errorf("Get: %s, %v", v.Role, err)
			}
			if _, err := s.apply(at, vaults.Change{KeyVersion: 1, Put: []vaults.Put{put(item1, 0, "a")}}); !errors.Is(err, tt.put) {
				t.Errorf("Apply: %v, want %v", err, tt.put)
			}
			if _, err := s.rename("other", true); !errors.Is(err, tt.manage) {
				t.Errorf("Rename: %v, want %v", err, tt.manage)
			}
			keys := newKey(3, sealed(item1))
			keys.Members = append(keys.Members, vaults.MemberKey{User: bob, Wrap: wrap(3), Signature: make([]byte, 64)})
			if _, err := s.rekey(keys); !errors.Is(err, tt.manage) {
				t.Errorf("Rekey: %v, want %v", err, tt.manage)
			}
			before := len(s.dump())
			if err := s.update(func(tx kv.Tx) error { return vaults.Delete(tx, alice, home) }); !errors.Is(err, tt.delete) {
				t.Errorf("Delete: %v, want %v", err, tt.delete)
			}
			if after := len(s.dump()); (tt.delete == nil) != (after == 0) || tt.delete != nil && after != before {
				t.Errorf("there were %d records before Delete and %d are left", before, after)
			}
		})
	}
}

func TestDelete(t *testing.T) {
	engines(t, func(s store) {
		if _, err := s.create(alice, newVault(work, "work")); err != nil {
			s.Fatal(err)
		}
		var err error
		s.unchanged(func() {
			s.made()
			s.mustApply(at, 2, vaults.Change{Put: []vaults.Put{put(item1, 0, "a"), put(item2, 0, "b"), put(item3, 0, "c")}})
			s.mustApply(at, 3, vaults.Change{Put: []vaults.Put{put(item3, 2, "d")}, Delete: []vaults.Ref{{ID: item1, Revision: 2}}})
			s.as(vaults.Owner) // with a second member
			s.set(key("in", home, item2), []byte("damaged"))
			s.set(key("v/", home), []byte("damaged"))
			err = s.update(func(tx kv.Tx) error { return vaults.Delete(tx, alice, home) })
		})
		if err != nil {
			s.Error(err)
		}
		if err := s.update(func(tx kv.Tx) error { return vaults.Delete(tx, alice, home) }); !errors.Is(err, vaults.ErrNotFound) {
			s.Errorf("the second Delete: %v, want ErrNotFound", err)
		}
	})
}

// A write that fails is an error of whoever writes.
func TestWriteFails(t *testing.T) {
	t.Parallel()
	s := store{t, memory.New()}.made()
	s.mustApply(at, 2, vaults.Change{Put: []vaults.Put{put(item1, 0, "a")}})
	s.view(func(tx kv.Tx) error {
		for name, err := range map[string]error{
			"Create": func() error { _, err := vaults.Create(tx, at, alice, newVault(work, "work")); return err }(),
			"Delete": vaults.Delete(tx, alice, home),
			"Rename": func() error { _, err := vaults.Rename(tx, at, alice, home, "n", false); return err }(),
			"Rekey":  func() error { _, err := vaults.Rekey(tx, at, alice, home, newKey(2, sealed(item1))); return err }(),
			"Rewrap": vaults.Rewrap(tx, alice, home, 1, wrap(3), make([]byte, 64)),
			"put": func() error {
				_, err := vaults.Apply(tx, at, alice, home, vaults.Change{KeyVersion: 1, Put: []vaults.Put{put(item2, 0, "b")}})
				return err
			}(),
			"trash": func() error {
				_, err := vaults.Apply(tx, at, alice, home, vaults.Change{KeyVersion: 1, Delete: []vaults.Ref{{ID: item1, Revision: 2}}})
				return err
			}(),
		} {
			if !errors.Is(err, kv.ErrReadOnly) {
				t.Errorf("%s in a View: %v, want ErrReadOnly", name, err)
			}
		}
		return nil
	})
}
