package stores_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/service/stores"
)

var ignoreSettled = cmpopts.IgnoreUnexported(stores.Secret{})

func TestCreate(t *testing.T) {
	engines(t, func(s store) {
		id := s.made(alice)
		n := fresh("A")
		n.Scopes, n.Comment = []string{"workers", "ai_gateway", "workers"}, "of A"
		got := s.mustCreate(alice, id, n, fresh("a"))
		want := []stores.Secret{
			{ID: got[0].ID, Store: id, Name: "A", Comment: "of A", Scopes: []string{"ai_gateway", "workers"}, Created: at, Modified: at},
			{ID: got[1].ID, Store: id, Name: "a", Scopes: []string{"workers"}, Created: at, Modified: at},
		}
		if d := cmp.Diff(want, got, ignoreSettled); d != "" {
			s.Errorf("Create:\n%s", d)
		}
		s.view(func(tx kv.Tx) error {
			all, err := stores.Secrets(tx, alice, id)
			if d := cmp.Diff(got, all, cmp.AllowUnexported(stores.Secret{})); d != "" || err != nil {
				s.Errorf("Secrets: %v\n%s", err, d)
			}
			one, err := stores.Get(tx, alice, id, got[0].ID)
			if d := cmp.Diff(got[0], one, cmp.AllowUnexported(stores.Secret{})); d != "" || err != nil {
				s.Errorf("Get: %v\n%s", err, d)
			}
			return nil
		})
		if v, err := s.value(alice, got[0]); err != nil || v != canary+" of A" {
			s.Errorf("the value is %q, %v", v, err)
		}
		for after, want := range map[time.Duration]stores.Status{0: stores.Pending, stores.PendingTime - 1: stores.Pending, stores.PendingTime: stores.Active} {
			if got := got[0].StatusAt(at.Add(after)); got != want {
				s.Errorf("after %v it is %s, want %s", after, got, want)
			}
		}
	})
}

func TestSecretRules(t *testing.T) {
	t.Parallel()
	with := func(change func(*stores.New)) stores.New {
		n := fresh("NEW")
		change(&n)
		return n
	}
	tests := []struct {
		name   string
		secret stores.New
		want   stores.Rule
	}{
		{"no name", with(func(n *stores.New) { n.Name = "" }), stores.NameEmpty},
		{"spaces", with(func(n *stores.New) { n.Name = "a b" }), stores.NameInvalid},
		{"a wide space", with(func(n *stores.New) { n.Name = "a\u3000b" }), stores.NameInvalid},
		{"a line feed", with(func(n *stores.New) { n.Name = "a\n" }), stores.NameInvalid},
		{"an escape", with(func(n *stores.New) { n.Name = "a\x1b" }), stores.NameInvalid},
		{"no UTF-8", with(func(n *stores.New) { n.Name = "\xff" }), stores.NameInvalid},
		{"a long name", with(func(n *stores.New) { n.Name = strings.Repeat("a", 256) }), stores.NameInvalid},
		{"the longest name", with(func(n *stores.New) { n.Name = strings.Repeat("a", 255) }), ""},
		{"no scopes", with(func(n *stores.New) { n.Scopes = nil }), stores.ScopesEmpty},
		{"an unknown scope", with(func(n *stores.New) { n.Scopes = []string{"workers", "ai-gateway"} }), stores.ScopeInvalid},
		{"all scopes", with(func(n *stores.New) {
			n.Scopes = []string{"websearch", "containers", "access", "dex", "ai_gateway", "workers"}
		}), ""},
		{"no value", with(func(n *stores.New) { n.Value = secret.String{} }), stores.ValueEmpty},
		{"65,537 bytes", with(func(n *stores.New) { n.Value = secret.TextOf(strings.Repeat("a", 65537)) }), stores.ValueTooLong},
		{"65,536 bytes", with(func(n *stores.New) { n.Value = secret.TextOf(strings.Repeat("ä", 32768)) }), ""},
		{"a value that is no UTF-8", with(func(n *stores.New) { n.Value = secret.TextOf("\xff") }), stores.ValueInvalid},
		{"a long comment", with(func(n *stores.New) { n.Comment = strings.Repeat("a", 1025) }), stores.CommentInvalid},
		{"the longest comment", with(func(n *stores.New) { n.Comment = strings.Repeat("a", 1024) }), ""},
		{"a comment that is no UTF-8", with(func(n *stores.New) { n.Comment = "\xff" }), stores.CommentInvalid},
		{"name before scopes", stores.New{}, stores.NameEmpty},
		{"scopes before the value", stores.New{Name: "A"}, stores.ScopesEmpty},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := inMemory(t)
			id := s.made(alice)
			if tt.want == "" {
				s.mustCreate(alice, id, tt.secret)
				return
			}
			s.unchanged(func() {
				if _, err := s.create(alice, id, fresh("FIRST"), tt.secret); ruleOf(err) != tt.want {
					t.Errorf("%v, want %s", err, tt.want)
				}
			})
		})
	}
}

