package vaultctl_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/batch"
	"github.com/keyhold/keyhold/internal/kv/bolt"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/service/accounts"
	"github.com/keyhold/keyhold/internal/vault"
)

const many = 10_000

// onDisk is a world over loopback with both stores on disk.
func onDisk(b *testing.B, members int) (ann *home, a backend.Account, info backend.Info) {
	b.Helper()
	store, err := bolt.Hold(b.Context(), filepath.Join(b.TempDir(), "server.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = store.Close() })
	w := worldOn(b, batch.New(store), accounts.AccessTime)
	web := httptest.NewServer(w.door)
	b.Cleanup(web.Close)
	at := func(email string, key int) *home {
		h := w.homeOn(b, email, key, bolt.New(filepath.Join(b.TempDir(), "state.db")))
		h.deps.Service.URL, h.deps.HTTP = web.URL, &http.Client{Transport: &http.Transport{}}
		return h
	}
	ann = at("ann@example.com", 0).signup(false)
	a = ann.account()
	info, err = a.(backend.KindCreator).CreateVaultOf(b.Context(), backend.NewVault{Name: "team", Shared: true})
	if err != nil {
		b.Fatal(err)
	}
	v := ann.open(a, "team")
	for at := 0; at < many; at += 1000 {
		c := vault.Change{}
		for i := at; i < at+1000; i++ {
			c.Put = append(c.Put, vault.Put{Item: login(fmt.Sprintf("item %d", i), "a secret of usual length")})
		}
		if _, _, err := v.Commit(b.Context(), c); err != nil {
			b.Fatal(err)
		}
	}
	s := a.(backend.Sharer)
	for i := 1; i < members; i++ {
		email := fmt.Sprintf("member%d@example.com", i)
		at(email, i%2).signup(false)
		r, err := s.Recipient(b.Context(), email)
		if err == nil {
			err = s.Trust(b.Context(), r)
		}
		if err == nil {
			err = s.Share(b.Context(), info.ID, r, "member")
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	return ann, a, info
}

// dropMirror takes the copy of a vault from a machine.
func dropMirror(b *testing.B, h *home, vaultID string) {
	b.Helper()
	id, err := seal.ParseID(vaultID)
	if err != nil {
		b.Fatal(err)
	}
	err = h.state.Update(b.Context(), func(tx kv.Tx) error {
		l, err := h.deps.Device.Login(tx)
		if err != nil {
			return err
		}
		return errors.Join(l.Place().DeleteMark(tx, id), itemdb.DeleteVault(tx, l.Place().Mirror(id)))
	})
	if err != nil {
		b.Fatal(err)
	}
}

// peak reports the most memory that was in use, of client and server together.
func peak(b *testing.B) {
	b.Helper()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.HeapSys+m.StackSys)/(1<<20), "MiB-both")
}

// The first sync of a vault, on a machine that has no copy.
func BenchmarkFirstSync(b *testing.B) {
	ann, _, info := onDisk(b, 1)
	for b.Loop() {
		b.StopTimer()
		dropMirror(b, ann, info.ID)
		a := ann.fresh()
		b.StartTimer()
		if err := a.(backend.Syncer).Sync(b.Context(), info.ID, false); err != nil {
			b.Fatal(err)
		}
	}
	peak(b)
}

// A rekey of a vault with ten members.
func BenchmarkRekey(b *testing.B) {
	ann, _, info := onDisk(b, 10)
	runtime.GC()
	for b.Loop() {
		if err := ann.account().(backend.Rekeyer).Rekey(b.Context(), info.ID, nil); err != nil {
			b.Fatal(err)
		}
	}
	peak(b)
}

// A read of one item from the copy.
func BenchmarkGet(b *testing.B) {
	ann, _, _ := onDisk(b, 1)
	for b.Loop() {
		a := ann.account()
		v := ann.open(a, "team")
		ann.want(v, "item 4711", "a secret of usual length")
		_ = v.Close()
	}
}
