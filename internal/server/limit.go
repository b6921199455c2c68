package server

import (
	"context"
	"sync"
	"time"
)

// A Limiter lets each client make so many requests a minute: a bucket that
// fills evenly. It may be used from several goroutines.
type Limiter struct {
	perMinute float64
	now       func() time.Time

	mu      sync.Mutex
	buckets map[string]bucket
	swept   time.Time
}

type bucket struct {
	level float64 // requests that may still be made
	at    time.Time
}

// NewLimiter returns a Limiter of so many requests a minute.
func NewLimiter(perMinute int, now func() time.Time) *Limiter {
	return &Limiter{perMinute: float64(perMinute), now: now, buckets: map[string]bucket{}}
}

// Allow reports whether a client may make a request now and, if not, how long
// it has to wait.
func (l *Limiter) Allow(client string) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.sweep(now)
	b, seen := l.buckets[client]
	if !seen {
		b = bucket{level: l.perMinute}
	} else {
		b.level = l.levelAt(b, now)
	}
	b.at = now
	if b.level < 1 {
		l.buckets[client] = b
		return time.Duration((1 - b.level) / l.perMinute * float64(time.Minute)), false
	}
	b.level--
	l.buckets[client] = b
	return 0, true
}

func (l *Limiter) levelAt(b bucket, now time.Time) float64 {
	gained := max(0, now.Sub(b.at).Minutes()) * l.perMinute
	return min(l.perMinute, b.level+gained)
}

// sweep forgets once a minute the clients whose bucket is full again, so that
// the memory is bounded by how many come in two minutes.
func (l *Limiter) sweep(now time.Time) {
	if now.Sub(l.swept) < time.Minute {
		return
	}
	l.swept = now
	for client, b := range l.buckets {
		if l.levelAt(b, now) >= l.perMinute {
			delete(l.buckets, client)
		}
	}
}

// A Gate lets only so many through at a time. The others wait.
type Gate chan struct{}

// NewGate returns a Gate for n at a time.
func NewGate(n int) Gate { return make(Gate, max(n, 1)) }

// Do runs fn when it is its turn, or returns the error of a ctx that ends first.
func (g Gate) Do(ctx context.Context, fn func()) error {
	select {
	case g <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-g }()
	fn()
	return nil
}
