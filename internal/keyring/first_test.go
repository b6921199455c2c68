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

// fake is a File whose calls fail with err, if that is set; set is for Set
// alone. It counts its calls.
type fake struct {
	Store
	kind     string
	err, set error
	calls    int
}

func (f *fake) Kind() string { return f.kind }

func (f *fake) Get(ctx context.Context, name string) (secret.Bytes, error) {
	f.calls++
	if f.err != nil {
		return secret.Bytes{}, f.err
	}
	return f.Store.Get(ctx, name)
}

func (f *fake) Set(ctx context.Context, name string, value secret.Bytes, ttl time.Duration) error {
	f.calls++
	if err := errors.Join(f.err, f.set); err != nil {
		return err
	}
	return f.Store.Set(ctx, name, value, ttl)
}

func (f *fake) Touch(ctx context.Context, name string, ttl time.Duration) error {
	f.calls++
	if f.err != nil {
		return f.err
	}
	return f.Store.Touch(ctx, name, ttl)
}

func (f *fake) Delete(ctx context.Context, name string) error {
	f.calls++
	if f.err != nil {
		return f.err
	}
	return f.Store.Delete(ctx, name)
}

func pair(t *testing.T) (a, b *fake, s *first) {
	t.Helper()
	a, b = &fake{Store: File(t.TempDir()), kind: "a"}, &fake{Store: File(t.TempDir()), kind: "b"}
	return a, b, First(filepath.Join(t.TempDir(), "marks"), a, b).(*first)
}

func set(t *testing.T, s Store, value string) {
	t.Helper()
	if err := s.Set(t.Context(), "n", secret.Of([]byte(value)), 0); err != nil {
		t.Fatal(err)
	}
}

// holds checks that s has value, or nothing if it is empty.
func holds(t *testing.T, s Store, value string) {
	t.Helper()
	got, err := s.Get(t.Context(), "n")
	if value == "" && errors.Is(err, ErrNotFound) {
		return
	}
	if err != nil || string(got.Reveal()) != value {
		t.Errorf("Get = %q, %v, want %q", got.Reveal(), err, value)
	}
}

func marks(t *testing.T, s *first) int {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(s.dir, "spare-*"))
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

func TestFirst(t *testing.T) {
	t.Parallel()
	a, b, s := pair(t)
	wrong(t, s)
	conform(t, s, "n")
	if b.calls != 0 || marks(t, s) != 0 || s.Kind() != "a" {
		t.Errorf("%d calls of the spare store, %d marks, kind %s", b.calls, marks(t, s), s.Kind())
	}
	a.err = ErrUnavailable
	conform(t, s, "n")
	if marks(t, s) != 0 || s.Kind() != "b" {
		t.Errorf("%d marks, kind %s", marks(t, s), s.Kind())
	}
	a.err, a.set = nil, ErrUnavailable
	conform(t, s, "n")
	if marks(t, s) != 0 {
		t.Errorf("%d marks", marks(t, s))
	}
}

// The spare store is not asked for what was never given to it, whether main is
// available or not.
func TestFirstAsksNoMoreThanNeeded(t *testing.T) {
	t.Parallel()
	for _, unavailable := range []error{nil, ErrUnavailable} {
		a, b, s := pair(t)
		set(t, s, "before")
		a.err = unavailable
		if unavailable == nil {
			if err := s.Delete(t.Context(), "n"); err != nil {
				t.Fatal(err)
			}
		}
		holds(t, s, "")
		if err := s.Touch(t.Context(), "n", 0); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
		if err := s.Delete(t.Context(), "n"); err != nil {
			t.Error(err)
		}
		if b.calls != 0 {
			t.Errorf("%v: %d calls", unavailable, b.calls)
		}
	}
}

// A store that takes nothing more neither hides a newer value with an older
// nor keeps it from being found, also by a process that begins only then.
func TestFirstFull(t *testing.T) {
	t.Parallel()
	a, b, s := pair(t)
	set(t, s, "old")
	a.set = ErrUnavailable
	set(t, s, "new")
	holds(t, a, "")
	holds(t, s, "new")
	holds(t, First(s.dir, a, b), "new")
	if err := s.Touch(t.Context(), "n", time.Hour); err != nil || s.Kind() != "b" {
		t.Errorf("Touch: %v, kind %s", err, s.Kind())
	}
	if marks(t, s) != 1 {
		t.Errorf("%d marks", marks(t, s))
	}
	a.set = nil
	set(t, s, "newest")
	holds(t, b, "")
	holds(t, s, "newest")
	if marks(t, s) != 0 || s.Kind() != "a" {
		t.Errorf("%d marks, kind %s", marks(t, s), s.Kind())
	}
}

