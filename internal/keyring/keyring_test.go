package keyring

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/secret"
)

func TestOpen(t *testing.T) {
	t.Parallel()
	auto := "os"
	if runtime.GOOS == "linux" {
		auto = "kernel"
	}
	tests := []struct {
		mode, kind, lasting string
		fails               bool
	}{
		{"", auto, "os", false},
		{"auto", auto, "os", false},
		{"kernel", "kernel", "", false},
		{"os", "os", "os", false},
		{"file", "file", "", false},
		{"off", "", "", false},
		{"Kernel", "", "", true},
	}
	for _, tt := range tests {
		t.Run(tt.mode, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "run")
			s, err := Open(tt.mode, dir)
			kept, err2 := Lasting(tt.mode, dir)
			if (err != nil) != tt.fails || (err2 != nil) != tt.fails {
				t.Fatalf("errors = %v, %v", err, err2)
			}
			kind := func(s Store) string {
				if s == nil {
					return ""
				}
				return s.Kind()
			}
			if kind(s) != tt.kind || kind(kept) != tt.lasting {
				t.Errorf("kinds = %q, %q, want %q, %q", kind(s), kind(kept), tt.kind, tt.lasting)
			}
			if err := Retry(s); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(dir); err == nil {
				t.Error("the directory was made for nothing")
			}
		})
	}
}

func TestSeconds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		ttl  time.Duration
		want int
	}{
		{0, 0},
		{1, 2},
		{time.Second, 2},
		{time.Second + 1, 3},
		{time.Hour, 3601},
		{math.MaxInt64, math.MaxInt32},
	}
	for _, tt := range tests {
		if got, err := seconds(tt.ttl); got != tt.want || err != nil {
			t.Errorf("seconds(%v) = %d, %v, want %d", tt.ttl, got, err, tt.want)
		}
	}
	if _, err := seconds(-1); err == nil {
		t.Error("a negative time-out was accepted")
	}
}

// wrong calls s in every way that it must refuse before it does anything.
func wrong(t *testing.T, s Store) {
	t.Helper()
	ctx, one := t.Context(), secret.Of([]byte{1})
	for _, name := range []string{"", strings.Repeat("n", 256), "a\x00b", "a\nb", "\xff"} {
		_, get := s.Get(ctx, name)
		for i, err := range []error{get, s.Set(ctx, name, one, 0), s.Touch(ctx, name, 0), s.Delete(ctx, name)} {
			if err == nil || errors.Is(err, ErrNotFound) || errors.Is(err, ErrUnavailable) {
				t.Errorf("name %q, call %d: %v", name, i, err)
			}
		}
	}
	for _, value := range []secret.Bytes{{}, secret.Of(make([]byte, 1025))} {
		if err := s.Set(ctx, "n", value, 0); err == nil {
			t.Errorf("a value of %d bytes was accepted", value.Len())
		}
	}
	if s.Set(ctx, "n", one, -1) == nil || s.Touch(ctx, "n", -1) == nil {
		t.Error("a negative time-out was accepted")
	}
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	_, get := s.Get(ctx, "n")
	for i, err := range []error{get, s.Set(ctx, "n", one, 0), s.Touch(ctx, "n", 0), s.Delete(ctx, "n")} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled, call %d: %v", i, err)
		}
	}
}

// conform checks what is true of every Store.
func conform(t *testing.T, s Store, name string) {
	t.Helper()
	ctx := t.Context()
	want := func(value string) {
		t.Helper()
		got, err := s.Get(ctx, name)
		if value == "" {
			if !errors.Is(err, ErrNotFound) {
				t.Fatalf("Get: %v, want ErrNotFound", err)
			}
			return
		}
		if err != nil || string(got.Reveal()) != value {
			t.Fatalf("Get = %q, %v, want %q", got.Reveal(), err, value)
		}
	}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	want("")
	if err := s.Touch(ctx, name, time.Minute); s.Kind() != "os" && !errors.Is(err, ErrNotFound) {
		t.Fatalf("Touch: %v", err)
	}
	ok(s.Delete(ctx, name))
	ok(s.Set(ctx, name, secret.Of([]byte("one")), time.Minute))
	want("one")
	ok(s.Set(ctx, name, secret.Of([]byte("a longer value")), 0))
	want("a longer value")
	ok(s.Set(ctx, name, secret.Of([]byte("2")), time.Hour))
	ok(s.Touch(ctx, name, time.Minute))
	want("2")
	if _, err := s.Get(ctx, name+"x"); !errors.Is(err, ErrNotFound) {
		t.Fatalf("another name: %v", err)
	}
	ok(s.Delete(ctx, name))
	want("")
	ok(s.Delete(ctx, name))
	big := strings.Repeat("v", 1024)
	ok(s.Set(ctx, name, secret.Of([]byte(big)), 0))
	want(big)
	ok(s.Delete(ctx, name))
}
