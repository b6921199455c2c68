package local_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/backend/local"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/bolt"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/vault"
)

func (h *home) rekey(a backend.Account, progress func(done, total int)) error {
	return a.(backend.Rekeyer).Rekey(h.Context(), h.first().String(), progress)
}

// calls are all that a vault does with its key.
func calls(ctx context.Context, v vault.Vault, id string) map[string]error {
	var entries, trash error
	for _, err := range v.Entries(ctx) {
		entries = errors.Join(entries, err)
	}
	for _, err := range v.(vault.Trasher).Trash(ctx) {
		trash = errors.Join(trash, err)
	}
	_, item := v.Item(ctx, id)
	_, lookup := v.Lookup(ctx, "item 1")
	_, missed := v.Lookup(ctx, "missing")
	_, _, commit := v.Commit(ctx, vault.Change{Put: []vault.Put{{Item: vault.Item{Type: "login", Name: "x"}}}})
	_, check := v.(vault.Checker).Check(ctx, nil)
	return map[string]error{
		"Entries": entries, "Trash": trash, "Item": item, "Lookup": lookup, "Lookup of nothing": missed, "Commit": commit, "Check": check,
	}
}

func TestRekey(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "local.db")
	h := newHome(t, bolt.New(path))
	want := h.stock(40)
	v, tr := h.vault(), trace{}
	tr.note(h, "m/", memberHead+wrapHead)
	tr.noteItems(h)
	h.edit(v, want)
	tr.noteItems(h)
	if tr.in(h, path) == 0 {
		t.Fatal("nothing of it is in the file: this is the wrong search")
	}
	old, oldKeys, steps := h.account(), h.keys, []int{}
	a := h.account()
	err := h.rekey(a, func(done, total int) {
		if total != 80 {
			t.Fatalf("the total is %d", total)
		}
		steps = append(steps, done)
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(steps) != 81 || steps[0] != 0 || steps[80] != 80 || !slices.IsSorted(steps) {
		t.Errorf("progress: %v", steps)
	}
	if n := tr.in(h, path); n > 0 {
		t.Errorf("%d pieces of what the old key opened are in the file", n)
	}
	for _, a := range []backend.Account{a, h.account()} {
		if i := h.infos(a)[0]; i.KeyVersion != 2 || !i.Open {
			t.Errorf("the vault is %+v", i)
		}
	}
	h.wantItems(want)
	set, err := h.unlock(password)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := set.Marshal(); err != nil || !got.Equal(h.keys) {
		t.Errorf("the session has other keys than the password gives: %v", err)
	}
	h.locked(v, want)
	if i := h.infos(old)[0]; i.Open {
		t.Errorf("another session says of the vault: %+v", i)
	}
	if v, err = old.Vault(t.Context(), h.first().String()); err != nil {
		t.Fatal(err)
	}
	h.locked(v, want)

	h.keys = oldKeys // a session that does not know the key can give the vault another one
	if err := h.rekey(h.account(), nil); err != nil {
		t.Fatal(err)
	}
	h.wantItems(want)
}

// edit changes the password of every item outside the trash.
func (h *home) edit(v vault.Vault, want map[string]string) {
	h.Helper()
	var c vault.Change
	for id := range want {
		it, err := v.Item(h.Context(), id)
		if err != nil {
			h.Fatal(err)
		}
		if !it.Deleted.IsZero() {
			continue
		}
		want[id] += " edited"
		next, err := vault.Edit{Set: []vault.Field{{Name: "password", Kind: vault.Secret, Value: secret.Of([]byte(want[id]))}}}.Apply(it, at)
		if err != nil {
			h.Fatal(err)
		}
		c.Put = append(c.Put, vault.Put{Item: next, Was: &it})
	}
	if _, _, err := v.Commit(h.Context(), c); err != nil {
		h.Fatal(err)
	}
}

// locked wants a vault to say that its key is an older one.
func (h *home) locked(v vault.Vault, items map[string]string) {
	h.Helper()
	for id := range items {
		for name, err := range calls(h.Context(), v, id) {
			var conflict *vault.ConflictError
			if !errors.Is(err, vault.ErrLocked) || errors.Is(err, vault.ErrDamaged) || errors.As(err, &conflict) {
				h.Errorf("%s with the old key: %v, want ErrLocked", name, err)
			}
		}
		return
	}
}

func TestRekeyRefused(t *testing.T) {
	t.Parallel()
	damaged := errors.New("a *vault.DamagedError of the item")
	tests := []struct {
		name  string
		spoil func(h *home, item seal.ID)
		want  error
	}{
		{"data", func(h *home, item seal.ID) { h.change(key("id", h.first(), item), flip(-1)) }, damaged},
		{"no data", func(h *home, item seal.ID) {
			h.update(func(tx kv.Tx) error { return tx.Delete(key("id", h.first(), item)) })
		}, damaged},
		{"name", func(h *home, item seal.ID) { h.change(key("in", h.first(), item), flip(-1)) }, damaged},
		{"record", func(h *home, item seal.ID) { h.change(key("in", h.first(), item), flip(0)) }, damaged},
		{"no record", func(h *home, item seal.ID) {
			h.update(func(tx kv.Tx) error { return tx.Delete(key("in", h.first(), item)) })
		}, damaged},
		{"unknown key", func(h *home, item seal.ID) {
			h.update(func(tx kv.Tx) error { return tx.Put(append(key("id", h.first(), item), 'x'), nil) })
		}, vault.ErrDamaged},
		{"vault", func(h *home, _ seal.ID) { h.change(key("v/", h.first()), flip(0)) }, vault.ErrDamaged},
		{"wrap", func(h *home, _ seal.ID) { h.change(key("m/", h.first(), h.set.User), flip(-64-4-1)) }, vault.ErrDamaged},
		{"no vault", func(h *home, _ seal.ID) {
			h.update(func(tx kv.Tx) error { return tx.Delete(key("v/", h.first())) })
		}, vault.ErrNotFound},
		{"no key", func(h *home, _ seal.ID) { h.deps.Rand = io.LimitReader(h.deps.Rand, 31) }, io.ErrUnexpectedEOF},
		{"no nonce", func(h *home, _ seal.ID) { h.deps.Rand = io.LimitReader(h.deps.Rand, 32+11) }, io.ErrUnexpectedEOF},
		{"no second nonce", func(h *home, _ seal.ID) { h.deps.Rand = io.LimitReader(h.deps.Rand, 32+12+11) }, io.ErrUnexpectedEOF},
		{"wrong password", func(h *home, _ seal.ID) {
			h.deps.Ask = func(context.Context) (secret.String, error) { return secret.TextOf("wrong"), nil }
		}, vault.ErrWrongPassword},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := &scrubber{DB: memory.New()}
			h := newHome(t, s)
			items := h.put(h.vault(), "good", "bad")
			bad := items[1].ID
			tt.spoil(h, id(bad))
			before, keys := h.dump(), h.keys
			err := h.rekey(h.account(), nil)
			var one *vault.DamagedError
			switch {
			case tt.want == damaged && (!errors.As(err, &one) || one.ID != bad || !errors.Is(err, vault.ErrDamaged)):
				t.Errorf("Rekey: %v, want %v %s", err, tt.want, bad)
			case tt.want != damaged && !errors.Is(err, tt.want):
				t.Errorf("Rekey: %v, want %v", err, tt.want)
			}
			if diff := cmp.Diff(before, h.dump()); diff != "" {
				t.Errorf("the store changed: %s", diff)
			}
			if s.scrubbed != 0 || !h.keys.Equal(keys) {
				t.Error("it was scrubbed, or the session changed")
			}
		})
	}
	h := newHome(t, memory.New())
	if err := h.account().(backend.Rekeyer).Rekey(t.Context(), "nothing", nil); !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("Rekey of no vault: %v, want ErrNotFound", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	h.stock(2)
	before := h.dump()
	err := h.account().(backend.Rekeyer).Rekey(ctx, h.first().String(), func(int, int) { cancel() })
	if !errors.Is(err, context.Canceled) || !cmp.Equal(before, h.dump()) {
		t.Errorf("cancelled: %v", err)
	}
}

