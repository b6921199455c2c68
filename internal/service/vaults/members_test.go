package vaults_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/service/accounts"
	"github.com/keyhold/keyhold/internal/service/vaults"
)

var (
	carol, dave = seal.ID{0: 'c'}, seal.ID{0: 'd'}
	everyone    = []seal.ID{alice, bob, carol}
	team        = seal.ID{0: 9}
)

// hollow is a verifier that no password fits.
var hollow = accounts.Verifier("$argon2id$v=19$m=19456,t=2,p=1$" + strings.Repeat("A", 22) + "$" + strings.Repeat("B", 42) + "A")

// accountRecords are the records of an account for each of everyone.
var accountRecords = sync.OnceValue(func() map[string][]byte {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	id, err2 := seal.NewIdentity(bytes.Repeat([]byte{7}, 32))
	der, err3 := x509.MarshalPKIXPublicKey(&key.PublicKey)
	sig, err4 := id.Sign(der)
	pub, err5 := id.Public()
	keys, err6 := accounts.NewKeys(secret.Of(make([]byte, 32)))
	if err := errors.Join(err, err2, err3, err4, err5, err6); err != nil {
		panic(err)
	}
	sealed, records := append([]byte{1, 1}, make([]byte, 40)...), map[string][]byte{}
	for _, user := range everyone {
		err := memory.New().Update(context.Background(), func(tx kv.Tx) error {
			a, err := accounts.Register(tx, at, keys, rand.Reader, accounts.Open, accounts.Registration{
				Email: string(user[:1]) + "@example.com", Suite: "argon2id-64m", Salt: make([]byte, 16), Identity: pub[:],
				SealedIdentity: sealed, SealedRSA: sealed, RSA: der, RSASignature: sig,
				Verifier: hollow,
			})
			if err != nil {
				return err
			}
			records["a/"+string(user[:])] = slices.Clone(tx.Get(append([]byte("a/"), a.ID[:]...)))
			return nil
		})
		if err != nil {
			panic(err)
		}
	}
	return records
})

// people makes the accounts of everyone.
func people(tx kv.Tx) error {
	for k, v := range accountRecords() {
		if err := tx.Put([]byte(k), v); err != nil {
			return err
		}
	}
	return nil
}

// shared makes the vault team of alice, of which bob is an admin and carol a
// member. It is at revision 3 then.
func (s store) shared() store {
	s.Helper()
	err := s.update(func(tx kv.Tx) error {
		n := vaults.New{ID: team, Name: "team", Type: vaults.Shared, Wrap: shared(team, alice, alice, 1), Signature: make([]byte, 64)}
		_, err := vaults.Create(tx, at, alice, n)
		return errors.Join(people(tx), err)
	})
	if err != nil {
		s.Fatal(err)
	}
	for user, role := range map[seal.ID]vaults.Role{bob: vaults.Admin, carol: vaults.Member} {
		if _, err := s.putMember(alice, newMember(user, alice, role)); err != nil {
			s.Fatal(err)
		}
	}
	return s
}

func newMember(user, sender seal.ID, role vaults.Role) vaults.NewMember {
	return vaults.NewMember{Role: role, MemberKey: vaults.MemberKey{User: user, Wrap: shared(team, user, sender, 1), Signature: make([]byte, 64)}}
}

func (s store) putMember(caller seal.ID, n vaults.NewMember) (rev uint64, err error) {
	s.Helper()
	err = s.update(func(tx kv.Tx) error { rev, err = vaults.PutMember(tx, later(1), caller, team, n); return err })
	return rev, err
}

func (s store) remove(caller, user seal.ID) (r vaults.Removed, err error) {
	s.Helper()
	err = s.update(func(tx kv.Tx) error {
		r, err = vaults.RemoveMember(tx, later(2), caller, team, user)
		return err
	})
	return r, err
}

func (s store) roles(caller seal.ID) map[seal.ID]vaults.Role {
	s.Helper()
	roles := map[seal.ID]vaults.Role{}
	s.view(func(tx kv.Tx) error {
		list, err := vaults.Members(tx, caller, team)
		for _, m := range list {
			roles[m.User] = m.Role
		}
		return err
	})
	return roles
}

