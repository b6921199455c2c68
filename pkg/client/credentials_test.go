package client_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/pkg/client"
)

// cookies are Credentials of another kind.
type cookies struct{}

func (cookies) Authorize(_ context.Context, h http.Header, refused *client.Error) (bool, error) {
	h.Set("Cookie", "tokentype=bearer; accesstoken="+canary)
	h.Set("X-Csrf-Token", "csrf-"+canary)
	return refused == nil, nil
}

// TestTokenSource follows the tokens of a call through refusals.
func TestTokenSource(t *testing.T) {
	t.Parallel()
	failure := errors.New("cannot refresh")
	tests := []struct {
		name    string
		source  func(rejected string) (string, error)
		good    string // token that the server takes
		anon    bool
		sent    []string
		asked   []string
		refused bool
		err     error
	}{
		{"good", func(string) (string, error) { return "a", nil }, "a", false, []string{"Bearer a"}, []string{""}, false, nil},
		{"none", func(string) (string, error) { return "", nil }, "-", false, []string{""}, []string{""}, true, client.ErrUnauthenticated},
		{"anonymous", func(string) (string, error) { return "a", nil }, "-", true, []string{""}, nil, true, client.ErrUnauthenticated},
		{"renewed", func(r string) (string, error) { return r + "a", nil }, "aa", false, []string{"Bearer a", "Bearer aa"}, []string{"", "a"}, false, nil},
		{"renewed once", func(r string) (string, error) { return r + "a", nil }, "aaa", false, []string{"Bearer a", "Bearer aa"}, []string{"", "a"}, true, client.ErrUnauthenticated},
		{"the same again", func(string) (string, error) { return "a", nil }, "b", false, []string{"Bearer a"}, []string{"", "a"}, true, client.ErrUnauthenticated},
		{"no newer one", func(r string) (string, error) {
			if r != "" {
				return "", nil
			}
			return "a", nil
		}, "b", false, []string{"Bearer a"}, []string{"", "a"}, true, client.ErrUnauthenticated},
		{"no refresh", func(r string) (string, error) {
			if r != "" {
				return "", failure
			}
			return "a", nil
		}, "b", false, []string{"Bearer a"}, []string{"", "a"}, true, failure},
		{"no token", func(string) (string, error) { return "", failure }, "a", false, nil, []string{""}, false, failure},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var sent, asked []string
			c := at(t, func(w http.ResponseWriter, r *http.Request) {
				sent = append(sent, r.Header.Get("Authorization"))
				if r.Header.Get("Authorization") != "Bearer "+tt.good {
					w.WriteHeader(http.StatusUnauthorized)
				}
			}, client.WithCredentials(client.TokenSource(func(_ context.Context, rejected client.Secret) (client.Secret, error) {
				asked = append(asked, rejected.Reveal())
				s, err := tt.source(rejected.Reveal())
				return client.NewSecret(s), err
			})))
			// POST: a refused request may be sent again whatever its method.
			err := c.Do(t.Context(), client.Request{Method: http.MethodPost, Body: 1, Anonymous: tt.anon}, nil)
			if !errors.Is(err, tt.err) {
				t.Errorf("error %v, want %v", err, tt.err)
			}
			if _, ok := errors.AsType[*client.Error](err); ok != tt.refused {
				t.Errorf("error %v, a refusal: %t", err, ok)
			}
			if d := cmp.Diff(tt.sent, sent); d != "" {
				t.Errorf("sent (-want +got):\n%s", d)
			}
			if d := cmp.Diff(tt.asked, asked); d != "" {
				t.Errorf("asked for (-want +got):\n%s", d)
			}
		})
	}
}

// TestStale: the service's package says which refusals are about stale
// credentials.
func TestStale(t *testing.T) {
	t.Parallel()
	n := 0
	d := plain
	d.Stale = func(e *client.Error) bool { return e.Code == "CSRF" }
	c := at(t, func(w http.ResponseWriter, r *http.Request) {
		n++
		answer(403, "text/plain", "CSRF|x|")(w, r)
	}, client.WithDialect(d), client.WithCredentials(client.TokenSource(func(_ context.Context, r client.Secret) (client.Secret, error) {
		return client.NewSecret(r.Reveal() + "a"), nil
	})))
	if err := c.Do(t.Context(), getX, nil); !errors.Is(err, client.ErrDenied) || n != 2 {
		t.Errorf("sent %d times, error %v; want twice, ErrDenied", n, err)
	}
	n = 0
	d.Stale = func(*client.Error) bool { return false }
	c = at(t, func(w http.ResponseWriter, _ *http.Request) {
		n++
		w.WriteHeader(http.StatusUnauthorized)
	}, client.WithDialect(d), client.WithCredentials(client.Token(client.NewSecret("a"))))
	if err := c.Do(t.Context(), getX, nil); !errors.Is(err, client.ErrUnauthenticated) || n != 1 {
		t.Errorf("sent %d times, error %v; want once, ErrUnauthenticated", n, err)
	}
}

// TestOldTokenIsSecretToo: an answer to the second request quotes the first.
func TestOldTokenIsSecretToo(t *testing.T) {
	t.Parallel()
	c := at(t, answer(401, "text/plain", "A|Bearer old-token and new-token|"), client.WithDialect(plain),
		client.WithCredentials(client.TokenSource(func(_ context.Context, r client.Secret) (client.Secret, error) {
			if r.IsZero() {
				return client.NewSecret("old-token"), nil
			}
			return client.NewSecret("new-token"), nil
		})))
	if s := texts(c.Do(t.Context(), getX, nil)); !strings.Contains(s, "A: Bearer [redacted] and [redacted]\n") ||
		strings.Contains(s, "old-token") || strings.Contains(s, "new-token") {
		t.Errorf("error %s", s)
	}
}
