package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	bbolt "go.etcd.io/bbolt"

	"github.com/keyhold/keyhold/internal/kv"
)

// A Held is a store that one process has to itself: open and locked from Hold
// to Close, for a service that reads it thousands of times a second. Readers
// wait for nobody but Scrub. It implements [kv.DB].
//
// Hold checks the whole file; from then on nobody else writes to it, and bbolt
// is believed. A page that cannot be read later on is still ErrDamaged and no
// crash.
type Held struct {
	d    *DB
	db   *bbolt.DB
	turn chan struct{} // of the writer
	// Scrub waits for readers, whose pages may be free by now, and keeps new
	// ones waiting meanwhile; it does not wait for a copy.
	readers, copies sync.RWMutex
	// broken is set when bbolt panicked in a write transaction: its mutexes may
	// be locked for ever then.
	broken atomic.Bool
	close  sync.Once
}

var _ kv.DB = (*Held)(nil)

// Hold opens the store at path, makes it if there is none, and keeps it locked.
// Another process that has it is kv.ErrBusy after five seconds.
func Hold(ctx context.Context, path string) (*Held, error) {
	d := New(path)
	for range 100 {
		f, im, err := d.image(ctx, os.O_RDWR)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			err = d.create(ctx, func(kv.Tx) error { return nil })
			if err != nil && !errors.Is(err, errAgain) {
				return nil, err
			}
		case errors.Is(err, errAgain):
		case err != nil:
			return nil, d.fail(err)
		default:
			return d.hold(ctx, f, im)
		}
	}
	return nil, fmt.Errorf("%s: %w", path, kv.ErrBusy)
}

// hold checks the store in f, which is locked, and opens bbolt on it.
func (d *DB) hold(ctx context.Context, f *os.File, im *image) (*Held, error) {
	err := d.marked()
	if err == nil {
		if _, err = im.survey(ctx); err != nil {
			err = d.fail(err)
		}
	}
	im.unmapFile()
	if err != nil {
		release(f)
		return nil, err
	}
	ours := true // f is for the first time; a copy opens the file anew
	db, err := bbolt.Open(d.path, 0o600, &bbolt.Options{
		Timeout:      d.timeout,
		NoStatistics: true,
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			if ours {
				ours = false
				return f, nil
			}
			return os.OpenFile(name, flag, mode)
		},
	})
	if err != nil {
		release(f)
		return nil, d.fail(explain(err))
	}
	return &Held{d: d, db: db, turn: make(chan struct{}, 1)}, nil
}

// Close gives the store back when every transaction has ended. To close twice
// is no error.
func (h *Held) Close() (err error) {
	h.close.Do(func() {
		if h.broken.Load() {
			return // bbolt would wait for ever; the lock goes with the process
		}
		h.turn <- struct{}{}
		err = h.db.Close()
		<-h.turn
	})
	return err
}

// View runs fn in a read transaction, which sees the store as it was when it
// began, whatever is written meanwhile.
func (h *Held) View(ctx context.Context, fn func(kv.Tx) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	h.readers.RLock()
	defer h.readers.RUnlock()
	tx, err := h.db.Begin(false)
	if err != nil {
		return h.d.fail(explain(err))
	}
	t := &heldTx{}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		p := recover()
		fault := h.isFault(tx, p)
		_ = tx.Rollback()
		switch {
		case p == nil:
		case fault || t.inside:
			err = h.d.fail(damaged("%s", cause(p)))
		default:
			panic(p)
		}
	}()
	if t.b = tx.Bucket([]byte(dataBucket)); t.b == nil {
		return h.d.fail(damaged("the bucket %s is missing", dataBucket))
	}
	return fn(t)
}

// isFault reports whether p came of reading the file's memory.
func (h *Held) isFault(tx *bbolt.Tx, p any) bool {
	f, ok := p.(fault)
	return ok && f.Addr()-h.db.Info().Data < uintptr(tx.Size()) //nolint:gosec // the size of a file is not negative
}

