package vault_test

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/vault"
)

// epoch is when the tests begin.
var epoch = time.Date(2026, 3, 4, 5, 6, 7, 8e6, time.UTC)

// value returns s as the value of a field.
func value(s string) secret.Bytes { return secret.Of([]byte(s)) }

// equalItems are the options by which two items are compared: by values, and
// an empty list is none.
var equalItems = cmp.Options{
	cmp.Comparer(func(a, b secret.Bytes) bool { return a.Equal(b) }),
	cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) }),
	cmp.Transformer("text", func(v jsontext.Value) string { return string(v) }),
	cmp.FilterValues(func(a, b any) bool { return size(a) == 0 && size(b) == 0 }, cmp.Ignore()),
}

// size is the length of the lists of an item, and -1 of anything else.
func size(v any) int {
	switch v := v.(type) {
	case []vault.Field:
		return len(v)
	case []vault.Past:
		return len(v)
	case []string:
		return len(v)
	case map[string]jsontext.Value:
		return len(v)
	default:
		return -1
	}
}

func same(t fataler, what string, got, want vault.Item) {
	t.Helper()
	if diff := cmp.Diff(reveal(want), reveal(got), equalItems); diff != "" {
		t.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

// reveal adds the values, which do not print, to what a difference shows.
func reveal(it vault.Item) any {
	var values []string
	for _, f := range it.Fields {
		values = append(values, fmt.Sprintf("%s=%q", f.Name, f.Value.Reveal()))
	}
	for _, p := range it.History {
		values = append(values, fmt.Sprintf("%s=%q", p.Field, p.Value.Reveal()))
	}
	return struct {
		Item   vault.Item
		Values []string
	}{it, values}
}

// A fataler is a test, of rapid or not.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

func decode(t fataler, plain string) vault.Item {
	t.Helper()
	it, err := vault.UnmarshalItem(value(plain))
	if err != nil {
		t.Fatalf("UnmarshalItem(%s): %v", plain, err)
	}
	return it
}

func encode(t fataler, it vault.Item) string {
	t.Helper()
	b, err := vault.MarshalItem(it)
	if err != nil {
		t.Fatalf("MarshalItem: %v", err)
	}
	return string(b.Reveal())
}

// stored returns what a plaintext is as an item that a vault has.
func stored(t fataler, plain string) vault.Item {
	t.Helper()
	it := decode(t, plain)
	it.ID, it.Name = id(1), "mail"
	return it
}

func apply(t fataler, e vault.Edit, it vault.Item) vault.Item {
	t.Helper()
	out, err := e.Apply(it, epoch)
	if err != nil {
		t.Fatalf("Apply: %v", err)
	}
	return out
}

func id(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

// A fakeVault keeps plaintexts, as a backend does, and compares the revisions
// of items.
type fakeVault struct {
	mu     sync.Mutex
	rev    vault.Revision
	items  map[string]kept
	before func() // called by Commit before it looks
}

type kept struct {
	name, plain string
	rev         uint64
	deleted     time.Time
	err         error // what Item returns
}

func (v *fakeVault) Entries(context.Context) iter.Seq2[vault.Entry, error] {
	return func(yield func(vault.Entry, error) bool) {
		v.mu.Lock()
		all := maps.Clone(v.items)
		v.mu.Unlock()
		for _, id := range slices.Sorted(maps.Keys(all)) {
			k := all[id]
			if k.deleted.IsZero() && !yield(vault.Entry{ID: id, Name: k.name, Revision: k.rev}, nil) {
				return
			}
		}
	}
}

func (v *fakeVault) Lookup(ctx context.Context, name string) ([]vault.Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var found []vault.Entry
	for e, err := range v.Entries(ctx) {
		if err == nil && e.Name == name {
			found = append(found, e)
		}
	}
	return found, nil
}

func (v *fakeVault) Item(_ context.Context, id string) (vault.Item, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	k, ok := v.items[id]
	if !ok {
		return vault.Item{}, vault.ErrNotFound
	}
	if k.err != nil {
		return vault.Item{}, k.err
	}
	it, err := vault.UnmarshalItem(value(k.plain))
	it.ID, it.Name, it.Revision, it.Deleted = id, k.name, k.rev, k.deleted
	return it, err
}

func (v *fakeVault) Commit(_ context.Context, c vault.Change) (vault.Revision, []vault.Item, error) {
	if v.before != nil {
		v.before()
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	next := maps.Clone(v.items)
	if next == nil {
		next = make(map[string]kept)
	}
	var items []vault.Item
	for _, p := range c.Put {
		it := p.Item
		if it.ID == "" {
			it.ID = id(len(next) + 1)
		}
		if _, there := next[it.ID]; p.Was != nil && !there {
			return 0, nil, fmt.Errorf("commit: %w", vault.ErrNotFound)
		}
		if p.Was != nil && next[it.ID].rev != p.Was.Revision || !next[it.ID].deleted.IsZero() {
			return 0, nil, fmt.Errorf("commit: %w", &vault.ConflictError{What: it.ID, Current: v.rev})
		}
		plain, err := vault.MarshalItem(it)
		if err != nil {
			return 0, nil, err
		}
		it.Revision = uint64(v.rev) + 1
		next[it.ID] = kept{name: it.Name, plain: string(plain.Reveal()), rev: it.Revision}
		items = append(items, it)
	}
	for _, r := range c.Restore {
		k := next[r.ID]
		if k.rev != r.Revision {
			return 0, nil, &vault.ConflictError{What: r.ID, Current: v.rev}
		}
		k.rev, k.deleted = uint64(v.rev)+1, time.Time{}
		next[r.ID] = k
	}
	v.rev++
	v.items = next
	return v.rev, items, nil
}

func (v *fakeVault) Close() error { return nil }

func mustItem(t *testing.T, v vault.Vault, id string) vault.Item {
	t.Helper()
	it, err := v.Item(t.Context(), id)
	if err != nil {
		t.Fatalf("Item: %v", err)
	}
	return it
}
