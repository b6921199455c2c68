package local_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	mrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/backend/local"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/bolt"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/service/accounts"
	"github.com/keyhold/keyhold/internal/service/vaults"
	"github.com/keyhold/keyhold/internal/vault"
)

// TestMain is also the main function of the processes that the tests kill:
// their arguments are "helper", what to do, and the store.
func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Arg(0) != "helper" {
		m.Run()
		return
	}
	if err := helper(flag.Arg(1), flag.Arg(2)); err != nil {
		panic(err)
	}
}

// A twin is an account under each of two master passwords. Their stretched keys
// stand for them, since to derive them takes longer than what is tested.
type twin struct {
	Accounts  [2]accounts.Account
	Stretched [2][]byte
	Vault     seal.ID // that is rekeyed
}

func (w twin) owner(i int) (local.Owner, error) {
	k, err := seal.NewStretchedKey(bytes.Clone(w.Stretched[i]))
	if err != nil {
		return local.Owner{}, err
	}
	return local.NewOwner(w.Accounts[i], k)
}

// twin makes a second password for the account of h.
func (h *home) twin() twin {
	h.Helper()
	acc := h.stored()
	w := twin{Accounts: [2]accounts.Account{acc, acc}, Vault: h.first()}
	w.Stretched[0] = bytes.Clone(h.stretched.Reveal())
	w.Stretched[1] = make([]byte, seal.KeySize)
	_, _ = rand.Read(w.Stretched[1])
	k, err := seal.NewStretchedKey(bytes.Clone(w.Stretched[1]))
	if err != nil {
		h.Fatal(err)
	}
	if w.Accounts[1].Salt, err = seal.MakeSalt(rand.Reader); err != nil {
		h.Fatal(err)
	}
	if w.Accounts[1].SealedIdentity, err = k.SealIdentity(rand.Reader, h.set.Identity); err != nil {
		h.Fatal(err)
	}
	return w
}

// stored is the account as the store has it.
func (h *home) stored() (acc accounts.Account) {
	h.Helper()
	err := h.db.View(h.Context(), func(tx kv.Tx) (err error) {
		acc, err = accounts.Get(tx, h.set.User)
		return err
	})
	if err != nil {
		h.Fatal(err)
	}
	return acc
}

// helper changes the password or the key of a vault for ever and prints a line
// after each time.
func helper(what, path string) error {
	var w twin
	if err := json.NewDecoder(os.Stdin).Decode(&w); err != nil {
		return err
	}
	ctx, db := context.Background(), bolt.New(path)
	d := deps(db, at)
	var owners [2]local.Owner
	now := 0
	for i := range owners {
		var err error
		if owners[i], err = w.owner(i); err != nil {
			return err
		}
	}
	err := db.View(ctx, func(tx kv.Tx) error {
		acc, err := accounts.Get(tx, w.Accounts[0].ID)
		if bytes.Equal(acc.Salt, w.Accounts[1].Salt) {
			now = 1
		}
		return err
	})
	for err == nil {
		switch what {
		case "passwd":
			err = owners[now].ReplaceBy(ctx, db, owners[1-now])
			now = 1 - now
		case "rekey":
			err = owners[now].Rekey(ctx, d, w.Vault)
		default:
			err = errors.New("no such helper")
		}
		if err == nil {
			err = db.Scrub(ctx)
		}
		if err == nil {
			_, err = fmt.Fprintln(os.Stdout, "done")
		}
	}
	return err
}

// killed runs a helper until a random moment after it has done its work once.
func (h *home) killed(what, path string, w twin) {
	h.Helper()
	exe, err := os.Executable()
	if err != nil {
		h.Fatal(err)
	}
	in, err := json.Marshal(w)
	if err != nil {
		h.Fatal(err)
	}
	cmd := exec.Command(exe, "helper", what, path)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), h.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		h.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		h.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		h.Fatal("the helper stopped")
	}
	<-time.After(mrand.N(60 * time.Millisecond))
	_ = cmd.Process.Kill()
	for lines.Scan() { // until it is dead
	}
	_ = cmd.Wait()
}

