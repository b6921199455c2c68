package vault_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/keyhold/keyhold/internal/vault"
)

// changed is an item with three revisions, and entries that say nothing.
const changed = `{"type":"login","password":"c","uri":"u","tags":["x"],"future":1,"updatedAt":"2026-01-05T00:00:00Z",
	"customFields":[{"name":"colour","value":"red","type":"text","order":1},5],"history":[
	{"at":"2026-01-01T00:00:00Z","field":"password","value":null},
	{"at":"2026-01-02T00:00:00Z","field":"","type":"name","value":"old"},
	{"at":"2026-01-02T00:00:00Z","field":"","type":"tags","value":"a\nb"},
	{"at":"2026-01-02T00:00:00Z","field":"pin","type":"hidden","value":"1234","members":"{\"order\":2,\"name\":3}"},
	"strange",
	{"at":"2026-01-03T00:00:00Z","field":"username","type":"opaque","value":"17"},
	{"at":"2026-01-04T00:00:00Z","field":"","type":"tags","value":null},
	{"at":"2026-01-04T00:00:00Z","field":"colour","type":"hidden","value":"/w==","encoding":"base64"},
	{"at":"2026-01-04T00:00:00Z","field":"url","value":null},
	{"at":"2026-01-05T00:00:00Z","nothing":true}]}`

func TestBefore(t *testing.T) {
	t.Parallel()
	tests := []struct {
		rev               int
		name, now, update string
		history           int
	}{
		{1, "mail", `{"type":"login","password":"c","future":1,"customFields":[
			{"name":"colour","value":"/w==","encoding":"base64","type":"hidden","order":1},5]}`, "2026-01-03T00:00:00Z", 6},
		{2, "old", `{"type":"login","password":"c","future":1,"tags":["a","b"],"customFields":[
			{"name":"colour","value":"/w==","encoding":"base64","type":"hidden","order":1},5,
			{"name":"pin","value":"1234","type":"hidden","order":2}]}`, "2026-01-01T00:00:00Z", 1},
		{3, "old", `{"type":"login","future":1,"tags":["a","b"],"customFields":[
			{"name":"colour","value":"/w==","encoding":"base64","type":"hidden","order":1},5,
			{"name":"pin","value":"1234","type":"hidden","order":2}]}`, "", 0},
	}
	for _, tt := range tests {
		it := stored(t, changed)
		it.Revision, it.Deleted, it.Created = 7, epoch, epoch
		got, err := it.Before(tt.rev)
		if err != nil {
			t.Fatal(err)
		}
		want := stored(t, tt.now)
		want.Name, want.History = tt.name, it.History[:tt.history]
		want.Revision, want.Deleted, want.Created = 7, epoch, epoch
		if tt.update != "" {
			want.Updated, _ = time.Parse(time.RFC3339, tt.update)
		}
		same(t, fmt.Sprint("before ", tt.rev), got, want)
	}
	for _, rev := range []int{-1, 0, 4} {
		_, err := stored(t, changed).Before(rev)
		if !errors.Is(err, vault.ErrNotFound) || !strings.HasSuffix(err.Error(), "has 3") {
			t.Errorf("Before(%d): %v, want ErrNotFound of 3", rev, err)
		}
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	day := func(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }
	want := []vault.Version{
		{N: 1, At: day(4), Diffs: []vault.Diff{
			{Kind: vault.ItemTags, How: vault.HowSet}, {Field: "colour", Kind: vault.Hidden, How: vault.HowChanged}, {Field: "url", How: vault.HowSet},
		}},
		{N: 2, At: day(2), Diffs: []vault.Diff{
			{Kind: vault.ItemName, How: vault.HowRenamed}, {Kind: vault.ItemTags, How: vault.HowRemoved}, {Field: "pin", Kind: vault.Hidden, How: vault.HowRemoved},
		}},
		{N: 3, At: day(1), Diffs: []vault.Diff{{Field: "password", Kind: vault.Secret, How: vault.HowSet}}},
	}
	if diff := cmp.Diff(want, stored(t, changed).Versions()); diff != "" {
		t.Errorf("versions (-want +got):\n%s", diff)
	}
	if got := stored(t, sample).Versions(); len(got) != 0 {
		t.Errorf("versions without a history: %v", got)
	}
}

// What other programs may put into one change, and what the item was before it.
func TestBeforeForeign(t *testing.T) {
	t.Parallel()
	past := func(field string, k vault.Kind, v string) vault.Past {
		return vault.Past{At: epoch, Field: field, Kind: k, Value: value(v)}
	}
	absent := func(field string, k vault.Kind) vault.Past {
		return vault.Past{At: epoch, Field: field, Kind: k, Absent: true}
	}
	const twins = `{"type":"login","customFields":[{"name":"a","value":"1","type":"text","n":1},{"name":"a","value":"2","type":"hidden","n":2}]}`
	tests := []struct {
		name, now string
		past      []vault.Past
		was, diff string
	}{
		{
			"a field of the type twice", `{"type":"login","password":"c"}`,
			[]vault.Past{past("password", vault.Secret, "a"), past("password", vault.Secret, "b"), absent("password", vault.Secret)},
			`{"type":"login","password":"a"}`, "password changed, password removed, password set",
		},
		{
			"what is gone already", `{"type":"login"}`, []vault.Past{absent("password", vault.Secret), absent("pin", vault.Text)},
			`{"type":"login"}`, "password set, pin set",
		},
		{
			"names and tags twice, bad tags", `{"type":"login","tags":["z"]}`,
			[]vault.Past{past("", vault.ItemTags, "a\n\nb\r\nc\xff\nd"), past("", vault.ItemTags, "e"), past("", vault.ItemName, "mail"), past("", vault.ItemName, "post")},
			`{"type":"login","tags":["a","d"]}`, " changed,  renamed",
		},
		{
			"a kind that is none", `{"type":"login"}`, []vault.Past{past("a", "x", "1"), absent("b", "x")},
			`{"type":"login"}`, "",
		},
		{
			"a field that the type lacks", `{"type":"login"}`, []vault.Past{past("code", vault.Secret, "1")},
			`{"type":"login","customFields":[{"name":"code","value":"1","type":"hidden"}]}`, "code removed",
		},
		{
			"the first of two of one name", twins, []vault.Past{past("a", vault.Text, "0")},
			strings.Replace(twins, `"1"`, `"0"`, 1), "a changed",
		},
		{
			"the last of two of one name came", twins, []vault.Past{absent("a", vault.Text)},
			`{"type":"login","customFields":[{"name":"a","value":"1","type":"text","n":1}]}`, "a set",
		},
		{
			"one more of one name", twins, []vault.Past{past("a", vault.Text, "0"), past("a", vault.Hidden, "2"), past("a", vault.URL, "3")},
			strings.Replace(strings.Replace(twins, `"1"`, `"0"`, 1), `}]}`, `},{"name":"a","value":"3","type":"url"}]}`, 1), "a changed, a changed, a removed",
		},
		{
			"in place of strange members", `{"type":"login","username":17,"password":"!","binaryFields":["password","x"],"customFields":{},"tags":"a,b"}`,
			[]vault.Past{past("username", vault.Plain, "ada"), past("password", vault.Secret, "p"), past("a", vault.Text, "1"), past("", vault.ItemTags, "t")},
			`{"type":"login","username":"ada","password":"p","binaryFields":["x"],"customFields":[{"name":"a","value":"1","type":"text"}],"tags":["t"]}`,
			"username removed, password removed, a removed,  removed",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			it := stored(t, tt.now)
			it.History = tt.past
			if tt.name == "names and tags twice, bad tags" {
				it.Name = "now"
			}
			got, err := it.Before(1)
			if err != nil {
				t.Fatal(err)
			}
			same(t, "before", got, stored(t, tt.was))
			var diffs []string
			for _, d := range it.Versions()[0].Diffs {
				diffs = append(diffs, d.Field+" "+string(d.How))
			}
			if got := strings.Join(diffs, ", "); got != tt.diff {
				t.Errorf("diffs = %q, want %q", got, tt.diff)
			}
		})
	}
}

