package keyring

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	system "github.com/zalando/go-keyring"

	"github.com/keyhold/keyhold/internal/secret"
)

// library is a desktop whose values are in memory.
func library() (desktop, map[string]string) {
	var mu sync.Mutex
	values := map[string]string{}
	return desktop{
		ready: func() error { return nil },
		get: func(service, name string) (string, error) {
			mu.Lock()
			defer mu.Unlock()
			v, ok := values[service+" "+name]
			if !ok {
				return "", system.ErrNotFound
			}
			return v, nil
		},
		set: func(service, name, value string) error {
			mu.Lock()
			defer mu.Unlock()
			values[service+" "+name] = value
			return nil
		},
		del: func(service, name string) error {
			mu.Lock()
			defer mu.Unlock()
			if _, ok := values[service+" "+name]; !ok {
				return system.ErrNotFound
			}
			delete(values, service+" "+name)
			return nil
		},
	}, values
}

func TestOS(t *testing.T) {
	t.Parallel()
	s, values := library()
	wrong(t, s)
	conform(t, s, "home:profile")
	conform(t, Deadline(s, ""), "home:profile")
	if err := s.Set(t.Context(), "n", secret.Of([]byte{0, 0xff, '\n'}), 0); err != nil {
		t.Fatal(err)
	}
	if got := values["keyhold n"]; got != "AP8K" {
		t.Errorf("kept as %q", got)
	}
	for what, v := range map[string]string{
		"empty": "", "not base64": "hunter2!", "a bit too many": "AP9=", "too long": strings.Repeat("AAAA", 342),
	} {
		values["keyhold n"] = v
		_, err := s.Get(t.Context(), "n")
		if err == nil || errors.Is(err, ErrNotFound) || errors.Is(err, ErrUnavailable) || strings.Contains(err.Error(), "hunter") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Whatever the system says, it is that the store is not available.
func TestOSErrors(t *testing.T) {
	t.Parallel()
	ctx, one := t.Context(), secret.Of([]byte{1})
	all := func(s Store) []error {
		_, get := s.Get(ctx, "n")
		return []error{get, s.Set(ctx, "n", one, 0), s.Delete(ctx, "n")}
	}
	odd := errors.New("exit status 51")
	for name, s := range map[string]desktop{
		"not ready": {ready: func() error { return odd }},
		"refused": {
			ready: func() error { return nil },
			get:   func(string, string) (string, error) { return "", odd },
			set:   func(string, string, string) error { return odd },
			del:   func(string, string) error { return odd },
		},
		"unsupported": {
			ready: func() error { return nil },
			get:   func(string, string) (string, error) { return "", system.ErrUnsupportedPlatform },
			set:   func(string, string, string) error { return system.ErrUnsupportedPlatform },
			del:   func(string, string) error { return system.ErrUnsupportedPlatform },
		},
		"panics": {ready: func() error { panic("interface conversion") }},
	} {
		for i, err := range all(s) {
			if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "os: ") {
				t.Errorf("%s, call %d: %v", name, i, err)
			}
		}
	}

	s, _ := library()
	s.set = func(string, string, string) error { return system.ErrSetDataTooBig }
	if err := s.Set(ctx, "n", one, 0); !errors.Is(err, system.ErrSetDataTooBig) || errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
	s.set = func(string, string, string) error { return nil }
	if err := s.Set(ctx, "n", one, 0); !errors.Is(err, ErrUnavailable) {
		t.Errorf("it kept nothing: %v", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	for i, err := range all(s) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled, call %d: %v", i, err)
		}
	}
}
