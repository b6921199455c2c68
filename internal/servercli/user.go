package servercli

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/output"
	"github.com/keyhold/keyhold/internal/server/admin"
)

func newUser(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "user",
		Short: "Manage the users of the server",
		Long:  "List the users of the server, let somebody in, or keep somebody out.",
		Example: "  keyhold-server user list\n" +
			"  keyhold-server user disable bob@example.com",
	}
	cmd.AddCommand(newUserCreate(env), newUserList(env), newUserDisable(env))
	return cmd
}

func newUserCreate(env *Env) *cobra.Command {
	life := inviteLife
	cmd := &cobra.Command{
		Use:   "create EMAIL",
		Short: "Make an invite for one address",
		Long: "Make an invite with which the owner of this address, and nobody else, can sign up. The account itself only the user\n" +
			"can make, because its keys must never be here. It is what `keyhold-server invite create --email EMAIL` does. The\n" +
			"code is printed once; who has an account already is exit 8. A server with --registration disabled redeems none.",
		Example: "  keyhold-server user create bob@example.com\n  keyhold-server user create bob@example.com --expires 24h",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return createInvite(cmd.Context(), env, args[0], life)
		},
	}
	cmd.Flags().DurationVar(&life, "expires", life, "how long the invite is good for, a `DURATION`")
	return cmd
}

func newUserList(env *Env) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the users",
		Long:    "List the users of the server. A pipe gets the columns email, role, state, created, id; the state is active or disabled.",
		Example: "  keyhold-server user list\n  keyhold-server user list --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var users []admin.User
			if err := env.call(cmd.Context(), http.MethodGet, "/users", nil, &users); err != nil {
				return err
			}
			rows := make([]output.Object, len(users))
			for i, u := range users {
				rows[i] = userObject(u)
			}
			return env.printer().List([]output.Column{{Name: "email"}, {Name: "role"}, {Name: "state"}, {Name: "created"}, {Name: "id"}}, rows)
		},
	}
}

func userObject(u admin.User) output.Object {
	state := "active"
	if u.Disabled {
		state = "disabled"
	}
	return output.Object{
		{Name: "id", Value: u.ID},
		{Name: "email", Value: u.Email},
		{Name: "name", Value: u.Name},
		{Name: "role", Value: u.Role},
		{Name: "state", Value: state},
		{Name: "created", Value: u.Created},
	}
}

func newUserDisable(env *Env) *cobra.Command {
	undo := false
	cmd := &cobra.Command{
		Use:   "disable USER",
		Short: "Keep a user out",
		Long: "End all sessions of a user, an address or an id, and let nobody log in as that user. The vaults stay, and so do the\n" +
			"keys that the user has seen: who is to be kept out of a vault has to be removed from it. --undo takes it back.",
		Example: "  keyhold-server user disable bob@example.com\n  keyhold-server user disable bob@example.com --undo",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			method := http.MethodPost
			if undo {
				method = http.MethodDelete
			}
			var u admin.User
			return env.call(cmd.Context(), method, "/users/"+url.PathEscape(args[0])+"/disabled", nil, &u)
		},
	}
	cmd.Flags().BoolVar(&undo, "undo", false, "let the user in again")
	return cmd
}

// call connects and makes one call.
func (e *Env) call(ctx context.Context, method, path string, body, answer any) error {
	c, err := e.connect(ctx)
	if err != nil {
		return err
	}
	return c.do(ctx, method, path, body, answer)
}

// inviteLife is how long an invite is good for unless a flag says otherwise.
const inviteLife = 7 * 24 * time.Hour