// A spare store that is away for a while keeps its mark.
func TestFirstSpareAway(t *testing.T) {
	t.Parallel()
	a, b, s := pair(t)
	a.set = ErrUnavailable
	set(t, s, "in spare")
	b.err = ErrUnavailable
	if _, err := s.Get(t.Context(), "n"); !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrNotFound) {
		t.Errorf("Get: %v", err)
	}
	if err := s.Delete(t.Context(), "n"); err != nil || marks(t, s) != 1 {
		t.Errorf("Delete: %v, %d marks", err, marks(t, s))
	}
	if err := s.Set(t.Context(), "n", secret.Of([]byte("v")), 0); !errors.Is(err, ErrUnavailable) || marks(t, s) != 1 {
		t.Errorf("Set: %v, %d marks", err, marks(t, s))
	}
	a.set = nil
	set(t, s, "in main")
	holds(t, s, "in main")
	if marks(t, s) != 1 {
		t.Errorf("%d marks", marks(t, s))
	}
	b.err = nil
	if err := s.Delete(t.Context(), "n"); err != nil || marks(t, s) != 0 {
		t.Errorf("Delete: %v, %d marks", err, marks(t, s))
	}
	holds(t, b, "")
}

func TestFirstErrors(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, tt := range []struct{ a, b, get, set, del error }{
		{ErrUnavailable, ErrUnavailable, ErrNotFound, ErrUnavailable, nil},
		{broken, nil, broken, broken, broken},
		{ErrUnavailable, broken, ErrNotFound, broken, nil},
	} {
		a, b, s := pair(t)
		a.err, b.err = tt.a, tt.b
		_, get := s.Get(t.Context(), "n")
		for i, err := range []error{get, s.Touch(t.Context(), "n", 0)} {
			if !errors.Is(err, tt.get) {
				t.Errorf("%v, %v, call %d: %v", tt.a, tt.b, i, err)
			}
		}
		if err := s.Set(t.Context(), "n", secret.Of([]byte("v")), 0); !errors.Is(err, tt.set) || marks(t, s) != 0 {
			t.Errorf("%v, %v: Set: %v, %d marks", tt.a, tt.b, err, marks(t, s))
		}
		if err := s.Delete(t.Context(), "n"); !errors.Is(err, tt.del) {
			t.Errorf("%v, %v: Delete: %v", tt.a, tt.b, err)
		}
	}

	a, b, s := pair(t)
	a.set = ErrUnavailable
	set(t, s, "v")
	b.err = broken
	if err := s.Delete(t.Context(), "n"); !errors.Is(err, broken) {
		t.Errorf("Delete: %v", err)
	}
	b.err = nil
	if err := os.Remove(s.path("n")); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(s.path("n"), "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if s.Delete(t.Context(), "n") == nil {
		t.Error("a mark that cannot be removed was not reported")
	}
	if s.Set(t.Context(), "n", secret.Of([]byte("v")), 0) == nil {
		t.Error("a mark that cannot be made was not reported")
	}
	s.dir = filepath.Join(s.path("n"), strings.Repeat("x", 300))
	if s.Set(t.Context(), "n", secret.Of([]byte("v")), 0) == nil {
		t.Error("a directory that cannot be made was not reported")
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	if r := Explain(t.Context(), nil); r != nil {
		t.Error(r)
	}
	if r := Explain(t.Context(), File(t.TempDir())); len(r) != 1 || r[0] != (Report{"file", true, nil}) {
		t.Error(r)
	}
	for _, tt := range []struct {
		a, b   error
		ua, ub bool
	}{
		{nil, nil, true, false},
		{ErrUnavailable, nil, false, true},
		{nil, ErrUnavailable, true, false},
		{ErrUnavailable, ErrUnavailable, false, false},
	} {
		a, b, s := pair(t)
		a.err, b.set = tt.a, tt.b
		r := Explain(t.Context(), s)
		if len(r) != 2 || r[0].Kind != "a" || r[1].Kind != "b" || r[0].Used != tt.ua || r[1].Used != tt.ub ||
			!errors.Is(r[0].Err, tt.a) || !errors.Is(r[1].Err, tt.b) {
			t.Errorf("%+v: %+v", tt, r)
		}
		for _, s := range []*fake{a, b} {
			if left, _ := os.ReadDir(string(s.Store.(file))); len(left) != 0 {
				t.Errorf("%v left behind", left)
			}
		}
	}
	if r := Explain(t.Context(), forgetful{File(t.TempDir())}); r[0].Used || r[0].Err == nil {
		t.Errorf("%+v", r)
	}
}

// forgetful returns another value than was set.
type forgetful struct{ Store }

func (forgetful) Get(context.Context, string) (secret.Bytes, error) {
	return secret.Of([]byte("another")), nil
}
