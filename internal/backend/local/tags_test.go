package local_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/vault"
)

// tagged gives an item these tags.
func (h *home) tagged(v vault.Vault, it vault.Item, tags ...string) vault.Item {
	h.Helper()
	was := it
	it.Tags = tags
	_, items, err := v.Commit(h.Context(), vault.Change{Put: []vault.Put{{Item: it, Was: &was}}})
	if err != nil {
		h.Fatal(err)
	}
	return items[0]
}

func (h *home) tags(v vault.Vault) map[string][]string {
	h.Helper()
	tags, err := v.(vault.Tagger).Tags(h.Context())
	if err != nil {
		h.Fatal(err)
	}
	return tags
}

func (h *home) check(v vault.Vault) (what []string) {
	h.Helper()
	problems, err := v.(vault.Checker).Check(h.Context(), nil)
	if err != nil {
		h.Fatal(err)
	}
	for _, p := range problems {
		what = append(what, p.Name+": "+p.What)
	}
	return what
}

func TestTags(t *testing.T) {
	t.Parallel()
	h := newHome(t, memory.New())
	v := h.vault()
	items := h.put(v, "one", "two", "three")
	one, two := h.tagged(v, items[0], "work", "büro"), h.tagged(v, items[1], "home")
	want := map[string][]string{one.ID: {"work", "büro"}, two.ID: {"home"}}
	if diff := cmp.Diff(want, h.tags(v)); diff != "" {
		t.Error(diff)
	}
	for _, value := range h.dump() {
		if strings.Contains(value, "büro") {
			t.Error("the store has a tag in the clear")
		}
	}
	two = h.tagged(v, two)
	delete(want, two.ID)
	if diff := cmp.Diff(want, h.tags(v)); diff != "" {
		t.Errorf("after the tags were taken away: %s", diff)
	}

	h.change(key("it", h.first(), id(one.ID)), flip(20))
	if diff := cmp.Diff(want, h.tags(v)); diff != "" {
		t.Errorf("where the copy is damaged: %s", diff)
	}
	damaged := []string{"one: the copy of its tags is damaged"}
	if got := h.check(v); !slices.Equal(got, damaged) {
		t.Errorf("check of a damaged copy: %q", got)
	}
	h.drop(key("it", h.first(), id(one.ID)))
	if got := h.check(v); !slices.Equal(got, damaged) {
		t.Errorf("check of a missing copy: %q", got)
	}
	if one = h.tagged(v, one, "work"); h.check(v) != nil {
		t.Errorf("check after the item was put again: %q", h.check(v))
	}
	h.update(func(tx kv.Tx) error { return tx.Put(key("it", h.first(), seal.ID{9}), []byte("x")) })
	if got := h.check(v); !slices.Equal(got, []string{": there are tags of it alone"}) {
		t.Errorf("check of a copy without an item: %q", got)
	}
	h.change(key("id", h.first(), id(one.ID)), flip(20))
	h.change(key("it", h.first(), id(one.ID)), flip(20))
	if got := h.tags(v); len(got) != 0 {
		t.Errorf("tags of a damaged item: %q", got)
	}
}

// A new key leaves no copy of tags under the old one.
func TestTagsRekey(t *testing.T) {
	t.Parallel()
	h := newHome(t, memory.New())
	v := h.vault()
	it := h.tagged(v, h.put(v, "one")[0], "work")
	k := key("it", h.first(), id(it.ID))
	before := []byte(h.dump()[string(k)])
	if err := h.rekey(h.account(), nil); err != nil {
		t.Fatal(err)
	}
	v = h.vault()
	if after := []byte(h.dump()[string(k)]); len(after) == 0 || bytes.Equal(before, after) {
		t.Errorf("the copy is %x", after)
	}
	if diff := cmp.Diff(map[string][]string{it.ID: {"work"}}, h.tags(v)); diff != "" {
		t.Error(diff)
	}
	if got := h.check(v); got != nil {
		t.Errorf("check: %q", got)
	}
}