// Rekey begins anew when another process writes, a few times.
func TestRekeyMeetsWriters(t *testing.T) {
	t.Parallel()
	for _, times := range []int{1, 100} {
		t.Run(fmt.Sprint(times), func(t *testing.T) {
			t.Parallel()
			r := &racer{DB: memory.New()}
			h := newHome(t, r)
			want, v, n := h.stock(4), h.vault(), 0
			r.before = func() {
				if n++; n <= times {
					for _, it := range h.put(v, fmt.Sprint("meanwhile ", n)) {
						want[it.ID] = "of " + it.Name
					}
				}
			}
			err := h.rekey(h.account(), nil)
			if times == 1 && err != nil || times == 100 && !errors.Is(err, vault.ErrBusy) {
				t.Errorf("Rekey: %v after %d times", err, n)
			}
			r.before = nil
			h.wantItems(want)
		})
	}
}

// A brake is a store that calls a function after it was written to.
type brake struct {
	kv.DB

	after func()
}

func (b *brake) Update(ctx context.Context, fn func(kv.Tx) error) error {
	err := b.DB.Update(ctx, fn)
	if after := b.after; after != nil {
		b.after = nil
		after()
	}
	return err
}

func (b *brake) Scrub(context.Context) error { return errTest }

// What happens after the commit is no reason to lose the key.
func TestRekeyCommitted(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		after func(h *home, first, second string)
		keep  error
		want  error
	}{
		{"scrub fails", func(*home, string, string) {}, nil, errTest},
		{"session fails", func(*home, string, string) {}, vault.ErrBusy, vault.ErrBusy},
		{"damaged at once", func(h *home, first, _ string) { h.change(key("id", h.first(), id(first)), flip(-1)) }, nil, vault.ErrDamaged},
		{"item gone at once", func(h *home, first, _ string) {
			h.update(func(tx kv.Tx) error {
				return errors.Join(tx.Delete(key("id", h.first(), id(first))), tx.Delete(key("in", h.first(), id(first))))
			})
		}, nil, errTest},
		{"rekeyed at once", func(h *home, _, _ string) {
			w, err := h.twin().owner(0)
			if err == nil {
				err = w.Rekey(h.Context(), h.deps, h.first())
			}
			if err != nil {
				h.Error(err)
			}
		}, nil, vault.ErrLocked},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := &brake{DB: memory.New()}
			h := newHome(t, b)
			items := h.put(h.vault(), "first", "second")
			keep := h.deps.Keep
			h.deps.Keep = func(ctx context.Context, change func(secret.Bytes) (secret.Bytes, error)) error {
				return errors.Join(keep(ctx, change), tt.keep)
			}
			b.after = func() { tt.after(h, items[0].ID, items[1].ID) }
			if err := h.rekey(h.account(), nil); !errors.Is(err, tt.want) {
				t.Errorf("Rekey: %v, want %v", err, tt.want)
			}
			set, err := seal.ParseKeySet(h.keys.Reveal())
			if err != nil || set.Vaults[0].KeyVersion != 2 {
				t.Errorf("the session: %v, key version %d", err, set.Vaults[0].KeyVersion)
			}
		})
	}
}

