package vault_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/vault"
)

// at returns it changed by e, n hours after the epoch.
func at(t fataler, it vault.Item, n int, e vault.Edit) vault.Item {
	t.Helper()
	out, err := e.Apply(it, epoch.Add(time.Duration(n)*time.Hour))
	if err != nil {
		t.Fatalf("Apply: %v", err)
	}
	return out
}

func set(fields ...vault.Field) vault.Edit { return vault.Edit{Set: fields} }

// pastOf returns the values that the history of it has of a field, oldest first.
func pastOf(it vault.Item, field string) (values []string) {
	for _, p := range it.History {
		if p.Field == field && !p.Absent {
			values = append(values, string(p.Value.Reveal()))
		}
	}
	return values
}

func valueOf(it vault.Item, field string) string {
	f, ok := it.Field(field)
	if !ok {
		return "(absent)"
	}
	return string(f.Value.Reveal())
}

func base(t *testing.T) vault.Item {
	t.Helper()
	it := stored(t, `{"type":"login","username":"ada","password":"one","tags":["a","b"],"customFields":[{"name":"pin","type":"hidden","value":"1"}],`+
		`"folder":"f","updatedAt":"2026-03-04T05:06:07.008Z"}`)
	it.Revision = 1
	return it
}

func TestMergeDifferentFields(t *testing.T) {
	t.Parallel()
	was := base(t)
	mine := at(t, was, 1, vault.Edit{Set: []vault.Field{secretField("password", "two")}, Tag: []string{"m"}, Untag: []string{"a"}})
	theirs := at(t, was, 2, vault.Edit{Name: "post", Set: []vault.Field{field("host", vault.Text, "h")}, Remove: []string{"pin"}, Tag: []string{"t"}})
	theirs.Extra = map[string]jsontext.Value{"folder": jsontext.Value(`"g"`), "favorite": jsontext.Value("true")}
	theirs.Revision = 2
	got, conflicts := vault.Merge(was, mine, theirs)
	if len(conflicts) > 0 {
		t.Errorf("conflicts: %v", conflicts)
	}
	if got.Name != "post" || !slices.Equal(got.Tags, []string{"b", "t", "m"}) || got.Revision != 2 || got.ID != was.ID {
		t.Errorf("got %+v", got)
	}
	for name, want := range map[string]string{"username": "ada", "password": "two", "host": "h", "pin": "(absent)"} {
		if v := valueOf(got, name); v != want {
			t.Errorf("%s = %q, want %q", name, v, want)
		}
	}
	if string(got.Extra["folder"]) != `"g"` || string(got.Extra["favorite"]) != "true" {
		t.Errorf("members: %q", got.Extra)
	}
	if !slices.Equal(pastOf(got, "password"), []string{"one"}) || !slices.Equal(pastOf(got, "pin"), []string{"1"}) {
		t.Errorf("history: %v", got.History)
	}
	if !got.Updated.After(theirs.Updated) {
		t.Errorf("updated %v", got.Updated)
	}
}

// TestMergeDoubleEdit has the newer value win, and the other one come back by
// Revert.
func TestMergeDoubleEdit(t *testing.T) {
	t.Parallel()
	was := base(t)
	older := at(t, was, 1, vault.Edit{Name: "old", Set: []vault.Field{secretField("password", "older"), field("pin", vault.Text, "2")}})
	newer := at(t, was, 2, vault.Edit{Name: "new", Set: []vault.Field{secretField("password", "newer"), field("pin", vault.Hidden, "3")}})
	for _, tt := range []struct {
		mine, theirs vault.Item
		kept         vault.What
	}{{older, newer, vault.KeptTheirs}, {newer, older, vault.KeptMine}} {
		got, conflicts := vault.Merge(was, tt.mine, tt.theirs)
		want := []vault.Conflict{
			{ID: was.ID, Item: "new", Kind: vault.ItemName, What: tt.kept},
			{ID: was.ID, Item: "new", Field: "password", Kind: vault.Secret, What: tt.kept},
			{ID: was.ID, Item: "new", Field: "pin", Kind: vault.Hidden, What: tt.kept},
		}
		if d := cmp.Diff(want, conflicts); d != "" {
			t.Errorf("conflicts (-want +got):\n%s", d)
		}
		if got.Name != "new" || valueOf(got, "password") != "newer" || valueOf(got, "pin") != "3" {
			t.Errorf("got %q, %q, %q", got.Name, valueOf(got, "password"), valueOf(got, "pin"))
		}
		back, err := got.Revert(1, epoch.Add(9*time.Hour))
		if err != nil || back.Name != "old" || valueOf(back, "password") != "older" || valueOf(back, "pin") != "2" {
			t.Errorf("reverted: %q, %q, %q, %v", back.Name, valueOf(back, "password"), valueOf(back, "pin"), err)
		}
	}
}

