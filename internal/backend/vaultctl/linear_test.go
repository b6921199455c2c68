package vaultctl_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/batch"
	"github.com/keyhold/keyhold/internal/kv/bolt"
	"github.com/keyhold/keyhold/internal/service/accounts"
	"github.com/keyhold/keyhold/internal/vault"
)

// An appended is one operation on the value of an item: it was old, and then
// word was put behind it. Without a word it was only read.
type appended struct{ item, word string }

// appending is a list of words for each item. A word that is lost, or put behind
// a value that another had replaced, fits nowhere.
var appending = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		of := map[string][]porcupine.Operation{}
		for _, op := range history {
			name := op.Input.(appended).item
			of[name] = append(of[name], op)
		}
		var all [][]porcupine.Operation
		for _, ops := range of {
			all = append(all, ops)
		}
		return all
	},
	Init: func() any { return "0" },
	Step: func(state, input, output any) (bool, any) {
		in := input.(appended)
		if in.word == "" {
			return state == output, state
		}
		return state == output, output.(string) + " " + in.word
	},
}

// held is a store as a server has it.
func held(t *testing.T, path string) (db kv.DB, closeIt func()) {
	t.Helper()
	store, err := bolt.Hold(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return batch.New(store), func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}
}

// crew is ann's team with more members, on a server whose store is on disk.
func crew(t *testing.T, db kv.DB, members int) (team, []*home) {
	t.Helper()
	tm := teamIn(t, worldOn(t, db, accounts.AccessTime), false)
	homes := []*home{tm.ann, tm.bob}
	for i := len(homes); i < members; i++ {
		h := tm.home(t, fmt.Sprintf("member%d@example.com", i), i%2).signup(false)
		tm.join(h, "member")
		homes = append(homes, h)
	}
	return tm, homes
}

