package vaultctl_test

import (
	"context"
	"testing"

	"github.com/keyhold/keyhold/pkg/client/vaultctl"
)

func TestPeople(t *testing.T) {
	t.Parallel()
	remove := func(ctx context.Context, c *vaultctl.Client) (any, error) {
		return with(c.Members.Remove(ctx, "v1", "u3"))
	}
	byEmail := func(ctx context.Context, c *vaultctl.Client) (any, error) {
		return with(c.Users.ByEmail(ctx, "A@example.com"))
	}
	nameless := wantMember
	nameless.UserID = ""
	user := `{"userId":"u2","email":"a@example.com",` + keys + `}`
	run(t, []call{
		{
			"members",
			func(ctx context.Context, c *vaultctl.Client) (any, error) { return with(c.Members.List(ctx, "v1")) },
			[]reply{{200, `{"members":[` + member + `]}`}}, []string{"GET /api/v1/vaults/v1/members"}, []vaultctl.Member{wantMember},
		},
		{
			"add",
			func(ctx context.Context, c *vaultctl.Client) (any, error) {
				return none(c.Members.Add(ctx, "v1", vaultctl.AddMemberRequest{UserID: "u2", EncryptedVaultKey: bits, WrapSignature: bits, Role: "admin"}))
			},
			[]reply{{204, ""}},
			[]string{`POST /api/v1/vaults/v1/members {"recipientUserId":"u2","encryptedVaultKey":"` + b64 + `","wrapSignature":"` + b64 + `","role":"admin"}`}, nil,
		},
		{
			"remove", remove, []reply{{200, `{"rekeyRequired":false,"remainingMembers":[` + member + `]}`}},
			[]string{"DELETE /api/v1/vaults/v1/members/u3"}, &vaultctl.RemoveResult{Remaining: []vaultctl.Member{wantMember}},
		},
		{
			"remove, released", remove, []reply{{200, `{"rekeyRequired":true,"remainingMembers":[{"vaultId":"v1","vaultName":"",` + member[len(`{"userId":"u2",`):] + `]}`}},
			[]string{"DELETE /api/v1/vaults/v1/members/u3"}, &vaultctl.RemoveResult{RekeyRequired: true, Remaining: []vaultctl.Member{nameless}},
		},
		{
			"remove, nothing said", remove, []reply{{204, ""}},
			[]string{"DELETE /api/v1/vaults/v1/members/u3"}, &vaultctl.RemoveResult{RekeyRequired: true},
		},
		{
			"user",
			func(ctx context.Context, c *vaultctl.Client) (any, error) { return with(c.Users.Get(ctx, "u2")) },
			[]reply{{200, user}}, []string{"GET /api/v1/users/u2"}, &wantUser,
		},
		{"user by e-mail", byEmail, []reply{{200, user}}, []string{"GET /api/v1/users?email=A%40example.com"}, &wantUser},
		{
			"user by e-mail, released", byEmail,
			[]reply{
				{404, ""},
				{200, `[{"id":"o1"},{"id":"o2"}]`},
				{200, `[{"userId":"u1","email":"me@example.com"}]`},
				{200, `{"members":[{"userId":"u2","email":"a@example.com"}]}`},
				{200, `{"userId":"u2",` + keys + `}`},
			},
			[]string{
				"GET /api/v1/users?email=A%40example.com", "GET /api/v1/orgs", "GET /api/v1/orgs/o1/members", "GET /api/v1/orgs/o2/members",
				"GET /api/v1/orgs/o2/members/u2/pubkey",
			},
			&wantUser,
		},
	})
}

func TestServer(t *testing.T) {
	t.Parallel()
	run(t, []call{
		{
			"config",
			func(ctx context.Context, c *vaultctl.Client) (any, error) { return with(c.Server.Config(ctx)) },
			[]reply{{200, `{"version":"v1","registrationMode":"open","appVersion":"1.27.1","commit":"c","goVersion":"go","features":{"x":1}}`}},
			[]string{"GET /api/v1/config anonymous"},
			&vaultctl.Config{Version: "v1", RegistrationMode: "open", AppVersion: "1.27.1"},
		},
		{
			"health",
			func(ctx context.Context, c *vaultctl.Client) (any, error) { return none(c.Server.Health(ctx)) },
			[]reply{{200, `{"status":"ok","checks":{"database":"ok"}}`}},
			[]string{"GET /api/v1/health anonymous"},
			nil,
		},
	})
}
