package mirror

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/keyhold/keyhold/internal/backend"
)

// maxAge is how old a copy may be where the settings say nothing.
const maxAge = 5 * time.Minute

// A Freshness decides when the copies of one invocation are synced. It may be
// used from several goroutines.
type Freshness struct {
	Service  backend.Service
	Now      func() time.Time
	Began    time.Time               // of the invocation
	Patience time.Duration           // how long a read waits for the service where there is a copy
	Warn     func(code, text string) // may be nil

	mu     sync.Mutex
	gaveUp bool
}

// NewFreshness is that of an invocation that begins now.
func NewFreshness(d backend.Deps, patience time.Duration) *Freshness {
	return &Freshness{Service: d.Service, Now: d.Now, Began: d.Now(), Patience: patience, Warn: d.Warn}
}

// GaveUp reports whether the service did not answer in time, and there was a copy.
func (f *Freshness) GaveUp() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.gaveUp
}

// Due reports whether a copy of that age has to be synced before it is read.
func (f *Freshness) Due(synced time.Time, stale bool) bool {
	if f.Service.Offline || f.GaveUp() {
		return false
	}
	if stale || f.Service.Fresh && synced.Before(f.Began) {
		return true
	}
	limit := f.Service.MaxAge
	if limit <= 0 {
		limit = maxAge
	}
	age := f.Now().Sub(synced)
	return age >= limit || age < -limit // a clock that went back by much makes everything due
}

// Online runs fn, which asks the service. Where there is a copy the service has
// a short time to answer; if it does not, the copy is used from then on, and
// that is said once. A copied of zero is none.
func (f *Freshness) Online(ctx context.Context, copied time.Time, fn func(context.Context) error) error {
	if f.Service.Offline {
		return backend.ErrOffline
	}
	if copied.IsZero() {
		return fn(ctx)
	}
	short, cancel := context.WithTimeout(ctx, f.Patience)
	defer cancel()
	err := fn(short)
	if err == nil || ctx.Err() != nil || !Unreachable(err) {
		return err
	}
	f.mu.Lock()
	first := !f.gaveUp
	f.gaveUp = true
	f.mu.Unlock()
	if first && f.Warn != nil {
		f.Warn("offline", "the service does not answer; this is what was last synced, "+ago(f.Now().Sub(copied)))
	}
	return nil
}

func ago(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "less than a minute ago"
	case d < time.Hour:
		return strconv.Itoa(int(d/time.Minute)) + " min ago"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d/time.Hour)) + " h ago"
	}
	return strconv.Itoa(int(d/(24*time.Hour))) + " days ago"
}
