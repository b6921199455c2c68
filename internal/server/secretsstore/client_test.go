package secretsstore_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/pkg/client"
	api "github.com/keyhold/keyhold/pkg/client/secretsstore"
)

// TestClient has our own client make every call, through both doors, and
// understand every refusal.
func TestClient(t *testing.T) {
	t.Parallel()
	for _, door := range []string{"account", "system"} {
		t.Run(door, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			ctx := t.Context()
			a, n := w.client(w.full).Account(account), int64(0)
			if door == "system" {
				a, n = w.client(w.service).System(account), 42
			}
			st, err := a.Stores.Create(ctx, api.CreateStoreRequest{Name: "default", AccountNumber: n})
			w.check(err)
			got, err := a.Stores.Get(ctx, st.ID)
			w.check(err)
			w.differ("the store", st, got)
			var reqs []api.CreateSecretRequest
			for i := range 99 {
				reqs = append(reqs, api.CreateSecretRequest{Name: fmt.Sprintf("N%02d", i), Value: client.NewSecret(canary), Scopes: []string{"workers"}})
			}
			made, err := a.Secrets.Create(ctx, st.ID, reqs...)
			w.check(err)
			it, err := a.Secrets.Update(ctx, st.ID, made[0].ID, api.UpdateSecretRequest{Scopes: []string{"workers", "access"}})
			w.check(err)
			same, err := a.Secrets.Get(ctx, st.ID, made[0].ID)
			w.check(err)
			w.differ("the secret", it, same)
			twice, err := a.Secrets.Duplicate(ctx, st.ID, made[0].ID, api.DuplicateSecretRequest{Name: "TWICE", Scopes: []string{"dex"}})
			w.check(err)
			for per, want := range map[int]int{0: 100, 20: 100, 7: 100} {
				count := 0
				for _, err := range a.Secrets.All(ctx, st.ID, api.ListSecretsOptions{ListOptions: api.ListOptions{PerPage: per}}) {
					w.check(err)
					count++
				}
				w.differ(fmt.Sprintf("%d a page", per), want, count)
			}
			w.clientErrors(a, *st, *twice)
			w.check(a.Secrets.Delete(ctx, st.ID, twice.ID))
			w.check(a.Secrets.DeleteMany(ctx, st.ID, made[0].ID, made[1].ID))
			q, err := a.Quota(ctx)
			if door == "account" {
				w.check(err)
				w.differ("quota", &api.Quota{Quota: 100, Usage: 97}, q)
			}
			w.check(a.Stores.Delete(ctx, st.ID, true))
			for s, err := range a.Stores.All(ctx, api.ListOptions{}) {
				t.Errorf("left: %v, %v", s, err)
			}
		})
	}
}

// clientErrors makes calls that are refused.
func (w *world) clientErrors(a *api.Account, st api.Store, it api.Secret) {
	w.Helper()
	ctx := w.Context()
	create := func(name, value, scope string) error {
		_, err := a.Secrets.Create(ctx, st.ID, api.CreateSecretRequest{Name: name, Value: client.NewSecret(value), Scopes: []string{scope}})
		return err
	}
	_, noStore := a.Stores.Get(ctx, unknown)
	_, noSecret := a.Secrets.Get(ctx, st.ID, unknown)
	_, noAccount := w.client(w.full).Account("me").Quota(ctx)
	_, foreign := w.client(w.foreign).Account(account).Quota(ctx)
	_, readOnly := w.client(w.readOnly).Account(account).Stores.Create(ctx, api.CreateStoreRequest{Name: "x"})
	_, badToken := w.client("nobody").Account(account).Quota(ctx)
	_, malformed := w.client("no body").Account(account).Quota(ctx)
	own := w.client(w.full).Account(account)
	_, _ = own.Stores.Create(ctx, api.CreateStoreRequest{Name: "x"}) // it may be there already
	_, second := own.Stores.Create(ctx, api.CreateStoreRequest{Name: "x"})
	_, noToken := w.client("").Account(account).Quota(ctx)
	tests := []struct {
		name string
		err  error
		want error
	}{
		{"101st", create("X", "v", "dex"), api.ErrMaxSecrets},
		{"taken", create(it.Name, "v", "dex"), api.ErrNameTaken},
		{"spaces", create("a b", "v", "dex"), client.ErrInvalid},
		{"scope", create("X", "v", "nothing"), client.ErrInvalid},
		{"long", create("X", strings.Repeat("x", api.MaxValue+1), "dex"), client.ErrInvalid},
		{"not empty", a.Stores.Delete(ctx, st.ID, false), api.ErrNotEmpty},
		{"a second store", second, api.ErrMaxStores},
		{"no store", noStore, api.ErrStoreNotFound},
		{"no secret", noSecret, api.ErrSecretNotFound},
		{"no account", noAccount, api.ErrAccountID},
		{"foreign", foreign, client.ErrDenied},
		{"read-only", readOnly, client.ErrDenied},
		{"bad token", badToken, client.ErrUnauthenticated},
		{"malformed token", malformed, client.ErrUnauthenticated},
		{"no token", noToken, client.ErrUnauthenticated},
	}
	for _, tt := range tests {
		if !errors.Is(tt.err, tt.want) {
			w.Errorf("%s: %v, want %v", tt.name, tt.err, tt.want)
		}
	}
}

func (w *world) check(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// client returns our client with a token.
func (w *world) client(token string) *api.Client {
	w.Helper()
	srv := httptest.NewServer(w.door)
	w.Cleanup(srv.Close)
	opts := []client.Option{client.WithHTTPClient(&http.Client{Transport: &http.Transport{DisableKeepAlives: true}})}
	if token != "" {
		opts = append(opts, client.WithCredentials(client.Token(client.NewSecret(token))))
	}
	c, err := api.New(srv.URL+"/client/v4", opts...)
	w.check(err)
	return c
}
