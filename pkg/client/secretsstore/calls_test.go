package secretsstore_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/pkg/client"
	"github.com/keyhold/keyhold/pkg/client/secretsstore"
)

// Answers, and what they say.
const (
	storeJSON  = `{"id":"s1","account_id":"a1","name":"default","created":"2025-01-02T03:04:05.000006Z","modified":"2025-01-02T03:04:05.000006Z"}`
	secretJSON = `{"id":"x1","store_id":"s1","name":"KEY","comment":"c","scopes":["ai_gateway","workers"],"status":"pending",` +
		`"created":"2025-01-02T03:04:05.000006Z","modified":"2025-01-02T03:04:05.000006Z","later":{}}`
)

var (
	instant    = time.Date(2025, 1, 2, 3, 4, 5, 6000, time.UTC)
	wantStore  = secretsstore.Store{ID: "s1", AccountID: "a1", Name: "default", Created: instant, Modified: instant}
	wantSecret = secretsstore.Secret{
		ID: "x1", StoreID: "s1", Name: "KEY", Comment: "c", Scopes: []string{"ai_gateway", "workers"}, Status: "pending", Created: instant, Modified: instant,
	}
	empty = ""
)

// A call is one method of the client, what it sends below its base and what it
// returns.
type call struct {
	name    string
	do      func(context.Context, *secretsstore.Account) (any, error)
	replies []reply // each of them alone makes the same result
	asked   string
	want    any
}

func with[T any](v T, err error) (any, error) { return v, err }

func none(err error) (any, error) { return nil, err }

// calls are those that both doors have.
var calls = []call{
	{
		"list stores",
		func(ctx context.Context, a *secretsstore.Account) (any, error) {
			return with(a.Stores.List(ctx, secretsstore.ListOptions{Page: 2, PerPage: 30, Order: "name", Direction: "asc"}))
		},
		[]reply{paged("["+storeJSON+"]", `{"count":1,"page":2,"per_page":30,"total_count":31,"total_pages":2}`)},
		"GET /stores?direction=asc&order=name&page=2&per_page=30",
		&secretsstore.Page[secretsstore.Store]{
			Items: []secretsstore.Store{wantStore}, Info: secretsstore.Info{Count: 1, Page: 2, PerPage: 30, TotalCount: 31, TotalPages: 2},
		},
	},
	{
		"get a store",
		func(ctx context.Context, a *secretsstore.Account) (any, error) { return with(a.Stores.Get(ctx, "s1")) },
		[]reply{ok(storeJSON)},
		"GET /stores/s1",
		&wantStore,
	},
	{
		"delete a store",
		func(ctx context.Context, a *secretsstore.Account) (any, error) {
			return none(a.Stores.Delete(ctx, "s1", false))
		},
		[]reply{ok("null"), ok(storeJSON), {202, ok("null").body}, {204, ""}},
		"DELETE /stores/s1",
		nil,
	},
	{
		"delete a store by force",
		func(ctx context.Context, a *secretsstore.Account) (any, error) {
			return none(a.Stores.Delete(ctx, "s1", true))
		},
		[]reply{ok("null")},
		"DELETE /stores/s1?force=true",
		nil,
	},
	{
		"list secrets",
		func(ctx context.Context, a *secretsstore.Account) (any, error) {
			return with(a.Secrets.List(ctx, "s1", secretsstore.ListSecretsOptions{
				ListOptions: secretsstore.ListOptions{Page: 1, PerPage: 100, Order: "status", Direction: "desc"},
				Search:      "a b", Scopes: []string{secretsstore.ScopeWorkers, secretsstore.ScopeAIGateway},
			}))
		},
		[]reply{ok("[" + secretJSON + "]")},
		"GET /stores/s1/secrets?direction=desc&order=status&page=1&per_page=100&scopes=workers&scopes=ai_gateway&search=a+b",
		&secretsstore.Page[secretsstore.Secret]{Items: []secretsstore.Secret{wantSecret}},
	},
	{
		"list as the service likes",
		func(ctx context.Context, a *secretsstore.Account) (any, error) {
			return with(a.Secrets.List(ctx, "s1", secretsstore.ListSecretsOptions{}))
		},
		[]reply{ok("[]")},
		"GET /stores/s1/secrets",
		&secretsstore.Page[secretsstore.Secret]{Items: []secretsstore.Secret{}},
	},
	{
		"create secrets",
		func(ctx context.Context, a *secretsstore.Account) (any, error) {
			return with(a.Secrets.Create(ctx, "s1",
				secretsstore.CreateSecretRequest{Name: "KEY", Value: client.NewSecret(" v\n"), Scopes: []string{"workers", "ai_gateway"}, Comment: "c"},
				secretsstore.CreateSecretRequest{Name: "KEY", Scopes: []string{"dex"}}))
		},
		[]reply{ok("[" + secretJSON + "," + secretJSON + "]"), {201, ok("[" + secretJSON + "," + secretJSON + "]").body}},
		`POST /stores/s1/secrets [{"name":"KEY","value":" v\n","scopes":["workers","ai_gateway"],"comment":"c"},{"name":"KEY","value":"","scopes":["dex"]}]`,
		[]secretsstore.Secret{wantSecret, wantSecret},
	},
	{
		"get a secret",
		func(ctx context.Context, a *secretsstore.Account) (any, error) {
			return with(a.Secrets.Get(ctx, "s1", "x1"))
		},
		[]reply{ok(secretJSON)},
		"GET /stores/s1/secrets/x1",
		&wantSecret,
	},
	{
		"update a secret",
		func(ctx context.Context, a *secretsstore.Account) (any, error) {
			return with(a.Secrets.Update(ctx, "s1", "x1", secretsstore.UpdateSecretRequest{
				Value: client.NewSecret("v"), Scopes: []string{"workers"}, Comment: &empty,
			}))
		},
		[]reply{ok(secretJSON)},
		`PATCH /stores/s1/secrets/x1 {"value":"v","scopes":["workers"],"comment":""}`,
		&wantSecret,
	},
	{
		"update nothing but a scope",
		func(ctx context.Context, a *secretsstore.Account) (any, error) {
			return with(a.Secrets.Update(ctx, "s1", "x1", secretsstore.UpdateSecretRequest{Scopes: []string{"dex"}}))
		},
		[]reply{ok(secretJSON)},
		`PATCH /stores/s1/secrets/x1 {"scopes":["dex"]}`,
		&wantSecret,
	},
	{
		"delete a secret",
		func(ctx context.Context, a *secretsstore.Account) (any, error) {
			return none(a.Secrets.Delete(ctx, "s1", "x1"))
		},
		[]reply{ok("null"), ok(secretJSON), {202, ok("null").body}},
		"DELETE /stores/s1/secrets/x1",
		nil,
	},
	{
		"delete secrets",
		func(ctx context.Context, a *secretsstore.Account) (any, error) {
			return none(a.Secrets.DeleteMany(ctx, "s1", "x1", "x2"))
		},
		[]reply{ok("null"), ok("[" + secretJSON + "]"), {202, ok("null").body}},
		`DELETE /stores/s1/secrets {"ids":["x1","x2"]}`,
		nil,
	},
	{
		"duplicate a secret",
		func(ctx context.Context, a *secretsstore.Account) (any, error) {
			return with(a.Secrets.Duplicate(ctx, "s1", "x0", secretsstore.DuplicateSecretRequest{Name: "KEY", Scopes: []string{"workers"}, Comment: "c"}))
		},
		[]reply{ok(secretJSON)},
		`POST /stores/s1/secrets/x0/duplicate {"name":"KEY","scopes":["workers"],"comment":"c"}`,
		&wantSecret,
	},
}

