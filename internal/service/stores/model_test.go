package stores_test

import (
	"context"
	"crypto/rand"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/service/stores"
)

// A modelSecret is a secret as the model has it.
type modelSecret struct {
	Name, Comment, Value string
	Scopes               []string
	Created, Modified    time.Time
}

// A machine has an account's store beside a model of it.
type machine struct {
	db   kv.DB
	keys stores.Keys
	id   stores.ID
	now  time.Time
	all  map[stores.ID]modelSecret
}

var names = rapid.SampledFrom([]string{"", "A", "B", "C", "D", "a b"})

var scopes = rapid.SliceOfN(rapid.SampledFrom([]string{"workers", "dex", "access", "unknown", "workers", "dex"}), 0, 3)

func (m *machine) taken(name string) bool {
	for _, s := range m.all {
		if s.Name == name {
			return true
		}
	}
	return false
}

func good(name string, scopes []string) bool {
	return name != "" && name != "a b" && len(scopes) > 0 && !slices.Contains(scopes, "unknown")
}

func tidy(scopes []string) []string { return slices.Compact(slices.Sorted(slices.Values(scopes))) }

// any returns the id of a secret, mostly of one that is there.
func (m *machine) any(t *rapid.T) stores.ID {
	ids := []stores.ID{none}
	for id := range m.all {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b stores.ID) int { return slices.Compare(a[:], b[:]) })
	return rapid.SampledFrom(ids).Draw(t, "id")
}

func (m *machine) update(fn func(tx kv.Tx) error) error {
	m.now = m.now.Add(time.Second)
	return m.db.Update(context.Background(), fn)
}

func agree(t *rapid.T, err error, ok bool) {
	if (err == nil) != ok {
		t.Fatalf("%v, but the model says %t", err, ok)
	}
}

// Create makes one or two secrets.
func (m *machine) Create(t *rapid.T) {
	var list []stores.New
	ok, here := true, map[string]bool{}
	for range rapid.IntRange(1, 2).Draw(t, "n") {
		n := stores.New{Name: names.Draw(t, "name"), Comment: rapid.StringN(0, 3, -1).Draw(t, "comment"), Scopes: scopes.Draw(t, "scopes")}
		n.Value = secret.TextOf(rapid.StringN(0, 4, -1).Draw(t, "value"))
		ok = ok && good(n.Name, n.Scopes) && n.Value.Len() > 0 && !m.taken(n.Name) && !here[n.Name]
		here[n.Name] = true
		list = append(list, n)
	}
	var made []stores.Secret
	err := m.update(func(tx kv.Tx) (err error) {
		made, err = stores.Create(tx, m.now, rand.Reader, m.keys, alice, m.id, list)
		return err
	})
	agree(t, err, ok)
	for i, s := range made {
		m.all[s.ID] = modelSecret{list[i].Name, list[i].Comment, list[i].Value.Reveal(), tidy(list[i].Scopes), m.now, m.now}
	}
}

// Update changes some of a secret.
func (m *machine) Update(t *rapid.T) {
	id := m.any(t)
	s, ok := m.all[id]
	var c stores.Change
	if rapid.Bool().Draw(t, "sets value") {
		s.Value = rapid.StringN(0, 4, -1).Draw(t, "value")
		c.Value, ok = ptr(secret.TextOf(s.Value)), ok && s.Value != ""
	}
	if rapid.Bool().Draw(t, "sets comment") {
		s.Comment = rapid.StringN(0, 3, -1).Draw(t, "comment")
		c.Comment = ptr(s.Comment)
	}
	if rapid.Bool().Draw(t, "sets scopes") {
		c.Scopes = append([]string{}, scopes.Draw(t, "scopes")...)
		s.Scopes, ok = tidy(c.Scopes), ok && good("A", c.Scopes)
	}
	err := m.update(func(tx kv.Tx) error {
		_, err := stores.Update(tx, m.now, rand.Reader, m.keys, alice, m.id, id, c)
		return err
	})
	agree(t, err, ok)
	if ok && (c.Value != nil || c.Comment != nil || c.Scopes != nil) {
		s.Modified = m.now
		m.all[id] = s
	}
}

// Duplicate copies a secret.
func (m *machine) Duplicate(t *rapid.T) {
	id := m.any(t)
	s, ok := m.all[id]
	n := stores.New{Name: names.Draw(t, "name"), Scopes: scopes.Draw(t, "scopes")}
	var made stores.Secret
	err := m.update(func(tx kv.Tx) (err error) {
		made, err = stores.Duplicate(tx, m.now, rand.Reader, m.keys, alice, m.id, id, n)
		return err
	})
	ok = ok && good(n.Name, n.Scopes) && !m.taken(n.Name)
	agree(t, err, ok)
	if ok {
		m.all[made.ID] = modelSecret{n.Name, "", s.Value, tidy(n.Scopes), m.now, m.now}
	}
}

// Delete removes one or two secrets.
func (m *machine) Delete(t *rapid.T) {
	ids, ok := []stores.ID{}, true
	for range rapid.IntRange(1, 2).Draw(t, "n") {
		id := m.any(t)
		_, found := m.all[id]
		ids, ok = append(ids, id), ok && found
	}
	agree(t, m.update(func(tx kv.Tx) error { return stores.Delete(tx, alice, m.id, ids...) }), ok)
	for _, id := range ids {
		if ok {
			delete(m.all, id)
		}
	}
}

// Check compares all that is there, values too.
func (m *machine) Check(t *rapid.T) {
	got := map[stores.ID]modelSecret{}
	err := m.db.View(context.Background(), func(tx kv.Tx) error {
		all, err := stores.Secrets(tx, alice, m.id)
		if err != nil {
			return err
		}
		for _, s := range all {
			v, err := stores.Value(tx, m.keys, alice, m.id, s.ID)
			if err != nil {
				return err
			}
			got[s.ID] = modelSecret{s.Name, s.Comment, v.Reveal(), s.Scopes, s.Created, s.Modified}
		}
		if n, err := stores.Usage(tx, alice); err != nil || n != len(m.all) {
			t.Fatalf("usage is %d, %v, want %d", n, err, len(m.all))
		}
		return nil
	})
	if d := cmp.Diff(m.all, got); err != nil || d != "" {
		t.Fatalf("%v\n%s", err, d)
	}
}

// TestModel makes random calls on a store and on a model of it.
func TestModel(t *testing.T) {
	t.Parallel()
	keys := newKeys(t, 1)
	rapid.Check(t, func(t *rapid.T) {
		m := &machine{db: memory.New(), keys: keys, now: at, all: map[stores.ID]modelSecret{}}
		err := m.update(func(tx kv.Tx) error {
			s, err := stores.CreateStore(tx, m.now, rand.Reader, alice, stores.NewStore{Name: "default"})
			m.id = s.ID
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Repeat(map[string]func(*rapid.T){"create": m.Create, "update": m.Update, "duplicate": m.Duplicate, "delete": m.Delete, "": m.Check})
	})
}
