package device

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/keyhold/keyhold/internal/keyring"
	"github.com/keyhold/keyhold/internal/secret"
)

const (
	origin = "https://vault.example"
	svc    = "vaultctl"
)

// shelf is a home with tokens, an OS keyring and one for the device key.
type shelf struct {
	*Tokens
	t          *testing.T
	os, kernel *memRing
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	s := &shelf{t: t, os: newRing(), kernel: newRing()}
	s.Tokens = s.other(NewHome(filepath.Join(t.TempDir(), "home")))
	return s
}

// other is another process with the same keyrings.
func (s *shelf) other(h *Home) *Tokens {
	return NewTokens(h, s.os, NewDeviceKey(h, s.kernel, rand.Reader), rand.Reader)
}

func (s *shelf) set(profile, service, value string) {
	s.t.Helper()
	if err := s.Set(s.t.Context(), profile, service, Token{origin, text(value)}); err != nil {
		s.t.Fatal(err)
	}
}

// is checks that there is this token, or none if value is empty.
func (s *shelf) is(profile, service, value string) {
	s.t.Helper()
	for _, tokens := range []*Tokens{s.Tokens, s.other(s.h)} {
		got, err := tokens.Get(s.t.Context(), profile, service, origin)
		if value == "" && errors.Is(err, ErrNoToken) {
			continue
		}
		if err != nil || string(got.Secret.Reveal()) != value || got.Origin != origin {
			s.t.Errorf("%s, %s: %q of %q, %v, want %q", profile, service, got.Secret.Reveal(), got.Origin, err, value)
		}
	}
}

// places are what the file says about each entry.
func (s *shelf) places(want ...place) {
	s.t.Helper()
	entries, err := s.read()
	if err != nil {
		s.t.Fatal(err)
	}
	var got []place
	for _, e := range entries {
		got = append(got, e.place)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		s.t.Errorf("places %v, want %v", got, want)
	}
}