// own are the calls that one door has alone, or that differ.
var own = map[string][]call{
	"/accounts/a1/secrets_store": {
		{
			"create a store",
			func(ctx context.Context, a *secretsstore.Account) (any, error) {
				return with(a.Stores.Create(ctx, secretsstore.CreateStoreRequest{Name: "default"}))
			},
			[]reply{ok(storeJSON), ok("[" + storeJSON + "]")},
			`POST /stores {"name":"default"}`,
			&wantStore,
		},
		{
			"quota",
			func(ctx context.Context, a *secretsstore.Account) (any, error) { return with(a.Quota(ctx)) },
			[]reply{ok(`{"secrets":{"quota":100,"usage":3}}`)},
			"GET /quota",
			&secretsstore.Quota{Quota: 100, Usage: 3},
		},
	},
	"/system/accounts/a1": {
		{
			"create a store",
			func(ctx context.Context, a *secretsstore.Account) (any, error) {
				return with(a.Stores.Create(ctx, secretsstore.CreateStoreRequest{Name: "default", AccountNumber: 7}))
			},
			[]reply{ok(storeJSON)},
			`POST /stores {"name":"default","account_id":7}`,
			&wantStore,
		},
	},
}

// TestCalls makes every call through both doors, and reads both generations of
// answers.
func TestCalls(t *testing.T) {
	t.Parallel()
	doors := map[string]func(c *secretsstore.Client) *secretsstore.Account{
		"/accounts/a1/secrets_store": func(c *secretsstore.Client) *secretsstore.Account { return c.Account("a1") },
		"/system/accounts/a1":        func(c *secretsstore.Client) *secretsstore.Account { return c.System("a1") },
	}
	for base, door := range doors {
		for _, tt := range append(own[base], calls...) {
			t.Run(base+" "+tt.name, func(t *testing.T) {
				t.Parallel()
				c, s := scripted(t, tt.replies...)
				method, rest, _ := strings.Cut(tt.asked, " ")
				want := method + " /client/v4" + base + rest
				for i := range tt.replies {
					got, err := tt.do(t.Context(), door(c))
					if err != nil {
						t.Fatalf("answer %d: %v", i, err)
					}
					if s.asked[i] != want || s.auth[i] != "Bearer api-token" {
						t.Errorf("answer %d: asked %s as %s, want %s", i, s.asked[i], s.auth[i], want)
					}
					if d := cmp.Diff(tt.want, got); d != "" {
						t.Errorf("answer %d: result (-want +got):\n%s", i, d)
					}
				}
			})
		}
	}
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	c, s := scripted(t,
		paged(`[{"id":"a1","name":"one"}]`, `{"page":1,"total_pages":2}`), paged(`[{"id":"a2","name":"two"}]`, `{"page":2,"total_pages":2}`),
		paged(`[{"id":"m1","status":"accepted","account":{"id":"a1","name":"one"}}]`, `{"page":1,"total_pages":1}`))
	accounts, err := gather(c.Accounts.All(t.Context()))
	want := []secretsstore.AccountInfo{{ID: "a1", Name: "one"}, {ID: "a2", Name: "two"}}
	if d := cmp.Diff(want, accounts); err != nil || d != "" {
		t.Errorf("accounts: %v\n%s", err, d)
	}
	members, err := gather(c.Accounts.Memberships(t.Context()))
	if d := cmp.Diff([]secretsstore.Membership{{ID: "m1", Status: "accepted", Account: want[0]}}, members); err != nil || d != "" {
		t.Errorf("memberships: %v\n%s", err, d)
	}
	asked := []string{
		"GET /client/v4/accounts?page=1&per_page=50", "GET /client/v4/accounts?page=2&per_page=50", "GET /client/v4/memberships?page=1&per_page=50",
	}
	if d := cmp.Diff(asked, s.asked); d != "" {
		t.Errorf("asked:\n%s", d)
	}
}

