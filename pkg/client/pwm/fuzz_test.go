package pwm_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/pkg/client"
	"github.com/keyhold/keyhold/pkg/client/pwm"
)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// FuzzAnswers gives any answer to every call: there is no panic, what has a
// version has one, and every error is one of package client or of this one.
func FuzzAnswers(f *testing.F) {
	for _, s := range []string{
		`{"vaults":[{"name":"a","version":1,"updatedAt":` + date + `}]}`, `{"data":{"vaults":[]},"success":true}`, `{"success":false}`, `null`,
		`{` + sentContent + `,` + sentKey + `,"version":7,"updatedAt":1}`, `{"status":"complete","token":"t"}`, `{"status":"pending"}`,
		`{"error":"e","code":"VERSION_CONFLICT","currentVersion":9,"yourVersion":7}`, `{"sessionId":"s","expiresAt":` + date + `}`,
	} {
		f.Add(200, s)
		f.Add(409, s)
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		rt := func(*http.Request) (*http.Response, error) {
			return &http.Response{
				StatusCode: status, ContentLength: -1, Body: io.NopCloser(strings.NewReader(body)),
				Header: http.Header{"Content-Type": {"application/json"}},
			}, nil
		}
		c := dial(t, "https://example.com", client.WithHTTPClient(&http.Client{Transport: roundTripper(rt)}), client.WithRetries(0))
		ctx := t.Context()
		check := func(err error) {
			for _, known := range []error{nil, client.ErrBadAnswer, client.ErrUnauthenticated, pwm.ErrPending} {
				if errors.Is(err, known) {
					return
				}
			}
			if _, ok := errors.AsType[*client.Error](err); !ok {
				t.Errorf("error %v is none of the client's", err)
			}
		}
		vaults, err := c.Vaults.List(ctx)
		check(err)
		for _, v := range vaults {
			if v.Name == "" || v.Version == 0 {
				t.Error("a vault has no name or version")
			}
		}
		if v, err := c.Vaults.Get(ctx, "v"); err == nil && (v.Name != "v" || v.Version == 0) {
			t.Error("a vault has another name or no version")
		} else {
			check(err)
		}
		_, err = c.Vaults.Update(ctx, "v", pwm.UpdateRequest{})
		check(err)
		check(c.Vaults.Delete(ctx, "v"))
		if l, err := c.CLI.Poll(ctx, "s"); err == nil && l.Token.IsZero() {
			t.Error("a login has no token")
		} else {
			check(err)
		}
		if s, err := c.CLI.Create(ctx); err == nil && s.ID == "" {
			t.Error("a session has no id")
		} else {
			check(err)
		}
		_, err = c.Session.Status(ctx)
		check(err)
	})
}
