package vault_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/keyhold/keyhold/internal/vault"
)

// TestApplyMerged edits a copy while somebody else does something in between.
func TestApplyMerged(t *testing.T) {
	t.Parallel()
	const plain = `{"type":"login","username":"ada","password":"one"}`
	trash := func(v *fakeVault) {
		k := v.items[id(1)]
		k.rev, k.deleted = 8, epoch
		v.items[id(1)] = k
	}
	edit := func(e vault.Edit, hours int) func(*fakeVault) {
		return func(v *fakeVault) {
			it, _ := v.Item(context.Background(), id(1))
			it, _ = e.Apply(it, epoch.Add(time.Duration(hours)*time.Hour))
			b, _ := vault.MarshalItem(it)
			v.items[id(1)] = kept{name: it.Name, plain: string(b.Reveal()), rev: 8}
		}
	}
	undeleted := vault.Conflict{ID: id(1), Item: "mail", What: vault.Undeleted}
	double := vault.Conflict{ID: id(1), Item: "mail", Field: "password", Kind: vault.Secret}
	tests := []struct {
		name      string
		meanwhile func(*fakeVault)
		want      map[string]string
		conflicts []vault.Conflict
		items     int
	}{
		{"nothing", func(*fakeVault) {}, map[string]string{"username": "ada", "password": "mine"}, nil, 1},
		{"another field", edit(set(field("username", "", "bob")), 1), map[string]string{"username": "bob", "password": "mine"}, nil, 1},
		{"the same edit", edit(set(secretField("password", "mine")), 1), map[string]string{"username": "ada", "password": "mine"}, nil, 1},
		{"an older edit", edit(set(secretField("password", "theirs")), 1), map[string]string{"password": "mine"}, []vault.Conflict{ended(double, vault.KeptMine)}, 1},
		{"a newer edit", edit(set(secretField("password", "theirs")), 3), map[string]string{"password": "theirs"}, []vault.Conflict{ended(double, vault.KeptTheirs)}, 1},
		{"into the trash", trash, map[string]string{"username": "ada", "password": "mine"}, []vault.Conflict{undeleted}, 1},
		{"gone for good", func(v *fakeVault) { delete(v.items, id(1)) }, map[string]string{"username": "ada", "password": "mine"}, []vault.Conflict{undeleted}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := &fakeVault{rev: 8, items: map[string]kept{id(1): {name: "mail", plain: plain, rev: 1}}}
			was := mustItem(t, v, id(1))
			mine := at(t, was, 2, set(secretField("password", "mine")))
			tt.meanwhile(v)
			c := clock{now: epoch}
			asked := 0
			check := func(_ context.Context, puts []vault.Put) error {
				asked++
				if len(puts) != 1 || puts[0].Item.ID != id(1) {
					t.Errorf("asked about %d items", len(puts))
				}
				return nil
			}
			_, items, conflicts, err := vault.ApplyMerged(t.Context(), v, c.retry(20, time.Minute), []vault.Put{{Item: mine, Was: &was}}, check)
			if err != nil || len(items) != tt.items || asked == 0 {
				t.Fatalf("%d items, asked %d times, %v", len(items), asked, err)
			}
			if d := cmp.Diff(tt.conflicts, conflicts); d != "" {
				t.Errorf("conflicts (-want +got):\n%s", d)
			}
			got := mustItem(t, v, id(1))
			for name, want := range tt.want {
				if valueOf(got, name) != want {
					t.Errorf("%s = %q, want %q", name, valueOf(got, name), want)
				}
			}
			if !got.Deleted.IsZero() {
				t.Error("it is in the trash")
			}
		})
	}
}

func ended(c vault.Conflict, w vault.What) vault.Conflict {
	c.What = w
	return c
}

// TestApplyMergedNothingLeft has somebody else do all of it and more.
func TestApplyMergedNothingLeft(t *testing.T) {
	t.Parallel()
	v := &fakeVault{items: map[string]kept{id(1): {name: "mail", plain: `{"type":"login","password":"one"}`, rev: 1}}}
	was := mustItem(t, v, id(1))
	mine := at(t, was, 1, set(secretField("password", "two")))
	theirs := at(t, mine, 2, set(secretField("password", "three")))
	v.items[id(1)] = kept{name: "mail", plain: encode(t, theirs), rev: 7}
	c := clock{now: epoch}
	check := func(_ context.Context, puts []vault.Put) error {
		if puts[0].Was.Revision == 7 {
			t.Error("asked about nothing")
		}
		return nil
	}
	_, items, _, err := vault.ApplyMerged(t.Context(), v, c.retry(20, time.Minute), []vault.Put{{Item: mine, Was: &was}}, check)
	if err != nil || len(items) != 0 || v.items[id(1)].rev != 7 {
		t.Errorf("%d items, revision %d, %v", len(items), v.items[id(1)].rev, err)
	}
}

