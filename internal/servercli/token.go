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

func newToken(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Manage API tokens",
		Long: "Make, list and revoke the tokens with which programs call an API other than that of shared vaults: the Secrets Store,\n" +
			"pwm. Approve the logins that wait for somebody.",
		Example: "  keyhold-server token create --api store --account 023e105f4ecef8ad9ca31a8372d0c353\n" +
			"  keyhold-server token create --api pwm --email ann@example.com\n" +
			"  keyhold-server token list",
	}
	cmd.AddCommand(newTokenCreate(env), newTokenList(env), newTokenRevoke(env), newTokenApprove(env))
	return cmd
}

func newTokenCreate(env *Env) *cobra.Command {
	var n admin.NewToken
	var life time.Duration
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make a token and print it",
		Long: "Make a token and print it, once: only a hash of it is kept.\n\n" +
			"With --api store it is for the secrets of one account, 32 hex digits, which comes to be by its first token. --service\n" +
			"makes it one of a service that keeps stores of its own in accounts, below /system: in all of them, unless --account\n" +
			"names one. With --api pwm it is for the vaults of the address that --email names, which comes to be by its first token.",
		Example: "  keyhold-server token create --api store --account 023e105f4ecef8ad9ca31a8372d0c353\n" +
			"  keyhold-server token create --api store --account 023e105f4ecef8ad9ca31a8372d0c353 --read-only --expires 24h\n" +
			"  keyhold-server token create --api pwm --email ann@example.com",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, name := range []string{"account", "service", "email", "note"} {
				if f := cmd.Flag(name); f.Changed && f.Value.String() == "" {
					return usagef("--%s is empty", name)
				}
			}
			if cmd.Flag("expires").Changed && life < time.Second {
				return usagef("--expires must be at least a second")
			}
			n.Seconds = int64(life / time.Second)
			return createToken(cmd.Context(), env, n)
		},
	}
	f := cmd.Flags()
	f.StringVar(&n.API, "api", "", "the `API` that it is for: store or pwm")
	f.StringVar(&n.Account, "account", "", "the account whose data it is for, an `ID` of 32 hex digits")
	f.StringVar(&n.Service, "service", "", "the `name` of the service that calls, for the calls below /system")
	f.StringVar(&n.Email, "email", "", "the `address` whose vaults it is for; of a store: to be given beside the token where it is used as a key")
	f.StringVar(&n.Note, "note", "", "a `text` for people")
	f.BoolVar(&n.ReadOnly, "read-only", false, "for reading alone")
	f.DurationVar(&life, "expires", 0, "how long it is good for, a `DURATION`; without it for ever")
	return cmd
}

func createToken(ctx context.Context, env *Env, n admin.NewToken) error {
	var t admin.Token
	if err := env.call(ctx, http.MethodPost, "/tokens", n, &t); err != nil {
		return err
	}
	if env.json {
		return env.printer().Object(tokenObject(t).With("token", t.Text))
	}
	_, err := fmt.Fprintln(env.Out, t.Text)
	return err
}

func tokenObject(t admin.Token) output.Object {
	o := output.Object{
		{Name: "id", Value: t.ID}, {Name: "api", Value: t.API}, {Name: "account", Value: t.Account}, {Name: "service", Value: t.Service},
		{Name: "read_only", Value: t.ReadOnly}, {Name: "email", Value: t.Email}, {Name: "note", Value: t.Note}, {Name: "created", Value: t.Created},
	}
	if !t.Expires.IsZero() {
		o = o.With("expires", t.Expires)
	}
	return o
}

func newTokenList(env *Env) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the tokens",
		Long:    "List the tokens that are good, without what proves them. A pipe gets id, api, account, service, read_only, note, created, expires, email.",
		Example: "  keyhold-server token list\n  keyhold-server token list --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var list []admin.Token
			if err := env.call(cmd.Context(), http.MethodGet, "/tokens", nil, &list); err != nil {
				return err
			}
			rows := make([]output.Object, len(list))
			for n, t := range list {
				rows[n] = tokenObject(t)
			}
			return env.printer().List([]output.Column{
				{Name: "id"}, {Name: "api"}, {Name: "account"}, {Name: "service"}, {Name: "read_only"}, {Name: "note"}, {Name: "created"}, {Name: "expires"}, {Name: "email"},
			}, rows)
		},
	}
}

func newTokenRevoke(env *Env) *cobra.Command {
	return &cobra.Command{
		Use:     "revoke ID",
		Aliases: []string{"rm", "delete"},
		Short:   "Revoke a token",
		Long:    "Revoke a token by its id, which `keyhold-server token list` shows, at once. One that is not there any more is exit 5.",
		Example: "  keyhold-server token revoke 6f1c1f4e-8f57-4c55-9d2b-0f6f0a4f3a10\n  keyhold-server token list",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return env.call(cmd.Context(), http.MethodDelete, "/tokens/"+url.PathEscape(args[0]), nil, &struct{}{})
		},
	}
}

func newTokenApprove(env *Env) *cobra.Command {
	var email string
	cmd := &cobra.Command{
		Use:   "approve SESSION",
		Short: "Let a login that waits go on",
		Long: "Let a login go on that `keyhold login vault --backend pwm` shows, by the id of its session: it gets a token for the\n" +
			"vaults of --email, for seven days. Make sure that the id is from the person whose address that is.\n\n" +
			"A session that is unknown or older than five minutes is exit 5, one that is approved already exit 8.",
		Example: "  keyhold-server token approve 5tq2rAyrYqAQRLnnDqD0NRVnDr7kXw2u --email ann@example.com\n" +
			"  keyhold-server token approve 5tq2rAyrYqAQRLnnDqD0NRVnDr7kXw2u --email ann@example.com --data /var/lib/keyhold",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if email == "" {
				return usagef("--email is missing: whose vaults is the login for?")
			}
			return env.call(cmd.Context(), http.MethodPost, "/sessions/"+url.PathEscape(args[0]), admin.Approval{Email: email}, &admin.Approval{})
		},
	}
	cmd.Flags().StringVar(&email, "email", "", "the `address` whose vaults the login is for")
	return cmd
}