func (s *shelf) delete(profile, service string) {
	s.t.Helper()
	if err := s.Delete(s.t.Context(), profile, service); err != nil {
		s.t.Error(err)
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	for _, where := range []struct {
		name  string
		place place
		err   error
	}{{"OS keyring", inRing, nil}, {"file", inFile, keyring.ErrUnavailable}} {
		t.Run(where.name, func(t *testing.T) {
			t.Parallel()
			s := newShelf(t)
			s.os.setErr = where.err
			s.is("default", svc, "")
			s.delete("default", svc)
			if _, err := os.Stat(s.h.Dir()); err == nil {
				t.Error("the home was made for nothing")
			}
			s.set("default", svc, "one")
			s.set("work", svc, "work")
			s.set("default", "aaa", "other")
			s.set("default", svc, "two")
			s.places(where.place, where.place, where.place)
			s.is("default", svc, "two")
			s.is("default", "aaa", "other")
			s.is("work", svc, "work")
			s.is("work", "aaa", "")
			s.delete("default", svc)
			s.delete("default", svc)
			s.is("default", svc, "")
			s.is("default", "aaa", "other")
			s.set("default", svc, "three")
			if err := s.DeleteProfile(t.Context(), "default"); err != nil {
				t.Error(err)
			}
			s.is("default", svc, "")
			s.is("default", "aaa", "")
			s.is("work", svc, "work")
			if err := s.DeleteProfile(t.Context(), "work"); err != nil || len(s.os.values) != 0 {
				t.Errorf("%v, %d left", err, len(s.os.values))
			}
			if fi, err := os.Stat(s.h.Path("tokens")); err != nil || runtime.GOOS != "windows" && fi.Mode() != 0o600 {
				t.Errorf("mode %v, %v", fi.Mode(), err)
			}
			if left, _ := filepath.Glob(s.h.Path(".new-*")); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestTokenOrigin(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.set("default", "ring", "canary")
	s.os.setErr = keyring.ErrUnavailable
	s.set("default", "file", "canary")
	for _, service := range []string{"ring", "file"} {
		for _, other := range []string{"", "http://vault.example", origin + "/", origin + ":443", strings.ToUpper(origin)} {
			got, err := s.Get(t.Context(), "default", service, other)
			if !errors.Is(err, ErrOrigin) || got.Secret.Len() != 0 || strings.Contains(err.Error(), "canary") {
				t.Errorf("%s, %q: %v", service, other, err)
			}
		}
	}
	// A value that was moved to another account still has its origin.
	home, err := s.h.readID()
	if err != nil {
		t.Fatal(err)
	}
	s.os.values[tokenName(home, "default", "ring")] = formatValue(Token{"https://evil.example", text("x")}).Reveal()
	if _, err := s.Get(t.Context(), "default", "ring", origin); !errors.Is(err, ErrOrigin) {
		t.Error(err)
	}
	for what, v := range map[string]string{"empty": "", "short": "\x01\x05abc", "no secret": "\x01\x01a", "no origin": "\x01\x00a", "newer": "\x02\x01ab"} {
		s.os.values[tokenName(home, "default", "ring")] = []byte(v)
		if _, err := s.Get(t.Context(), "default", "ring", origin); !errors.Is(err, ErrDamaged) && !errors.Is(err, errVersion) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// An OS keyring that comes and goes.
func TestTokenPlaces(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	ctx := t.Context()
	away := func(err error) { s.os.err = err }
	s.set("default", svc, "ring")
	away(keyring.ErrUnavailable)
	if _, err := s.Get(ctx, "default", svc, origin); !errors.Is(err, keyring.ErrUnavailable) || errors.Is(err, ErrNoToken) {
		t.Error(err)
	}
	s.set("default", svc, "file")
	s.places(inFileMoved)
	s.is("default", svc, "file")
	away(nil)
	s.is("default", svc, "file")
	s.set("default", svc, "ring again")
	s.places(inRing)
	s.is("default", svc, "ring again")

	// Deleted here, and there as soon as it is back.
	away(keyring.ErrUnavailable)
	if err := s.Delete(ctx, "default", svc); !errors.Is(err, keyring.ErrUnavailable) {
		t.Error(err)
	}
	s.places(nowhere)
	away(nil)
	s.is("default", svc, "")
	if err := s.DeleteProfile(ctx, "default"); err != nil {
		t.Error(err)
	}
	s.places()

	s.set("default", svc, "ring")
	s.set("default", "zzz", strings.Repeat("long", 400))
	s.places(inRing, inFile)
	s.is("default", "zzz", strings.Repeat("long", 400))
	off := NewTokens(s.h, nil, s.key, rand.Reader)
	if _, err := off.Get(ctx, "default", svc, origin); !errors.Is(err, keyring.ErrUnavailable) {
		t.Error(err)
	}
	if err := off.DeleteProfile(ctx, "default"); !errors.Is(err, keyring.ErrUnavailable) {
		t.Error(err)
	}
	s.places(nowhere)
	s.set("default", svc, "ring")
	s.places(inRing)
	clear(s.os.values)
	s.is("default", svc, "") // somebody deleted it there
	broken := errors.New("broken")
	away(broken)
	if _, err := s.Get(ctx, "default", svc, origin); !errors.Is(err, broken) {
		t.Error(err)
	}
	if err := s.Set(ctx, "default", "new", Token{origin, text("x")}); !errors.Is(err, broken) {
		t.Error(err)
	}
	s.places(nowhere, inRing) // it may have been kept for all we know

	// A login that nothing can keep leaves nothing to log out of.
	away(keyring.ErrUnavailable)
	s.kernel.err = keyring.ErrUnavailable
	s.Tokens = s.other(s.h)
	if err := s.Set(ctx, "work", svc, Token{origin, text("x")}); !errors.Is(err, ErrNoDeviceKey) {
		t.Error(err)
	}
	if err := s.DeleteProfile(ctx, "work"); err != nil {
		t.Error(err)
	}
}

// A move from the file to the OS keyring says first that it may have one.
func TestTokenMove(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.os.setErr = keyring.ErrUnavailable
	s.set("default", svc, "file")
	s.os.setErr = errors.New("crash")
	if err := s.Set(t.Context(), "default", svc, Token{origin, text("new")}); err == nil {
		t.Error("no error")
	}
	s.places(inFileMoved)
	s.is("default", svc, "file")
	s.os.setErr = nil
	s.set("default", svc, "new")
	s.places(inRing)
}

func TestTokensAtOnce(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.os.setErr = keyring.ErrUnavailable
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			other := s.other(s.h) // with no device key of its own
			for n := range 5 {
				name := fmt.Sprintf("s%d-%d", i, n)
				if err := other.Set(t.Context(), "default", name, Token{origin, text(name)}); err != nil {
					t.Error(err)
				}
				if n == 4 {
					if err := other.Delete(t.Context(), "default", fmt.Sprintf("s%d-0", i)); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	for i := range 8 {
		s.is("default", fmt.Sprintf("s%d-0", i), "")
		for n := 1; n < 5; n++ {
			s.is("default", fmt.Sprintf("s%d-%d", i, n), fmt.Sprintf("s%d-%d", i, n))
		}
	}
}

func TestTokenRefused(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	ctx := t.Context()
	ok := Token{origin, text("x")}
	for name, err := range map[string]error{
		"profile":     s.Set(ctx, "", svc, ok),
		"service":     s.Set(ctx, "default", "", ok),
		"slash":       s.Set(ctx, "default", "a/b", ok),
		"control":     s.Set(ctx, "default", "a\n", ok),
		"long":        s.Set(ctx, "default", strings.Repeat("s", 65), ok),
		"no origin":   s.Set(ctx, "default", svc, Token{"", ok.Secret}),
		"long origin": s.Set(ctx, "default", svc, Token{strings.Repeat("o", 256), ok.Secret}),
		"bad origin":  s.Set(ctx, "default", svc, Token{"https://a\r\nb", ok.Secret}),
		"empty":       s.Set(ctx, "default", svc, Token{origin, secret.Bytes{}}),
		"long token":  s.Set(ctx, "default", svc, Token{origin, secret.Of(make([]byte, maxToken+1))}),
		"delete":      s.DeleteProfile(ctx, "\n"),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := s.Get(ctx, "", svc, origin); err == nil || errors.Is(err, ErrNoToken) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	_, get := s.Get(ctx, "default", svc, origin)
	for i, err := range []error{get, s.Set(ctx, "default", svc, ok), s.Delete(ctx, "default", svc)} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled, call %d: %v", i, err)
		}
	}
	if _, err := os.Stat(s.h.Dir()); err == nil {
		t.Error("the home was made for nothing")
	}
}

func TestTokensFull(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.os.setErr = keyring.ErrUnavailable
	var err error
	n := 0
	for ; n < 100 && err == nil; n++ {
		err = s.Set(t.Context(), "default", fmt.Sprintf("s%02d", n), Token{origin, secret.Of(bytes.Repeat([]byte("x"), maxToken))})
	}
	if err == nil || n != 64 {
		t.Errorf("%v after %d", err, n)
	}
	s.is("default", "s00", strings.Repeat("x", maxToken))
}

func TestTokensFaults(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	ctx := t.Context()
	s.os.setErr = keyring.ErrUnavailable
	s.set("default", svc, "x")
	good, err := os.ReadFile(s.h.Path("tokens"))
	if err != nil {
		t.Fatal(err)
	}
	all := func(what string, want func(error) bool) {
		t.Helper()
		_, get := s.Get(ctx, "default", svc, origin)
		for i, err := range []error{get, s.Set(ctx, "default", svc, Token{origin, text("x")}), s.Delete(ctx, "default", svc)} {
			if err == nil || !want(err) {
				t.Errorf("%s, call %d: %v", what, i, err)
			}
		}
	}
	put := func(b []byte) {
		t.Helper()
		if err := os.WriteFile(s.h.Path("tokens"), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	damaged := func(err error) bool { return errors.Is(err, ErrDamaged) }
	put(nil)
	all("empty", damaged)
	put(good[:len(good)-1])
	all("short", damaged)
	put(append([]byte{2}, good[1:]...))
	all("newer", func(err error) bool { return errors.Is(err, errVersion) })
	put(make([]byte, maxTokens+1))
	all("huge", damaged)
	bad := bytes.Clone(good)
	bad[len(bad)-1] ^= 1
	put(bad)
	if _, err := s.Get(ctx, "default", svc, origin); !damaged(err) {
		t.Error(err)
	}
	put(good)
	s.is("default", svc, "x")

	s.rand = failing{}
	if err := s.Set(ctx, "default", svc, Token{origin, text("y")}); !errors.Is(err, errRand) {
		t.Error(err)
	}
	s.is("default", svc, "x")
	if err := os.MkdirAll(filepath.Join(s.h.Path("tokens.lock"), "x"), 0o700); err == nil {
		t.Fatal("the lock was not there")
	}
	if err := errors.Join(os.Remove(s.h.Path("tokens.lock")), os.Mkdir(s.h.Path("tokens.lock"), 0o700)); err != nil {
		t.Fatal(err)
	}
	if s.Delete(ctx, "default", svc) == nil {
		t.Error("deleted without a lock")
	}
	if err := os.WriteFile(s.h.Path("id"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	all("id", damaged)
	if err := s.h.replaceFile("x/y", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if err := NewHome(filepath.Join(s.h.Dir(), "none")).replaceFile("x", nil); err == nil {
		t.Error("no error")
	}
}
