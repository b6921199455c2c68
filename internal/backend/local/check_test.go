package local_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	mrand "math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/backend/local"
	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/bolt"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/service/vaults"
	"github.com/keyhold/keyhold/internal/vault"
)

func (h *home) drop(k []byte) {
	h.Helper()
	h.update(func(tx kv.Tx) error { return tx.Delete(k) })
}

func TestCheck(t *testing.T) {
	t.Parallel()
	// Each problem as "item: what"; ? stands for the id of the item.
	tests := []struct {
		name   string
		damage func(h *home, item seal.ID)
		want   []string
	}{
		{"nothing", func(*home, seal.ID) {}, nil},
		{"data", func(h *home, item seal.ID) { h.change(key("id", h.first(), item), flip(-1)) }, []string{"?: its data does not open"}},
		{"data that is not JSON", func(h *home, item seal.ID) {
			b, err := h.sealer().SealData(h.deps.Rand, item, secret.Of([]byte("{")))
			if err != nil {
				h.Fatal(err)
			}
			h.change(key("id", h.first(), item), func([]byte) []byte { return b })
		}, []string{"?: its data does not open"}},
		{"no data", func(h *home, item seal.ID) { h.drop(key("id", h.first(), item)) }, []string{"?: its data is missing"}},
		{"name", func(h *home, item seal.ID) { h.change(key("in", h.first(), item), flip(-1)) }, []string{"?: its name does not open"}},
		{"name and data", func(h *home, item seal.ID) {
			h.change(key("in", h.first(), item), flip(-1))
			h.change(key("id", h.first(), item), flip(-1))
		}, []string{"?: its name does not open; its data does not open"}},
		{"record", func(h *home, item seal.ID) { h.change(key("in", h.first(), item), flip(0)) }, []string{"?: its record is damaged"}},
		{"no record", func(h *home, item seal.ID) { h.drop(key("in", h.first(), item)) }, []string{"?: its record is missing; the index has it under a wrong name"}},
		{"index alone", func(h *home, item seal.ID) {
			h.drop(key("in", h.first(), item))
			h.drop(key("id", h.first(), item))
		}, []string{"?: the index has it under a wrong name"}},
		{"index of another name", func(h *home, item seal.ID) {
			h.rewrite(item, func(r *itemdb.Record) { r.Index = [32]byte{1} })
		}, []string{"?: the index has it under a wrong name"}},
		{"no index in the record", func(h *home, item seal.ID) {
			h.rewrite(item, func(r *itemdb.Record) { r.Index = [32]byte{} })
		}, []string{"?: the index has it under a wrong name"}},
		{"no index", func(h *home, item seal.ID) {
			index := h.sealer().NameIndex("bad")
			h.drop(append(key("ix", h.first()), append(index[:], item[:]...)...))
		}, []string{"?: the index lacks it"}},
		{"unknown key", func(h *home, item seal.ID) {
			h.update(func(tx kv.Tx) error { return tx.Put(append(key("id", h.first(), item), 'x'), nil) })
		}, []string{": a key has an unknown form"}},
		{"account", func(h *home, _ seal.ID) { h.change(h.accountKey(), flip(0)) }, []string{": account USER: the account record is damaged"}},
		{"no account", func(h *home, _ seal.ID) { h.drop(h.accountKey()) }, []string{": no such account"}},
		{"identity", func(h *home, _ seal.ID) { h.change(h.accountKey(), flip(1+8+4+12+4+16)) }, []string{": the account has another identity key than this session"}},
		{"vault", func(h *home, _ seal.ID) { h.change(key("v/", h.first()), flip(0)) }, []string{": vault VAULT: a record of the store is damaged"}},
		{"no vault", func(h *home, _ seal.ID) {
			h.drop(key("v/", h.first()))
			h.drop(key("u/", h.set.User, h.first()))
		}, []string{": vault VAULT: not found"}},
		{"vault not listed", func(h *home, _ seal.ID) { h.drop(key("u/", h.set.User, h.first())) }, []string{": the list of vaults lacks the vault"}},
		{"membership", func(h *home, _ seal.ID) { h.change(key("m/", h.first(), h.set.User), flip(0)) }, []string{": member of vault VAULT: a record of the store is damaged"}},
		{"key version", func(h *home, _ seal.ID) {
			h.change(key("v/", h.first()), flip(1+4+len("personal")+4+len("personal")+6))
		}, []string{": the key of the vault: it was made for another vault, key version or user: sealed value is damaged or forged"}},
		{"signature", func(h *home, _ seal.ID) { h.change(key("m/", h.first(), h.set.User), flip(-1)) }, []string{": the key of the vault: sealed value is damaged or forged: the signature is not valid"}},
		{"another key", func(h *home, _ seal.ID) { h.forge() }, []string{": the vault has another key than this session"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHome(t, memory.New())
			v := h.vault()
			items := h.put(v, "good", "bad", "gone")
			if _, _, err := v.Commit(t.Context(), vault.Change{Delete: []vault.Ref{{ID: items[2].ID, Revision: items[2].Revision}}}); err != nil {
				t.Fatal(err)
			}
			tt.damage(h, id(items[1].ID))
			before := h.dump()
			var want []string
			for _, w := range tt.want {
				want = append(want, strings.NewReplacer("?", items[1].ID, "VAULT", h.first().String(), "USER", h.set.User.String()).Replace(w))
			}
			h.wantProblems(v, want...)
			if diff := cmp.Diff(before, h.dump()); diff != "" {
				t.Errorf("the store changed: %s", diff)
			}
		})
	}
}

