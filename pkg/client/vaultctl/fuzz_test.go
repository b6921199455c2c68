package vaultctl_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/pkg/client"
	"github.com/keyhold/keyhold/pkg/client/vaultctl"
)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// FuzzAnswers gives any answer to every call: there is no panic, what has an id
// has one, and every error is one of package client.
func FuzzAnswers(f *testing.F) {
	for _, s := range []string{
		docsVault, codeVault, docsItem, codeItem, member, `{"vaults":[` + docsVault + `]}`, `[` + codeItem + `]`, `{"items":[` + docsItem + `]}`, `null`,
		`{"userId":"u",` + keys + `}`, `{` + tokens + `}`, `{"error":{"code":"NOT_FOUND","message":"m","field":"f"}}`,
	} {
		f.Add(200, s)
		f.Add(404, s)
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
			if err == nil || errors.Is(err, client.ErrBadAnswer) {
				return
			}
			if _, ok := errors.AsType[*client.Error](err); !ok {
				t.Errorf("error %v is none of the client's", err)
			}
		}
		vaults, err := c.Vaults.List(ctx)
		check(err)
		for _, v := range vaults {
			if v.ID == "" {
				t.Error("a vault has no id")
			}
		}
		items, err := c.Items.List(ctx, "v", vaultctl.ListItemsOptions{})
		check(err)
		for _, it := range items {
			if it.ID == "" {
				t.Error("an item has no id")
			}
		}
		if u, err := c.Users.Get(ctx, "u"); err == nil && (u.UserID != "u" && u.UserID != "U" || len(u.PublicKeySignature) == 0) {
			t.Errorf("%+v is not who was asked for", u)
		} else {
			check(err)
		}
		if s, err := c.Auth.Login(ctx, vaultctl.LoginRequest{}); err == nil && (s.UserID == "" || s.AccessToken.IsZero()) {
			t.Error("a session lacks its user or token")
		} else {
			check(err)
		}
		_, err = c.Trash.Restore(ctx, "v", "i")
		check(err)
		_, err = c.Items.Changes(ctx, "v", vaultctl.ChangeRequest{})
		check(err)
		_, err = c.Members.Remove(ctx, "v", "u")
		check(err)
	})
}
