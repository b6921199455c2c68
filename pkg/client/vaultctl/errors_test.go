package vaultctl_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/pkg/client"
	"github.com/keyhold/keyhold/pkg/client/vaultctl"
)

func TestKinds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		status int
		code   string
		want   []error
	}{
		{400, "INVALID", []error{client.ErrInvalid}},
		{400, "REGISTRATION_DISABLED", []error{client.ErrDenied}},
		{403, "REGISTRATION_DISABLED", []error{client.ErrDenied}},
		{401, "INVALID_CREDENTIALS", []error{client.ErrUnauthenticated}},
		{401, "TOKEN_REUSE_DETECTED", []error{vaultctl.ErrTokenReused, client.ErrUnauthenticated}},
		{401, "TOTP_REQUIRED", []error{vaultctl.ErrTOTP, client.ErrDenied}},
		{403, "FORBIDDEN", []error{client.ErrDenied}},
		{403, "STEP_UP_REQUIRED", []error{vaultctl.ErrStepUp, client.ErrDenied}},
		{404, "NOT_FOUND", []error{client.ErrNotFound}},
		{409, "CONFLICT", []error{client.ErrConflict}},
		{409, "REKEY_REQUIRED", []error{vaultctl.ErrRekeyRequired, client.ErrConflict}},
		{423, "ACCOUNT_LOCKED", []error{vaultctl.ErrAccountLocked, client.ErrUnauthenticated}},
		{429, "RATE_LIMITED", []error{client.ErrUnavailable}},
		{500, "INTERNAL", []error{client.ErrUnavailable}},
		{409, "A_LATER_ONE", []error{client.ErrConflict}},
	}
	all := []error{
		client.ErrInvalid, client.ErrUnauthenticated, client.ErrDenied, client.ErrNotFound, client.ErrConflict, client.ErrUnavailable,
		vaultctl.ErrStepUp, vaultctl.ErrTOTP, vaultctl.ErrTokenReused, vaultctl.ErrRekeyRequired, vaultctl.ErrAccountLocked,
	}
	for _, tt := range tests {
		c, _ := scripted(t, refusal(tt.status, tt.code, "f"))
		err := c.Members.Add(t.Context(), "v1", vaultctl.AddMemberRequest{})
		for _, kind := range all {
			want := false
			for _, w := range tt.want {
				want = want || w == kind
			}
			if errors.Is(err, kind) != want {
				t.Errorf("%s: errors.Is(err, %q) = %t", tt.code, kind, !want)
			}
		}
		if e, ok := errors.AsType[*client.Error](err); !ok || e.Code != tt.code || e.Field != "f" || e.Message != "no" {
			t.Errorf("%s: error %#v lacks code, field or message", tt.code, err)
		}
	}
}

