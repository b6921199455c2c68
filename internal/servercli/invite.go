package servercli

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/output"
	"github.com/keyhold/keyhold/internal/server/admin"
)

func newInvite(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "invite",
		Short: "Manage invites",
		Long:  "Make, list and revoke invites. Each lets one person sign up, once.",
		Example: "  keyhold-server invite create --email bob@example.com\n" +
			"  keyhold-server invite list",
	}
	cmd.AddCommand(newInviteCreate(env), newInviteList(env), newInviteRevoke(env))
	return cmd
}

func newInviteCreate(env *Env) *cobra.Command {
	var email string
	life := inviteLife
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make an invite and print its code",
		Long: "Make an invite and print its code, once: only a hash of it is kept. With --email it is good for that address alone.\n" +
			"A server with --registration disabled redeems none.",
		Example: "  keyhold-server invite create\n  keyhold-server invite create --email bob@example.com --expires 24h",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if email == "" && cmd.Flags().Changed("email") {
				return usagef("--email is empty")
			}
			return createInvite(cmd.Context(), env, email, life)
		},
	}
	cmd.Flags().StringVar(&email, "email", "", "only for this `address`")
	cmd.Flags().DurationVar(&life, "expires", life, "how long it is good for, a `DURATION`")
	return cmd
}

func createInvite(ctx context.Context, env *Env, email string, life time.Duration) error {
	if life < time.Second {
		return usagef("--expires must be at least a second")
	}
	var i admin.Invite
	body := admin.NewInvite{Email: email, Seconds: int64(life / time.Second)}
	if err := env.call(ctx, http.MethodPost, "/invites", body, &i); err != nil {
		return err
	}
	if env.json {
		return env.printer().Object(inviteObject(i).With("code", i.Code))
	}
	_, err := fmt.Fprintln(env.Out, i.Code)
	return err
}

func inviteObject(i admin.Invite) output.Object {
	return output.Object{
		{Name: "id", Value: i.ID},
		{Name: "email", Value: i.Email},
		{Name: "created", Value: i.Created},
		{Name: "expires", Value: i.Expires},
	}
}

func newInviteList(env *Env) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the invites that can still be used",
		Long:    "List the invites that were neither used nor revoked and are not out of date. A pipe gets the columns id, email, created, expires.",
		Example: "  keyhold-server invite list\n  keyhold-server invite list --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var invites []admin.Invite
			if err := env.call(cmd.Context(), http.MethodGet, "/invites", nil, &invites); err != nil {
				return err
			}
			rows := make([]output.Object, len(invites))
			for n, i := range invites {
				rows[n] = inviteObject(i)
			}
			return env.printer().List([]output.Column{{Name: "id"}, {Name: "email"}, {Name: "created"}, {Name: "expires"}}, rows)
		},
	}
}

func newInviteRevoke(env *Env) *cobra.Command {
	return &cobra.Command{
		Use:     "revoke ID",
		Aliases: []string{"rm", "delete"},
		Short:   "Revoke an invite",
		Long:    "Revoke an invite by its id, which `keyhold-server invite list` shows. One that is not there any more is exit 5.",
		Example: "  keyhold-server invite revoke 6f1c1f4e-8f57-4c55-9d2b-0f6f0a4f3a10\n  keyhold-server invite list",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return env.call(cmd.Context(), http.MethodDelete, "/invites/"+url.PathEscape(args[0]), nil, &struct{}{})
		},
	}
}