func TestKey(t *testing.T) {
	t.Parallel()
	s := &script{replies: []reply{ok("[]"), refusal(401, "10000", "Authentication error")}}
	c := dial(t, rawURL(t, s), client.WithCredentials(secretsstore.Key("a@example.com", client.NewSecret("0123456789"))))
	if _, err := c.Account("a1").Stores.List(t.Context(), secretsstore.ListOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err := c.Account("a1").Stores.List(t.Context(), secretsstore.ListOptions{})
	if !errors.Is(err, client.ErrUnauthenticated) {
		t.Errorf("error %v, want ErrUnauthenticated", err)
	}
	if d := cmp.Diff([]string{"a@example.com 0123456789", "a@example.com 0123456789"}, s.auth); d != "" {
		t.Errorf("credentials:\n%s", d)
	}
}

// TestNotSent has calls that are refused before they are sent.
func TestNotSent(t *testing.T) {
	t.Parallel()
	c, s := scripted(t)
	account, system, ctx := c.Account("a1"), c.System("a1"), t.Context()
	tests := map[string]struct {
		err  error
		want error
	}{
		"an account's store with a number": {second(account.Stores.Create(ctx, secretsstore.CreateStoreRequest{Name: "a", AccountNumber: 1})), client.ErrInvalid},
		"a system store without a number":  {second(system.Stores.Create(ctx, secretsstore.CreateStoreRequest{Name: "a"})), client.ErrInvalid},
		"the quota of a system account":    {second(system.Quota(ctx)), errors.ErrUnsupported},
		"no store":                         {second(account.Stores.Get(ctx, "")), client.ErrInvalid},
		"a path for a secret":              {account.Secrets.Delete(ctx, "s1", ".."), client.ErrInvalid},
		"no account":                       {second(c.Account("").Quota(ctx)), client.ErrInvalid},
	}
	for name, tt := range tests {
		if !errors.Is(tt.err, tt.want) {
			t.Errorf("%s: %v, want %v", name, tt.err, tt.want)
		}
	}
	if len(s.asked) > 0 {
		t.Errorf("asked %q", s.asked)
	}
}

func second[T any](_ T, err error) error { return err }

// TestBase checks that an id cannot leave its place in the path.
func TestBase(t *testing.T) {
	t.Parallel()
	c, s := scripted(t, ok("null"))
	if err := c.Account("a/b").Secrets.Delete(t.Context(), "s?1", "x#1"); err != nil {
		t.Fatal(err)
	}
	if want := http.MethodDelete + " /client/v4/accounts/a%2Fb/secrets_store/stores/s%3F1/secrets/x%231"; s.asked[0] != want {
		t.Errorf("asked %s, want %s", s.asked[0], want)
	}
}
