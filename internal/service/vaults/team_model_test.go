package vaults_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/service/vaults"
)

// A teamModel is what a shared vault should be, in plain Go.
type teamModel struct {
	KeyVersion, Revision uint64
	Rekey                bool
	Name                 string
	Roles                map[seal.ID]vaults.Role
	Items                map[seal.ID]teamItem
}

type teamItem struct {
	Revision   uint64
	KeyVersion uint64 // that it is sealed under
	Deleted    bool
}

func (m teamModel) clone() teamModel {
	m.Roles, m.Items = maps.Clone(m.Roles), maps.Clone(m.Items)
	return m
}

func (m teamModel) manages(user seal.ID) bool {
	return m.Roles[user] == vaults.Owner || m.Roles[user] == vaults.Admin
}

// A step is a call, and what it makes of the model; false: it is refused.
type step struct {
	what string
	call func(kv.Tx) error
	does func(*teamModel) bool
}

// sealedUnder is the data of an item, which says what key it is sealed under.
func sealedUnder(keyVersion uint64) []byte { return blob(string(rune('0' + keyVersion))) }

func oneOf[T any](t *rapid.T, what string, from ...T) T {
	return rapid.SampledFrom(from).Draw(t, what)
}

// drawNumber draws the current number, Any, or one that is off by one.
func drawNumber(t *rapid.T, what string, current uint64) uint64 {
	return oneOf(t, what, current, current, current, vaults.Any, current-1, current+1)
}

func fits(n, current uint64) bool { return n == current || n == vaults.Any }

func (m teamModel) drawStep(t *rapid.T) step {
	caller := oneOf(t, "caller", alice, alice, bob, carol, dave)
	user := oneOf(t, "user", alice, bob, carol, dave)
	switch oneOf(t, "step", "share", "remove", "rekey", "put", "trash", "restore", "purge", "rename") {
	case "share":
		return m.share(t, caller, user)
	case "remove":
		return m.remove(caller, user)
	case "rekey":
		return m.rekey(t, caller)
	case "put":
		return m.put(t, caller)
	case "trash":
		return m.move(t, caller, true)
	case "restore":
		return m.move(t, caller, false)
	case "purge":
		return m.purge(t, caller)
	default:
		name := oneOf(t, "name", "team", "other")
		return step{"rename", func(tx kv.Tx) error {
			_, err := vaults.Rename(tx, at, caller, team, name, false)
			return err
		}, func(m *teamModel) bool {
			if m.manages(caller) && m.Name != name {
				m.Name = name
				m.Revision++
			}
			return m.manages(caller)
		}}
	}
}

func (m teamModel) share(t *rapid.T, caller, user seal.ID) step {
	role := oneOf(t, "role", vaults.Admin, vaults.Member, vaults.Owner)
	n := newMember(user, caller, role)
	under := oneOf(t, "under", m.KeyVersion, m.KeyVersion, m.KeyVersion-1)
	n.Wrap = shared(team, user, caller, under)
	return step{fmt.Sprintf("%c shares with %c as %s", caller[0], user[0], role), func(tx kv.Tx) error {
		_, err := vaults.PutMember(tx, at, caller, team, n)
		return err
	}, func(m *teamModel) bool {
		if !m.manages(caller) || role == vaults.Owner || user == dave || m.Roles[user] == vaults.Owner || under != m.KeyVersion {
			return false
		}
		m.Roles[user] = role
		m.Revision++
		return true
	}}
}

func (m teamModel) remove(caller, user seal.ID) step {
	return step{fmt.Sprintf("%c removes %c", caller[0], user[0]), func(tx kv.Tx) error {
		_, err := vaults.RemoveMember(tx, at, caller, team, user)
		return err
	}, func(m *teamModel) bool {
		if m.Roles[user] == "" || m.Roles[user] == vaults.Owner || caller != user && !m.manages(caller) {
			return false
		}
		delete(m.Roles, user)
		m.Rekey = true
		m.Revision++
		return true
	}}
}

func (m teamModel) rekey(t *rapid.T, caller seal.ID) step {
	n := teamKey(caller, m.KeyVersion, 0, oneOf(t, "members", m.users(), m.users(), m.users(), everyone, everyone[:2])...)
	n.KeyVersion, n.Revision = drawNumber(t, "key version", m.KeyVersion), drawNumber(t, "revision", m.Revision)
	skip := oneOf(t, "skip", nothing, nothing, nothing, item1)
	for id := range m.Items {
		if id != skip {
			it := sealed(id)
			it.Data = sealedUnder(m.KeyVersion + 1)
			n.Items = append(n.Items, it)
		}
	}
	whole := len(n.Items) == len(m.Items)
	for _, k := range n.Members {
		whole = whole && m.Roles[k.User] != ""
	}
	whole = whole && len(n.Members) == len(m.Roles)
	return step{fmt.Sprintf("%c rekeys, whole: %v", caller[0], whole), func(tx kv.Tx) error {
		_, err := vaults.Rekey(tx, at, caller, team, n)
		return err
	}, func(m *teamModel) bool {
		if !m.manages(caller) || !whole || !fits(n.KeyVersion, m.KeyVersion) || !fits(n.Revision, m.Revision) {
			return false
		}
		m.KeyVersion++
		m.Revision++
		m.Rekey = false
		for id, it := range m.Items {
			it.KeyVersion = m.KeyVersion
			m.Items[id] = it
		}
		return true
	}}
}

// users returns the members in the order of everyone.
func (m teamModel) users() (users []seal.ID) {
	for _, user := range everyone {
		if m.Roles[user] != "" {
			users = append(users, user)
		}
	}
	return users
}

