package device

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/internal/keyring"
	"github.com/keyhold/keyhold/internal/secret"
)

func wrapping(b byte) secret.Bytes { return secret.Of(bytes.Repeat([]byte{b}, keySize)) }

// inFileOnly is a shelf whose OS keyring is not available.
func inFileOnly(t *testing.T) *shelf {
	t.Helper()
	s := newShelf(t)
	s.os.err = keyring.ErrUnavailable
	return s
}

// reboot empties the kernel's keyring and starts a new process.
func (s *shelf) reboot() {
	clear(s.kernel.values)
	s.Tokens = s.other(s.h)
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// no checks that the token cannot be opened now, but is not lost.
func (s *shelf) no(reason string) {
	s.t.Helper()
	_, err := s.Get(s.t.Context(), "default", svc, origin)
	if !errors.Is(err, ErrNoDeviceKey) || errors.Is(err, ErrNoToken) || !strings.Contains(err.Error(), reason) {
		s.t.Errorf("Get: %v", err)
	}
}

func TestDeviceKeyReboot(t *testing.T) {
	t.Parallel()
	s := inFileOnly(t)
	ctx, wrap := t.Context(), wrapping(1)
	if err := s.key.Restore(ctx, wrap); !errors.Is(err, ErrNoDeviceKey) {
		t.Error(err)
	}
	ok(t, s.key.Wrap(ctx, wrap))
	s.set("default", svc, "x")
	for range 2 {
		s.reboot()
		s.no("unlock brings it back")
		if err := s.Set(ctx, "default", svc, Token{origin, text("y")}); !errors.Is(err, ErrNoDeviceKey) {
			t.Errorf("made a second key: %v", err)
		}
		ok(t, s.key.Restore(ctx, wrap))
		s.is("default", svc, "x")
		ok(t, s.key.Restore(ctx, wrap))
		ok(t, s.key.Wrap(ctx, wrap))
	}
	for name := range s.kernel.ttl {
		if s.kernel.ttl[name] != 0 || !strings.HasSuffix(name, "/device") {
			t.Errorf("%s for %v", name, s.kernel.ttl[name])
		}
	}
}

// Made without an account, and wrapped when there is one.
func TestDeviceKeyBeforeAccount(t *testing.T) {
	t.Parallel()
	s := inFileOnly(t)
	s.set("default", svc, "x")
	if _, err := os.Stat(s.h.Path("device")); err == nil {
		t.Error("wrapped under nothing")
	}
	ok(t, s.key.Restore(t.Context(), wrapping(1)))
	s.reboot()
	ok(t, s.key.Restore(t.Context(), wrapping(1)))
	s.is("default", svc, "x")
}

// Without an account a reboot loses the token, and a new one may be kept.
func TestDeviceKeyLost(t *testing.T) {
	t.Parallel()
	s := inFileOnly(t)
	s.set("default", svc, "x")
	s.reboot()
	s.is("default", svc, "")
	if err := s.key.Restore(t.Context(), wrapping(1)); !errors.Is(err, ErrNoDeviceKey) {
		t.Error(err)
	}
	s.set("default", "other", "o")
	s.is("default", svc, "")
	s.set("default", svc, "y")
	s.is("default", svc, "y")
	s.is("default", "other", "o")
}

// An account is enough where there is no keyring; nothing is not.
func TestDeviceKeyNoKeyring(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := inFileOnly(t)
	s.kernel.err = keyring.ErrUnavailable
	if err := s.Set(ctx, "default", svc, Token{origin, text("x")}); !errors.Is(err, ErrNoDeviceKey) || !errors.Is(err, keyring.ErrUnavailable) {
		t.Error(err)
	}
	s.kernel.err, s.kernel.setErr = nil, keyring.ErrUnavailable
	if err := s.Set(ctx, "default", svc, Token{origin, text("x")}); !errors.Is(err, ErrNoDeviceKey) || !errors.Is(err, keyring.ErrUnavailable) {
		t.Error(err)
	}
	for _, ring := range []keyring.Store{s.kernel, nil} {
		key := NewDeviceKey(s.h, ring, rand.Reader)
		ok(t, key.Wrap(ctx, wrapping(1)))
		ok(t, NewTokens(s.h, nil, key, rand.Reader).Set(ctx, "default", svc, Token{origin, text("x")}))
		again := NewDeviceKey(s.h, ring, rand.Reader)
		tokens := NewTokens(s.h, nil, again, rand.Reader)
		if _, err := tokens.Get(ctx, "default", svc, origin); !errors.Is(err, ErrNoDeviceKey) {
			t.Error(err)
		}
		ok(t, again.Restore(ctx, wrapping(1)))
		if _, err := tokens.Get(ctx, "default", svc, origin); err != nil {
			t.Error(err)
		}
		ok(t, again.Remove(ctx))
	}
	file := keyring.File(s.h.Path("run"))
	tokens := NewTokens(s.h, nil, NewDeviceKey(s.h, file, rand.Reader), rand.Reader)
	ok(t, tokens.Set(ctx, "default", svc, Token{origin, text("x")}))
	tokens = NewTokens(s.h, nil, NewDeviceKey(s.h, file, rand.Reader), rand.Reader)
	if _, err := tokens.Get(ctx, "default", svc, origin); err != nil {
		t.Error(err)
	}
}

func TestDeviceKeyOtherAccount(t *testing.T) {
	t.Parallel()
	s := inFileOnly(t)
	ctx := t.Context()
	ok(t, s.key.Wrap(ctx, wrapping(1)))
	s.set("default", svc, "x")
	s.reboot()
	for _, err := range []error{s.key.Restore(ctx, wrapping(2)), s.key.Wrap(ctx, wrapping(2))} {
		if !errors.Is(err, ErrDamaged) {
			t.Error(err)
		}
	}
	// With the key at hand it is wrapped for the new account.
	ok(t, s.key.Restore(ctx, wrapping(1)))
	ok(t, s.key.Wrap(ctx, wrapping(2)))
	s.reboot()
	ok(t, s.key.Restore(ctx, wrapping(2)))
	s.is("default", svc, "x")
	// Where both are there and differ, the file counts.
	home, err := s.h.readID()
	ok(t, err)
	s.kernel.values[deviceName(home)] = make([]byte, keySize)
	s.Tokens = s.other(s.h)
	s.is("default", svc, "")
	s.Tokens = s.other(s.h)
	ok(t, s.key.Restore(ctx, wrapping(2)))
	s.is("default", svc, "x")

	ok(t, s.key.Remove(ctx))
	ok(t, s.key.Remove(ctx))
	if _, err := os.Stat(s.h.Path("device")); err == nil || len(s.kernel.values) != 0 {
		t.Errorf("Remove left the key: %v, %v", err, s.kernel.values)
	}
	s.is("default", svc, "")
	s.set("default", svc, "y")
	s.is("default", svc, "y")
}

func TestDeviceKeyFaults(t *testing.T) {
	t.Parallel()
	s := inFileOnly(t)
	ctx, broken := t.Context(), errors.New("broken")
	ok(t, s.key.Remove(ctx))
	ok(t, s.key.Wrap(ctx, wrapping(1)))
	s.set("default", svc, "x")
	if s.key.Wrap(ctx, secret.Bytes{}) == nil || s.key.Restore(ctx, secret.Of(make([]byte, 31))) == nil {
		t.Error("a short key was accepted")
	}
	good, err := os.ReadFile(s.h.Path("device"))
	ok(t, err)
	for what, b := range map[string][]byte{"empty": {}, "short": good[1:], "long": append(bytes.Clone(good), 0), "newer": append([]byte{2}, good[1:]...), "flipped": append(bytes.Clone(good[:60]), good[60]^1)} {
		s.reboot()
		ok(t, os.WriteFile(s.h.Path("device"), b, 0o600))
		if err := s.key.Restore(ctx, wrapping(1)); !errors.Is(err, ErrDamaged) && !errors.Is(err, errVersion) {
			t.Errorf("%s: %v", what, err)
		}
	}
	ok(t, os.WriteFile(s.h.Path("device"), good, 0o600))
	s.kernel.setErr = broken
	if err := s.key.Restore(ctx, wrapping(1)); !errors.Is(err, broken) {
		t.Error(err)
	}
	s.kernel.setErr = nil
	s.kernel.err = broken
	s.Tokens = s.other(s.h)
	_, get := s.Get(ctx, "default", svc, origin)
	for i, err := range []error{get, s.key.Restore(ctx, wrapping(1)), s.Set(ctx, "default", svc, Token{origin, text("x")}), s.key.Remove(ctx)} {
		if !errors.Is(err, broken) {
			t.Errorf("call %d: %v", i, err)
		}
	}
	s.kernel.err = nil
	home, err := s.h.readID()
	ok(t, err)
	s.kernel.values[deviceName(home)] = []byte("short")
	if _, err := s.Get(ctx, "default", svc, origin); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}

	for n := 0; n < keySize+nonceSize; n += 11 {
		s := inFileOnly(t)
		_, err := s.h.Make(rand.Reader)
		ok(t, err)
		s.key.rand = failAfter(n)
		if err := s.key.Wrap(ctx, wrapping(1)); !errors.Is(err, errRand) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
	s = inFileOnly(t)
	s.key.rand = failing{}
	if err := s.key.Wrap(ctx, wrapping(1)); !errors.Is(err, errRand) {
		t.Error(err)
	}
	if err := s.Set(ctx, "default", svc, Token{origin, text("x")}); !errors.Is(err, errRand) {
		t.Error(err)
	}
	s.kernel.setErr = broken
	s.key.rand = rand.Reader
	if err := s.Set(ctx, "default", svc, Token{origin, text("x")}); !errors.Is(err, broken) {
		t.Error(err)
	}
	ok(t, errors.Join(os.Remove(s.h.Path("device.lock")), os.Mkdir(s.h.Path("device.lock"), 0o700)))
	for i, err := range []error{s.key.Wrap(ctx, wrapping(1)), s.key.Remove(ctx), s.Set(ctx, "default", svc, Token{origin, text("x")})} {
		if err == nil {
			t.Errorf("call %d worked without a lock", i)
		}
	}
	ok(t, os.WriteFile(s.h.Path("id"), nil, 0o600))
	for i, err := range []error{s.key.Wrap(ctx, wrapping(1)), s.key.Restore(ctx, wrapping(1)), s.key.Remove(ctx)} {
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("id, call %d: %v", i, err)
		}
	}
}
