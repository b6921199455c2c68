package bolt

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/keyhold/keyhold/internal/kv"
)

// create makes the store with what fn puts into it: under a temporary name
// first, so that nobody ever sees half a store, then in its place if that is
// still free. It is errAgain if it was not.
func (d *DB) create(ctx context.Context, fn func(kv.Tx) error) error {
	dir := filepath.Dir(d.path)
	if err := makeDir(dir); err != nil {
		return err
	}
	d.sweep(dir)
	f, err := os.CreateTemp(dir, d.tempPrefix()+"*") // 0600
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return errAgain
		}
		return err
	}
	name := f.Name()
	defer func() { _ = os.Remove(name) }()
	if ok, err := tryLock(f, true); !ok || !isAt(f, name) {
		release(f) // somebody sweeps it away
		if err != nil {
			return d.fail(err)
		}
		return errAgain
	}
	s := &session{d: d, f: f, path: name}
	if err := s.run(ctx, fn, func() error { return d.place(name) }); err != nil {
		return err
	}
	return syncDir(dir)
}

// place gives the new store its name unless there is one already. A mark that
// is still there was for a store that is gone.
func (d *DB) place(name string) error {
	// In one step, so that who is killed here leaves no second name.
	err := renameNoReplace(name, d.path)
	if err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrNotExist) {
		err = os.Link(name, d.path) // where that step is unknown
	}
	if errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
		return errAgain
	}
	if err != nil {
		return err
	}
	return d.unmark()
}

func (d *DB) tempPrefix() string { return "." + filepath.Base(d.path) + ".new-" }

// sweep removes what creators left that were killed. One that is at work holds
// the lock of its file, or finds after locking that the file is gone.
func (d *DB) sweep(dir string) {
	names, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range names {
		if !strings.HasPrefix(e.Name(), d.tempPrefix()) || !e.Type().IsRegular() {
			continue
		}
		name := filepath.Join(dir, e.Name())
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if ok, err := tryLock(f, true); ok && err == nil {
			_ = os.Remove(name)
		}
		release(f)
	}
}

// makeDir makes dir and those above it, durably.
func makeDir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	up := filepath.Dir(dir)
	if up != dir {
		if err := makeDir(up); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(up)
}