// TestRefusals has what ends a call, and how often it was sent by then.
func TestRefusals(t *testing.T) {
	t.Parallel()
	note := vaultctl.ItemRequest{Type: "secure_note"}
	shared := vaultctl.CreateVaultRequest{Type: "shared"}
	tests := []struct {
		name    string
		do      func(context.Context, *vaultctl.Client) error
		replies []reply
		want    error
		asked   int
	}{
		{"changes, released", func(ctx context.Context, c *vaultctl.Client) error {
			_, err := c.Items.Changes(ctx, "v", vaultctl.ChangeRequest{})
			return err
		}, []reply{{404, ""}}, errors.ErrUnsupported, 1},
		{"changes, refused", func(ctx context.Context, c *vaultctl.Client) error {
			_, err := c.Items.Changes(ctx, "v", vaultctl.ChangeRequest{})
			return err
		}, []reply{refusal(409, "CONFLICT", "revision")}, client.ErrConflict, 1},
		{"members, released", func(ctx context.Context, c *vaultctl.Client) error {
			_, err := c.Members.List(ctx, "v")
			return err
		}, []reply{{404, ""}}, errors.ErrUnsupported, 1},
		{"rename, released", func(ctx context.Context, c *vaultctl.Client) error {
			return c.Vaults.Rename(ctx, "v", "n")
		}, []reply{{405, ""}}, errors.ErrUnsupported, 1},
		{"rekey of no vault", func(ctx context.Context, c *vaultctl.Client) error {
			return c.Vaults.Rekey(ctx, "v", vaultctl.RekeyRequest{})
		}, []reply{{404, ""}, {404, ""}}, client.ErrNotFound, 2},
		{"rekey, refused", func(ctx context.Context, c *vaultctl.Client) error {
			return c.Vaults.Rekey(ctx, "v", vaultctl.RekeyRequest{})
		}, []reply{refusal(409, "CONFLICT", "keyVersion")}, client.ErrConflict, 1},
		{"rekey, fault", func(ctx context.Context, c *vaultctl.Client) error {
			return c.Vaults.Rekey(ctx, "v", vaultctl.RekeyRequest{})
		}, []reply{{503, ""}}, client.ErrUnavailable, 1},
		{"both spellings refused", func(ctx context.Context, c *vaultctl.Client) error {
			_, err := c.Items.Create(ctx, "v", note)
			return err
		}, []reply{refusal(400, "INVALID", ""), refusal(500, "INTERNAL", "")}, client.ErrInvalid, 2},
		{"another field refused", func(ctx context.Context, c *vaultctl.Client) error {
			_, err := c.Items.Create(ctx, "v", note)
			return err
		}, []reply{refusal(400, "INVALID", "encryptedData")}, client.ErrInvalid, 1},
		{"a type with one spelling", func(ctx context.Context, c *vaultctl.Client) error {
			_, err := c.Items.Create(ctx, "v", vaultctl.ItemRequest{Type: "login"})
			return err
		}, []reply{refusal(400, "INVALID", "itemType")}, client.ErrInvalid, 1},
		{"no organisation", func(ctx context.Context, c *vaultctl.Client) error {
			_, err := c.Vaults.Create(ctx, shared)
			return err
		}, []reply{refusal(400, "INVALID", "org_id"), {200, "[]"}}, client.ErrInvalid, 2},
		{"another organisation", func(ctx context.Context, c *vaultctl.Client) error {
			_, err := c.Vaults.Create(ctx, vaultctl.CreateVaultRequest{Type: "shared", OrgID: "o"})
			return err
		}, []reply{refusal(400, "INVALID", "org_id")}, client.ErrInvalid, 1},
		{"restored and gone", func(ctx context.Context, c *vaultctl.Client) error {
			_, err := c.Trash.Restore(ctx, "v", "i")
			return err
		}, []reply{{204, ""}, {404, ""}}, client.ErrNotFound, 2},
		{"nobody", func(ctx context.Context, c *vaultctl.Client) error {
			_, err := c.Users.ByEmail(ctx, "a@example.com")
			return err
		}, []reply{{404, ""}, {200, "[]"}}, client.ErrNotFound, 2},
		{"nobody, no organisations", func(ctx context.Context, c *vaultctl.Client) error {
			_, err := c.Users.Get(ctx, "u")
			return err
		}, []reply{{404, ""}, {404, ""}}, client.ErrNotFound, 2},
		{"refresh is not repeated", func(ctx context.Context, c *vaultctl.Client) error {
			_, err := c.Auth.Refresh(ctx, client.NewSecret("r"))
			return err
		}, []reply{{503, ""}}, client.ErrUnavailable, 1},
		{"no path", func(ctx context.Context, c *vaultctl.Client) error {
			return c.Vaults.Delete(ctx, "..")
		}, nil, client.ErrInvalid, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, s := scripted(t, tt.replies...)
			err := tt.do(t.Context(), c)
			if !errors.Is(err, tt.want) || len(s.asked) != tt.asked {
				t.Errorf("error %v after %q; want %v after %d", err, s.asked, tt.want, tt.asked)
			}
		})
	}
}

