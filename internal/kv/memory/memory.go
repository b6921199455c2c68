// Package memory is the kv engine without a disk, for tests.
package memory

import (
	"bytes"
	"context"
	"iter"
	"sync/atomic"

	"github.com/keyhold/keyhold/internal/kv"
)

// A DB keeps its pairs in memory. Each transaction sees the store as it was
// when the transaction began: a View neither waits for an Update nor delays
// one, and Updates take turns.
type DB struct {
	root atomic.Pointer[node]
	turn chan struct{} // holds one token while an Update runs
}

var _ kv.DB = (*DB)(nil)

// New returns an empty store.
func New() *DB { return &DB{turn: make(chan struct{}, 1)} }

// View runs fn over the store as it is now.
func (d *DB) View(ctx context.Context, fn func(kv.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return fn(&tx{root: d.root.Load()})
}

// Update runs fn and keeps its changes if it returns nil. It waits for other
// Updates for as long as ctx allows.
func (d *DB) Update(ctx context.Context, fn func(kv.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case d.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-d.turn }()
	t := &tx{root: d.root.Load(), writable: true}
	if err := fn(t); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	d.root.Store(t.root)
	return nil
}

type tx struct {
	root     *node
	writable bool
}

// Get implements kv.Tx.
func (t *tx) Get(key []byte) []byte {
	for n := t.root; n != nil; {
		switch c := bytes.Compare(key, n.key); {
		case c == 0:
			return n.value
		case c < 0:
			n = n.left
		default:
			n = n.right
		}
	}
	return nil
}

// Put implements kv.Tx.
func (t *tx) Put(key, value []byte) error {
	if !t.writable {
		return kv.ErrReadOnly
	}
	if len(key) == 0 || len(key) > kv.MaxKey {
		return kv.ErrKey
	}
	t.root = put(t.root, leaf(key, value))
	return nil
}

// Delete implements kv.Tx.
func (t *tx) Delete(key []byte) error {
	if !t.writable {
		return kv.ErrReadOnly
	}
	t.root = remove(t.root, key)
	return nil
}

// Scan implements kv.Tx.
func (t *tx) Scan(prefix []byte) iter.Seq2[[]byte, []byte] {
	root, prefix := t.root, bytes.Clone(prefix)
	return func(yield func([]byte, []byte) bool) { scan(root, prefix, yield) }
}
