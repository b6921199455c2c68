package keyring

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/secret"
)

// silent answers when it is let go. It keeps what it was given.
type silent struct {
	asked chan secret.Bytes
	let   chan struct{}
}

func newSilent() *silent {
	return &silent{make(chan secret.Bytes, 9), make(chan struct{})}
}

func (s *silent) wait(v secret.Bytes) error {
	s.asked <- v
	<-s.let
	return nil
}

func (*silent) Kind() string { return "silent" }

func (s *silent) Get(context.Context, string) (secret.Bytes, error) {
	return secret.Of([]byte("late")), s.wait(secret.Bytes{})
}

func (s *silent) Set(_ context.Context, _ string, v secret.Bytes, _ time.Duration) error {
	return s.wait(v)
}

func (s *silent) Touch(context.Context, string, time.Duration) error { return s.wait(secret.Bytes{}) }

func (s *silent) Delete(context.Context, string) error { return s.wait(secret.Bytes{}) }

// hurried is a Deadline that runs out at once, on a system started as id.
func hurried(s Store, mark, id string) *deadline {
	d := Deadline(s, mark).(*deadline)
	d.limit, d.boot = time.Millisecond, func() string { return id }
	return d
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	s := newSilent()
	mark := filepath.Join(t.TempDir(), "run", "slow")
	ctx, one := t.Context(), secret.Of([]byte{1})
	late := func(s Store, want string) {
		t.Helper()
		_, get := s.Get(ctx, "n")
		for i, err := range []error{get, s.Set(ctx, "n", one, 0), s.Touch(ctx, "n", 0), s.Delete(ctx, "n")} {
			if !errors.Is(err, ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), want) {
				t.Errorf("call %d: %v", i, err)
			}
			want = ""
		}
	}
	late(hurried(s, mark, "one"), "silent: it did not answer within 1ms")
	<-s.asked
	late(hurried(s, mark, "one"), "since the system started; remove "+mark)
	fi, err := os.Stat(mark)
	if err != nil || fi.Size() != 3 {
		t.Errorf("mark: %v, %v", fi, err)
	}
	// The next start of the system, and Retry, ask again.
	late(hurried(s, mark, "two"), "1ms")
	<-s.asked
	again := hurried(s, mark, "two")
	late(again, "since")
	if err := Retry(First(t.TempDir(), again, again)); err != nil {
		t.Fatal(err)
	}
	late(again, "1ms")
	<-s.asked
	if err := Retry(again); err != nil {
		t.Error(err)
	}
	if len(s.asked) != 0 {
		t.Error("asked more often than needed")
	}
	close(s.let)
	d := Deadline(s, mark) // which has time enough
	if got, err := d.Get(ctx, "n"); err != nil || string(got.Reveal()) != "late" {
		t.Errorf("Get = %q, %v", got.Reveal(), err)
	}
	if err := errors.Join(d.Set(ctx, "n", one, 0), d.Touch(ctx, "n", 0), d.Delete(ctx, "n")); err != nil {
		t.Error(err)
	}
	if d.Kind() != "silent" {
		t.Error(d.Kind())
	}
}

// What comes too late is wiped, and what is being set is the callee's own.
func TestDeadlineLate(t *testing.T) {
	t.Parallel()
	s := newSilent()
	if _, err := hurried(s, "", "").Get(t.Context(), "n"); !errors.Is(err, ErrUnavailable) {
		t.Fatal(err)
	}
	value := secret.Of([]byte("value"))
	if err := hurried(s, "", "").Set(t.Context(), "n", value, 0); !errors.Is(err, ErrUnavailable) {
		t.Fatal(err)
	}
	value.Wipe()
	<-s.asked
	given := <-s.asked
	if string(given.Reveal()) != "value" {
		t.Errorf("given %q", given.Reveal())
	}

	// A caller who goes away is no reason to blame the store.
	ctx, cancel := context.WithCancel(t.Context())
	d := hurried(newSilent(), "", "")
	d.limit = time.Hour
	late, left := secret.Of([]byte("late")), make(chan struct{})
	returned := make(chan struct{})
	_, err := d.ask(ctx, func() (secret.Bytes, error) {
		cancel()
		<-returned
		defer close(left)
		return late, nil
	})
	if !errors.Is(err, context.Canceled) || d.slow.Load() {
		t.Errorf("cancelled: %v", err)
	}
	close(returned)
	<-left
}

// A mark that cannot be made or says nothing is none.
func TestDeadlineMark(t *testing.T) {
	t.Parallel()
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	full := filepath.Join(t.TempDir(), "full")
	if err := os.MkdirAll(filepath.Join(full, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ mark, boot string }{
		{filepath.Join(blocked, "slow"), "one"}, {filepath.Join(blocked, "x", "slow"), "one"}, {empty, ""}, {full, "one"}, {"", ""},
	} {
		s := newSilent()
		d := hurried(s, tt.mark, tt.boot)
		for range 3 {
			if _, err := d.Get(t.Context(), "n"); !errors.Is(err, ErrUnavailable) {
				t.Errorf("%+v: %v", tt, err)
			}
		}
		if _, err := hurried(s, tt.mark, tt.boot).Get(t.Context(), "n"); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%+v: %v", tt, err)
		}
		<-s.asked // by each of the two, once
		<-s.asked
		if len(s.asked) != 0 {
			t.Errorf("%+v: asked more often than needed", tt)
		}
		if err := Retry(d); (err != nil) != (tt.mark == full || strings.HasPrefix(tt.mark, blocked)) {
			t.Errorf("%+v: Retry: %v", tt, err)
		}
	}
}

func TestDeadlineConforms(t *testing.T) {
	t.Parallel()
	s := Deadline(File(t.TempDir()), filepath.Join(t.TempDir(), "slow"))
	wrong(t, s)
	conform(t, s, "n")
}