// Eight writers on three items while the vault gets ten new keys: every write
// that was acknowledged is there, in an order that all could have seen.
func TestLinearizable(t *testing.T) {
	t.Parallel()
	db, closeIt := held(t, filepath.Join(t.TempDir(), "server.db"))
	t.Cleanup(closeIt)
	tm, homes := crew(t, db, 4)
	const writers, writes, rekeys = 8, 5, 10
	items := []string{"x", "y", "z"}
	for _, name := range items {
		tm.ann.put(tm.ann.open(tm.ann.fresh(), "team"), name, "0")
	}
	var mu sync.Mutex
	var history []porcupine.Operation
	began := time.Now()
	do := func(client int, item, word string, fn func() (string, error)) {
		call := time.Since(began)
		old, err := fn()
		if err != nil {
			t.Errorf("client %d: %v", client, err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		history = append(history, porcupine.Operation{
			ClientId: client, Input: appended{item, word}, Call: call.Nanoseconds(), Output: old, Return: time.Since(began).Nanoseconds(),
		})
	}
	var wg sync.WaitGroup
	for client := range writers {
		h := homes[client%len(homes)]
		v := h.open(h.fresh(), "team")
		wg.Go(func() {
			for i := range writes {
				item := items[rand.N(len(items))]
				word := fmt.Sprintf("%d.%d", client, i)
				do(client, item, word, func() (string, error) { return push(t.Context(), v, item, word) })
			}
		})
	}
	a := tm.ann.account()
	for i := range rekeys {
		for {
			err := a.(backend.Rekeyer).Rekey(t.Context(), tm.id, nil)
			if err == nil {
				break
			}
			if !is[*vault.ConflictError](err) && !errors.Is(err, vault.ErrBusy) {
				t.Fatalf("rekey %d: %v", i, err)
			}
		}
	}
	wg.Wait()
	for client, h := range homes {
		v := h.open(h.fresh(), "team")
		for _, item := range items {
			do(writers+client, item, "", func() (string, error) { return h.passwordOf(v, item) })
		}
	}
	if got := porcupine.CheckOperations(appending, history); !got {
		t.Errorf("the history is not linearizable: %v", history)
	}
	if i := tm.listed(tm.ann, tm.ann.fresh()); i.KeyVersion != 1+rekeys {
		t.Errorf("after %d rekeys the vault is %+v", rekeys, i)
	}
}

// push puts a word behind the value of an item and returns what was there.
func push(ctx context.Context, v vault.Vault, item, word string) (string, error) {
	for {
		it, err := vault.Find(ctx, v, item)
		if err != nil {
			return "", err
		}
		f, _ := it.Field("password")
		old := string(f.Value.Reveal())
		_, _, err = v.Commit(ctx, vault.Change{Put: []vault.Put{edit(it, old+" "+word)}})
		if !is[*vault.ConflictError](err) {
			return old, err
		}
	}
}

// TestModel shows that the check can fail: a lost write is not linearizable.
func TestModel(t *testing.T) {
	t.Parallel()
	op := func(word, old string, call, back int64) porcupine.Operation {
		return porcupine.Operation{Input: appended{"x", word}, Output: old, Call: call, Return: back}
	}
	if !porcupine.CheckOperations(appending, []porcupine.Operation{op("a", "0", 1, 4), op("b", "0 a", 2, 3), op("", "0 a b", 5, 6)}) {
		t.Error("what happened one after the other is refused")
	}
	if porcupine.CheckOperations(appending, []porcupine.Operation{op("a", "0", 1, 4), op("b", "0", 2, 3), op("", "0 b", 5, 6)}) {
		t.Error("a lost write is let through")
	}
}

// A rekey is ended before or after any of its requests, as if the client were
// killed: then the vault is on the old key or on the new one, and everything
// opens for everybody.
func TestRekeyEnded(t *testing.T) {
	t.Parallel()
	tm := newTeam(t, false)
	v := tm.ann.open(tm.ann.fresh(), "team")
	gone := tm.ann.put(v, "gone", "trash")
	if _, _, err := v.Commit(t.Context(), vault.Change{Delete: []vault.Ref{{ID: gone.ID, Revision: gone.Revision}}}); err != nil {
		t.Fatal(err)
	}
	before, after := 0, 0
	version := tm.listed(tm.ann, tm.ann.fresh()).KeyVersion
	for round := range 50 {
		ctx, cancel := context.WithCancel(t.Context())
		n := rand.N(12)
		arrives := round%2 == 0
		tm.lying(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if n--; n >= 0 {
				next.ServeHTTP(w, r)
				return
			}
			cancel()
			if n == -1 && arrives {
				next.ServeHTTP(w, r)
			}
			panic("the client is gone")
		})
		err := tm.ann.account().(backend.Rekeyer).Rekey(ctx, tm.id, nil)
		cancel()
		tm.lying(nil)
		now := tm.listed(tm.ann, tm.ann.fresh()).KeyVersion
		switch {
		case now == version && err == nil, now > version+1:
			t.Fatalf("round %d: key version %d after %d, error %v", round, now, version, err)
		case now == version:
			before++
		default:
			after++
		}
		version = now
		for _, h := range []*home{tm.ann, tm.bob} {
			tm.whole(h)
		}
	}
	t.Logf("%d on the old key, %d on the new one", before, after)
	if before == 0 || after == 0 {
		t.Errorf("%d rekeys were ended before and %d after they were done", before, after)
	}
}

// whole wants every item of the team to open for somebody, the trash too.
func (tm team) whole(h *home) {
	tm.Helper()
	v := h.open(h.fresh(), "team")
	h.want(v, "db", "hunter2")
	h.want(v, "mail", "letmein")
	if problems, err := v.(vault.Checker).Check(tm.Context(), nil); err != nil || len(problems) > 0 {
		tm.Errorf("Check = %v, %v", problems, err)
	}
	n := 0
	for e, err := range v.(vault.Trasher).Trash(tm.Context()) {
		if err != nil || e.Name != "gone" {
			tm.Errorf("the trash has %+v, %v", e, err)
		}
		n++
	}
	if n != 1 {
		tm.Errorf("the trash has %d items", n)
	}
}

// A fragile store fails at a random write of a transaction, as if the disk did.
type fragile struct {
	kv.DB

	mu   sync.Mutex
	left int // writes until it fails; negative: it does not
}

var errFragile = errors.New("the disk is gone")

func (f *fragile) Update(ctx context.Context, fn func(kv.Tx) error) error {
	return f.DB.Update(ctx, func(tx kv.Tx) error { return fn(fragileTx{tx, f}) })
}

type fragileTx struct {
	kv.Tx
	f *fragile
}

func (tx fragileTx) Put(k, v []byte) error {
	tx.f.mu.Lock()
	defer tx.f.mu.Unlock()
	if tx.f.left == 0 {
		return errFragile
	}
	tx.f.left--
	return tx.Tx.Put(k, v)
}

// The store fails in the middle of a rekey's transaction and is opened anew:
// nothing of the rekey is there.
func TestRekeyTorn(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "server.db")
	db, closeIt := held(t, path)
	f := &fragile{DB: db, left: -1}
	tm, homes := crew(t, f, 2)
	v := tm.ann.open(tm.ann.fresh(), "team")
	gone := tm.ann.put(v, "gone", "trash")
	if _, _, err := v.Commit(t.Context(), vault.Change{Delete: []vault.Ref{{ID: gone.ID, Revision: gone.Revision}}}); err != nil {
		t.Fatal(err)
	}
	torn := 0
	for round := range 20 {
		a := tm.ann.account()
		version := tm.listed(tm.ann, a).KeyVersion
		at := dump(t, db)
		tm.lying(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if strings.HasSuffix(r.URL.Path, "/rekey") {
				f.mu.Lock()
				f.left = rand.N(12)
				f.mu.Unlock()
			}
			next.ServeHTTP(w, r)
			f.mu.Lock()
			f.left = -1
			f.mu.Unlock()
		})
		err := a.(backend.Rekeyer).Rekey(t.Context(), tm.id, nil)
		tm.lying(nil)
		closeIt()
		if db, closeIt = held(t, path); err != nil {
			torn++
			if now := dump(t, db); !slices.Equal(sortedRecords(at), sortedRecords(now)) {
				t.Fatalf("round %d: something of a rekey that failed is there: %v", round, err)
			}
		}
		f.DB = db
		if now := tm.listed(tm.ann, tm.ann.fresh()).KeyVersion; err == nil && now != version+1 || err != nil && now != version {
			t.Fatalf("round %d: key version %d after %d, error %v", round, now, version, err)
		}
		for _, h := range homes {
			tm.whole(h)
		}
	}
	closeIt()
	if torn == 0 {
		t.Error("no rekey was torn")
	}
}

func sortedRecords(m map[string]string) []string {
	var all []string
	for k, v := range m {
		all = append(all, k+"\x00"+v)
	}
	slices.Sort(all)
	return all
}