// forge puts the wrap of another key of the same version in place of the vault's.
func (h *home) forge() {
	h.Helper()
	k, err := seal.MakeVaultKey(h.deps.Rand)
	if err != nil {
		h.Fatal(err)
	}
	w, err := h.stretched.Wrap(seal.Header{KeyVersion: 1, Vault: h.first(), Recipient: h.set.User, Sender: h.set.User}, k)
	if err != nil {
		h.Fatal(err)
	}
	sig, err := h.set.Identity.Sign(w.Marshal())
	if err != nil {
		h.Fatal(err)
	}
	h.update(func(tx kv.Tx) error { return vaults.Rewrap(tx, h.set.User, h.first(), 1, w.Marshal(), sig) })
}

func TestCheckProgress(t *testing.T) {
	t.Parallel()
	h := newHome(t, memory.New())
	h.stock(450)
	calls := 0
	found, err := h.vault().(vault.Checker).Check(t.Context(), func(done, total int) {
		if done != calls || total != 450 {
			t.Errorf("%d of %d is done, want %d of 450", done, total, calls)
		}
		calls++
		// The store is free.
		h.update(func(tx kv.Tx) error { return tx.Put([]byte("x"), nil) })
	})
	if err != nil || found != nil || calls != 451 {
		t.Errorf("Check = %v, %v after %d steps", found, err, calls)
	}
}

func TestCheckDeletedVault(t *testing.T) {
	t.Parallel()
	h := newHome(t, memory.New())
	v := h.vault()
	h.put(v, "a")
	h.update(func(tx kv.Tx) error { return vaults.Delete(tx, h.set.User, h.first()) })
	if found, err := v.(vault.Checker).Check(t.Context(), nil); !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("Check = %v, %v, want ErrNotFound", found, err)
	}
}

// A torn store cannot read what mean says it cannot.
type torn struct {
	kv.DB

	check error
	mean  func(key []byte) bool
}

func (d *torn) Check(context.Context) error { return d.check }

func (d *torn) View(ctx context.Context, fn func(kv.Tx) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = p.(error)
		}
	}()
	return d.DB.View(ctx, func(tx kv.Tx) error { return fn(tornTx{tx, d}) })
}

type tornTx struct {
	kv.Tx

	d *torn
}

func (tx tornTx) Get(k []byte) []byte {
	if tx.d.mean != nil && tx.d.mean(k) {
		panic(fmt.Errorf("page 7: %w", kv.ErrDamaged))
	}
	return tx.Tx.Get(k)
}