func TestRevert(t *testing.T) {
	t.Parallel()
	it := stored(t, changed)
	back, err := it.Revert(2, epoch)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := it.Before(2)
	want.Updated, want.History = epoch, back.History
	same(t, "reverted", back, want)
	if got := len(back.History); got != len(it.History)+5 || back.History[got-1].At != epoch {
		t.Errorf("%d entries were %d", got, len(it.History))
	}
	entries := []string{"/name=mail", "colour/text=red", "url/=u", "pin/hidden=-", "/tags=x"}
	slices.Sort(entries)
	if got := slices.Sorted(slices.Values(past(back))); !slices.Equal(got, entries) {
		t.Errorf("history %q, want %q", got, entries)
	}
	back = reread(t, back)
	forth, err := back.Revert(1, epoch)
	if err != nil {
		t.Fatal(err)
	}
	if !forth.Updated.After(back.Updated) {
		t.Errorf("updated %v, was %v", forth.Updated, back.Updated)
	}
	same(t, "and forth", timeless(forth), timeless(it))
}

// A custom field that was removed comes back with the members of another program.
func TestRevertMembers(t *testing.T) {
	t.Parallel()
	it := stored(t, `{"type":"login","customFields":[{"name":"pin","value":"1","type":"hidden","a\u0000\"":{"n": 1.0},"b":"\u0041"}]}`)
	got := reread(t, apply(t, vault.Edit{Remove: []string{"pin"}}, it))
	if len(got.Fields) != 0 {
		t.Fatal("the field is there")
	}
	got, err := got.Revert(1, epoch)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "back", timeless(got), timeless(it))
	for _, members := range []string{`5`, `""`, `"5"`, `"{"`, `"{\"a\":1,\"a\":2}"`, `{"a":1}`} {
		it := stored(t, `{"history":[{"at":"2026-01-01T00:00:00Z","field":"a","type":"text","value":"1","members":`+members+`}]}`)
		got, err := it.Before(1)
		if err != nil || len(got.Fields) != 1 || len(got.Fields[0].Extra) != 0 {
			t.Errorf("members %s: %v, %v", members, got.Fields, err)
		}
	}
}

