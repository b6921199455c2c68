package bolt_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/batch"
	"github.com/keyhold/keyhold/internal/kv/bolt"
)

func hold(t testing.TB, path string) *bolt.Held {
	t.Helper()
	h, err := bolt.Hold(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(h.Close(), h.Close()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return h
}

func numbered(tx kv.Tx, n int) error {
	for i := range n {
		if err := tx.Put(fmt.Appendf(nil, "k%06d", i), make([]byte, 400)); err != nil {
			return err
		}
	}
	return nil
}

// What is held is locked, and given back whole.
func TestHold(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	h := hold(t, path)
	if err := h.Update(t.Context(), func(tx kv.Tx) error { return numbered(tx, 100) }); err != nil {
		t.Fatal(err)
	}
	other := bolt.New(path)
	other.SetTimeout(1)
	if err := other.View(t.Context(), func(kv.Tx) error { return nil }); !errors.Is(err, kv.ErrBusy) {
		t.Errorf("View of another one = %v", err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if err := h.View(t.Context(), func(kv.Tx) error { return nil }); err == nil {
		t.Error("View after Close works")
	}
	other = bolt.New(path)
	if err := other.Check(t.Context()); err != nil {
		t.Error(err)
	}
	n := 0
	err := other.View(t.Context(), func(tx kv.Tx) error {
		for range tx.Scan(nil) {
			n++
		}
		return nil
	})
	if err != nil || n != 100 {
		t.Errorf("%d keys, %v", n, err)
	}
}

// A store that is damaged is not served.
func TestHold_damaged(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	if err := bolt.New(path).Update(t.Context(), func(tx kv.Tx) error { return numbered(tx, 2000) }); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := len(b) / 2 &^ 4095; ; at += 4096 { // one leaf in the middle, which nothing reads at first
		if b[at+8] == 2 {
			b[at] ^= 0x40 // the number of the page
			break
		}
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time by its mark
		if _, err := bolt.Hold(t.Context(), path); !errors.Is(err, kv.ErrDamaged) {
			t.Errorf("Hold = %v", err)
		}
	}
}

// A copy is a store of its own with all that was there, whoever makes it.
func TestCopy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "test.db")
	if err := bolt.New(path).Copy(t.Context(), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Copy of nothing = %v", err)
	}
	copyTo := func(name string, db interface {
		Copy(ctx context.Context, w io.Writer) error
	},
	) {
		t.Helper()
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(db.Copy(t.Context(), f), f.Close()); err != nil {
			t.Fatal(err)
		}
		c := bolt.New(filepath.Join(dir, name))
		if err := c.Check(t.Context()); err != nil {
			t.Error(err)
		}
		n := 0
		_ = c.View(t.Context(), func(tx kv.Tx) error {
			for range tx.Scan(nil) {
				n++
			}
			return nil
		})
		if n != 3000 {
			t.Errorf("%s has %d keys", name, n)
		}
	}
	h := hold(t, path)
	if err := h.Update(t.Context(), func(tx kv.Tx) error { return numbered(tx, 3000) }); err != nil {
		t.Fatal(err)
	}
	copyTo("held", h)
	if err := h.Update(t.Context(), func(tx kv.Tx) error { return tx.Delete([]byte("k000001")) }); err != nil { // it is still open
		t.Fatal(err)
	}
	if err := h.Update(t.Context(), func(tx kv.Tx) error { return numbered(tx, 2) }); err != nil {
		t.Fatal(err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	copyTo("closed", bolt.New(path))
}

// Reads and durable writes by 64 at a time: 5,000 and 1,000 a second are wanted
// of a server on two cores.
func BenchmarkHeld(b *testing.B) {
	h := hold(b, filepath.Join(b.TempDir(), "test.db"))
	if err := h.Update(b.Context(), func(tx kv.Tx) error { return numbered(tx, 20000) }); err != nil {
		b.Fatal(err)
	}
	b.Run("View", func(b *testing.B) {
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				_ = h.View(b.Context(), func(tx kv.Tx) error {
					for i := range 6 {
						tx.Get(fmt.Appendf(nil, "k%06d", i*3000))
					}
					return nil
				})
			}
		})
	})
	b.Run("Update", func(b *testing.B) {
		db := batch.New(h)
		b.SetParallelism(32)
		var mu sync.Mutex
		n := 0
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				mu.Lock()
				n += 311
				key := fmt.Appendf(nil, "k%06d", n%20000)
				mu.Unlock()
				if err := db.Update(b.Context(), func(tx kv.Tx) error { return tx.Put(key, make([]byte, 400)) }); err != nil {
					b.Error(err)
				}
			}
		})
	})
}
