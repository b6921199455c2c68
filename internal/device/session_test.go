package device

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/keyring"
	"github.com/keyhold/keyhold/internal/secret"
)

func TestRenew(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := t.Context()
	b.start("default", "k")
	s := b.open("default", "k")
	name := ringName(s.home, "default")
	before := b.file(s)

	b.clock.move(30 * time.Minute)
	if left := b.open("default", "k").Left(b.clock.now()); left != 30*time.Minute {
		t.Errorf("reading renewed: %v left", left)
	}
	b.ring.ttl[name] = 0
	if err := s.Renew(ctx); err != nil {
		t.Fatal(err)
	}
	if left := b.open("default", "k").Left(b.clock.now()); left != time.Hour || s.Left(b.clock.now()) != left || b.ring.ttl[name] != time.Hour {
		t.Errorf("%v left, time-out %v", left, b.ring.ttl[name])
	}
	if !bytes.Equal(b.file(s), before) {
		t.Error("the record was changed")
	}
	for range 13 { // 11.5 h of the 12
		b.clock.move(50 * time.Minute)
		if err := s.Renew(ctx); err != nil {
			t.Fatal(err)
		}
	}
	b.clock.move(9 * time.Minute)
	if err := s.Renew(ctx); err != nil {
		t.Fatal(err)
	}
	if want := s.Ends().Sub(b.clock.now()); b.ring.ttl[name] != want || want > 31*time.Minute {
		t.Errorf("time-out %v, want %v", b.ring.ttl[name], want)
	}

	// The keyring failed: the record is renewed all the same.
	b.ring.err = keyring.ErrUnavailable
	b.clock.move(time.Minute)
	if err := s.Renew(ctx); !errors.Is(err, keyring.ErrUnavailable) {
		t.Errorf("error = %v", err)
	}
	b.ring.err = nil
	if got := b.open("default", "k"); !got.used.Equal(b.clock.now()) {
		t.Errorf("last used %v", got.used)
	}

	b.clock.move(time.Hour)
	if err := s.Renew(ctx); !errors.Is(err, ErrNoSession) {
		t.Errorf("when it has run out: %v", err)
	}
}

func TestRenewEnded(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.start("default", "k")
	s := b.open("default", "k")
	if _, err := b.End(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if err := s.Renew(t.Context()); !errors.Is(err, ErrNoSession) {
		t.Errorf("Renew: %v", err)
	}
	if err := s.Reseal(text("x")); !errors.Is(err, ErrNoSession) {
		t.Errorf("Reseal: %v", err)
	}
	b.open("default", "")
	if n := b.records(); n != 0 {
		t.Errorf("%d records", n)
	}
	if err := os.RemoveAll(string(b.run)); err != nil {
		t.Fatal(err)
	}
	if err := s.Reseal(text("x")); !errors.Is(err, ErrNoSession) {
		t.Errorf("Reseal without the directory: %v", err)
	}
}

func TestReadOnlyHome(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" || os.Getuid() == 0 {
		t.Skip("no directory is read-only here")
	}
	b := newBench(t)
	s := b.start("default", "k")
	if err := os.Chmod(string(b.run), 0o500); err != nil { //nolint:gosec // a directory
		t.Fatal(err)
	}
	defer os.Chmod(string(b.run), 0o700) //nolint:errcheck,gosec // so that it can be removed
	b.open("default", "k")
	if err := s.Reseal(text("x")); err == nil {
		t.Error("resealed")
	}
	if _, err := b.End(t.Context(), ""); err == nil || len(b.ring.values) != 0 {
		t.Errorf("End: %v, %d keys left", err, len(b.ring.values))
	}
}