// Update runs fn in a write transaction, one at a time.
func (h *Held) Update(ctx context.Context, fn func(kv.Tx) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case h.turn <- struct{}{}:
		defer func() { <-h.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if h.broken.Load() {
		return fmt.Errorf("%s: %w", h.d.path, kv.ErrDamaged)
	}
	tx, err := h.db.Begin(true)
	if err != nil {
		return h.d.fail(explain(err))
	}
	s := &session{d: h.d, db: h.db, tx: tx}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch p := recover(); {
		case p == nil && tx.DB() == nil: // it has ended
		case p == nil:
			_ = tx.Rollback()
		case s.inside:
			h.broken.Store(true)
			err = h.d.fail(damaged("%s", cause(p)))
		default:
			_ = tx.Rollback()
			panic(p)
		}
	}()
	return s.held(ctx, fn)
}

// held runs fn and commits.
func (s *session) held(ctx context.Context, fn func(kv.Tx) error) error {
	b := s.tx.Bucket([]byte(dataBucket))
	if b == nil {
		return s.d.fail(damaged("the bucket %s is missing", dataBucket))
	}
	if err := fn(&writeTx{s: s, b: b}); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.engine(s.tx.Commit); err != nil {
		return s.d.fail(explain(err))
	}
	return nil
}

// Copy writes the store as it is now, whole, to w. Others go on meanwhile.
func (h *Held) Copy(ctx context.Context, w io.Writer) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	h.copies.RLock()
	defer h.copies.RUnlock()
	return h.db.View(func(tx *bbolt.Tx) error {
		_, err := tx.WriteTo(w)
		return err
	})
}

// Scrub does what DB.Scrub does. While a copy is being read it is kv.ErrBusy.
func (h *Held) Scrub(ctx context.Context) error {
	select {
	case h.turn <- struct{}{}:
		defer func() { <-h.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if h.broken.Load() {
		return fmt.Errorf("%s: %w", h.d.path, kv.ErrDamaged)
	}
	if !h.copies.TryLock() {
		return fmt.Errorf("%s: a copy is being made: %w", h.d.path, kv.ErrBusy)
	}
	defer h.copies.Unlock()
	h.readers.Lock()
	defer h.readers.Unlock()
	f, err := os.OpenFile(h.d.path, os.O_RDWR, 0)
	if err != nil {
		return h.d.fail(err)
	}
	defer f.Close() //nolint:errcheck // what was written is synced
	im, err := openImage(f)
	if err != nil {
		return h.d.fail(err)
	}
	defer im.unmapFile()
	return h.d.scrub(ctx, f, im)
}

// Copy writes the store as it is now, whole, to w, under the shared lock:
// writers wait meanwhile. A store that does not exist is fs.ErrNotExist.
func (d *DB) Copy(ctx context.Context, w io.Writer) error {
	f, im, err := d.image(ctx, os.O_RDONLY)
	if err != nil {
		return d.fail(err)
	}
	defer release(f)
	size := int64(im.meta.end) * int64(im.meta.pageSize) //nolint:gosec // openImage checked it against the size
	_, err = io.Copy(w, io.NewSectionReader(f, 0, size))
	return err
}

// A heldTx reads with bbolt.
type heldTx struct {
	b      *bbolt.Bucket
	inside bool
}

// Get implements kv.Tx.
func (t *heldTx) Get(key []byte) []byte {
	t.inside = true
	v := t.b.Get(key)
	t.inside = false
	return slices.Clip(v)
}

// Put implements kv.Tx.
func (*heldTx) Put(_, _ []byte) error { return kv.ErrReadOnly }

// Delete implements kv.Tx.
func (*heldTx) Delete([]byte) error { return kv.ErrReadOnly }

// Scan implements kv.Tx.
func (t *heldTx) Scan(prefix []byte) iter.Seq2[[]byte, []byte] {
	prefix = slices.Clone(prefix)
	return func(yield func([]byte, []byte) bool) {
		t.inside = true
		c := t.b.Cursor()
		k, v := c.Seek(prefix)
		for t.inside = false; k != nil && bytes.HasPrefix(k, prefix) && yield(slices.Clip(k), slices.Clip(v)); t.inside = false {
			t.inside = true
			k, v = c.Next()
		}
	}
}
