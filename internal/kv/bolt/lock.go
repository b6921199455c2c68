package bolt

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/keyhold/keyhold/internal/kv"
)

// open opens the store and takes its lock: exclusive if flag allows writing,
// else shared. After os.O_RDWR the caller also has the turn, unless there is an
// error, and gives it back with leave.
func (d *DB) open(ctx context.Context, flag int) (_ *os.File, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	wait, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	select {
	case d.turn <- struct{}{}:
	case <-wait.Done():
		return nil, cmp.Or(ctx.Err(), kv.ErrBusy)
	}
	writing := flag != os.O_RDONLY
	defer func() {
		if err != nil || !writing {
			d.leave()
		}
	}()
	f, err := os.OpenFile(d.path, flag, 0)
	if err != nil {
		return nil, err
	}
	if err := lock(wait, f, writing); err != nil {
		_ = f.Close()
		if wait.Err() != nil {
			err = cmp.Or(ctx.Err(), kv.ErrBusy)
		}
		return nil, err
	}
	if writing && !isAt(f, d.path) {
		release(f)
		return nil, errAgain
	}
	return f, nil
}

func (d *DB) leave() { <-d.turn }

// lock tries to lock f until ctx ends, at first every millisecond and later
// every 20, with jitter so that those who wait do not march in step.
func lock(ctx context.Context, f *os.File, exclusive bool) error {
	for pause := time.Millisecond; ; pause = min(2*pause, 20*time.Millisecond) {
		ok, err := tryLock(f, exclusive)
		if err != nil {
			return fmt.Errorf("lock: %w", err)
		}
		if ok {
			return nil
		}
		t := time.NewTimer(pause/2 + rand.N(pause)) //nolint:gosec // jitter, not a key
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
	}
}

// release unlocks f and closes it. Closing alone would leave the lock to a
// mapping of f or to a child that is just being started.
func release(f *os.File) {
	_ = unlock(f)
	_ = f.Close()
}

// isAt reports whether f is the file at path.
func isAt(f *os.File, path string) bool {
	a, err := f.Stat()
	if err != nil {
		return false
	}
	b, err := os.Stat(path)
	return err == nil && os.SameFile(a, b)
}
