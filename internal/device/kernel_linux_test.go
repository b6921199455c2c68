package device

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/keyhold/keyhold/internal/keyring"
)

// kernel returns the sessions of a new home, with keys in the real keyring.
func kernel(t testing.TB) *Sessions {
	t.Helper()
	ring := keyring.Kernel()
	if _, err := ring.Get(t.Context(), "test"); errors.Is(err, unix.ENOSYS) {
		t.Skip("this kernel has no keyrings")
	}
	s := NewSessions(NewHome(t.TempDir()), ring, time.Now, rand.Reader)
	t.Cleanup(func() {
		if _, err := s.End(context.Background(), ""); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestKernel(t *testing.T) {
	t.Parallel()
	s, other := kernel(t), kernel(t)
	ctx := t.Context()
	none := func(s *Sessions, profile string) {
		t.Helper()
		if _, err := s.Resume(ctx, profile); !errors.Is(err, ErrNoSession) {
			t.Fatalf("%s: %v", profile, err)
		}
	}
	open := func(s *Sessions, profile, keys string) *Session {
		t.Helper()
		got, err := s.Resume(ctx, profile)
		if err != nil || string(got.Keys().Reveal()) != keys {
			t.Fatalf("%s: %v", profile, err)
		}
		return got
	}
	none(s, "default")
	for _, keys := range []string{"one", "two"} {
		if _, err := s.Start(ctx, "default", text(keys), Limits{}); err != nil {
			t.Fatal(err)
		}
		if err := open(s, "default", keys).Renew(ctx); err != nil {
			t.Fatal(err)
		}
	}
	none(s, "work")
	none(other, "default")
	if _, err := s.Start(ctx, "work", text("w"), Limits{}); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Start(ctx, "default", text("o"), Limits{}); err != nil {
		t.Fatal(err)
	}
	if n, err := s.End(ctx, "default"); n != 1 || err != nil {
		t.Fatalf("End = %d, %v", n, err)
	}
	none(s, "default")
	open(s, "work", "w")
	open(other, "default", "o")
	if n, err := s.End(ctx, ""); n != 1 || err != nil {
		t.Fatalf("End = %d, %v", n, err)
	}
	none(s, "work")
	open(other, "default", "o")
}

// What every command does first.
func BenchmarkResume(b *testing.B) {
	s := kernel(b)
	if _, err := s.Start(b.Context(), "default", text(strings.Repeat("k", 400)), Limits{}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		ses, err := s.Resume(b.Context(), "default")
		if err != nil {
			b.Fatal(err)
		}
		ses.Wipe()
	}
}

func BenchmarkRenew(b *testing.B) {
	s := kernel(b)
	ses, err := s.Start(b.Context(), "default", text("k"), Limits{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := ses.Renew(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