// Purge leaves nothing of an item in the file, its earlier versions included.
func TestPurgeFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "local.db")
	h := newHome(t, bolt.New(path))
	v, tr := h.vault(), trace{}
	h.stock(10)
	it := h.put(v, "gone")[0]
	want := map[string]string{it.ID: "of gone"}
	note := func() {
		tr.note(h, string(key("in", h.first(), id(it.ID))), recordHead)
		tr.note(h, string(key("id", h.first(), id(it.ID))), 2)
	}
	note()
	h.edit(v, want)
	note()
	var refs []vault.Ref
	it, err := v.Item(t.Context(), it.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := v.Commit(t.Context(), vault.Change{Delete: []vault.Ref{{ID: it.ID, Revision: it.Revision}}}); err != nil {
		t.Fatal(err)
	}
	for e, err := range v.(vault.Trasher).Trash(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if refs = append(refs, vault.Ref{ID: e.ID, Revision: e.Revision}); !bytes.HasPrefix([]byte(e.Name), []byte("item")) && e.Name != "gone" {
			t.Errorf("%q is in the trash", e.Name)
		}
	}
	if tr.in(h, path) == 0 {
		t.Fatal("nothing of it is in the file: this is the wrong search")
	}
	if err := v.(vault.Trasher).Purge(t.Context(), refs); err != nil || len(refs) != 4 {
		t.Fatalf("Purge of %d items: %v", len(refs), err)
	}
	if n := tr.in(h, path); n > 0 {
		t.Errorf("%d pieces of the item are in the file", n)
	}
	if err := v.(vault.Trasher).Purge(t.Context(), []vault.Ref{{ID: "nothing"}}); !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("Purge of no item: %v, want ErrNotFound", err)
	}
	h.wantProblems(v)
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	for name, err := range calls(t.Context(), v, it.ID) {
		if !errors.Is(err, vault.ErrLocked) {
			t.Errorf("%s after Close: %v, want ErrLocked", name, err)
		}
	}
	if err := v.(vault.Trasher).Purge(t.Context(), nil); !errors.Is(err, vault.ErrLocked) {
		t.Errorf("Purge after Close: %v, want ErrLocked", err)
	}
}

// A vault whose wrap does not open is damaged, not locked.
func TestNoKey(t *testing.T) {
	t.Parallel()
	h := newHome(t, memory.New())
	keys, err := h.set.Without(h.first()).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	open := func() error {
		a, err := local.Driver().Open(t.Context(), h.deps, keys)
		if err != nil {
			t.Fatal(err)
		}
		_, err = a.Vault(t.Context(), h.first().String())
		return err
	}
	if err := open(); !errors.Is(err, vault.ErrLocked) || errors.Is(err, vault.ErrDamaged) {
		t.Errorf("Vault: %v, want ErrLocked", err)
	}
	h.change(key("m/", h.first(), h.set.User), flip(-64-4-1))
	if err := open(); !errors.Is(err, vault.ErrDamaged) {
		t.Errorf("Vault with a damaged wrap: %v, want ErrDamaged", err)
	}
}