func (s store) want(what string, err, want error) {
	s.Helper()
	var field string
	var invalid *vaults.InvalidError
	var conflict *vaults.ConflictError
	if errors.As(err, &invalid) {
		field = invalid.Field
	} else if errors.As(err, &conflict) {
		field = "!" + conflict.Field
	}
	if f := (about("")); errors.As(want, &f) {
		if field != string(f) {
			s.Errorf("%s: %v, want it to be about %s", what, err, f)
		}
	} else if !errors.Is(err, want) {
		s.Errorf("%s: %v, want %v", what, err, want)
	}
}

// about is an *InvalidError about a field; with a "!" before it a *ConflictError.
type about string

func (a about) Error() string { return string(a) }

func TestShare(t *testing.T) {
	engines(t, func(s store) {
		s.shared()
		want := vaults.Vault{
			ID: team, Name: "team", Type: vaults.Shared, KeyVersion: 1, Revision: 3, Created: at, Updated: later(1),
			Membership: vaults.Membership{Role: vaults.Member, Wrap: shared(team, carol, alice, 1), Sender: alice, Signature: make([]byte, 64), Added: later(1)},
		}
		if got, err := s.get(carol, team); err != nil || !cmp.Equal(want, got) {
			s.Errorf("Get: %v, %s", err, cmp.Diff(want, got))
		}
		if got := s.list(carol); len(got) != 1 {
			s.Errorf("List = %v", got)
		}
		if diff := cmp.Diff(map[seal.ID]vaults.Role{alice: vaults.Owner, bob: vaults.Admin, carol: vaults.Member}, s.roles(carol)); diff != "" {
			s.Error(diff)
		}
		s.view(func(tx kv.Tx) error {
			list, err := vaults.Members(tx, alice, team)
			if err != nil || list[0].User != alice || list[1].User != bob || !bytes.Equal(list[2].Wrap, want.Wrap) {
				s.Errorf("Members = %v, %v, want them in order", list, err)
			}
			return nil
		})
		// Again: another role and wrap, the same day of joining.
		n := newMember(carol, bob, vaults.Admin)
		n.Signature = bytes.Repeat([]byte{3}, 64)
		var rev uint64
		err := s.update(func(tx kv.Tx) (err error) {
			rev, err = vaults.PutMember(tx, later(5), bob, team, n)
			return err
		})
		got, err2 := s.get(carol, team)
		want.Revision, want.Updated = 4, later(5)
		want.Membership = vaults.Membership{Role: vaults.Admin, Wrap: n.Wrap, Sender: bob, Signature: n.Signature, Added: later(1)}
		if err := errors.Join(err, err2); err != nil || rev != 4 || !cmp.Equal(want, got) {
			s.Errorf("PutMember again: %d, %v, %s", rev, err, cmp.Diff(want, got))
		}
	})
}