// TestBadAnswers has answers without what a caller needs, or about something
// else than was asked for.
func TestBadAnswers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		do   func(context.Context, *vaultctl.Client) (any, error)
		body string
	}{
		{"prelogin", func(ctx context.Context, c *vaultctl.Client) (any, error) { return with(c.Auth.Prelogin(ctx, "a")) }, `{"salt":"AA==","iterations":3,"memoryKB":0,"parallelism":4}`},
		{"register", func(ctx context.Context, c *vaultctl.Client) (any, error) {
			return with(c.Auth.Register(ctx, vaultctl.RegisterRequest{}))
		}, `{}`},
		{"login", func(ctx context.Context, c *vaultctl.Client) (any, error) {
			return with(c.Auth.Login(ctx, vaultctl.LoginRequest{}))
		}, `{"userId":"u","AccessToken":"a","refreshToken":"r"}`},
		{"login of nobody", func(ctx context.Context, c *vaultctl.Client) (any, error) {
			return with(c.Auth.Login(ctx, vaultctl.LoginRequest{}))
		}, `{` + tokens + `}`},
		{"refresh", func(ctx context.Context, c *vaultctl.Client) (any, error) {
			return with(c.Auth.Refresh(ctx, client.NewSecret("r")))
		}, `{"accessToken":"a"}`},
		{"step-up", func(ctx context.Context, c *vaultctl.Client) (any, error) { return with(c.Auth.StepUp(ctx, hash)) }, `{}`},
		{"vaults", func(ctx context.Context, c *vaultctl.Client) (any, error) { return with(c.Vaults.List(ctx)) }, `{"items":[]}`},
		{"vault", func(ctx context.Context, c *vaultctl.Client) (any, error) { return with(c.Vaults.List(ctx)) }, `[{"name":"x"}]`},
		{"vaults are text", func(ctx context.Context, c *vaultctl.Client) (any, error) { return with(c.Vaults.List(ctx)) }, `"x"`},
		{"base64 without padding", func(ctx context.Context, c *vaultctl.Client) (any, error) { return with(c.Vaults.List(ctx)) }, `[{"id":"v","encryptedVaultKey":"AA"}]`},
		{"base64 of URLs", func(ctx context.Context, c *vaultctl.Client) (any, error) { return with(c.Vaults.List(ctx)) }, `[{"id":"v","encryptedVaultKey":"-_8="}]`},
		{"items", func(ctx context.Context, c *vaultctl.Client) (any, error) {
			return with(c.Items.List(ctx, "v", vaultctl.ListItemsOptions{}))
		}, `[{"itemType":"login"}]`},
		{"items twice", func(ctx context.Context, c *vaultctl.Client) (any, error) {
			return with(c.Items.List(ctx, "v", vaultctl.ListItemsOptions{}))
		}, `{"items":[],"items":[]}`},
		{"another item", func(ctx context.Context, c *vaultctl.Client) (any, error) { return with(c.Items.Get(ctx, "v", "i1")) }, `{"id":"i2"}`},
		{"another item put", func(ctx context.Context, c *vaultctl.Client) (any, error) {
			return with(c.Items.Put(ctx, "v", vaultctl.ItemRequest{ID: "i1"}))
		}, `{"id":"i2"}`},
		{"another item restored", func(ctx context.Context, c *vaultctl.Client) (any, error) {
			return with(c.Trash.Restore(ctx, "v", "i1"))
		}, `{"id":"i2"}`},
		{"a change", func(ctx context.Context, c *vaultctl.Client) (any, error) {
			return with(c.Items.Changes(ctx, "v", vaultctl.ChangeRequest{}))
		}, `{"items":[{}]}`},
		{"members", func(ctx context.Context, c *vaultctl.Client) (any, error) { return with(c.Members.List(ctx, "v")) }, `{"members":[{"role":"owner"}]}`},
		{"another user", func(ctx context.Context, c *vaultctl.Client) (any, error) { return with(c.Users.Get(ctx, "u")) }, `{"userId":"w",` + keys + `}`},
		{"another e-mail", func(ctx context.Context, c *vaultctl.Client) (any, error) { return with(c.Users.ByEmail(ctx, "a@b")) }, `{"userId":"w","email":"c@d",` + keys + `}`},
		{"no signature", func(ctx context.Context, c *vaultctl.Client) (any, error) { return with(c.Users.Get(ctx, "u")) }, `{"userId":"u","publicKey":"AA==","identityPublicKey":"AA=="}`},
		{"another public key", func(ctx context.Context, c *vaultctl.Client) (any, error) {
			return with(c.Users.PublicKey(ctx, "o", "u"))
		}, `{"userId":"w",` + keys + `}`},
		{"orgs", func(ctx context.Context, c *vaultctl.Client) (any, error) { return with(c.Orgs.List(ctx)) }, `[{"name":"x"}]`},
		{"config", func(ctx context.Context, c *vaultctl.Client) (any, error) { return with(c.Server.Config(ctx)) }, `{"name":"x"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, _ := scripted(t, reply{200, tt.body})
			if got, err := tt.do(t.Context(), c); !errors.Is(err, client.ErrBadAnswer) {
				t.Errorf("%v, %v; want ErrBadAnswer", got, err)
			}
		})
	}
}

// TestStaleToken: an access token that is out of date is renewed once, any
// other 401 is final.
func TestStaleToken(t *testing.T) {
	t.Parallel()
	for code, want := range map[string][]string{
		"TOKEN_INVALID":       {"", "old"},
		"INVALID_CREDENTIALS": {""},
	} {
		var asked []string
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "Bearer new" {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"error":{"code":"` + code + `"}}`))
		}))
		t.Cleanup(srv.Close)
		c := dial(t, srv.URL+"/api/v1/", client.WithCredentials(client.TokenSource(func(_ context.Context, rejected client.Secret) (client.Secret, error) {
			asked = append(asked, rejected.Reveal())
			if rejected.IsZero() {
				return client.NewSecret("old"), nil
			}
			return client.NewSecret("new"), nil
		})))
		if err := c.Vaults.Delete(t.Context(), "v"); (err == nil) != (code == "TOKEN_INVALID") {
			t.Errorf("%s: %v", code, err)
		}
		if d := cmp.Diff(want, asked); d != "" {
			t.Errorf("%s: asked for (-want +got):\n%s", code, d)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	if c, err := vaultctl.New("http://example.com"); err == nil || c != nil {
		t.Error("plain http to anywhere is taken")
	}
}

// TestSecretsStay: what the server quotes of the auth hash or of tokens is not in the error.
func TestSecretsStay(t *testing.T) {
	t.Parallel()
	c, _ := scripted(t, reply{401, `{"error":{"code":"X","message":"bad ` + b64 + ` in token"}}`})
	_, err := c.Auth.StepUp(t.Context(), hash)
	if err == nil || strings.Contains(err.Error(), b64) || strings.Contains(err.Error(), "token") {
		t.Errorf("error %v", err)
	}
}
