package client_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/pkg/client"
)

// FuzzAnswer gives any answer to a call: there is no panic, every error is an
// *Error, and none has the token.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{`{"a":1,"s":"x","l":[{"a":2}]}`, `{"a":1,"a":2}`, `{"A":1}`, `[`, ``, "A|b|c", "A|" + canary + "|\xff"} {
		f.Add(200, "application/json", "", s)
		f.Add(400, "text/plain", "7", s)
	}
	f.Add(302, "text/html", "Mon, 02 Jan 2006 15:04:09 GMT", "")
	f.Fuzz(func(t *testing.T, status int, contentType, retry, body string) {
		rt := func(*http.Request) (*http.Response, error) {
			return &http.Response{
				StatusCode: status, ContentLength: -1, Body: io.NopCloser(strings.NewReader(body)),
				Header: http.Header{"Content-Type": {contentType}, "Retry-After": {retry}, "X-Request-Id": {body}},
			}, nil
		}
		c := dial(t, "https://example.com", client.WithHTTPClient(&http.Client{Transport: roundTripper(rt)}),
			client.WithDialect(plain), client.WithCredentials(client.Token(client.NewSecret(canary))))
		type node struct {
			A int           `json:"a"`
			S client.Secret `json:"s"`
			L []struct {
				A int `json:"a"`
			} `json:"l"`
		}
		err := c.Do(t.Context(), client.Request{Method: http.MethodGet, MaxBody: 1 << 10}, &node{})
		if err == nil {
			return
		}
		e, ok := errors.AsType[*client.Error](err)
		if !ok {
			t.Fatalf("%v is no *Error", err)
		}
		if strings.Contains(texts(err), canary) {
			t.Errorf("the token is in %v", err)
		}
		if e.RetryAfter < 0 || len(e.Message) > 400 {
			t.Errorf("%#v is out of bounds", e)
		}
	})
}
