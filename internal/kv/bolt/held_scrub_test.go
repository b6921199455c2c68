package bolt_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/bolt"
)

// TestHeld_scrub: what was deleted is not in the file of a store that is held,
// which goes on as if nothing had been.
func TestHeld_scrub(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	h, err := bolt.Hold(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	value := bytes.Repeat([]byte("canary-4711 "), 2000)
	put := func(name string, v []byte) {
		t.Helper()
		err := h.Update(t.Context(), func(tx kv.Tx) error {
			if v == nil {
				return tx.Delete([]byte(name))
			}
			return tx.Put([]byte(name), v)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	has := func() bool {
		t.Helper()
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Contains(b, []byte("canary-4711"))
	}
	for round := range 3 {
		put("gone", value)
		put(fmt.Sprintf("kept-%d", round), bytes.Repeat([]byte{'k'}, 9000))
		put("gone", nil)
		if !has() {
			t.Fatal("the file never had what is to be overwritten")
		}
		if err := h.Scrub(t.Context()); err != nil {
			t.Fatal(err)
		}
		if has() {
			t.Fatalf("round %d: it is still there", round)
		}
	}
	err = h.Copy(t.Context(), writer(func([]byte) error {
		if err := h.Scrub(t.Context()); !errors.Is(err, kv.ErrBusy) {
			t.Errorf("scrub during a copy: %v", err)
		}
		return nil
	}))
	if err != nil {
		t.Error(err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	db := bolt.New(path)
	if err := db.Check(t.Context()); err != nil {
		t.Error(err)
	}
	err = db.View(context.Background(), func(tx kv.Tx) error {
		for round := range 3 {
			if len(tx.Get([]byte(fmt.Sprintf("kept-%d", round)))) != 9000 {
				t.Errorf("what was put in round %d is not there", round)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

type writer func([]byte) error

func (w writer) Write(b []byte) (int, error) { return len(b), w(b) }
