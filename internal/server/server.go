// Package server has what the HTTP doors of all APIs share: request ids, the
// log, recovery from panics, the address of a client, and limits. What an API
// answers, errors too, is its own.
package server

import (
	"context"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"
	"time"
)

// Outer is what stands around the door of an API.
type Outer struct {
	Log  *slog.Logger
	Now  func() time.Time
	Rand io.Reader
	// Fail answers a request whose handler panicked before it answered.
	Fail func(w http.ResponseWriter, r *http.Request)
}

type noteKey struct{}

// A note is what a handler wants to have in the line of the log.
type note struct{ user, err string }

// Note puts into the log's line of a request on whose behalf it was made, and
// what kind of error it ended with. Neither may contain what a client sent.
func Note(ctx context.Context, user, err string) {
	if n, ok := ctx.Value(noteKey{}).(*note); ok {
		if user != "" {
			n.user = user
		}
		if err != "" {
			n.err = err
		}
	}
}

// Wrap returns next with a request id in every answer, a line in the log for
// every request, and without panics. The log has the pattern of a path, never
// the path, a query, a header or a body: those may hold what is nobody's to see.
func (o Outer) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := o.Now()
		id := requestID(o.Rand)
		w.Header().Set("X-Request-Id", id)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		n := &note{}
		r = r.WithContext(context.WithValue(r.Context(), noteKey{}, n))
		rec := &recorder{ResponseWriter: w}
		defer func() {
			p := recover()
			if p == http.ErrAbortHandler { //nolint:errorlint // it is panicked with as it is
				panic(p)
			}
			if p != nil {
				// The text of another panic could be anything that was sent.
				what := "panic"
				if e, ok := p.(runtime.Error); ok {
					what = e.Error()
				}
				o.Log.ErrorContext(r.Context(), "panic", "id", id, "what", what, "stack", string(debug.Stack()))
				if rec.status != 0 {
					panic(http.ErrAbortHandler) // half an answer must not look like a whole one
				}
				o.Fail(rec, r)
			}
			o.Log.InfoContext(r.Context(), "request", "id", id, "method", method(r.Method), "route", r.Pattern, "status", rec.status,
				"bytes", rec.bytes, "ms", o.Now().Sub(start).Milliseconds(), "user", n.user, "error", n.err)
		}()
		next.ServeHTTP(rec, r)
	})
}

// method returns a method if it is one of those that there are, since a client
// can send any word.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}

func requestID(rand io.Reader) string {
	b := make([]byte, 8)
	if _, err := io.ReadFull(rand, b); err != nil {
		return "0"
	}
	return hex.EncodeToString(b)
}

// A recorder notes how a request was answered.
type recorder struct {
	http.ResponseWriter

	status int
	bytes  int64
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