func TestNameTaken(t *testing.T) {
	t.Parallel()
	s := inMemory(t)
	id, other := s.made(alice), s.made(bob)
	a := s.mustCreate(alice, id, fresh("A"))[0]
	taken := func(err error, want string) {
		t.Helper()
		if e, ok := errors.AsType[*stores.NameTakenError](err); !ok || e.Name != want {
			t.Errorf("%v, want that %s is taken", err, want)
		}
	}
	s.unchanged(func() {
		_, err := s.create(alice, id, fresh("B"), fresh("A"))
		taken(err, "A")
		_, err = s.create(alice, id, fresh("B"), fresh("B"))
		taken(err, "B")
		_, err = s.duplicate(alice, id, a.ID, fresh("A"))
		taken(err, "A")
	})
	s.mustCreate(bob, other, fresh("A")) // unique in its store alone
	s.mustCreate(alice, id, fresh("a"))  // and in its case
}

func TestUpdate(t *testing.T) {
	engines(t, func(s store) {
		id := s.made(alice)
		was := s.mustCreate(alice, id, fresh("A"))[0]
		want := was
		check := func(now int, c stores.Change, value string, status stores.Status) {
			s.Helper()
			got, err := s.change(later(now), alice, id, was.ID, c)
			if d := cmp.Diff(want, got, ignoreSettled); d != "" || err != nil {
				s.Errorf("Update: %v\n%s", err, d)
			}
			if v, err := s.value(alice, was); v != value || err != nil {
				s.Errorf("the value is %q, %v, want %q", v, err, value)
			}
			if st := got.StatusAt(later(now)); st != status {
				s.Errorf("it is %s, want %s", st, status)
			}
		}
		check(1, stores.Change{Name: ptr("A")}, canary+" of A", stores.Active)
		want.Comment, want.Modified = "new", later(2)
		check(2, stores.Change{Comment: ptr("new")}, canary+" of A", stores.Active)
		want.Scopes, want.Modified = []string{"dex", "workers"}, later(3)
		check(3, stores.Change{Scopes: []string{"workers", "dex"}}, canary+" of A", stores.Active)
		want.Modified = later(4)
		check(4, stores.Change{Value: ptr(secret.TextOf("new"))}, "new", stores.Pending)
		want.Comment, want.Modified = "", later(5)
		check(5, stores.Change{Comment: ptr("")}, "new", stores.Active)
	})
}

func TestUpdateRefuses(t *testing.T) {
	t.Parallel()
	s := inMemory(t)
	id := s.made(alice)
	it := s.mustCreate(alice, id, fresh("A"))[0]
	tests := []struct {
		change stores.Change
		want   stores.Rule
	}{
		{stores.Change{Name: ptr("B")}, stores.NameImmutable},
		{stores.Change{Scopes: []string{}}, stores.ScopesEmpty},
		{stores.Change{Scopes: []string{"x"}}, stores.ScopeInvalid},
		{stores.Change{Comment: ptr(strings.Repeat("a", 1025))}, stores.CommentInvalid},
		{stores.Change{Value: ptr(secret.String{})}, stores.ValueEmpty},
		{stores.Change{Value: ptr(secret.TextOf(strings.Repeat("a", 65537)))}, stores.ValueTooLong},
	}
	for _, tt := range tests {
		s.unchanged(func() {
			if _, err := s.change(later(1), alice, id, it.ID, tt.change); ruleOf(err) != tt.want {
				t.Errorf("%+v: %v, want %s", tt.change, err, tt.want)
			}
		})
	}
}

func TestDuplicate(t *testing.T) {
	engines(t, func(s store) {
		id := s.made(alice)
		from := s.mustCreate(alice, id, fresh("A"))[0]
		got, err := s.duplicate(alice, id, from.ID, stores.New{Name: "B", Scopes: []string{"dex"}, Comment: "c"})
		want := stores.Secret{ID: got.ID, Store: id, Name: "B", Comment: "c", Scopes: []string{"dex"}, Created: later(1), Modified: later(1)}
		if d := cmp.Diff(want, got, ignoreSettled); d != "" || err != nil || got.ID == from.ID {
			s.Errorf("Duplicate: %v\n%s", err, d)
		}
		for _, it := range []stores.Secret{from, got} {
			if v, err := s.value(alice, it); err != nil || v != canary+" of A" {
				s.Errorf("the value of %s is %q, %v", it.Name, v, err)
			}
		}
		if _, err := s.duplicate(alice, id, from.ID, stores.New{Name: "C"}); ruleOf(err) != stores.ScopesEmpty {
			s.Errorf("without scopes: %v", err)
		}
	})
}