// TestApplyMergedEnds has a vault that always conflicts, and a check that refuses.
func TestApplyMergedEnds(t *testing.T) {
	t.Parallel()
	v := &scripted{errs: []error{fmt.Errorf("commit: %w", &vault.ConflictError{})}}
	v.items = map[string]kept{id(1): {name: "mail", plain: `{"type":"login"}`}}
	was := mustItem(t, v, id(1))
	puts := []vault.Put{{Item: at(t, was, 1, set(secretField("password", "two"))), Was: &was}}
	c := clock{now: epoch}
	var conflict *vault.ConflictError
	if _, items, _, err := vault.ApplyMerged(t.Context(), v, c.retry(5, time.Hour), puts, nil); !errors.As(err, &conflict) || items != nil || v.commits != 5 {
		t.Errorf("%d items, %d commits, %v", len(items), v.commits, err)
	}
	stop := errors.New("stop")
	if _, _, _, err := vault.ApplyMerged(t.Context(), v, c.retry(5, time.Hour), puts, func(context.Context, []vault.Put) error { return stop }); !errors.Is(err, stop) || v.commits != 5 {
		t.Errorf("%d commits, %v", v.commits, err)
	}
}

// TestApplyMergedNoVault has a vault that is gone with all its items.
func TestApplyMergedNoVault(t *testing.T) {
	t.Parallel()
	v := &scripted{errs: []error{fmt.Errorf("commit: %w", vault.ErrNotFound)}}
	v.items = map[string]kept{id(1): {name: "mail", plain: `{"type":"login"}`}}
	was := mustItem(t, v, id(1))
	puts := []vault.Put{{Item: at(t, was, 1, set(secretField("password", "two"))), Was: &was}}
	delete(v.items, id(1))
	c := clock{now: epoch}
	if _, items, _, err := vault.ApplyMerged(t.Context(), v, c.retry(5, time.Hour), puts, nil); !errors.Is(err, vault.ErrNotFound) || items != nil || v.commits != 2 {
		t.Errorf("%d items, %d commits, %v", len(items), v.commits, err)
	}
}

// TestApplyMergedLosesNothing has editors work on copies of one item, and
// commit them in any order.
func TestApplyMergedLosesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := &fakeVault{rev: 1, items: map[string]kept{id(1): {name: "mail", plain: `{"type":"login","future":{"a":1}}`, rev: 1}}}
		type draft struct {
			was, item vault.Item
			field     vault.Field
		}
		var drafts []draft
		for i := range rapid.IntRange(1, 5).Draw(t, "editors") {
			was, err := v.Item(context.Background(), id(1))
			if err != nil {
				t.Fatal(err)
			}
			f := field(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "field"), vault.Hidden, fmt.Sprint("value ", i))
			drafts = append(drafts, draft{was, at(t, was, rapid.IntRange(0, 5).Draw(t, "hour"), set(f)), f})
			if rapid.Bool().Draw(t, "at once") {
				commitDraft(t, v, drafts[i].was, drafts[i].item)
			}
		}
		for _, d := range rapid.Permutation(drafts).Draw(t, "order") {
			commitDraft(t, v, d.was, d.item) // some for the second time
		}
		it, err := v.Item(context.Background(), id(1))
		if err != nil || string(it.Extra["future"]) != `{"a":1}` {
			t.Fatal(err, it.Extra)
		}
		for _, d := range drafts {
			now, _ := it.Field(d.field.Name)
			past := func(p vault.Past) bool { return p.Field == d.field.Name && p.Value.Equal(d.field.Value) }
			if !now.Value.Equal(d.field.Value) && !slices.ContainsFunc(it.History, past) {
				t.Fatalf("%s = %s is lost", d.field.Name, d.field.Value.Reveal())
			}
		}
	})
}

func commitDraft(t *rapid.T, v vault.Vault, was, item vault.Item) {
	c := clock{now: epoch}
	if _, _, _, err := vault.ApplyMerged(context.Background(), v, c.retry(3, time.Hour), []vault.Put{{Item: item, Was: &was}}, nil); err != nil {
		t.Fatal(err)
	}
}