func TestShareRefused(t *testing.T) {
	t.Parallel()
	good := func(caller, user seal.ID) vaults.NewMember { return newMember(user, caller, vaults.Member) }
	tests := []struct {
		name         string
		caller, user seal.ID
		spoil        func(s store, n *vaults.NewMember)
		want         error
	}{
		{"by the owner", alice, carol, func(store, *vaults.NewMember) {}, nil},
		{"by an admin", bob, carol, func(store, *vaults.NewMember) {}, nil},
		{"by an admin, of himself", bob, bob, func(store, *vaults.NewMember) {}, nil},
		{"by a member", carol, bob, func(store, *vaults.NewMember) {}, vaults.ErrDenied},
		{"by a member, of himself", carol, carol, func(_ store, n *vaults.NewMember) { n.Role = vaults.Admin }, vaults.ErrDenied},
		{"by nobody", dave, carol, func(store, *vaults.NewMember) {}, vaults.ErrNotFound},
		{"of the owner, by an admin", bob, alice, func(store, *vaults.NewMember) {}, vaults.ErrDenied},
		{"of the owner, by himself", alice, alice, func(store, *vaults.NewMember) {}, vaults.ErrDenied},
		{"as owner", alice, carol, func(_ store, n *vaults.NewMember) { n.Role = vaults.Owner }, about("role")},
		{"as nothing", alice, carol, func(_ store, n *vaults.NewMember) { n.Role = "" }, about("role")},
		{"as nothing, of nobody", alice, dave, func(_ store, n *vaults.NewMember) { n.Role = "guest" }, about("role")},
		{"of nobody", alice, dave, func(store, *vaults.NewMember) {}, vaults.ErrNotFound},
		{"of nobody without a wrap", alice, dave, func(_ store, n *vaults.NewMember) { n.Wrap = nil }, vaults.ErrNotFound},
		{"of a disabled account", alice, carol, func(s store, _ *vaults.NewMember) { s.disable(carol) }, vaults.ErrNotFound},
		{"of a local account", alice, dave, func(s store, _ *vaults.NewMember) { s.local(dave) }, vaults.ErrNotFound},
		{"of a damaged account", alice, dave, func(s store, _ *vaults.NewMember) { s.set(key("a/", dave), []byte("x")) }, vaults.ErrDamaged},
		{"of a damaged member", alice, carol, func(s store, _ *vaults.NewMember) { s.set(key("m/", team, carol), []byte("x")) }, vaults.ErrDamaged},
		{"no wrap", alice, carol, func(_ store, n *vaults.NewMember) { n.Wrap = nil }, about("encryptedVaultKey")},
		{"personal wrap", alice, carol, func(_ store, n *vaults.NewMember) { n.Wrap = wrap(3) }, about("encryptedVaultKey")},
		{"version 1", alice, carol, func(_ store, n *vaults.NewMember) { n.Wrap = append([]byte{1, 2}, make([]byte, 256)...) }, about("encryptedVaultKey")},
		{"no signature", alice, carol, func(_ store, n *vaults.NewMember) { n.Signature = nil }, about("wrapSignature")},
		{"wrap for another vault", alice, carol, func(_ store, n *vaults.NewMember) { n.Wrap = shared(home, carol, alice, 1) }, about("encryptedVaultKey")},
		{"wrap for another user", alice, carol, func(_ store, n *vaults.NewMember) { n.Wrap = shared(team, bob, alice, 1) }, about("encryptedVaultKey")},
		{"wrap by another user", alice, carol, func(_ store, n *vaults.NewMember) { n.Wrap = shared(team, carol, bob, 1) }, about("encryptedVaultKey")},
		{"wrap of another key", alice, carol, func(_ store, n *vaults.NewMember) { n.Wrap = shared(team, carol, alice, 2) }, about("!keyVersion")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := store{t, memory.New()}.shared()
			n := good(tt.caller, tt.user)
			tt.spoil(s, &n)
			before := s.dump()
			_, err := s.putMember(tt.caller, n)
			s.want("PutMember", err, tt.want)
			if changed := !cmp.Equal(before, s.dump()); changed != (tt.want == nil) {
				t.Errorf("the store changed: %v", changed)
			}
		})
	}
	s := store{t, memory.New()}.made()
	err := s.update(func(tx kv.Tx) error {
		if err := people(tx); err != nil {
			return err
		}
		_, err := vaults.PutMember(tx, at, alice, home, newMember(bob, alice, vaults.Member))
		return err
	})
	s.want("a personal vault", err, about("vaultId"))
}

func (s store) disable(user seal.ID) {
	s.Helper()
	if err := s.update(func(tx kv.Tx) error { return accounts.SetDisabled(tx, user, true) }); err != nil {
		s.Fatal(err)
	}
}

func (s store) local(user seal.ID) {
	s.Helper()
	a := accounts.Account{ID: user, Suite: "argon2id-64m", Salt: make([]byte, 16), Identity: make([]byte, 32), SealedIdentity: []byte("x")}
	if err := s.update(func(tx kv.Tx) error { return accounts.Create(tx, a) }); err != nil {
		s.Fatal(err)
	}
}

