package pwm_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/pkg/client"
	"github.com/keyhold/keyhold/pkg/client/pwm"
)

// A call is one method of the client, what it sends and what it returns.
type call struct {
	name    string
	do      func(context.Context, *pwm.Client) (any, error)
	replies []reply
	asked   []string
	want    any
}

func with[T any](v T, err error) (any, error) { return v, err }

func none(err error) (any, error) { return nil, err }

func run(t *testing.T, calls []call) {
	t.Helper()
	for _, tt := range calls {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, s := scripted(t, tt.replies...)
			got, err := tt.do(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.asked, s.log()); d != "" {
				t.Errorf("asked (-want +got):\n%s", d)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("result (-want +got):\n%s", d)
			}
		})
	}
}

var (
	day     = time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)
	content = pwm.Content{EncryptedData: bits, IV: []byte{1, 2}}
	key     = pwm.Key{WrappedVaultKey: []byte{3, 4}, VaultKeyIV: []byte{5, 6}, VaultKeySalt: []byte{0xff, 0xff}}
)

const (
	date        = `"2025-01-02T03:04:05Z"`
	sentContent = `"encryptedData":"` + b64 + `","iv":"AQI="`
	sentKey     = `"wrappedVaultKey":"AwQ=","vaultKeyIv":"BQY=","vaultKeySalt":"//8="`
)

func TestVaults(t *testing.T) {
	t.Parallel()
	list := func(ctx context.Context, c *pwm.Client) (any, error) { return with(c.Vaults.List(ctx)) }
	getIt := func(ctx context.Context, c *pwm.Client) (any, error) { return with(c.Vaults.Get(ctx, "home")) }
	vault := &pwm.Vault{Info: pwm.Info{Name: "home", Version: 7, UpdatedAt: day}, Content: content, Key: key}
	run(t, []call{
		{
			"list", list,
			[]reply{{200, `{"vaults":[{"name":"a/b","version":1,"updatedAt":` + date + `},{"name":"z","version":18446744073709551615}]}`}},
			[]string{"GET /vault"},
			[]pwm.Info{{Name: "a/b", Version: 1, UpdatedAt: day}, {Name: "z", Version: 18446744073709551615}},
		},
		{"list, none, wrapped", list, []reply{{200, `{"success":true,"data":{"vaults":[]}}`}}, []string{"GET /vault"}, []pwm.Info{}},
		{"get", getIt, []reply{{200, `{` + sentContent + `,` + sentKey + `,"version":7,"updatedAt":` + date + `}`}}, []string{"GET /vault/home"}, vault},
		{
			"get, base64url without padding, wrapped, milliseconds", getIt,
			[]reply{{200, `{"data":{"encryptedData":"-__-AA","iv":"AQI","wrappedVaultKey":"AwQ","vaultKeyIv":"BQY","vaultKeySalt":"__8","version":7,"updatedAt":1735787045000,"name":"home"},"success":true}`}},
			[]string{"GET /vault/home"}, vault,
		},
		{
			"create",
			func(ctx context.Context, c *pwm.Client) (any, error) {
				return with(c.Vaults.Create(ctx, pwm.CreateRequest{Name: "home", Content: content, Key: key}))
			},
			[]reply{{201, `{"name":"home","version":1,"createdAt":` + date + `}`}},
			[]string{`POST /vault {"name":"home",` + sentContent + `,` + sentKey + `}`},
			&pwm.Info{Name: "home", Version: 1, CreatedAt: day},
		},
		{
			"update",
			func(ctx context.Context, c *pwm.Client) (any, error) {
				return with(c.Vaults.Update(ctx, "home", pwm.UpdateRequest{Content: content, Version: 7}))
			},
			[]reply{{200, `{"version":8,"updatedAt":` + date + `}`}},
			[]string{`PUT /vault/home {` + sentContent + `,"version":7}`},
			&pwm.Info{Name: "home", Version: 8, UpdatedAt: day},
		},
		{
			"update with a key, after too many requests",
			func(ctx context.Context, c *pwm.Client) (any, error) {
				_, err := c.Vaults.Update(ctx, "home", pwm.UpdateRequest{Content: content, Version: 7, Key: &key})
				return none(err)
			},
			[]reply{refusal(429, "RATE_LIMITED"), {200, `{"version":8}`}},
			[]string{
				`PUT /vault/home {` + sentContent + `,"version":7,` + sentKey + `}`,
				`PUT /vault/home {` + sentContent + `,"version":7,` + sentKey + `}`,
			},
			nil,
		},
		{
			"delete, after a lost answer",
			func(ctx context.Context, c *pwm.Client) (any, error) { return none(c.Vaults.Delete(ctx, "home")) },
			[]reply{lost, {200, `{"success":true}`}},
			[]string{"DELETE /vault/home", "DELETE /vault/home"}, nil,
		},
	})
}

