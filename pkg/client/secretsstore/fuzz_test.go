package secretsstore_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/pkg/client"
	"github.com/keyhold/keyhold/pkg/client/secretsstore"
)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// FuzzAnswers gives any answer to every call: there is no panic, lists end, what
// has an id has one, and every error is one of package client.
func FuzzAnswers(f *testing.F) {
	for _, s := range []string{
		ok(storeJSON).body, ok("[" + storeJSON + "]").body, ok(secretJSON).body, paged("["+secretJSON+"]", `{"total_pages":2,"total_count":9}`).body,
		ok("null").body, ok(`{"secrets":{"quota":1,"usage":2}}`).body, refusal(400, "1001", "store_not_found").body,
		`{"success":false,"errors":[{"code":6003,"message":"m","error_chain":[{"code":6111,"message":"n"}]}]}`,
	} {
		f.Add(200, s)
		f.Add(400, s)
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		rt := func(*http.Request) (*http.Response, error) {
			return &http.Response{
				StatusCode: status, ContentLength: -1, Body: io.NopCloser(strings.NewReader(body)),
				Header: http.Header{"Content-Type": {"application/json"}},
			}, nil
		}
		c := dial(t, "https://example.com", client.WithHTTPClient(&http.Client{Transport: roundTripper(rt)}), client.WithRetries(0))
		a, ctx := c.Account("a1"), t.Context()
		check := func(err error) {
			if err == nil || errors.Is(err, client.ErrBadAnswer) {
				return
			}
			if _, ok := errors.AsType[*client.Error](err); !ok {
				t.Errorf("error %v is none of the client's", err)
			}
		}
		stores, err := gather(a.Stores.All(ctx, secretsstore.ListOptions{}))
		check(err)
		for _, s := range stores {
			if s.ID == "" {
				t.Error("a store has no id")
			}
		}
		secrets, err := gather(a.Secrets.All(ctx, "s1", secretsstore.ListSecretsOptions{}))
		check(err)
		for _, s := range secrets {
			if s.ID == "" || s.Name == "" {
				t.Error("a secret has no id or name")
			}
		}
		if it, err := a.Secrets.Get(ctx, "s1", "x1"); err == nil && it.ID != "x1" && it.ID != "X1" {
			t.Errorf("%+v is not what was asked for", it)
		} else {
			check(err)
		}
		_, err = a.Stores.Create(ctx, secretsstore.CreateStoreRequest{Name: "a"})
		check(err)
		_, err = a.Secrets.Create(ctx, "s1", secretsstore.CreateSecretRequest{Name: "KEY"})
		check(err)
		check(a.Secrets.Delete(ctx, "s1", "x1"))
		_, err = a.Quota(ctx)
		check(err)
		_, err = gather(c.Accounts.Memberships(ctx))
		check(err)
	})
}
