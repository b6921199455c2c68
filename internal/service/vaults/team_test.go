package vaults_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/service/vaults"
)

func (s store) rekeyTeam(caller seal.ID, n vaults.NewKey) (rev uint64, err error) {
	s.Helper()
	err = s.update(func(tx kv.Tx) error { rev, err = vaults.Rekey(tx, later(4), caller, team, n); return err })
	return rev, err
}

// teamKey is the next key of team for those members.
func teamKey(caller seal.ID, version, revision uint64, users ...seal.ID) vaults.NewKey {
	n := vaults.NewKey{KeyVersion: version, Revision: revision}
	for _, user := range users {
		n.Members = append(n.Members, vaults.MemberKey{User: user, Wrap: shared(team, user, caller, version+1), Signature: bytes.Repeat([]byte{9}, 64)})
	}
	return n
}

// After a removal nothing is written under the old key.
func TestRekeyRequired(t *testing.T) {
	engines(t, func(s store) {
		s.shared()
		if err := s.change(carol, vaults.Change{KeyVersion: 1, Put: []vaults.Put{put(item1, 0, "a"), put(item2, 0, "b")}}); err != nil {
			s.Fatal(err)
		}
		if _, err := s.remove(alice, carol); err != nil {
			s.Fatal(err)
		}
		s.unchanged(func() {
			for name, p := range map[string]vaults.Put{"new": put(item3, 0, "c"), "changed": put(item1, 4, "c"), "whatever it is": put(item1, vaults.Any, "c")} {
				s.want(name, s.change(alice, vaults.Change{KeyVersion: 1, Put: []vaults.Put{p}}), vaults.ErrRekeyRequired)
				s.want(name, s.change(bob, vaults.Change{KeyVersion: vaults.Any, Put: []vaults.Put{p}}), vaults.ErrRekeyRequired)
			}
			s.want("of who was removed", s.change(carol, vaults.Change{KeyVersion: 1}), vaults.ErrNotFound)
			_, err := s.rekeyTeam(alice, teamKey(alice, 1, 5, alice, bob, carol))
			s.want("Rekey with who was removed", err, about("newKeys"))
		})
		s.want("to the trash", s.change(bob, vaults.Change{KeyVersion: 1, Delete: []vaults.Ref{{ID: item1, Revision: 4}}}), nil)
		n := teamKey(bob, 1, 6, alice, bob)
		n.Items = []vaults.SealedItem{sealed(item1), sealed(item2)}
		if rev, err := s.rekeyTeam(bob, n); rev != 7 || err != nil {
			s.Fatalf("Rekey = %d, %v", rev, err)
		}
		for user, role := range map[seal.ID]vaults.Role{alice: vaults.Owner, bob: vaults.Admin} {
			v, err := s.get(user, team)
			if err != nil || v.RekeyRequired || v.KeyVersion != 2 || v.Role != role || v.Sender != bob || !bytes.Equal(v.Wrap, shared(team, user, bob, 2)) {
				s.Errorf("the vault is %+v, %v", v, err)
			}
		}
		s.want("after it", s.change(bob, vaults.Change{KeyVersion: 2, Put: []vaults.Put{put(item3, 0, "c")}}), nil)
	})
}