func TestSessions(t *testing.T) {
	t.Parallel()
	create := func(ctx context.Context, c *pwm.Client) (any, error) { return with(c.CLI.Create(ctx)) }
	poll := func(ctx context.Context, c *pwm.Client) (any, error) { return with(c.CLI.Poll(ctx, "s/1")) }
	status := func(ctx context.Context, c *pwm.Client) (any, error) { return with(c.Session.Status(ctx)) }
	login := &pwm.Login{Token: client.NewSecret("t"), UserID: "u", Email: "a@example.com"}
	const done = `"token":"t","userId":"u","email":"a@example.com"}`
	run(t, []call{
		{
			"create", create, []reply{{201, `{"sessionId":"s1","expiresAt":` + date + `,"verificationUrl":"https://e/x"}`}},
			[]string{"POST /auth/cli/session anonymous"}, &pwm.CLISession{ID: "s1", ExpiresAt: day, URL: "https://e/x"},
		},
		{
			"create, url", create, []reply{{200, `{"sessionId":"s1","url":"https://e/y"}`}},
			[]string{"POST /auth/cli/session anonymous"}, &pwm.CLISession{ID: "s1", URL: "https://e/y"},
		},
		{"complete", poll, []reply{{200, `{"status":"complete",` + done}}, []string{"GET /auth/cli/session/s%2F1 anonymous"}, login},
		{"completed, wrapped", poll, []reply{{200, `{"success":true,"data":{"status":"completed",` + done + `}`}}, []string{"GET /auth/cli/session/s%2F1 anonymous"}, login},
		{
			"status", status, []reply{{200, `{"userId":"u","email":"a@example.com","expiresAt":` + date + `,"valid":true}`}},
			[]string{"GET /auth/session/status"}, &pwm.Status{UserID: "u", Email: "a@example.com", ExpiresAt: day},
		},
		{"status without anything", status, []reply{{200, `{}`}}, []string{"GET /auth/session/status"}, &pwm.Status{}},
		{
			"logout is repeated",
			func(ctx context.Context, c *pwm.Client) (any, error) { return none(c.Session.Logout(ctx)) },
			[]reply{{503, ""}, {200, `{"success":true}`}},
			[]string{"POST /auth/session/logout", "POST /auth/session/logout"}, nil,
		},
	})
}

// TestWait polls until there is an end of some kind.
func TestWait(t *testing.T) {
	t.Parallel()
	pending, stop := reply{200, `{"status":"pending"}`}, errors.New("stop")
	tests := []struct {
		name    string
		replies []reply
		stop    int // after so many waits; 0: never
		want    error
		waits   int
	}{
		{"complete", []reply{pending, pending, {200, `{"status":"complete","token":"t"}`}}, 0, nil, 2},
		{"expired", []reply{pending, {200, `{"status":"expired"}`}}, 0, pwm.ErrSessionEnded, 1},
		{"unknown", []reply{refusal(404, "NOT_FOUND")}, 0, pwm.ErrSessionEnded, 0},
		{"gone", []reply{pending, refusal(410, "GONE")}, 0, pwm.ErrSessionEnded, 1},
		{"another status", []reply{{200, `{"status":"compleat","token":"t"}`}}, 0, client.ErrBadAnswer, 0},
		{"no token", []reply{{200, `{"status":"complete"}`}}, 0, client.ErrBadAnswer, 0},
		{"fault", []reply{refusal(500, "INTERNAL_ERROR")}, 0, client.ErrUnavailable, 0},
		{"never", repeat(pending, 150), 0, pwm.ErrSessionEnded, 150},
		{"stopped", repeat(pending, 9), 3, stop, 3},
	}
	for _, tt := range tests {
		c, _ := scripted(t, tt.replies...)
		waits := 0
		_, err := c.CLI.Wait(t.Context(), "s", func(_ context.Context, d time.Duration) error {
			waits++
			if d != 2*time.Second {
				t.Errorf("%s: waits %v", tt.name, d)
			}
			if waits == tt.stop {
				return stop
			}
			return nil
		})
		if !errors.Is(err, tt.want) || waits != tt.waits {
			t.Errorf("%s: %v after %d waits, want %v after %d", tt.name, err, waits, tt.want, tt.waits)
		}
	}
}

func repeat(r reply, n int) (all []reply) {
	for range n {
		all = append(all, r)
	}
	return all
}

// TestNames sends names that mean something in a URL.
func TestNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"a/b": "a%2Fb", "what?": "what%3F", "50%": "50%25", "%2F": "%252F", "two words": "two%20words", "🔑": "%F0%9F%94%91",
		"...": "...", "a/../b": "a%2F..%2Fb", "#1": "%231", "a+b": "a+b", "Größe": "Gr%C3%B6%C3%9Fe", "/": "%2F", ".hidden": ".hidden", "\n": "%0A",
	} {
		c, s := scripted(t, reply{200, `{"version":2}`}, reply{200, `{"version":3}`}, reply{200, `{"success":true}`})
		_, err := c.Vaults.Get(t.Context(), name)
		_, err2 := c.Vaults.Update(t.Context(), name, pwm.UpdateRequest{Version: 2})
		if err := errors.Join(err, err2, c.Vaults.Delete(t.Context(), name)); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		if d := cmp.Diff([]string{"GET /vault/" + want, `PUT /vault/` + want + ` {"encryptedData":"","iv":"","version":2}`, "DELETE /vault/" + want}, s.log()); d != "" {
			t.Errorf("%q (-want +got):\n%s", name, d)
		}
	}
	for _, name := range []string{"", ".", ".."} {
		c, s := scripted(t, reply{200, `{"version":1}`})
		_, create := c.Vaults.Create(t.Context(), pwm.CreateRequest{Name: name})
		_, get := c.Vaults.Get(t.Context(), name)
		_, update := c.Vaults.Update(t.Context(), name, pwm.UpdateRequest{})
		for i, err := range []error{create, get, update, c.Vaults.Delete(t.Context(), name)} {
			if !errors.Is(err, client.ErrInvalid) {
				t.Errorf("%q, call %d: error = %v", name, i, err)
			}
		}
		if len(s.log()) > 0 {
			t.Errorf("%q: asked %q", name, s.log())
		}
	}
}
