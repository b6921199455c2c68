// Package kv is the port of transactions over ordered keys. Each engine is a
// folder below: bolt on disk, memory for tests.
package kv

import (
	"context"
	"errors"
	"fmt"
	"iter"
)

// MaxKey is the greatest length of a key, in bytes.
const MaxKey = 1024

var (
	// ErrDamaged reports that the engine could not read its own structure.
	ErrDamaged = errors.New("the store is damaged")
	// ErrBusy reports that another process kept the store locked for too long.
	ErrBusy = errors.New("the store is in use by another process")
	// ErrReadOnly reports a write in a View.
	ErrReadOnly = errors.New("write in a read transaction")
	// ErrKey reports a Put under a key that is empty or too long.
	ErrKey = errors.New("a key must be 1 to 1,024 bytes long")
)

// A FormatError reports a store that a newer version made.
type FormatError struct {
	Path    string
	Format  uint64 // of the store
	Version string // the first version that reads it; empty if unknown
}

func (e *FormatError) Error() string {
	if e.Version == "" {
		return fmt.Sprintf("%s has format %d, which needs a newer keyhold", e.Path, e.Format)
	}
	return fmt.Sprintf("%s has format %d, which needs keyhold %s or newer", e.Path, e.Format, e.Version)
}

// A DB runs serializable transactions. It may be used from several goroutines,
// but not from inside one of its own transactions.
type DB interface {
	// View runs fn in a read transaction. A store that does not exist yet
	// looks empty.
	View(ctx context.Context, fn func(Tx) error) error
	// Update runs fn in a write transaction and makes its changes durable if
	// fn returns nil; otherwise nothing changes. It makes the store if there
	// is none. fn may run more than once: it must not have effects of its own.
	// A ctx that ends before the changes are written undoes them.
	Update(ctx context.Context, fn func(Tx) error) error
}

// A Tx is one transaction, valid until the function it was given to returns.
// So are the slices that it hands out, which must not be changed. A Tx that
// cannot read ends the transaction: View or Update then returns ErrDamaged,
// whatever fn would have returned.
type Tx interface {
	// Get returns the value of key, or nil if there is none. An empty value
	// is not nil.
	Get(key []byte) []byte
	// Put sets the value of key. A key that is not 1 to MaxKey bytes long is
	// ErrKey. The Tx keeps neither slice; a nil value is an empty one.
	Put(key, value []byte) error
	// Delete removes key; a key that is not there is no error.
	Delete(key []byte) error
	// Scan yields the keys that start with prefix, in byte order, with their
	// values. The transaction must not be written to until it has ended.
	Scan(prefix []byte) iter.Seq2[[]byte, []byte]
}
