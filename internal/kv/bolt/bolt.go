// Package bolt is the kv engine on disk: one bbolt file.
//
// Every transaction opens the file, locks it (shared for View, exclusively for
// Update) and closes it again, so the file is never held across anything else.
//
// bbolt trusts its file: a wrong bit in a branch sends it outside of the
// mapping, into a page that is something else, or round in circles until the
// stack is full, which no recover catches. So what is read goes through a
// reader of our own, which checks every page and cannot fault: all of View,
// Check and Scrub, and in Update every page before bbolt touches it. What is
// left, such as a disk that fails under the mapping, is caught as a fault.
package bolt

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"github.com/keyhold/keyhold/internal/kv"
)

const (
	formatNumber  = 1
	formatVersion = "0.1.0" // the first keyhold that reads it

	metaBucket = "meta"
	dataBucket = "data"
	formatKey  = "format" // number, 8 bytes big-endian; version
)

// A DB is one store. It implements [kv.DB] and may be used from several
// goroutines and processes; other DBs of the same path are like other processes.
type DB struct {
	path    string
	timeout time.Duration // for the lock
	// turn is held while waiting for the lock and, by a writer, until the end,
	// so that readers of this process cannot keep its writers out for ever.
	turn chan struct{}
}

var _ kv.DB = (*DB)(nil)

// New returns the store at path without touching it. The first Update makes it.
func New(path string) *DB {
	return &DB{path: path, timeout: 5 * time.Second, turn: make(chan struct{}, 1)}
}

// errAgain reports that the file changed its place between opening and locking.
var errAgain = errors.New("the store moved")

// View runs fn in a read transaction under a shared lock. It waits for the lock
// for at most five seconds, as Update does; then the error is kv.ErrBusy.
func (d *DB) View(ctx context.Context, fn func(kv.Tx) error) error {
	f, im, err := d.image(ctx, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return fn(&emptyTx{})
	}
	if err != nil {
		return d.fail(err)
	}
	defer release(f)
	defer im.unmapFile()
	data, err := im.bucket(dataBucket)
	if err != nil {
		return d.fail(err)
	}
	aborted, err := im.catch(func() error { return fn(&readTx{data: data}) })
	if aborted {
		return d.fail(err)
	}
	return err
}

// catch runs fn and returns the error of an abort, or of a fault in the mapping.
// Any other panic goes on.
func (im *image) catch(fn func() error) (aborted bool, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch p := recover().(type) {
		case nil:
		case abort:
			aborted, err = true, p.err
		case fault:
			if !im.maps(p.Addr()) {
				panic(p)
			}
			aborted, err = true, damaged("%s", cause(p))
		default:
			panic(p)
		}
	}()
	return false, fn()
}

// image opens the store, as open does, and reads its head. The error is not yet
// wrapped; one that is fs.ErrNotExist means that there is no store.
func (d *DB) image(ctx context.Context, flag int) (*os.File, *image, error) {
	f, err := d.open(ctx, flag)
	if err != nil {
		return nil, nil, err
	}
	im, err := openImage(f)
	if err == nil {
		err = im.format(d.path)
	}
	if err != nil {
		release(f)
		if flag != os.O_RDONLY {
			d.leave()
		}
		return nil, nil, err
	}
	return f, im, nil
}

// Update runs fn in a write transaction under the exclusive lock. If the store
// does not exist, it is made with what fn puts, or not at all if fn fails. An
// error of the very last write leaves it open whether the changes are kept;
// every other error undoes them. After damage was seen it is ErrDamaged until
// Check has passed.
func (d *DB) Update(ctx context.Context, fn func(kv.Tx) error) error {
	for range 100 {
		err := d.update(ctx, fn)
		if slices.ContainsFunc(full, func(e error) bool { return errors.Is(err, e) }) {
			d.trim(context.WithoutCancel(ctx))
		}
		if !errors.Is(err, errAgain) {
			return err
		}
	}
	return fmt.Errorf("%s: %w", d.path, kv.ErrBusy)
}

func (d *DB) update(ctx context.Context, fn func(kv.Tx) error) error {
	f, im, err := d.image(ctx, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		return d.create(ctx, fn)
	}
	if err != nil {
		return d.fail(err)
	}
	defer d.leave()
	if err := d.marked(); err != nil {
		release(f)
		return err
	}
	g, err := newGuard(ctx, im)
	if err != nil {
		release(f)
		return d.fail(err)
	}
	s := &session{d: d, f: f, path: d.path, guard: g}
	return s.run(ctx, fn, nil)
}

// trim gives back what an Update took of the disk before that was full, if it
// can. The pages behind the last one that the newer meta page counts belong to
// nothing, and the older one counts no more.
func (d *DB) trim(ctx context.Context) {
	f, im, err := d.image(ctx, os.O_RDWR)
	if err != nil {
		return
	}
	defer d.leave()
	defer release(f)
	if end := int64(im.meta.end) * int64(im.meta.pageSize); end < im.size {
		_ = f.Truncate(end)
	}
}

// fail names the path in an error of the engine and, if the store is damaged,
// leaves the mark.
func (d *DB) fail(err error) error {
	if dm := (*damage)(nil); errors.As(err, &dm) {
		d.mark()
	}
	if pe := (*fs.PathError)(nil); errors.Is(err, errAgain) || errors.As(err, &pe) && !errors.Is(err, kv.ErrDamaged) {
		return err
	}
	if fe := (*kv.FormatError)(nil); errors.As(err, &fe) {
		return err
	}
	return fmt.Errorf("%s: %w", d.path, err)
}

func (d *DB) markPath() string { return d.path + ".damaged" }

// mark notes beside the store that it is damaged, if that can be done.
func (d *DB) mark() {
	f, err := os.OpenFile(d.markPath(), os.O_WRONLY|os.O_CREATE, 0o600)
	if err == nil {
		_ = f.Close()
	}
}

func (d *DB) marked() error {
	_, err := os.Lstat(d.markPath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("%s: %w: it was found damaged and is not written to until a check has passed", d.path, kv.ErrDamaged)
}

func (d *DB) unmark() error {
	if err := os.Remove(d.markPath()); err != nil && !errors.Is(err, fs.ErrNotExist) && d.marked() != nil {
		return err
	}
	return nil
}

// passed is unmark for a store that was only read. A mark that has to stay where
// the store cannot be written to either keeps nobody from anything.
func (d *DB) passed() error {
	err := d.unmark()
	if err == nil {
		return nil
	}
	if f, e := os.OpenFile(d.path, os.O_RDWR, 0); e == nil {
		_ = f.Close()
		return err
	}
	return nil
}
