package keyring

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/keyhold/keyhold/internal/secret"
)

// First returns a Store that keeps values in main, and those that main does
// not take, because it is not available or full, in spare.
//
// For each name that may be in spare there is an empty file, its mark, in dir,
// which is made with mode 0700 when there is a first one. The rule is:
//
//	a mark is made before spare is given a value, and
//	removed only after spare has none any more.
//
// So nothing in spare is missed, and spare is not asked for what it cannot
// have: to find that there is nothing takes one look at main and one at dir.
// main is always asked first; when spare is given a value, main's older one is
// deleted, so that it does not hide it. Of several processes that set one name
// at once, while main begins or ceases to take values, the last may leave none.
func First(dir string, main, spare Store) Store { return &first{dir: dir, main: main, spare: spare} }

type first struct {
	dir         string
	main, spare Store
	inSpare     atomic.Bool // what was last found or set
}

// Kind is the kind of the store that had or took the last value, at first that
// of main.
func (f *first) Kind() string {
	if f.inSpare.Load() {
		return f.spare.Kind()
	}
	return f.main.Kind()
}

func (f *first) Get(ctx context.Context, name string) (value secret.Bytes, err error) {
	err = f.find(name, func(s Store) (err error) {
		value, err = s.Get(ctx, name)
		return err
	})
	return value, err
}

func (f *first) Touch(ctx context.Context, name string, ttl time.Duration) error {
	return f.find(name, func(s Store) error { return s.Touch(ctx, name, ttl) })
}

// find calls do with the store that has the name. If the mark says that it is
// in spare, and spare is not available, that is the error.
func (f *first) find(name string, do func(Store) error) error {
	err := do(f.main)
	switch {
	case err == nil:
		f.inSpare.Store(false)
		return nil
	case !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrUnavailable):
		return err
	case !f.marked(name):
		return ErrNotFound
	}
	if err = do(f.spare); err == nil {
		f.inSpare.Store(true)
	}
	return err
}

func (f *first) Set(ctx context.Context, name string, value secret.Bytes, ttl time.Duration) error {
	marked := f.marked(name)
	err := f.main.Set(ctx, name, value, ttl)
	if err == nil {
		f.inSpare.Store(false)
		if marked {
			// What stays is hidden by main's, and tried again the next time.
			_ = f.clear(ctx, name)
		}
		return nil
	}
	if !errors.Is(err, ErrUnavailable) {
		return err
	}
	if err := f.mark(name); err != nil {
		return err
	}
	if e := f.spare.Set(ctx, name, value, ttl); e != nil {
		if !marked {
			_ = os.Remove(f.path(name))
		}
		return errors.Join(err, e)
	}
	f.inSpare.Store(true)
	return available(f.main.Delete(ctx, name))
}

// Delete leaves the mark if spare is not available, to try again the next
// time, and calls that no error.
func (f *first) Delete(ctx context.Context, name string) error {
	err := available(f.main.Delete(ctx, name))
	if f.marked(name) {
		err = errors.Join(err, available(f.clear(ctx, name)))
	}
	return err
}

func (f *first) retry() error { return errors.Join(Retry(f.main), Retry(f.spare)) }

// clear removes what spare has, and then the mark.
func (f *first) clear(ctx context.Context, name string) error {
	if err := f.spare.Delete(ctx, name); err != nil {
		return err
	}
	if err := os.Remove(f.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("keyring: %w", err)
	}
	return nil
}

func (f *first) mark(name string) error {
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return fmt.Errorf("keyring: %w", err)
	}
	if err := os.WriteFile(f.path(name), nil, 0o600); err != nil {
		return fmt.Errorf("keyring: %w", err)
	}
	return nil
}

func (f *first) marked(name string) bool {
	_, err := os.Lstat(f.path(name))
	return !errors.Is(err, fs.ErrNotExist)
}

func (f *first) path(name string) string {
	sum := sha256.Sum256([]byte(name))
	return filepath.Join(f.dir, "spare-"+hex.EncodeToString(sum[:16]))
}

// available drops an error that says that there is no store.
func available(err error) error {
	if errors.Is(err, ErrUnavailable) {
		return nil
	}
	return err
}
