package batch_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/batch"
	"github.com/keyhold/keyhold/internal/kv/bolt"
	"github.com/keyhold/keyhold/internal/kv/kvtest"
	"github.com/keyhold/keyhold/internal/kv/memory"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		kvtest.Run(t, func(*testing.T) kv.DB { return batch.New(memory.New()) })
	})
	t.Run("bolt", func(t *testing.T) {
		t.Parallel()
		kvtest.Run(t, func(t *testing.T) kv.DB { return batch.New(bolt.New(filepath.Join(t.TempDir(), "test.db"))) })
	})
}

// A slow DB holds its first Update until the gate opens, and counts all.
type slow struct {
	kv.DB

	entered chan struct{}
	gate    chan struct{}
	updates atomic.Int32
}

func (s *slow) Update(ctx context.Context, fn func(kv.Tx) error) error {
	if s.updates.Add(1) == 1 {
		close(s.entered)
		<-s.gate
	}
	return s.DB.Update(ctx, fn)
}

// together runs fns as one batch: behind an update that waits until all of them
// are in the queue. It returns what became of each, and how many transactions
// there were besides the first.
func together(t *testing.T, db kv.DB, fns ...func(context.Context, *batch.DB) error) ([]error, int) {
	t.Helper()
	s := &slow{DB: db, entered: make(chan struct{}), gate: make(chan struct{})}
	b := batch.New(s)
	var wg sync.WaitGroup
	wg.Go(func() { _ = b.Update(t.Context(), func(kv.Tx) error { return nil }) })
	<-s.entered
	errs := make([]error, len(fns))
	for i, fn := range fns {
		before := b.Waiting()
		wg.Go(func() { errs[i] = fn(t.Context(), b) })
		for b.Waiting() == before {
			continue
		}
	}
	close(s.gate)
	wg.Wait()
	return errs, int(s.updates.Load()) - 1
}

func set(pairs ...string) func(context.Context, *batch.DB) error {
	return func(ctx context.Context, b *batch.DB) error { return b.Update(ctx, putAll(nil, pairs...)) }
}

func putAll(then error, pairs ...string) func(kv.Tx) error {
	return func(tx kv.Tx) error {
		for i := 0; i < len(pairs); i += 2 {
			if err := tx.Put([]byte(pairs[i]), []byte(pairs[i+1])); err != nil {
				return err
			}
		}
		return then
	}
}

func dump(t *testing.T, db kv.DB) (out []string) {
	t.Helper()
	err := db.View(t.Context(), func(tx kv.Tx) error {
		for k, v := range tx.Scan(nil) {
			out = append(out, string(k)+"="+string(v))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var errNo = errors.New("no")

// What fails leaves nothing behind and takes nothing with it.
func TestTogether(t *testing.T) {
	t.Parallel()
	db := memory.New()
	if err := db.Update(t.Context(), putAll(nil, "old", "1", "gone", "1")); err != nil {
		t.Fatal(err)
	}
	errs, n := together(t, db, set("a", "1"), func(ctx context.Context, b *batch.DB) error {
		return b.Update(ctx, func(tx kv.Tx) error {
			return errors.Join(putAll(nil, "a", "2", "b", "2", "old", "2", "old", "3")(tx), tx.Delete([]byte("gone")), tx.Delete([]byte("never")),
				putAll(errNo, "gone", "2")(tx))
		})
	}, set("c", "3"), set("", "no key"))
	if errs[0] != nil || !errors.Is(errs[1], errNo) || errs[2] != nil || !errors.Is(errs[3], kv.ErrKey) {
		t.Errorf("errors: %v", errs)
	}
	if n != 1 {
		t.Errorf("%d transactions", n)
	}
	if d := cmp.Diff([]string{"a=1", "c=3", "gone=1", "old=1"}, dump(t, db)); d != "" {
		t.Error(d)
	}
}

func TestTogether_panic(t *testing.T) {
	t.Parallel()
	db := memory.New()
	errs, n := together(t, db, set("a", "1"), func(ctx context.Context, b *batch.DB) (err error) {
		defer func() { err = fmt.Errorf("it panicked: %v", recover()) }()
		return b.Update(ctx, func(tx kv.Tx) error {
			_ = tx.Put([]byte("a"), []byte("2"))
			panic("a bug")
		})
	}, set("c", "3"))
	if errs[0] != nil || errs[1] == nil || errs[1].Error() != "it panicked: a bug" || errs[2] != nil || n != 2 {
		t.Errorf("errors: %v, %d transactions", errs, n)
	}
	if d := cmp.Diff([]string{"a=1", "c=3"}, dump(t, db)); d != "" {
		t.Error(d)
	}
}

// Who gives up before his turn has changed nothing and need not wait for it.
func TestUpdate_withdrawn(t *testing.T) {
	t.Parallel()
	s := &slow{DB: memory.New(), entered: make(chan struct{}), gate: make(chan struct{})}
	b := batch.New(s)
	var wg sync.WaitGroup
	wg.Go(func() { _ = b.Update(t.Context(), putAll(nil, "a", "1")) })
	<-s.entered
	ctx, cancel := context.WithCancel(t.Context())
	wg.Go(func() {
		for b.Waiting() == 0 {
			continue
		}
		cancel()
	})
	if err := b.Update(ctx, putAll(nil, "b", "1")); !errors.Is(err, context.Canceled) { // the gate is still closed
		t.Errorf("Update = %v", err)
	}
	close(s.gate)
	wg.Wait()
	if d := cmp.Diff([]string{"a=1"}, dump(t, s.DB)); d != "" {
		t.Error(d)
	}
}

// An error of the transaction itself, such as damage that one of them met, is
// for that one alone.
func TestTogether_oneByOne(t *testing.T) {
	t.Parallel()
	db := &picky{DB: memory.New()}
	errs, n := together(t, db, set("a", "1"), set("bad", "1"), set("c", "1"))
	if errs[0] != nil || !errors.Is(errs[1], kv.ErrDamaged) || errs[2] != nil || n != 4 {
		t.Errorf("errors: %v, %d transactions", errs, n)
	}
	if d := cmp.Diff([]string{"a=1", "c=1"}, dump(t, db)); d != "" {
		t.Error(d)
	}
}

// A picky DB does not commit what puts "bad".
type picky struct{ kv.DB }

func (p *picky) Update(ctx context.Context, fn func(kv.Tx) error) error {
	return p.DB.Update(ctx, func(tx kv.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		if tx.Get([]byte("bad")) != nil {
			return kv.ErrDamaged
		}
		return nil
	})
}

// What writes nothing is not committed.
func TestNothing(t *testing.T) {
	t.Parallel()
	c := &commits{DB: memory.New()}
	b := batch.New(c)
	if err := b.Update(t.Context(), func(tx kv.Tx) error { tx.Get([]byte("a")); return nil }); err != nil || c.n != 0 {
		t.Errorf("%v, %d commits", err, c.n)
	}
	if err := b.Update(t.Context(), putAll(nil, "a", "1")); err != nil || c.n != 1 {
		t.Errorf("%v, %d commits", err, c.n)
	}
}

type commits struct {
	kv.DB

	n int
}

func (c *commits) Update(ctx context.Context, fn func(kv.Tx) error) error {
	err := c.DB.Update(ctx, fn)
	if err == nil {
		c.n++
	}
	return err
}