func (tx tornTx) Scan(prefix []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(k, v []byte) bool) {
		for k, v := range tx.Tx.Scan(prefix) {
			if tx.d.mean != nil && tx.d.mean(k) {
				panic(fmt.Errorf("page 7: %w", kv.ErrDamaged))
			}
			if !yield(k, v) {
				return
			}
		}
	}
}

// Pages that cannot be read hide nothing else.
func TestCheckTorn(t *testing.T) {
	t.Parallel()
	const pages = ": page 7: the store is damaged"
	tests := []struct {
		name string
		mean func(h *home, item seal.ID) func(key []byte) bool
		want []string
	}{
		{"record", func(h *home, item seal.ID) func([]byte) bool {
			return func(k []byte) bool { return bytes.Equal(k, key("in", h.first(), item)) }
		}, []string{pages, ": the items cannot all be read", "?: its record cannot be read"}},
		{"data", func(h *home, item seal.ID) func([]byte) bool {
			return func(k []byte) bool { return bytes.Equal(k, key("id", h.first(), item)) }
		}, []string{pages, ": the items cannot all be read", "?: its data cannot be read"}},
		{"whole item", func(h *home, item seal.ID) func([]byte) bool {
			return func(k []byte) bool { return bytes.HasSuffix(k, item[:]) && bytes.HasPrefix(k, key("i")) && k[1] != 'x' }
		}, []string{pages, ": the items cannot all be read", "?: its record cannot be read; its data cannot be read"}},
		{"index", func(h *home, item seal.ID) func([]byte) bool {
			return func(k []byte) bool { return bytes.HasPrefix(k, key("ix", h.first())) }
		}, []string{pages, ": the items cannot all be read"}},
		{"account", func(h *home, _ seal.ID) func([]byte) bool {
			return func(k []byte) bool { return bytes.HasPrefix(k, []byte("a/")) }
		}, []string{pages, ": the account cannot be read"}},
		{"vault", func(h *home, _ seal.ID) func([]byte) bool {
			return func(k []byte) bool { return bytes.HasPrefix(k, []byte("v/")) }
		}, []string{pages, ": the vault cannot be read"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := &torn{DB: memory.New()}
			h := newHome(t, d)
			h.stock(300)
			bad := h.put(h.vault(), "bad")[0].ID
			d.check, d.mean = fmt.Errorf("page 7: %w", kv.ErrDamaged), tt.mean(h, id(bad))
			var want []string
			for _, w := range tt.want {
				want = append(want, strings.ReplaceAll(w, "?", bad))
			}
			h.wantProblems(h.vault(), want...)
		})
	}
	t.Run("index alone", func(t *testing.T) {
		t.Parallel()
		d := &torn{DB: memory.New()}
		h := newHome(t, d)
		items := h.put(h.vault(), "good", "bad")
		h.drop(key("in", h.first(), id(items[1].ID)))
		h.drop(key("id", h.first(), id(items[1].ID)))
		fault := true
		d.mean = func(k []byte) bool { // only the first look at the layout
			torn := fault && bytes.HasPrefix(k, key("ix", h.first()))
			fault = fault && !torn
			return torn
		}
		h.wantProblems(h.vault(), ": the items cannot all be read", items[1].ID+": the index has it under a wrong name")
	})
}