func TestReseal(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.start("default", "one")
	token, _ := b.export("default", "one")
	for _, open := range []func(string) *Session{
		func(keys string) *Session { return b.open("default", keys) },
		func(keys string) *Session { return b.openToken("default", token, keys) },
	} {
		s, late := open("one"), open("one")
		before := b.file(s)
		b.clock.move(10 * time.Minute)
		left := s.Left(b.clock.now())
		for _, keys := range []string{"two", strings.Repeat("3", 10_000)} {
			if err := s.Reseal(text(keys)); err != nil {
				t.Fatal(err)
			}
			got := open(keys)
			if got.Left(b.clock.now()) != left || got.ID() != s.ID() || !got.Ends().Equal(s.Ends()) {
				t.Errorf("resealing changed more than the keys")
			}
			if string(s.Keys().Reveal()) != keys {
				t.Error("the session holds the former keys")
			}
		}
		n := len(s.encode())
		if after := b.file(s); !bytes.Equal(after[:n], before[:n]) || bytes.Equal(after[n:n+12], before[n:n+12]) {
			t.Error("the header changed, or the nonce did not")
		}
		if err := late.Reseal(text("late")); !errors.Is(err, ErrResealed) {
			t.Errorf("late: %v", err)
		}
		open(strings.Repeat("3", 10_000))
	}
	s := b.open("default", strings.Repeat("3", 10_000))
	if err := s.Reseal(secret.Of(make([]byte, maxPayload+1))); err == nil {
		t.Error("a payload beyond the limit was accepted")
	}
	b.rand = failing{}
	if err := s.Reseal(text("x")); !errors.Is(err, errRand) {
		t.Error(err)
	}
	b.rand = rand.Reader
	good := b.file(s)
	b.put(s, good[:10])
	if err := s.Reseal(text("x")); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
	b.put(s, good)
	b.clock.move(time.Hour)
	if err := s.Reseal(text("x")); !errors.Is(err, ErrNoSession) {
		t.Errorf("when it has run out: %v", err)
	}
	if _, temps, _ := b.run.list(); len(temps) != 0 {
		t.Errorf("left behind: %v", temps)
	}
}

// churn starts, reseals and renews a session that others may end meanwhile.
func churn(b *bench, one, two secret.Bytes) {
	s, err := b.Start(b.t.Context(), "default", one, Limits{})
	if err != nil {
		b.t.Error(err)
		return
	}
	if err := s.Reseal(two); err != nil && !errors.Is(err, ErrNoSession) {
		b.t.Error(err)
	}
	if err := s.Renew(b.t.Context()); err != nil && !errors.Is(err, ErrNoSession) && !errors.Is(err, keyring.ErrNotFound) {
		b.t.Error(err)
	}
}

// Whatever happens at the same time, a reader gets a whole session or none.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := t.Context()
	valid := func(s *Session) bool {
		k := s.Keys().Reveal()
		return len(k) > 0 && bytes.Count(k, k[:1]) == len(k)
	}
	keys := func(i int) secret.Bytes {
		return secret.Of(bytes.Repeat([]byte{byte('a' + i%20)}, 1+i*37%5000))
	}
	done := make(chan struct{})
	var writers, readers sync.WaitGroup
	for w := range 2 {
		writers.Go(func() {
			for i := range 60 {
				churn(b, keys(i+w), keys(i+7))
			}
		})
	}
	writers.Go(func() {
		for range 60 {
			if _, err := b.End(ctx, ""); err != nil {
				t.Error(err)
			}
		}
	})
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				s, err := b.Resume(ctx, "default")
				if err != nil && !errors.Is(err, ErrNoSession) || err == nil && !valid(s) {
					t.Errorf("resume: %v", err)
					return
				}
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
	if _, err := b.End(ctx, ""); err != nil {
		t.Fatal(err)
	}
	if n := b.records(); n != 0 || len(b.ring.values) != 0 {
		t.Errorf("%d records, %d keys after the last end", n, len(b.ring.values))
	}
}

// A session that was ended stays ended, whoever reseals it at that moment.
func TestEndBeatsReseal(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for range 100 {
		token, _ := b.export("default", "k")
		s := b.openToken("default", token, "k")
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := s.Reseal(text("new")); err != nil && !errors.Is(err, ErrNoSession) {
				t.Error(err)
			}
		})
		wg.Go(func() {
			if _, err := b.End(t.Context(), ""); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		b.openToken("default", token, "")
	}
}
