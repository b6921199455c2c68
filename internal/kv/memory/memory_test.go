package memory_test

import (
	"context"
	"errors"
	"testing"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/kvtest"
	"github.com/keyhold/keyhold/internal/kv/memory"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	kvtest.Run(t, func(*testing.T) kv.DB { return memory.New() })
}

// A View keeps what it saw, and an Update that waits can be called off.
func TestSnapshot(t *testing.T) {
	t.Parallel()
	db := memory.New()
	put := func(tx kv.Tx) error { return tx.Put([]byte("a"), []byte("1")) }
	err := db.View(t.Context(), func(tx kv.Tx) error {
		if err := db.Update(t.Context(), put); err != nil {
			return err
		}
		if v := tx.Get([]byte("a")); v != nil {
			t.Errorf("the View sees %q, which came later", v)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(t.Context(), func(kv.Tx) error {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- db.Update(ctx, put) }()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("an Update that waits = %v, want Canceled", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
