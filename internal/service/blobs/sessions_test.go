package blobs_test

import (
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/service/blobs"
)

func (s store) begin(now time.Time) (session blobs.Session, err error) {
	s.Helper()
	err = s.update(func(tx kv.Tx) error {
		session, err = blobs.Begin(tx, now, rand.Reader)
		return err
	})
	return session, err
}

func (s store) take(now time.Time, id secret.String) (owner string, err error) {
	err = s.update(func(tx kv.Tx) error {
		owner, err = blobs.Take(tx, now, id)
		return err
	})
	return owner, err
}

func (s store) approve(now time.Time, id secret.String, owner string) error {
	return s.update(func(tx kv.Tx) error { return blobs.Approve(tx, now, id, owner) })
}

func TestSession(t *testing.T) {
	engines(t, func(s store) {
		one, err := s.begin(at)
		two, err2 := s.begin(at)
		if err := errors.Join(err, err2); err != nil || one.ID.Len() != 32 || one.ID.Equal(two.ID) || !one.Expires.Equal(at.Add(5*time.Minute)) {
			s.Fatalf("%+v, %v", one, err)
		}
		if _, err := s.take(at, one.ID); !errors.Is(err, blobs.ErrPending) {
			s.Errorf("before: %v", err)
		}
		if err := s.approve(at, one.ID, ada); err != nil {
			s.Error(err)
		}
		if err := s.approve(at, one.ID, bob); !errors.Is(err, blobs.ErrExists) {
			s.Errorf("twice: %v", err)
		}
		if _, err := s.take(at, two.ID); !errors.Is(err, blobs.ErrPending) {
			s.Errorf("the other one: %v", err)
		}
		if owner, err := s.take(one.Expires.Add(-1), one.ID); err != nil || owner != ada {
			s.Errorf("took %q, %v", owner, err)
		}
		if _, err := s.take(at, one.ID); !errors.Is(err, blobs.ErrNotFound) {
			s.Errorf("a second time: %v", err)
		}
		if err := s.approve(at, one.ID, ada); !errors.Is(err, blobs.ErrNotFound) {
			s.Errorf("approved after it was taken: %v", err)
		}
	})
}

func TestSessionExpires(t *testing.T) {
	t.Parallel()
	s := store{t, memory.New()}
	one, _ := s.begin(at)
	two, _ := s.begin(at)
	if err := s.approve(at, one.ID, ada); err != nil {
		t.Fatal(err)
	}
	end := at.Add(5 * time.Minute)
	if owner, err := s.take(end, one.ID); !errors.Is(err, blobs.ErrNotFound) || owner != "" {
		t.Errorf("took %q, %v", owner, err)
	}
	if err := s.approve(end, two.ID, ada); !errors.Is(err, blobs.ErrNotFound) {
		t.Errorf("approved late: %v", err)
	}
	var invalid *blobs.InvalidError
	if err := s.approve(at, two.ID, ""); !errors.As(err, &invalid) {
		t.Errorf("for nobody: %v", err)
	}
	if err := s.approve(at, secret.TextOf("unknown"), ada); !errors.Is(err, blobs.ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
}

// TestSessionFlood makes sure that those who begin sessions cannot fill the store.
func TestSessionFlood(t *testing.T) {
	t.Parallel()
	s := store{t, memory.New()}
	for i := range 1000 {
		if _, err := s.begin(at); err != nil {
			t.Fatalf("session %d: %v", i, err)
		}
	}
	if _, err := s.begin(at); !errors.Is(err, blobs.ErrBusy) {
		t.Errorf("one too many: %v", err)
	}
	if _, err := s.begin(at.Add(5 * time.Minute)); err != nil {
		t.Errorf("when the others are out of date: %v", err)
	}
	n := 0
	s.must(nil, func(tx kv.Tx) error {
		n = 0
		for range tx.Scan([]byte("bs/")) {
			n++
		}
		return nil
	})
	if n != 1 {
		t.Errorf("%d records are left", n)
	}
}