// TestMergeTie has two edits of the same time: the digest decides, so that
// both sides choose the same.
func TestMergeTie(t *testing.T) {
	t.Parallel()
	was := base(t)
	a, b := at(t, was, 1, set(secretField("password", "a"))), at(t, was, 1, set(secretField("password", "b")))
	one, c1 := vault.Merge(was, a, b)
	two, c2 := vault.Merge(was, b, a)
	same(t, "the other way round", two, one)
	if len(c1) != 1 || len(c2) != 1 || c1[0].What == c2[0].What {
		t.Errorf("conflicts: %v, %v", c1, c2)
	}
	lost := "a"
	if valueOf(one, "password") == "a" {
		lost = "b"
	}
	if !slices.Contains(pastOf(one, "password"), lost) {
		t.Errorf("%q is lost", lost)
	}
}

func TestMergeDeletion(t *testing.T) {
	t.Parallel()
	was := base(t)
	deleted := was
	deleted.Deleted = epoch.Add(3 * time.Hour)
	edited := at(t, was, 1, set(secretField("password", "two")))
	later, restored := was, was
	later.Deleted, restored.Updated = deleted.Deleted.Add(time.Hour), was.Updated.Add(time.Second)
	both := edited
	both.Deleted = deleted.Deleted
	tests := []struct {
		name         string
		was          vault.Item
		mine, theirs vault.Item
		gone         bool
		password     string
		conflict     bool
	}{
		{"deleted, unedited", was, deleted, was, true, "one", false},
		{"unedited, deleted", was, was, deleted, true, "one", false},
		{"deleted, edited", was, deleted, edited, false, "two", true},
		{"edited, deleted", was, edited, deleted, false, "two", true},
		{"edited and deleted, unedited", was, both, was, true, "two", false},
		{"edited and deleted, deleted", was, both, deleted, true, "two", false},
		{"edited and deleted, edited", was, both, at(t, was, 2, set(secretField("password", "three"))), false, "three", true},
		{"restored, still deleted", deleted, was, deleted, false, "one", false},
		{"restored, deleted again", deleted, was, later, false, "one", false},
		{"deleted again, restored", deleted, later, restored, false, "one", false},
		{"restored, edited in the trash", deleted, was, both, false, "two", false},
	}
	for _, tt := range tests {
		got, conflicts := vault.Merge(tt.was, tt.mine, tt.theirs)
		if got.Deleted.IsZero() == tt.gone || valueOf(got, "password") != tt.password {
			t.Errorf("%s: deleted %v, password %q", tt.name, got.Deleted, valueOf(got, "password"))
		}
		said := slices.ContainsFunc(conflicts, func(c vault.Conflict) bool { return c.What == vault.Undeleted && c.Field == "" })
		if said != tt.conflict {
			t.Errorf("%s: conflicts %v", tt.name, conflicts)
		}
	}
}

// TestMergeDeletedTwice keeps the later time, whichever item is newer.
func TestMergeDeletedTwice(t *testing.T) {
	t.Parallel()
	was := base(t)
	one, two := was, at(t, was, 1, set(secretField("password", "two")))
	one.Deleted, two.Deleted = epoch.Add(3*time.Hour), epoch.Add(2*time.Hour)
	if got, _ := vault.Merge(was, one, two); !got.Deleted.Equal(one.Deleted) {
		t.Errorf("deleted %v", got.Deleted)
	}
}

