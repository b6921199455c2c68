package server_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/server"
)

var start = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func TestLimiter(t *testing.T) {
	t.Parallel()
	now := start
	l := server.NewLimiter(3, func() time.Time { return now })
	for i := range 3 {
		if _, ok := l.Allow("a"); !ok {
			t.Fatalf("request %d is refused", i+1)
		}
	}
	if wait, ok := l.Allow("a"); ok || wait != 20*time.Second {
		t.Errorf("the fourth: %v, %v", wait, ok)
	}
	if _, ok := l.Allow("b"); !ok {
		t.Error("another client is refused")
	}
	now = now.Add(19 * time.Second)
	if wait, ok := l.Allow("a"); ok || wait.Round(time.Second) != time.Second {
		t.Errorf("19 seconds later: %v, %v", wait, ok)
	}
	now = now.Add(time.Second)
	if _, ok := l.Allow("a"); !ok {
		t.Error("20 seconds later it is refused")
	}
	now = now.Add(-time.Hour) // a clock that is set back gives nothing and takes nothing
	if _, ok := l.Allow("a"); ok {
		t.Error("after the clock went back it is allowed")
	}
}

// Who has not come for a while is forgotten.
func TestLimiter_forgets(t *testing.T) {
	t.Parallel()
	now := start
	l := server.NewLimiter(60, func() time.Time { return now })
	for i := range 1000 {
		l.Allow(strings.Repeat("x", i))
	}
	now = now.Add(time.Minute)
	l.Allow("y")
	if n := l.Clients(); n != 1 {
		t.Errorf("%d clients are remembered", n)
	}
}

func TestGate(t *testing.T) {
	t.Parallel()
	g := server.NewGate(2)
	var in, most atomic.Int32
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			_ = g.Do(t.Context(), func() {
				n := in.Add(1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
					continue
				}
				in.Add(-1)
			})
		})
	}
	wg.Wait()
	if most.Load() > 2 {
		t.Errorf("%d at once", most.Load())
	}
	hold := make(chan struct{})
	one := server.NewGate(0)
	began := make(chan struct{})
	wg.Go(func() { _ = one.Do(t.Context(), func() { close(began); <-hold }) })
	<-began
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := one.Do(ctx, func() { t.Error("it got in") }); !errors.Is(err, context.Canceled) {
		t.Errorf("Do = %v", err)
	}
	close(hold)
	wg.Wait()
}

func outer(log io.Writer) server.Outer {
	return server.Outer{
		Log: slog.New(slog.NewTextHandler(log, nil)), Now: func() time.Time { return start }, Rand: bytes.NewReader(bytes.Repeat([]byte{1}, 800)),
		Fail: func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "sorry", http.StatusInternalServerError) },
	}
}

func TestWrap(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		handler http.HandlerFunc
		status  int
		aborts  bool
		logged  string
	}{
		{"answer", func(w http.ResponseWriter, r *http.Request) {
			server.Note(r.Context(), "u1", "")
			server.Note(r.Context(), "", "E1")
			_, _ = io.WriteString(w, "hello")
		}, 200, false, "status=200 bytes=5 ms=0 user=u1 error=E1"},
		{"status", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, 204, false, "status=204"},
		{"panic", func(http.ResponseWriter, *http.Request) { panic("canary") }, 500, false, "what=panic"},
		{"runtime error", func(_ http.ResponseWriter, r *http.Request) { _ = r.Header["X"][1] }, 500, false, "index out of range"},
		{"panic after half an answer", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half")
			panic("canary")
		}, 200, true, "what=panic"},
		{"abort", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 200, true, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			rec := httptest.NewRecorder()
			aborted := func() (aborted bool) {
				defer func() { aborted = recover() != nil }()
				outer(&log).Wrap(tt.handler).ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), "CANARY", "/canary?canary", nil))
				return false
			}()
			if rec.Code != tt.status || aborted != tt.aborts {
				t.Errorf("status %d, aborted %v", rec.Code, aborted)
			}
			if !strings.Contains(log.String(), tt.logged) || strings.Contains(strings.ToLower(log.String()), "canary") {
				t.Errorf("log: %s", log.String())
			}
			if id := rec.Header().Get("X-Request-Id"); id != "0101010101010101" {
				t.Errorf("request id %q", id)
			}
		})
	}
}