func (m teamModel) put(t *rapid.T, caller seal.ID) step {
	id := oneOf(t, "item", item1, item2, item3)
	p := put(id, drawNumber(t, "revision", m.Items[id].Revision), "x")
	if m.Items[id].Revision == 0 && p.Revision > 1 && p.Revision != vaults.Any {
		p.Revision = 7 // of an item that is not there
	}
	under := oneOf(t, "under", m.KeyVersion, m.KeyVersion, m.KeyVersion-1)
	p.Data = sealedUnder(under)
	return step{fmt.Sprintf("%c puts %d at %d", caller[0], id[15], p.Revision), func(tx kv.Tx) error {
		_, err := vaults.Apply(tx, at, caller, team, vaults.Change{KeyVersion: under, Put: []vaults.Put{p}})
		return err
	}, func(m *teamModel) bool {
		old, found := m.Items[id]
		if m.Roles[caller] == "" || m.Rekey || under != m.KeyVersion || old.Deleted || !found && p.Revision != 0 || found && !fits(p.Revision, old.Revision) {
			return false
		}
		m.Revision++
		m.Items[id] = teamItem{m.Revision, under, false}
		return true
	}}
}

func (m teamModel) move(t *rapid.T, caller seal.ID, deleted bool) step {
	id := oneOf(t, "item", item1, item2, item3)
	refs := []vaults.Ref{{ID: id, Revision: drawNumber(t, "revision", m.Items[id].Revision)}}
	c := vaults.Change{KeyVersion: drawNumber(t, "key version", m.KeyVersion), Restore: refs}
	if deleted {
		c.Delete, c.Restore = refs, nil
	}
	return step{fmt.Sprintf("%c moves %d: %v", caller[0], id[15], deleted), func(tx kv.Tx) error {
		_, err := vaults.Apply(tx, at, caller, team, c)
		return err
	}, func(m *teamModel) bool {
		it, found := m.Items[id]
		if m.Roles[caller] == "" || !found || !fits(c.KeyVersion, m.KeyVersion) || !fits(refs[0].Revision, it.Revision) {
			return false
		}
		if it.Deleted != deleted {
			m.Revision++
			m.Items[id] = teamItem{m.Revision, it.KeyVersion, deleted}
		}
		return true
	}}
}

func (m teamModel) purge(t *rapid.T, caller seal.ID) step {
	id := oneOf(t, "item", item1, item2, item3)
	ref := vaults.Ref{ID: id, Revision: drawNumber(t, "revision", m.Items[id].Revision)}
	return step{fmt.Sprintf("%c purges %d", caller[0], id[15]), func(tx kv.Tx) error {
		_, err := vaults.Purge(tx, at, caller, team, []vaults.Ref{ref})
		return err
	}, func(m *teamModel) bool {
		it, found := m.Items[id]
		if m.Roles[caller] == "" || !found || !it.Deleted || !fits(ref.Revision, it.Revision) {
			return false
		}
		delete(m.Items, id)
		m.Revision++
		return true
	}}
}

// TestTeamModel makes random calls of several users on a shared vault and on a
// model of it.
func TestTeamModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ctx, db := context.Background(), memory.New()
		err := db.Update(ctx, func(tx kv.Tx) error {
			if err := people(tx); err != nil {
				return err
			}
			n := vaults.New{ID: team, Name: "team", Type: vaults.Shared, Wrap: shared(team, alice, alice, 1), Signature: make([]byte, 64)}
			_, err := vaults.Create(tx, at, alice, n)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		m := teamModel{1, 1, false, "team", map[seal.ID]vaults.Role{alice: vaults.Owner}, map[seal.ID]teamItem{}}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			s, next := m.drawStep(t), m.clone()
			ok := s.does(&next)
			if err := db.Update(ctx, s.call); ok != (err == nil) {
				t.Fatalf("%s: %v, but the model says %v", s.what, err, ok)
			}
			if ok {
				m = next
			}
			compareTeam(t, db, s.what, m)
		}
	})
}

func compareTeam(t *rapid.T, db kv.DB, what string, m teamModel) {
	err := db.View(context.Background(), func(tx kv.Tx) error {
		v, err := vaults.Get(tx, alice, team)
		if err != nil {
			return err
		}
		got := teamModel{v.KeyVersion, v.Revision, v.RekeyRequired, v.Name, map[seal.ID]vaults.Role{}, map[seal.ID]teamItem{}}
		list, err := vaults.Members(tx, alice, team)
		if err != nil {
			return err
		}
		for _, x := range list {
			got.Roles[x.User] = x.Role
			// Nobody is ever left with a wrap of another key.
			if n := binary.BigEndian.Uint64(x.Wrap[3:]); n != v.KeyVersion {
				t.Fatalf("%s: %c has key version %d of %d", what, x.User[0], n, v.KeyVersion)
			}
		}
		for e, err := range vaults.Entries(tx, alice, team) {
			if err != nil {
				return err
			}
			got.Items[e.ID] = teamItem{e.Revision, uint64(e.Data[len(e.Data)-1] - '0'), !e.Deleted.IsZero()}
		}
		if diff := cmp.Diff(m, got); diff != "" {
			t.Fatalf("%s: %s", what, diff)
		}
		for _, user := range append(everyone[:len(everyone):len(everyone)], dave) {
			if n := len(vaults.List(tx, user)); (n == 1) != (m.Roles[user] != "") {
				t.Fatalf("%s: %c lists %d vaults as %q", what, user[0], n, m.Roles[user])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