// TestMergeMembers brings the members of a custom field back with its value.
func TestMergeMembers(t *testing.T) {
	t.Parallel()
	was := base(t)
	with := func(hours int, value, member string) vault.Item {
		it := at(t, was, hours, set(field("pin", vault.Hidden, value)))
		i := slices.IndexFunc(it.Fields, func(f vault.Field) bool { return f.Name == "pin" })
		it.Fields[i].Extra = map[string]jsontext.Value{"hint": jsontext.Value(member)}
		return it
	}
	got, conflicts := vault.Merge(was, with(1, "2", `"two"`), with(2, "3", `"three"`))
	back, err := got.Revert(1, epoch.Add(9*time.Hour))
	if err != nil || len(conflicts) != 1 {
		t.Fatal(err, conflicts)
	}
	if f, _ := back.Field("pin"); !f.Value.Equal(value("2")) || string(f.Extra["hint"]) != `"two"` {
		t.Errorf("reverted: %s, %s", f.Value.Reveal(), f.Extra["hint"])
	}
	if f, _ := got.Field("pin"); !f.Value.Equal(value("3")) || string(f.Extra["hint"]) != `"three"` {
		t.Errorf("merged: %s, %s", f.Value.Reveal(), f.Extra["hint"])
	}
}

// TestMergeRemovedField keeps a field that one side removed and the other one changed.
func TestMergeRemovedField(t *testing.T) {
	t.Parallel()
	was := base(t)
	removed := at(t, was, 2, vault.Edit{Remove: []string{"pin", "username"}})
	changed := at(t, was, 1, set(field("pin", vault.Hidden, "2")))
	got, conflicts := vault.Merge(was, removed, changed)
	if valueOf(got, "pin") != "2" || valueOf(got, "username") != "(absent)" {
		t.Errorf("pin = %q, username = %q", valueOf(got, "pin"), valueOf(got, "username"))
	}
	if d := cmp.Diff([]vault.Conflict{{ID: was.ID, Item: "mail", Field: "pin", Kind: vault.Hidden, What: vault.Undeleted}}, conflicts); d != "" {
		t.Error(d)
	}
}

// TestMergeSameName merges custom fields that share a name as a set.
func TestMergeSameName(t *testing.T) {
	t.Parallel()
	custom := func(values ...string) vault.Item {
		it := base(t)
		it.Fields = nil
		for _, v := range values {
			it.Fields = append(it.Fields, field("url", vault.URL, v))
		}
		it.Fields = append(it.Fields, vault.Field{Kind: vault.Opaque, Value: secret.Of([]byte("7"))})
		return it
	}
	was, mine, theirs := custom("a", "b"), custom("b", "m", "b"), custom("a", "b", "t")
	mine.Updated = epoch.Add(time.Hour)
	mine.Fields = append(mine.Fields, vault.Field{Kind: vault.Opaque, Value: secret.Of([]byte("8"))})
	theirs.Fields = theirs.Fields[:3]
	got, conflicts := vault.Merge(was, mine, theirs)
	var values []string
	for _, f := range got.Fields {
		values = append(values, string(f.Value.Reveal()))
	}
	if !slices.Equal(values, []string{"b", "m", "b", "8", "t"}) || len(conflicts) > 0 {
		t.Errorf("fields %q, conflicts %v", values, conflicts)
	}
}

// TestMergeElements keeps elements of the custom fields that are none.
func TestMergeElements(t *testing.T) {
	t.Parallel()
	was := stored(t, `{"type":"login"}`)
	mine, theirs := stored(t, `{"type":"login","customFields":[7]}`), stored(t, `{"type":"login","customFields":["x"]}`)
	got, conflicts := vault.Merge(was, mine, theirs)
	if len(got.Fields) != 2 || len(got.History) != 0 || len(conflicts) != 0 {
		t.Errorf("%d fields, history %v, conflicts %v", len(got.Fields), got.History, conflicts)
	}
}

// TestMergeCreated keeps a time of creation that only one side has.
func TestMergeCreated(t *testing.T) {
	t.Parallel()
	was := stored(t, `{"type":"login"}`)
	mine := was
	mine.Created = epoch
	if got, _ := vault.Merge(was, mine, at(t, was, 1, set(secretField("password", "two")))); !got.Created.Equal(epoch) {
		t.Errorf("created %v", got.Created)
	}
}

