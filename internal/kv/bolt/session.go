package bolt

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	bbolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/keyhold/keyhold/internal/kv"
)

// A session is one write transaction of bbolt over a file that is open and
// locked, from opening to release.
type session struct {
	d     *DB
	f     *os.File
	path  string // of f
	guard *guard // nil for a new store
	db    *bbolt.DB
	tx    *bbolt.Tx
	// inside is true while bbolt runs. A panic then is damage; any other panic
	// is a bug of fn and goes on.
	inside bool
}

// engine runs a piece of bbolt.
func (s *session) engine(fn func() error) error {
	s.inside = true
	err := fn()
	s.inside = false
	return err
}

// run runs fn in a transaction and commits. A new store is then put in its
// place, still locked, by place. In the end the file is closed.
func (s *session) run(ctx context.Context, fn func(kv.Tx) error, place func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		p := recover()
		a, isAbort := p.(abort)
		inside := s.inside
		s.release()
		switch {
		case p == nil:
		case isAbort:
			err = s.d.fail(a.err)
		case inside:
			err = s.d.fail(damaged("%s", cause(p)))
		default:
			panic(p)
		}
	}()
	var t *writeTx
	if err := s.engine(func() (err error) { t, err = s.begin(place != nil); return err }); err != nil {
		return s.d.fail(explain(err))
	}
	if err := fn(t); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.engine(s.tx.Commit); err != nil {
		return s.d.fail(explain(err))
	}
	if place == nil {
		return nil
	}
	if err := s.f.Sync(); err != nil {
		return s.d.fail(err)
	}
	return place()
}

// begin opens bbolt on the file. A new store has the format record put in.
func (s *session) begin(fresh bool) (*writeTx, error) {
	db, err := bbolt.Open(s.path, 0o600, &bbolt.Options{
		Timeout:      s.d.timeout,
		PageSize:     4096,
		NoStatistics: true,
		NoSync:       fresh, // synced once, before it is put in place
		OpenFile:     func(string, int, os.FileMode) (*os.File, error) { return s.f, nil },
	})
	if err != nil {
		return nil, err
	}
	s.db = db
	if s.tx, err = db.Begin(true); err != nil {
		return nil, err
	}
	if fresh {
		if err := makeBuckets(s.tx); err != nil {
			return nil, err
		}
	}
	b := s.tx.Bucket([]byte(dataBucket))
	if b == nil {
		return nil, damaged("the bucket %s is missing", dataBucket)
	}
	return &writeTx{s: s, b: b}, nil
}

func makeBuckets(tx *bbolt.Tx) error {
	m, err := tx.CreateBucket([]byte(metaBucket))
	if err != nil {
		return err
	}
	if _, err := tx.CreateBucket([]byte(dataBucket)); err != nil {
		return err
	}
	v := binary.BigEndian.AppendUint64(nil, formatNumber)
	return m.Put([]byte(formatKey), append(v, formatVersion...))
}

// release gives up the transaction, if it is still open, and the file. After a
// panic inside of bbolt its mutexes may be locked for ever and its lists may be
// wrong, so it is not called again: the file is unlocked and closed, and the
// mapping stays until the process ends. There is one at most, because the mark
// then keeps Update away.
func (s *session) release() {
	defer release(s.f)
	if s.inside || s.db == nil {
		return
	}
	s.inside = true
	defer func() { _ = recover() }()
	if s.tx != nil && s.tx.DB() != nil {
		_ = s.tx.Rollback()
	}
	_ = s.db.Close()
}

// cause says what kind of panic p is. Its text may hold a key and is left out.
func cause(p any) string {
	if f, ok := p.(fault); ok && f != nil {
		return "a page could not be read"
	}
	if e, ok := p.(runtime.Error); ok {
		return e.Error()
	}
	return "a page is not what it should be"
}

// explain turns bbolt's errors into ours.
func explain(err error) error {
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return kv.ErrBusy
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrVersionMismatch), errors.Is(err, berrors.ErrChecksum):
		return &damage{text: "it is not a bolt file", err: err}
	}
	// bbolt formats some errors of the system with %s.
	for _, e := range lossy {
		if text, ok := strings.CutSuffix(err.Error(), ": "+e.Error()); ok && !errors.Is(err, e) {
			return fmt.Errorf("%s: %w", text, e)
		}
	}
	return err
}