// What is behind the damage is found, even if only one part of the store knows it.
func TestCheckBehindDamage(t *testing.T) {
	t.Parallel()
	d := &torn{DB: memory.New()}
	h := newHome(t, d)
	v := h.vault()
	var c vault.Change
	ids := []string{"00000000-0000-4000-8000-000000000001", "ffffffff-0000-4000-8000-000000000002"}
	for _, id := range ids {
		c.Put = append(c.Put, vault.Put{Item: vault.Item{ID: id, Type: "login", Name: "item"}})
	}
	if _, _, err := v.Commit(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	index := h.sealer().NameIndex("item")
	behind := id(ids[1])
	h.drop(key("in", h.first(), behind))
	h.drop(append(key("ix", h.first()), append(index[:], behind[:]...)...))
	d.mean = func(k []byte) bool { return bytes.Equal(k, key("id", h.first(), id(ids[0]))) }
	h.wantProblems(v, ": the items cannot all be read", ids[0]+": its data cannot be read", ids[1]+": its record is missing")
}

// A vault that is rekeyed during a check is locked, not damaged.
func TestCheckRekeyed(t *testing.T) {
	t.Parallel()
	h := newHome(t, memory.New())
	h.stock(local.Batch + 1)
	found, err := h.vault().(vault.Checker).Check(t.Context(), func(done, _ int) {
		if done != local.Batch {
			return
		}
		w, err := h.twin().owner(0)
		if err == nil {
			err = w.Rekey(t.Context(), h.deps, h.first())
		}
		if err != nil {
			t.Error(err)
		}
	})
	if !errors.Is(err, vault.ErrLocked) || found != nil {
		t.Errorf("Check = %v, %v, want ErrLocked", found, err)
	}
}

// A store that is in use is no finding.
func TestCheckFails(t *testing.T) {
	t.Parallel()
	h := newHome(t, memory.New())
	h.deps.Store = &torn{DB: h.db, check: kv.ErrBusy}
	if found, err := h.vault().(vault.Checker).Check(t.Context(), nil); !errors.Is(err, vault.ErrBusy) {
		t.Errorf("Check = %v, %v, want ErrBusy", found, err)
	}
	h.stock(2)
	for n := range 20 { // each View in turn
		d := &failing{DB: h.db, left: n}
		h.deps.Store = d
		found, err := h.vault().(vault.Checker).Check(t.Context(), nil)
		if d.left < 0 && !errors.Is(err, vault.ErrBusy) || d.left >= 0 && (err != nil || found != nil) {
			t.Errorf("Check with %d Views = %v, %v", n, found, err)
		}
	}
}

// A failing store has only so many Views left.
type failing struct {
	kv.DB

	left int
}

func (d *failing) View(ctx context.Context, fn func(kv.Tx) error) error {
	if d.left--; d.left < 0 {
		return kv.ErrBusy
	}
	return d.DB.View(ctx, fn)
}

// Bits of the store are flipped at random: what opens is right, and what does
// not open and is still known to some part is listed.
func TestCheckFlipped(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "local.db")
	h := newHome(t, bolt.New(path))
	want := h.stock(60)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	runs, clean, listed := 200, 0, 0
	if testing.Short() {
		runs = 40
	}
	for run := range runs {
		file := bytes.Clone(whole)
		var at []int
		for range 1 + run%3 {
			n := mrand.N(len(file))
			file[n] ^= 1 << mrand.N(8)
			at = append(at, n)
		}
		path := filepath.Join(dir, fmt.Sprint(run))
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		h.db = bolt.New(path)
		h.deps.Store = h.db
		v := h.vault()
		problems, err := v.(vault.Checker).Check(t.Context(), nil)
		if err != nil {
			t.Fatalf("bits flipped at %d: Check: %v", at, err)
		}
		if len(problems) == 0 {
			clean++
		}
		found := map[string]int{}
		for _, p := range problems {
			found[p.ID]++
		}
		known := h.known()
		for item, password := range want {
			it, err := v.Item(t.Context(), item)
			f, _ := it.Field("password")
			switch {
			case err == nil && string(f.Value.Reveal()) != password:
				t.Fatalf("bits flipped at %d: item %s has a wrong password", at, item)
			case found[item] > 1:
				t.Errorf("bits flipped at %d: item %s is listed %d times", at, item, found[item])
			case err != nil && found[item] == 0 && known[item]:
				t.Errorf("bits flipped at %d: item %s is not listed: %v", at, item, err)
			}
			listed += found[item]
		}
	}
	t.Logf("%d of %d runs found nothing, in the others %d items were listed", clean, runs, listed)
}

// known returns the items that some part of the store knows.
func (h *home) known() map[string]bool {
	ids := map[string]bool{}
	for _, part := range itemdb.Parts() {
		for b := range 256 {
			_ = h.db.View(h.Context(), func(tx kv.Tx) error {
				for id := range itemdb.Known(tx, itemdb.ID(h.first()), part, byte(b)) {
					ids[seal.ID(id).String()] = true
				}
				return nil
			})
		}
	}
	return ids
}