func TestRekeyShared(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		caller seal.ID
		spoil  func(*vaults.NewKey)
		want   error
	}{
		{"by the owner", alice, func(*vaults.NewKey) {}, nil},
		{"by an admin", bob, func(*vaults.NewKey) {}, nil},
		{"without numbers", alice, func(n *vaults.NewKey) { n.KeyVersion, n.Revision = vaults.Any, vaults.Any }, nil},
		{"by a member", carol, func(*vaults.NewKey) {}, vaults.ErrDenied},
		{"by nobody", dave, func(*vaults.NewKey) {}, vaults.ErrNotFound},
		{"older revision", alice, func(n *vaults.NewKey) { n.Revision = 2 }, about("!revision")},
		{"older key", alice, func(n *vaults.NewKey) { n.KeyVersion = 0 }, about("!keyVersion")},
		{"a member is missing", alice, func(n *vaults.NewKey) { n.Members = n.Members[:2] }, about("newKeys")},
		{"a member twice", alice, func(n *vaults.NewKey) { n.Members[2] = n.Members[1] }, about("newKeys")},
		{"a member too many", alice, func(n *vaults.NewKey) { n.Members[2].User = dave }, about("newKeys")},
		{"wrap of the old key", alice, func(n *vaults.NewKey) { n.Members[2].Wrap = shared(team, carol, alice, 1) }, about("!keyVersion")},
		{"wrap of another vault", alice, func(n *vaults.NewKey) { n.Members[2].Wrap = shared(home, carol, alice, 2) }, about("encryptedVaultKey")},
		{"wraps in a wrong order", alice, func(n *vaults.NewKey) { n.Members[2].Wrap, n.Members[1].Wrap = n.Members[1].Wrap, n.Members[2].Wrap }, about("encryptedVaultKey")},
		{"wrap of version 1", alice, func(n *vaults.NewKey) { n.Members[0].Wrap = append([]byte{1, 2}, make([]byte, 256)...) }, about("encryptedVaultKey")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := store{t, memory.New()}.shared()
			n := teamKey(tt.caller, 1, 3, everyone...)
			tt.spoil(&n)
			before := s.dump()
			_, err := s.rekeyTeam(tt.caller, n)
			s.want("Rekey", err, tt.want)
			if changed := !cmp.Equal(before, s.dump()); changed != (tt.want == nil) {
				t.Errorf("the store changed: %v", changed)
			}
			if diff := cmp.Diff(map[seal.ID]vaults.Role{alice: vaults.Owner, bob: vaults.Admin, carol: vaults.Member}, s.roles(alice)); diff != "" {
				t.Errorf("the roles changed: %s", diff)
			}
		})
	}
}

func TestRewrapPersonal(t *testing.T) {
	t.Parallel()
	ok := func(id seal.ID) vaults.VaultWrap {
		b := slices.Concat([]byte{2, 3, 1, 0, 0, 0, 0, 0, 0, 0, 1}, id[:], alice[:], alice[:], bytes.Repeat([]byte{5}, 72))
		return vaults.VaultWrap{Vault: id, Wrap: b, Signature: bytes.Repeat([]byte{6}, 64)}
	}
	changed := func(i int, b byte) []vaults.VaultWrap {
		w := ok(home)
		w.Wrap[i] = b
		return []vaults.VaultWrap{w, ok(work)}
	}
	v1 := ok(home)
	v1.Wrap = append([]byte{1, 3}, make([]byte, 40)...)
	tests := []struct {
		name  string
		wraps []vaults.VaultWrap
		want  error
	}{
		{"both", []vaults.VaultWrap{ok(home), ok(work)}, nil},
		{"version 1", []vaults.VaultWrap{v1, ok(work)}, nil},
		{"none", nil, about("vaultKeys")},
		{"one is missing", []vaults.VaultWrap{ok(home)}, about("vaultKeys")},
		{"one twice", []vaults.VaultWrap{ok(home), ok(home)}, about("vaultKeys")},
		{"the shared one", []vaults.VaultWrap{ok(home), ok(team)}, about("vaultKeys")},
		{"the shared one too", []vaults.VaultWrap{ok(home), ok(work), ok(team)}, about("vaultKeys")},
		{"of another key", changed(10, 2), about("!keyVersion")},
		{"of another vault", changed(11, 77), about("encryptedVaultKey")},
		{"for another user", changed(27, 77), about("encryptedVaultKey")},
		{"RSA", changed(1, 2), about("encryptedVaultKey")},
		{"of no type", changed(2, 0), about("encryptedVaultKey")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := store{t, memory.New()}.made().shared()
			if _, err := s.create(alice, newVault(work, "work")); err != nil {
				t.Fatal(err)
			}
			if _, err := s.create(bob, newVault(seal.ID{99}, "bob's")); err != nil {
				t.Fatal(err)
			}
			before := s.dump()
			s.want("RewrapPersonal", s.update(func(tx kv.Tx) error { return vaults.RewrapPersonal(tx, alice, tt.wraps) }), tt.want)
			after := s.dump()
			if tt.want == nil {
				for _, w := range tt.wraps {
					if v, err := s.get(alice, w.Vault); err != nil || !bytes.Equal(v.Wrap, w.Wrap) || !bytes.Equal(v.Signature, w.Signature) {
						t.Errorf("vault %s: %v", w.Vault, err)
					}
					delete(before, string(key("m/", w.Vault, alice)))
					delete(after, string(key("m/", w.Vault, alice)))
				}
			}
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("the store changed: %s", diff)
			}
		})
	}
	s := store{t, memory.New()}.made()
	s.set(key("v/", home), []byte("x"))
	s.want("a damaged vault", s.update(func(tx kv.Tx) error { return vaults.RewrapPersonal(tx, alice, nil) }), vaults.ErrDamaged)
}