func TestRevertNothing(t *testing.T) {
	t.Parallel()
	it := stored(t, `{"password":"a","updatedAt":5,"history":[{"at":"2026-01-01T00:00:00Z","field":"password","value":"a"}]}`)
	got, err := it.Revert(1, epoch)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "reverted to what it is", got, it)
	if _, err := it.Revert(2, epoch); !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("error = %v, want ErrNotFound", err)
	}
}

func TestRevertName(t *testing.T) {
	t.Parallel()
	const decomposed = "cafe\u0301"
	tests := []struct {
		name, now string
		invalid   bool
	}{
		{decomposed, "mail", false}, {"..", "..", false}, {"..", "mail", true}, {"canary\xff", "mail", true}, {"", "mail", true},
	}
	for _, tt := range tests {
		it := stored(t, `{"password":"a"}`)
		it.Name = tt.now
		it.History = []vault.Past{{At: epoch, Kind: vault.ItemName, Value: value(tt.name)}}
		got, err := it.Revert(1, epoch)
		if errors.Is(err, vault.ErrInvalid) != tt.invalid || err == nil && got.Name != tt.name {
			t.Errorf("to %q: %q, %v", tt.name, got.Name, err)
		}
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("the error has the name: %v", err)
		}
	}
}

// reread is it, written and read.
func reread(t fataler, it vault.Item) vault.Item {
	t.Helper()
	out := decode(t, encode(t, it))
	out.ID, out.Name = it.ID, it.Name
	return out
}

// timeless is what of an item a change and its undoing leave as it was: the
// history grows, and custom fields may change places.
func timeless(it vault.Item) vault.Item {
	it.History, it.Updated = nil, time.Time{}
	it.Fields = slices.Clone(it.Fields)
	place := func(f vault.Field) string {
		if f.Kind.Custom() || f.Kind == vault.Opaque {
			return "custom " + f.Name
		}
		return ""
	}
	slices.SortStableFunc(it.Fields, func(a, b vault.Field) int { return strings.Compare(place(a), place(b)) })
	return it
}

// Every version that an item had is found again, whether it was edited or
// reverted into the next.
func TestBeforeProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		it := items().Draw(t, "item")
		it.ID, it.Name, it.History = id(1), "mail", nil
		versions := []vault.Item{it} // oldest first
		for range rapid.IntRange(1, 10).Draw(t, "changes") {
			var next vault.Item
			if n := len(versions) - 1; n > 0 && rapid.Bool().Draw(t, "revert") {
				rev := rapid.IntRange(1, n).Draw(t, "rev")
				var err error
				if next, err = it.Revert(rev, epoch); err != nil {
					t.Fatal(err)
				}
				same(t, "reverted", timeless(next), timeless(versions[n-rev]))
			} else {
				next = apply(t, edits(vault.TypeOf(it)).Draw(t, "edit"), it)
			}
			next = reread(t, next)
			if next.Updated.Equal(it.Updated) {
				same(t, "no change", next, it)
				continue
			}
			it = next
			versions = append(versions, it)
		}
		n := len(versions) - 1
		listed := it.Versions()
		if len(listed) != n {
			t.Fatalf("%d versions, want %d", len(listed), n)
		}
		for rev := 1; rev <= n; rev++ {
			got, err := it.Before(rev)
			if err != nil {
				t.Fatal(err)
			}
			was := versions[n-rev]
			same(t, fmt.Sprint("before ", rev), timeless(got), timeless(was))
			if rev < n && !got.Updated.Equal(was.Updated) {
				t.Fatalf("before %d it was of %v, not %v", rev, was.Updated, got.Updated)
			}
			if v := listed[rev-1]; v.N != rev || !v.At.Equal(versions[n-rev+1].Updated) || len(v.Diffs) == 0 {
				t.Fatalf("version %d is %+v", rev, v)
			}
			same(t, "with what is older", reread(t, got), got)
		}
	})
}

// A history may say what it likes: to revert twice is to go back and forth.
func TestRevertProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		it := items().Draw(t, "item")
		it.ID, it.Name = id(1), "mail"
		before := encode(t, it)
		n := len(it.Versions())
		if _, err := it.Before(n + 1); !errors.Is(err, vault.ErrNotFound) {
			t.Fatalf("error = %v, want ErrNotFound", err)
		}
		if n == 0 {
			return
		}
		back, err := it.Revert(rapid.IntRange(1, n).Draw(t, "rev"), epoch)
		if errors.Is(err, vault.ErrInvalid) && slices.ContainsFunc(it.History, func(p vault.Past) bool { return p.Kind == vault.ItemName }) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if encode(t, it) != before {
			t.Fatal("the item itself changed")
		}
		same(t, "reverted, written, read", reread(t, back), back)
		if back.Updated.Equal(it.Updated) {
			same(t, "no change", back, it)
			return
		}
		forth, err := reread(t, back).Revert(1, epoch)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "forth", timeless(forth), timeless(it))
	})
}
