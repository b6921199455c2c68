package keyring

import (
	"context"
	"errors"
	"time"

	"github.com/keyhold/keyhold/internal/secret"
)

// First returns a Store that keeps a value in the first of stores that is
// available, and finds it in whichever has it. There must be at least one.
func First(stores ...Store) Store {
	if len(stores) == 1 {
		return stores[0]
	}
	return first(stores)
}

type first []Store

// Kind is the kind of the store that is tried first.
func (f first) Kind() string { return f[0].Kind() }

func (f first) Get(ctx context.Context, name string) (value secret.Bytes, err error) {
	err = f.find(func(s Store) (err error) {
		value, err = s.Get(ctx, name)
		return err
	})
	return value, err
}

// Set removes the other stores' values of that name: an older one must neither
// hide this one nor come back when this one has run out.
func (f first) Set(ctx context.Context, name string, value secret.Bytes, ttl time.Duration) error {
	var all error
	for i, s := range f {
		err := s.Set(ctx, name, value, ttl)
		if errors.Is(err, ErrUnavailable) {
			all = errors.Join(all, err)
			continue
		}
		if err != nil {
			return err
		}
		return errors.Join(f[:i].Delete(ctx, name), f[i+1:].Delete(ctx, name))
	}
	return all
}

func (f first) Touch(ctx context.Context, name string, ttl time.Duration) error {
	return f.find(func(s Store) error { return s.Touch(ctx, name, ttl) })
}

// Delete removes name from every store. One that is not available holds
// nothing.
func (f first) Delete(ctx context.Context, name string) error {
	var all error
	for _, s := range f {
		if err := s.Delete(ctx, name); err != nil && !errors.Is(err, ErrUnavailable) {
			all = errors.Join(all, err)
		}
	}
	return all
}

// find calls do with one store after the other until one has the name.
// ErrUnavailable is the result only if no store at all was available.
func (f first) find(do func(Store) error) error {
	var missing, unavailable error
	for _, s := range f {
		switch err := do(s); {
		case errors.Is(err, ErrUnavailable):
			unavailable = errors.Join(unavailable, err)
		case errors.Is(err, ErrNotFound):
			missing = err
		default:
			return err
		}
	}
	if missing != nil {
		return missing
	}
	return unavailable
}