func TestRemoveMember(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name         string
		caller, user seal.ID
		spoil        func(s store)
		want         error
	}{
		{"member by the owner", alice, carol, func(store) {}, nil},
		{"admin by the owner", alice, bob, func(store) {}, nil},
		{"member by an admin", bob, carol, func(store) {}, nil},
		{"admin leaves", bob, bob, func(store) {}, nil},
		{"member leaves", carol, carol, func(store) {}, nil},
		{"disabled account", alice, carol, func(s store) { s.disable(carol) }, nil},
		{"one of two owners, by the other", alice, bob, func(s store) { s.set(key("m/", team, bob), member(vaults.Owner)) }, nil},
		{"one of two owners leaves", alice, alice, func(s store) { s.set(key("m/", team, bob), member(vaults.Owner)) }, nil},
		{"one of two owners, by an admin", bob, alice, func(s store) { s.set(key("m/", team, carol), member(vaults.Owner)) }, vaults.ErrDenied},
		{"the owner by an admin", bob, alice, func(store) {}, vaults.ErrLastOwner},
		{"the owner leaves", alice, alice, func(store) {}, vaults.ErrLastOwner},
		{"the owner by a member", carol, alice, func(store) {}, vaults.ErrDenied},
		{"admin by a member", carol, bob, func(store) {}, vaults.ErrDenied},
		{"by nobody", dave, carol, func(store) {}, vaults.ErrNotFound},
		{"nobody by nobody", dave, dave, func(store) {}, vaults.ErrNotFound},
		{"nobody by the owner", alice, dave, func(store) {}, vaults.ErrNotFound},
		{"nobody by a member", carol, dave, func(store) {}, vaults.ErrDenied},
		{"with a damaged member", alice, carol, func(s store) { s.set(key("m/", team, bob), []byte("x")) }, vaults.ErrDamaged},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := store{t, memory.New()}.shared()
			tt.spoil(s)
			before := s.dump()
			r, err := s.remove(tt.caller, tt.user)
			s.want("RemoveMember", err, tt.want)
			if tt.want != nil {
				if diff := cmp.Diff(before, s.dump()); diff != "" {
					t.Errorf("the store changed: %s", diff)
				}
				return
			}
			var left []seal.ID
			for _, m := range r.Remaining {
				left = append(left, m.User)
			}
			slices.SortFunc(left, func(a, b seal.ID) int { return bytes.Compare(a[:], b[:]) })
			want := slices.DeleteFunc(slices.Clone(everyone), func(id seal.ID) bool { return id == tt.user })
			if !r.RekeyRequired || r.Revision != 4 || !slices.Equal(left, want) {
				t.Errorf("RemoveMember = %+v", r)
			}
			if _, err := s.get(tt.user, team); !errors.Is(err, vaults.ErrNotFound) || len(s.list(tt.user)) != 0 {
				t.Errorf("the member still has the vault: %v", err)
			}
			if v, err := s.get(left[0], team); err != nil || !v.RekeyRequired || v.Revision != 4 || v.KeyVersion != 1 {
				t.Errorf("the vault is %+v, %v", v, err)
			}
			if _, err := s.remove(left[0], tt.user); err == nil {
				t.Error("removed twice")
			}
		})
	}
	s := store{t, memory.New()}.made()
	err := s.update(func(tx kv.Tx) error { _, err := vaults.RemoveMember(tx, at, alice, home, alice); return err })
	s.want("a personal vault", err, vaults.ErrLastOwner)
}

// as applies a change to team.
func (s store) change(caller seal.ID, c vaults.Change) error {
	s.Helper()
	return s.update(func(tx kv.Tx) error { _, err := vaults.Apply(tx, later(3), caller, team, c); return err })
}

func TestSharedRoles(t *testing.T) {
	t.Parallel()
	for user, want := range map[seal.ID]struct{ write, rename, del error }{
		alice: {nil, nil, nil}, bob: {nil, nil, vaults.ErrDenied}, carol: {nil, vaults.ErrDenied, vaults.ErrDenied},
		dave: {vaults.ErrNotFound, vaults.ErrNotFound, vaults.ErrNotFound},
	} {
		s := store{t, memory.New()}.shared()
		s.want("Apply", s.change(user, vaults.Change{KeyVersion: 1, Put: []vaults.Put{put(item1, 0, "a")}}), want.write)
		err := s.update(func(tx kv.Tx) error { _, err := vaults.Rename(tx, at, user, team, "other", false); return err })
		s.want("Rename", err, want.rename)
		s.want("Delete", s.update(func(tx kv.Tx) error { return vaults.Delete(tx, user, team) }), want.del)
		left := 0
		for k := range s.dump() {
			if !strings.HasPrefix(k, "a") {
				left++
			}
		}
		if (want.del == nil) != (left == 0) {
			t.Errorf("%d records are left", left)
		}
	}
}