// opens returns which of the two passwords open the account, all vaults and
// everything in them.
func (h *home) opens(w twin, want map[string]string) (which []int) {
	h.Helper()
	for i, stretched := range w.Stretched {
		k, err := seal.NewStretchedKey(bytes.Clone(stretched))
		if err != nil {
			h.Fatal(err)
		}
		var list []vaults.Vault
		_ = h.db.View(h.Context(), func(tx kv.Tx) error { list = vaults.List(tx, h.set.User); return nil })
		o, err := local.NewOwner(h.stored(), k)
		if errors.Is(err, vault.ErrWrongPassword) {
			continue
		}
		if err != nil {
			h.Fatal(err)
		}
		set, err := o.KeySet(list)
		if err != nil {
			h.Fatalf("password %d opens the account, but not every vault: %v", i, err)
		}
		if h.keys, err = set.Marshal(); err != nil {
			h.Fatal(err)
		}
		h.wantItems(want)
		which = append(which, i)
	}
	return which
}

// wantItems wants every vault of the session to pass Check and the items to
// have these passwords, by id.
func (h *home) wantItems(want map[string]string) {
	h.Helper()
	a, got := h.account(), map[string]string{}
	for _, info := range h.infos(a) {
		v, err := a.Vault(h.Context(), info.ID)
		if err != nil || !info.Open {
			h.Fatalf("the vault %q: %v", info.Name, err)
		}
		h.wantProblems(v)
		for id := range want {
			if it, err := v.Item(h.Context(), id); err == nil {
				f, _ := it.Field("password")
				got[id] = string(f.Value.Reveal())
			}
		}
	}
	for id, password := range want {
		if got[id] != password {
			h.Fatalf("item %s has the password %q, want %q", id, got[id], password)
		}
	}
}

// wantProblems wants Check to find these, as "id: what".
func (h *home) wantProblems(v vault.Vault, want ...string) {
	h.Helper()
	found, err := v.(vault.Checker).Check(h.Context(), nil)
	if err != nil {
		h.Fatalf("Check: %v", err)
	}
	var got []string
	for _, p := range found {
		got = append(got, p.ID+": "+p.What)
	}
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		h.Errorf("Check found\n%q, want\n%q", got, want)
	}
}

// stock puts items into the first vault, some of them into the trash, and
// returns the passwords of all by id.
func (h *home) stock(n int) map[string]string {
	h.Helper()
	v, want := h.vault(), map[string]string{}
	var names []string
	for i := range n {
		names = append(names, fmt.Sprint("item ", i))
	}
	var c vault.Change
	for i, it := range h.put(v, names...) {
		want[it.ID] = "of " + it.Name
		if i%4 == 0 {
			c.Delete = append(c.Delete, vault.Ref{ID: it.ID, Revision: it.Revision})
		}
	}
	if _, _, err := v.Commit(h.Context(), c); err != nil {
		h.Fatal(err)
	}
	return want
}

func (h *home) runs() int {
	if testing.Short() {
		return 10
	}
	return 50
}

// However a change of the password is killed, one password opens everything
// and the other nothing.
func TestKilledPassword(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "local.db")
	h := newHome(t, bolt.New(path))
	want := h.stock(30)
	if _, err := h.account().(backend.Creator).CreateVault(t.Context(), "second"); err != nil {
		t.Fatal(err)
	}
	w, seen := h.twin(), map[int]int{}
	for range h.runs() {
		h.killed("passwd", path, w)
		which := h.opens(w, want)
		if len(which) != 1 {
			t.Fatalf("these passwords open it: %v", which)
		}
		seen[which[0]]++
	}
	t.Logf("opened by the first and the second password: %v", seen)
}

// However a change of the key is killed, the vault has one key.
func TestKilledRekey(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "local.db")
	h := newHome(t, bolt.New(path))
	want := h.stock(30)
	w := h.twin()
	version := uint64(1)
	for range h.runs() {
		h.killed("rekey", path, w)
		if which := h.opens(w, want); len(which) != 1 || which[0] != 0 {
			t.Fatalf("these passwords open it: %v", which)
		}
		now := h.infos(h.account())[0].KeyVersion
		if now <= version {
			t.Errorf("the key version went from %d to %d", version, now)
		}
		version = now
	}
	t.Logf("key version %d", version)
}