func TestDelete(t *testing.T) {
	engines(t, func(s store) {
		id := s.made(alice)
		all := s.mustCreate(alice, id, fresh("A"), fresh("B"), fresh("C"))
		s.unchanged(func() {
			if err := s.remove(alice, id, all[0].ID, none); err != stores.ErrSecretNotFound {
				s.Errorf("one that is not there: %v", err)
			}
			if err := s.remove(alice, id); err != nil {
				s.Errorf("nothing: %v", err)
			}
		})
		if err := s.remove(alice, id, all[0].ID, all[1].ID, all[0].ID); err != nil {
			s.Fatal(err)
		}
		for _, it := range all[:2] {
			if s.holds(string(it.ID[:])) {
				s.Errorf("something of %s is left", it.Name)
			}
		}
		s.view(func(tx kv.Tx) error {
			left, err := stores.Secrets(tx, alice, id)
			if err != nil || len(left) != 1 || left[0].Name != "C" {
				s.Errorf("left are %v, %v", left, err)
			}
			return err
		})
	})
}

// TestForeign has everything that can be asked of a store that is another's,
// and of a secret that is in another store.
func TestForeign(t *testing.T) {
	t.Parallel()
	s := inMemory(t)
	id, first, second := s.made(alice), s.made(robot), s.made(robot)
	it := s.mustCreate(alice, id, fresh("A"))[0]
	theirs := s.mustCreate(robot, first, fresh("A"))[0]
	s.unchanged(func() {
		for _, tt := range []struct {
			owner stores.Owner
			store stores.ID
			id    stores.ID
			want  error
		}{
			{bob, id, it.ID, stores.ErrStoreNotFound},
			{robot, id, it.ID, stores.ErrStoreNotFound},
			{alice, first, theirs.ID, stores.ErrStoreNotFound},
			{stores.Owner{Account: alice.Account, Service: "other"}, first, theirs.ID, stores.ErrStoreNotFound},
			{alice, none, it.ID, stores.ErrStoreNotFound},
			{robot, second, theirs.ID, stores.ErrSecretNotFound},
			{alice, id, theirs.ID, stores.ErrSecretNotFound},
		} {
			var errs []error
			s.view(func(tx kv.Tx) error {
				_, err := stores.Get(tx, tt.owner, tt.store, tt.id)
				errs = append(errs, err)
				_, err = stores.Secrets(tx, tt.owner, tt.store)
				if tt.want == stores.ErrStoreNotFound {
					errs = append(errs, err)
				}
				return nil
			})
			_, err := s.change(at, tt.owner, tt.store, tt.id, stores.Change{Comment: ptr("x")})
			_, err2 := s.duplicate(tt.owner, tt.store, tt.id, fresh("NEW"))
			errs = append(errs, err, err2, s.remove(tt.owner, tt.store, tt.id))
			if tt.want == stores.ErrStoreNotFound {
				_, err := s.create(tt.owner, tt.store, fresh("NEW"))
				errs = append(errs, err)
			}
			for i, err := range errs {
				if !errors.Is(err, tt.want) {
					t.Errorf("%+v: call %d: %v, want %v", tt, i, err, tt.want)
				}
			}
		}
	})
}

func TestQuery(t *testing.T) {
	t.Parallel()
	s := inMemory(t)
	id := s.made(alice)
	make := func(name, comment string, scopes ...string) stores.New {
		n := fresh(name)
		n.Comment, n.Scopes = comment, scopes
		return n
	}
	all := s.mustCreate(alice, id, make("C", "x", "workers"), make("A", "z", "dex"), make("B", "Y of a", "dex", "access"))
	b, err := s.change(later(1), alice, id, all[2].ID, stores.Change{Value: ptr(secret.TextOf("v"))})
	if err != nil {
		t.Fatal(err)
	}
	all[2] = b
	all[0].Created = later(-1)
	tests := []struct {
		query stores.Query
		want  string
	}{
		{stores.Query{}, "ABC"},
		{stores.Query{Asc: true}, "CAB"},
		{stores.Query{Order: "created", Asc: true}, "CAB"},
		{stores.Query{Order: "name"}, "CBA"},
		{stores.Query{Order: "name", Asc: true}, "ABC"},
		{stores.Query{Order: "comment", Asc: true}, "BCA"},
		{stores.Query{Order: "modified"}, "BAC"},
		{stores.Query{Order: "status"}, "BAC"},
		{stores.Query{Order: "status", Asc: true}, "ACB"},
		{stores.Query{Order: "no such"}, "ABC"},
		{stores.Query{Search: "a"}, "AB"},
		{stores.Query{Search: "y OF"}, "B"},
		{stores.Query{Search: "nothing"}, ""},
		{stores.Query{Scopes: []string{"access", "workers"}}, "BC"},
		{stores.Query{Scopes: []string{"unknown"}}, ""},
		{stores.Query{Scopes: []string{"dex"}, Search: "z"}, "A"},
	}
	for _, tt := range tests {
		got := ""
		for _, it := range tt.query.Secrets(slices.Clone(all), later(1)) {
			got += it.Name
		}
		if got != tt.want {
			t.Errorf("%+v: %s, want %s", tt.query, got, tt.want)
		}
	}
}