// TestMergeStrangeShapes merges what another program wrote in a shape of its
// own with what needs its place.
func TestMergeStrangeShapes(t *testing.T) {
	t.Parallel()
	was := stored(t, `{"type":"login"}`)
	mine := at(t, was, 1, vault.Edit{Tag: []string{"m"}})
	theirs := stored(t, `{"type":"login","tags":"not a list","updatedAt":"yesterday","password":7}`)
	got, conflicts := vault.Merge(was, mine, theirs)
	again := decode(t, encode(t, got))
	if !slices.Equal(again.Tags, []string{"m"}) || string(again.Extra["password"]) != "7" || len(conflicts) > 0 {
		t.Errorf("tags %q, members %q, conflicts %v", again.Tags, again.Extra, conflicts)
	}
	if !slices.Contains(pastOf(again, "tags"), `"not a list"`) || !slices.Contains(pastOf(again, "updatedAt"), `"yesterday"`) {
		t.Errorf("history: %v", reveal(again))
	}
	once, _ := vault.Merge(was, got, theirs)
	same(t, "merged again", once, got)

	older, newer := stored(t, `{"type":"login","history":"none","x":1}`), stored(t, `{"type":"login","x":2,"updatedAt":"2026-03-04T05:06:07.008Z"}`)
	got, _ = vault.Merge(was, older, newer)
	again = decode(t, encode(t, got))
	if !slices.Equal(pastOf(again, "x"), []string{"1"}) || !slices.Equal(pastOf(again, "history"), []string{`"none"`}) {
		t.Errorf("history: %v", reveal(again))
	}
}

// TestMergeTypes has another program change the type on both sides.
func TestMergeTypes(t *testing.T) {
	t.Parallel()
	was := base(t)
	card, note := was, was
	card.Type, card.Updated = "card", was.Updated.Add(time.Hour)
	note.Type, note.Updated = "note", was.Updated.Add(2*time.Hour)
	got, conflicts := vault.Merge(was, card, note)
	if got.Type != "note" || valueOf(got, "password") != "one" || !slices.Contains(pastOf(got, "type"), `"credit_card"`) {
		t.Errorf("type %q, password %q, history %v", got.Type, valueOf(got, "password"), reveal(got))
	}
	if len(conflicts) != 1 || conflicts[0].Field != "type" {
		t.Errorf("conflicts: %v", conflicts)
	}
	again := decode(t, encode(t, got))
	again.ID, again.Name, again.Revision = got.ID, got.Name, got.Revision
	same(t, "written and read", again, got)
}

// TestMergeLongHistory keeps the limits, and what did not win above all.
func TestMergeLongHistory(t *testing.T) {
	t.Parallel()
	was := base(t)
	mine, theirs := was, was
	for i := range 15 {
		mine = at(t, mine, 1+2*i, set(secretField("password", strings.Repeat("m", i+1))))
		theirs = at(t, theirs, 2+2*i, set(secretField("password", strings.Repeat("t", i+1))))
	}
	got, _ := vault.Merge(was, mine, theirs)
	if n := len(got.Revisions()); n != 20 {
		t.Errorf("%d revisions", n)
	}
	if p := pastOf(got, "password"); p[len(p)-1] != strings.Repeat("m", 15) {
		t.Errorf("history: %q", p)
	}
	again, _ := vault.Merge(was, mine, got)
	same(t, "merged again", again, got)
}

// TestMergeMany makes sure that a hostile item costs no more than its size: were
// each part compared with each other one this would take minutes.
func TestMergeMany(t *testing.T) {
	t.Parallel()
	const n = 20_000
	many := func(v byte) vault.Item {
		it := base(t)
		it.Updated = epoch.Add(time.Duration(v) * time.Hour)
		for i := range n {
			it.Fields = append(it.Fields, vault.Field{Kind: vault.Opaque, Value: secret.Of([]byte{v, byte('0' + i%10)})})
			it.Tags = append(it.Tags, string([]byte{'a' + byte(i%26), 'a' + byte(i/26%26), 'a' + byte(i/676%26), v}))
			it.History = append(it.History, vault.Past{At: epoch, Kind: vault.Opaque, Field: "x", Value: secret.Of(bytes.Repeat([]byte{v}, 1+i%3))})
		}
		return it
	}
	got, _ := vault.Merge(base(t), many('1'), many('2'))
	if len(got.Fields) != 2*n+3 {
		t.Errorf("%d fields", len(got.Fields))
	}
}
