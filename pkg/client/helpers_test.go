package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/pkg/client"
)

// canary is a token that must not turn up in any error.
const canary = "canary-8c1f5e0a"

// plain reads {"code","message","field"}.
var plain = client.Dialect{Explain: func(e *client.Error, _ http.Header, body []byte) {
	parts := strings.Split(string(body), "|")
	if len(parts) == 3 {
		e.Code, e.Message, e.Field = parts[0], parts[1], parts[2]
	}
}}

// at returns a client of a server with this handler. It does not wait before
// it sends again.
func at(t *testing.T, h http.HandlerFunc, opts ...client.Option) *client.Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return dial(t, srv.URL, opts...)
}

func dial(t *testing.T, url string, opts ...client.Option) *client.Client {
	t.Helper()
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	all := []client.Option{
		client.WithHTTPClient(&http.Client{Transport: tr}),
		client.WithSleep(func(ctx context.Context, _ time.Duration) error { return ctx.Err() }),
	}
	c, err := client.New(url, append(all, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// answer is a handler that always answers in the same way.
func answer(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body) //nolint:gosec // no browser reads it
	}
}

var getX = client.Request{Method: http.MethodGet, Path: []string{"x"}}

// A roundTripper is a transport without a network.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// texts returns every way in which err, and each error below it, prints.
func texts(err error) string {
	var b strings.Builder
	var walk func(error)
	walk = func(err error) {
		if err == nil {
			return
		}
		fmt.Fprintf(&b, "%v\n%+v\n%#v\n%q\n", err, err, err, err)
		switch u := err.(type) {
		case interface{ Unwrap() []error }:
			for _, e := range u.Unwrap() {
				walk(e)
			}
		default:
			walk(errors.Unwrap(err))
		}
	}
	walk(err)
	return b.String()
}
