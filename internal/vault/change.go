package vault

import (
	"context"
	"errors"
	"time"
)

// Find returns the item that a user calls name: the one with this id, else the
// only one with this name. It returns ErrNotFound or an *AmbiguousError.
func Find(ctx context.Context, v Vault, name string) (Item, error) {
	e, err := FindEntry(ctx, v, name)
	if err != nil {
		return Item{}, err
	}
	return v.Item(ctx, e.ID)
}

// FindEntry is Find for who does not need the data of the item: it also finds
// one whose data is damaged.
func FindEntry(ctx context.Context, v Vault, name string) (Entry, error) {
	if IsID(name) {
		it, err := v.Item(ctx, name)
		var damaged *DamagedError
		switch {
		case err == nil && it.Deleted.IsZero():
			return it.Entry(), nil
		case errors.As(err, &damaged):
			return listed(ctx, v, name, err)
		case err != nil && !errors.Is(err, ErrNotFound):
			return Entry{}, err
		}
	}
	found, err := v.Lookup(ctx, name)
	switch {
	case err != nil:
		return Entry{}, err
	case len(found) == 0:
		return Entry{}, ErrNotFound
	case len(found) > 1:
		return Entry{}, &AmbiguousError{Name: name, Entries: found}
	}
	return found[0], nil
}

// listed returns the entry with this id, or err if no list has it.
func listed(ctx context.Context, v Vault, id string, err error) (Entry, error) {
	for e, lerr := range v.Entries(ctx) {
		var one *DamagedError
		switch {
		case lerr != nil && !errors.As(lerr, &one):
			return Entry{}, lerr
		case e.ID == id:
			return e, nil
		}
	}
	return Entry{}, err
}

// IsID reports whether s is written like the id of an item or a vault: a UUID
// in lower case.
func IsID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case (c < '0' || c > '9') && (c < 'a' || c > 'f'):
			return false
		}
	}
	return true
}

// Snapshot calls fn with v as it is at one moment, if v can do that, else with
// v itself.
func Snapshot(ctx context.Context, v Vault, fn func(Vault) error) error {
	if s, ok := v.(Snapshotter); ok {
		return s.Snapshot(ctx, fn)
	}
	return fn(v)
}

// A Retry says how often and how long a change is tried again after a conflict.
type Retry struct {
	Attempts int
	Within   time.Duration
	Now      func() time.Time
	// Wait waits for a random time between 0 and d, or until ctx is done.
	Wait func(ctx context.Context, d time.Duration) error
}

// The waits between two tries grow from firstWait to longestWait.
const (
	firstWait   = 10 * time.Millisecond
	longestWait = time.Second
)

// Apply commits the change that plan makes. After a conflict it has plan read
// again and make the change anew, until it fits or r is used up; then the last
// *ConflictError is returned and nothing was written. plan must read the vault
// each time it is called. A change of nothing is not committed.
func Apply(ctx context.Context, v Vault, r Retry, plan func(context.Context) (Change, error)) (Revision, []Item, error) {
	end := r.Now().Add(r.Within)
	wait := firstWait
	for attempt := 1; ; attempt++ {
		c, err := plan(ctx)
		if err != nil {
			return 0, nil, err
		}
		if len(c.Put)+len(c.Delete)+len(c.Restore) == 0 {
			return c.Base, nil, nil
		}
		rev, items, err := v.Commit(ctx, c)
		var conflict *ConflictError
		if err == nil || !errors.As(err, &conflict) || attempt >= r.Attempts {
			return rev, items, err
		}
		left := end.Sub(r.Now())
		if left <= 0 {
			return rev, items, err
		}
		if err := r.Wait(ctx, min(wait, left)); err != nil {
			return 0, nil, err
		}
		wait = min(2*wait, longestWait)
	}
}
