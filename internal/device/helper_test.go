package device

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/keyring"
	"github.com/keyhold/keyhold/internal/secret"
)

// memRing is a keyring in memory that remembers time-outs; err is what every
// call returns, if it is set, and setErr what Set returns.
type memRing struct {
	mu          sync.Mutex
	values      map[string][]byte
	ttl         map[string]time.Duration
	err, setErr error
	onGet       func() // before Get
}

func newRing() *memRing {
	return &memRing{values: map[string][]byte{}, ttl: map[string]time.Duration{}}
}

func (*memRing) Kind() string { return "memory" }

func (r *memRing) Get(ctx context.Context, name string) (secret.Bytes, error) {
	if r.onGet != nil {
		r.onGet()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := errors.Join(ctx.Err(), r.err); err != nil {
		return secret.Bytes{}, err
	}
	v, ok := r.values[name]
	if !ok {
		return secret.Bytes{}, keyring.ErrNotFound
	}
	return secret.Of(append([]byte(nil), v...)), nil
}

func (r *memRing) Set(ctx context.Context, name string, value secret.Bytes, ttl time.Duration) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := errors.Join(ctx.Err(), r.err, r.setErr); err != nil {
		return err
	}
	r.values[name], r.ttl[name] = append([]byte(nil), value.Reveal()...), ttl
	return nil
}

func (r *memRing) Touch(_ context.Context, name string, ttl time.Duration) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return r.err
	}
	if _, ok := r.values[name]; !ok {
		return keyring.ErrNotFound
	}
	r.ttl[name] = ttl
	return nil
}

func (r *memRing) Delete(_ context.Context, name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.values, name)
	return r.err
}

// clock is a time that stands still until it is moved.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// bench is a home with sessions, and what stands around it.
type bench struct {
	*Sessions
	t     testing.TB
	home  *Home
	ring  *memRing
	clock *clock
}

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{
		t: t, home: NewHome(t.TempDir()), ring: newRing(),
		clock: &clock{t: time.Date(2026, 3, 4, 5, 6, 7, 890_123_000, time.UTC)},
	}
	b.Sessions = NewSessions(b.home, b.ring, b.clock.now, rand.Reader)
	return b
}

func (b *bench) start(profile, keys string) *Session {
	b.t.Helper()
	s, err := b.Start(b.t.Context(), profile, text(keys), Limits{})
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

func (b *bench) export(profile, keys string) (secret.String, *Session) {
	b.t.Helper()
	token, s, err := b.Export(b.t.Context(), profile, text(keys), Limits{})
	if err != nil {
		b.t.Fatal(err)
	}
	return token, s
}

// open checks that the profile has a session that holds keys, or none if keys
// is empty.
func (b *bench) open(profile, keys string) *Session {
	b.t.Helper()
	s, err := b.Resume(b.t.Context(), profile)
	return b.check(s, err, keys, func(err error) bool { return errors.Is(err, ErrNoSession) })
}

func (b *bench) openToken(profile string, token secret.String, keys string) *Session {
	b.t.Helper()
	s, err := b.ResumeToken(b.t.Context(), profile, token)
	return b.check(s, err, keys, isToken)
}

func isToken(err error) bool {
	_, ok := errors.AsType[*TokenError](err)
	return ok
}

func (b *bench) check(s *Session, err error, keys string, none func(error) bool) *Session {
	b.t.Helper()
	if keys == "" {
		if !none(err) {
			b.t.Fatalf("resume: %v", err)
		}
		return nil
	}
	if err != nil {
		b.t.Fatal(err)
	}
	if got := string(s.Keys().Reveal()); got != keys {
		b.t.Fatalf("the session holds %q, want %q", got, keys)
	}
	return s
}

// records returns how many sessions there are on disk.
func (b *bench) records() int {
	b.t.Helper()
	records, _, err := b.run.list()
	if err != nil {
		b.t.Fatal(err)
	}
	return len(records)
}

func (b *bench) file(s *Session) []byte {
	b.t.Helper()
	data, err := os.ReadFile(b.run.path(s.id))
	if err != nil {
		b.t.Fatal(err)
	}
	return data
}

func (b *bench) put(s *Session, data []byte) {
	b.t.Helper()
	if err := b.run.write(s.id, data, s.used); err != nil {
		b.t.Fatal(err)
	}
}

func text(s string) secret.Bytes { return secret.Of([]byte(s)) }

// failAfter reads n zeros and then fails.
func failAfter(n int) io.Reader {
	return io.MultiReader(io.LimitReader(zeros{}, int64(n)), failing{})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

type failing struct{}

var errRand = errors.New("no randomness")

func (failing) Read([]byte) (int, error) { return 0, errRand }
