package keyring

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/keyhold/keyhold/internal/secret"
)

// patience is how long a Deadline waits.
const patience = 3 * time.Second

// Deadline returns s with a deadline of three seconds for every call. A call
// that ran out is ErrUnavailable, and so is at once every call after it, in
// other processes too, until the system starts anew: the file mark, made in a
// directory of mode 0700, remembers it. What was asked may still happen after
// the deadline. Retry asks again. Where the system has no name for its start,
// which is so on Windows, it is remembered only as long as the process runs.
func Deadline(s Store, mark string) Store {
	return &deadline{store: s, mark: mark, limit: patience, boot: boot}
}

// Retry makes s, if it did not answer before a Deadline, be asked again. It is
// for `doctor`, which looks at every keyring. A nil s is allowed.
func Retry(s Store) error {
	if s, ok := s.(interface{ retry() error }); ok {
		return s.retry()
	}
	return nil
}

type deadline struct {
	store Store
	mark  string
	limit time.Duration
	boot  func() string
	slow  atomic.Bool // where no mark can be made
}

func (d *deadline) Kind() string { return d.store.Kind() }

func (d *deadline) Get(ctx context.Context, name string) (secret.Bytes, error) {
	return d.ask(ctx, func() (secret.Bytes, error) { return d.store.Get(ctx, name) })
}

// Set hands on a copy, because the caller may wipe value while a call that was
// given up still goes on.
func (d *deadline) Set(ctx context.Context, name string, value secret.Bytes, ttl time.Duration) error {
	own := secret.Of(bytes.Clone(value.Reveal()))
	_, err := d.ask(ctx, func() (secret.Bytes, error) {
		defer own.Wipe()
		return secret.Bytes{}, d.store.Set(ctx, name, own, ttl)
	})
	return err
}

func (d *deadline) Touch(ctx context.Context, name string, ttl time.Duration) error {
	_, err := d.ask(ctx, func() (secret.Bytes, error) { return secret.Bytes{}, d.store.Touch(ctx, name, ttl) })
	return err
}

func (d *deadline) Delete(ctx context.Context, name string) error {
	_, err := d.ask(ctx, func() (secret.Bytes, error) { return secret.Bytes{}, d.store.Delete(ctx, name) })
	return err
}

type answer struct {
	value secret.Bytes
	err   error
}

// ask gives up waiting for call, which cannot be stopped: its late answer is
// wiped.
func (d *deadline) ask(ctx context.Context, call func() (secret.Bytes, error)) (secret.Bytes, error) {
	if err := ctx.Err(); err != nil {
		return secret.Bytes{}, err
	}
	if d.marked() {
		return secret.Bytes{}, d.errSlow(" since the system started; remove " + d.mark + " to try again")
	}
	if d.slow.Load() {
		return secret.Bytes{}, d.errSlow("")
	}
	wait, cancel := context.WithTimeout(ctx, d.limit)
	defer cancel()
	answers := make(chan answer)
	go func() {
		value, err := call()
		select {
		case answers <- answer{value, err}:
		case <-wait.Done():
			value.Wipe()
		}
	}()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-wait.Done():
	}
	if err := ctx.Err(); err != nil {
		return secret.Bytes{}, err
	}
	d.remember()
	return secret.Bytes{}, d.errSlow("")
}

func (d *deadline) errSlow(since string) error {
	return fmt.Errorf("%w: %s: it did not answer within %v%s", ErrUnavailable, d.Kind(), d.limit, since)
}

func (d *deadline) marked() bool {
	id, err := os.ReadFile(d.mark)
	return err == nil && len(id) > 0 && string(id) == d.boot()
}

// remember makes the mark if it can: one that is cut short by a crash marks
// nothing.
func (d *deadline) remember() {
	d.slow.Store(true)
	id := d.boot()
	if id == "" || os.MkdirAll(filepath.Dir(d.mark), 0o700) != nil {
		return
	}
	_ = os.WriteFile(d.mark, []byte(id), 0o600)
}

func (d *deadline) retry() error {
	d.slow.Store(false)
	if err := os.Remove(d.mark); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("keyring: %w", err)
	}
	return nil
}
