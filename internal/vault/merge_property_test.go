package vault_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/keyhold/keyhold/internal/vault"
)

// drawSide returns what somebody made of it. Values are few, so that two sides
// do the same now and then.
func drawSide(t *rapid.T, it vault.Item, label string) vault.Item {
	values := rapid.SampledFrom([]string{"a", "b", "c", "d"})
	for range rapid.IntRange(0, 3).Draw(t, label+" edits") {
		hour := rapid.IntRange(0, 4).Draw(t, "hour")
		ty := vault.TypeOf(it)
		e := vault.Edit{
			Name:  rapid.SampledFrom([]string{"", "", "mail", "post", "site"}).Draw(t, "name"),
			Tag:   rapid.SliceOfN(tagNames(), 0, 1).Draw(t, "tag"),
			Untag: rapid.SliceOfN(tagNames(), 0, 1).Draw(t, "untag"),
		}
		for range rapid.IntRange(0, 2).Draw(t, "sets") {
			f := field(rapid.SampledFrom([]string{"pin", "a", "password"}).Draw(t, "field"), customKinds().Draw(t, "kind"), values.Draw(t, "value"))
			if rapid.Bool().Draw(t, "of the type") {
				ft := rapid.SampledFrom(ty.Fields[:min(2, len(ty.Fields))]).Draw(t, "field of the type")
				f.Name, f.Kind = ft.Name, kindOf(ft)
			}
			e.Set = append(e.Set, f)
		}
		if len(it.Fields) > 0 && rapid.IntRange(0, 2).Draw(t, "remove") == 0 {
			if names := it.FieldNames(); len(names) > 0 {
				e.Remove = []string{rapid.SampledFrom(names).Draw(t, "removed")}
			}
		}
		it = at(t, it, hour, e)
		if rapid.IntRange(0, 2).Draw(t, "another program") == 0 {
			it = drawForeign(t, it)
		}
	}
	if rapid.IntRange(0, 5).Draw(t, label+" trash") == 0 {
		it.Deleted = times().Draw(t, "deleted")
		it.Updated = it.Updated.Add(time.Millisecond)
	}
	return it
}

// drawForeign changes it as no edit does.
func drawForeign(t *rapid.T, it vault.Item) vault.Item {
	it.Extra, it.Fields = maps.Clone(it.Extra), slices.Clone(it.Fields)
	if it.Extra == nil {
		it.Extra = map[string]jsontext.Value{}
	}
	switch rapid.IntRange(0, 3).Draw(t, "what") {
	case 0:
		it.Extra[rapid.SampledFrom([]string{"folder", "favorite"}).Draw(t, "member")] = rawJSON(0).Draw(t, "json")
	case 1:
		for name := range it.Extra {
			delete(it.Extra, name)
			break
		}
	case 2:
		it.Fields = append(it.Fields, customs().Draw(t, "custom"))
	default:
		if n := len(it.Fields); n > 0 {
			it.Fields = slices.Delete(it.Fields, n-1, n)
		}
	}
	it.Updated = it.Updated.Add(time.Millisecond)
	return it
}

func drawBase(t *rapid.T) vault.Item {
	was := items().Draw(t, "was")
	was.ID, was.Name = id(1), "mail"
	if rapid.IntRange(0, 5).Draw(t, "in the trash") == 0 {
		was.Deleted = times().Draw(t, "deleted")
	}
	return was
}

// swapped exchanges mine and theirs.
func swapped(list []vault.Conflict) []vault.Conflict {
	list = slices.Clone(list)
	for i, c := range list {
		switch c.What {
		case vault.KeptMine:
			list[i].What = vault.KeptTheirs
		case vault.KeptTheirs:
			list[i].What = vault.KeptMine
		}
	}
	return list
}

func TestMergeProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		was := drawBase(t)
		mine, theirs := drawSide(t, was, "my"), drawSide(t, was, "their")
		before := [3]string{encode(t, was), encode(t, mine), encode(t, theirs)}
		got, conflicts := vault.Merge(was, mine, theirs)
		if after := [3]string{encode(t, was), encode(t, mine), encode(t, theirs)}; after != before {
			t.Fatalf("what is merged was changed")
		}

		other, swap := vault.Merge(was, theirs, mine)
		same(t, "the other way round", other, got)
		if d := cmp.Diff(conflicts, swapped(swap)); d != "" {
			t.Fatalf("conflicts the other way round (-want +got):\n%s", d)
		}

		for what, in := range map[string][3]vault.Item{
			"with theirs once more": {was, got, theirs}, "with mine once more": {was, mine, got},
			"with itself": {was, got, got}, "from itself": {got, got, got}, "from mine": {mine, mine, got}, "from theirs": {theirs, got, theirs},
		} {
			again, _ := vault.Merge(in[0], in[1], in[2])
			same(t, "merged "+what, again, got)
		}

		if got.Updated.Before(mine.Updated) || got.Updated.Before(theirs.Updated) {
			t.Fatalf("updated %v, of %v and %v", got.Updated, mine.Updated, theirs.Updated)
		}
		read := decode(t, encode(t, got))
		read.ID, read.Name, read.Deleted, read.Revision = got.ID, got.Name, got.Deleted, got.Revision
		same(t, "written and read", read, got)
		for _, side := range []vault.Item{mine, theirs} {
			losesNothing(t, was, side, got)
		}
		alone, none := vault.Merge(was, mine, was)
		alone.Updated = mine.Updated // of two of the same time the other one may count as newer
		same(t, "with what was", alone, mine)
		if len(none) > 0 {
			t.Fatalf("conflicts with what was: %v", none)
		}
	})
}

// losesNothing fails if something that side wrote is not in got.
func losesNothing(t *rapid.T, was, side, got vault.Item) {
	type written struct{ field, value string }
	all := func(it vault.Item) map[written]bool {
		m := map[written]bool{{"\x00name", it.Name}: true}
		for _, f := range it.Fields {
			m[written{f.Name, string(f.Value.Reveal())}] = true
		}
		for name, v := range it.Extra {
			m[written{name, string(v)}] = true
		}
		return m
	}
	have, old := all(got), all(was)
	for _, p := range got.History {
		if p.Kind == vault.ItemName {
			p.Field = "\x00name"
		}
		have[written{p.Field, string(p.Value.Reveal())}] = true
	}
	for w := range all(side) {
		if !old[w] && !have[w] {
			t.Fatalf("%q is lost", w)
		}
	}
	for _, tag := range side.Tags {
		if !slices.Contains(was.Tags, tag) && !slices.Contains(got.Tags, tag) {
			t.Fatalf("the tag %q is lost", tag)
		}
	}
	for _, p := range side.History {
		if !slices.ContainsFunc(got.History, func(q vault.Past) bool { return cmp.Equal(p, q, equalItems) }) {
			t.Fatalf("the history has lost %+v = %q", p, p.Value.Reveal())
		}
	}
	content := func(it vault.Item) string {
		it.History, it.Updated, it.Extra = nil, time.Time{}, maps.Clone(it.Extra)
		return it.Name + encode(t, it)
	}
	if was.Deleted.IsZero() && side.Deleted.IsZero() && content(side) != content(was) && !got.Deleted.IsZero() {
		t.Fatalf("what was edited is deleted")
	}
}

// TestMergeOrder merges three sides in any order: without a conflict the
// result is the same but for order and history.
func TestMergeOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		was := drawBase(t)
		sides := [3]vault.Item{drawSide(t, was, "first"), drawSide(t, was, "second"), drawSide(t, was, "third")}
		var first vault.Item
		for i, order := range [][3]int{{0, 1, 2}, {1, 2, 0}, {2, 0, 1}} {
			two, c1 := vault.Merge(was, sides[order[0]], sides[order[1]])
			got, c2 := vault.Merge(was, sides[order[2]], two)
			if len(c1)+len(c2) > 0 {
				return
			}
			got.History, got.Updated = nil, time.Time{}
			byName := func(a, b vault.Field) int {
				return slices.Compare([]byte(encode(t, vault.Item{Fields: []vault.Field{a}})), []byte(encode(t, vault.Item{Fields: []vault.Field{b}})))
			}
			slices.SortFunc(got.Fields, byName)
			slices.Sort(got.Tags)
			if i == 0 {
				first = got
				continue
			}
			same(t, "in another order", got, first)
		}
	})
}
