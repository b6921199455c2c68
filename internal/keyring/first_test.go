package keyring

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/secret"
)

// fake is a File whose calls fail with err, if that is set; set is for Set
// alone.
type fake struct {
	Store
	err, set error
}

func (f *fake) Kind() string { return "fake" }

func (f *fake) Get(ctx context.Context, name string) (secret.Bytes, error) {
	if f.err != nil {
		return secret.Bytes{}, f.err
	}
	return f.Store.Get(ctx, name)
}

func (f *fake) Set(ctx context.Context, name string, value secret.Bytes, ttl time.Duration) error {
	if err := errors.Join(f.err, f.set); err != nil {
		return err
	}
	return f.Store.Set(ctx, name, value, ttl)
}

func (f *fake) Touch(ctx context.Context, name string, ttl time.Duration) error {
	if f.err != nil {
		return f.err
	}
	return f.Store.Touch(ctx, name, ttl)
}

func (f *fake) Delete(ctx context.Context, name string) error {
	if f.err != nil {
		return f.err
	}
	return f.Store.Delete(ctx, name)
}

func TestFirst(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	make2 := func(t *testing.T) (a, b *fake, s Store) {
		a, b = &fake{Store: File(t.TempDir())}, &fake{Store: File(t.TempDir())}
		return a, b, First(a, b)
	}
	v := func(s string) secret.Bytes { return secret.Of([]byte(s)) }
	get := func(t *testing.T, s Store, want string) {
		t.Helper()
		got, err := s.Get(t.Context(), "n")
		if want == "" && errors.Is(err, ErrNotFound) {
			return
		}
		if err != nil || string(got.Reveal()) != want {
			t.Errorf("Get = %q, %v, want %q", got.Reveal(), err, want)
		}
	}

	t.Run("one", func(t *testing.T) {
		t.Parallel()
		if s := File("x"); First(s) != s {
			t.Error("wrapped for nothing")
		}
	})
	t.Run("conforms", func(t *testing.T) {
		t.Parallel()
		a, _, s := make2(t)
		wrong(t, s)
		conform(t, s, "n")
		a.err = ErrUnavailable
		conform(t, s, "n")
		if s.Kind() != "fake" {
			t.Error(s.Kind())
		}
	})
	t.Run("a full first store hides nothing", func(t *testing.T) {
		t.Parallel()
		a, b, s := make2(t)
		if err := s.Set(t.Context(), "n", v("old"), 0); err != nil {
			t.Fatal(err)
		}
		a.set = ErrUnavailable
		if err := s.Set(t.Context(), "n", v("new"), 0); err != nil {
			t.Fatal(err)
		}
		get(t, s, "new")
		get(t, a, "")
		a.set = nil
		if err := s.Set(t.Context(), "n", v("newest"), 0); err != nil {
			t.Fatal(err)
		}
		get(t, s, "newest")
		get(t, b, "")
	})
	t.Run("all unavailable", func(t *testing.T) {
		t.Parallel()
		a, b, s := make2(t)
		a.err, b.err = ErrUnavailable, ErrUnavailable
		_, err := s.Get(t.Context(), "n")
		for i, err := range []error{err, s.Set(t.Context(), "n", v("x"), 0), s.Touch(t.Context(), "n", 0)} {
			if !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrNotFound) {
				t.Errorf("call %d: %v", i, err)
			}
		}
		if err := s.Delete(t.Context(), "n"); err != nil {
			t.Error(err)
		}
	})
	t.Run("another error is final", func(t *testing.T) {
		t.Parallel()
		a, b, s := make2(t)
		a.err = broken
		_, err := s.Get(t.Context(), "n")
		for i, err := range []error{err, s.Set(t.Context(), "n", v("x"), 0), s.Touch(t.Context(), "n", 0), s.Delete(t.Context(), "n")} {
			if !errors.Is(err, broken) {
				t.Errorf("call %d: %v", i, err)
			}
		}
		get(t, b, "")
	})
}
