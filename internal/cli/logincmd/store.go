package logincmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
	"github.com/keyhold/keyhold/internal/output"
	"github.com/keyhold/keyhold/internal/secret"
)

// maxToken is more than a token of any service has.
const maxToken = 1 << 13

// A tokenFlags is where a token comes from, by flags.
type tokenFlags struct {
	stdin bool
	file  string
}

func (t *tokenFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&t.stdin, "token-stdin", false, "read the token from standard input")
	cmd.Flags().StringVar(&t.file, "token-file", "", "read the token from this `file`")
	cmd.MarkFlagsMutuallyExclusive("token-stdin", "token-file")
}

// read returns the token; without a flag it is asked for.
func (t *tokenFlags) read(ctx context.Context, a *app.App, prompt string) (secret.String, error) {
	var text []byte
	var err error
	switch {
	case t.stdin:
		text, err = a.ReadIn(ctx, maxToken)
	case t.file != "":
		text, err = readFile(t.file)
	case !a.CanAsk():
		return secret.String{}, &app.MissingError{What: "the token is missing, and nobody can be asked", Try: a.Again("--token-stdin")}
	default:
		s, err := a.AskSecret(ctx, prompt)
		if err != nil {
			return secret.String{}, err
		}
		text = s.Bytes().Reveal()
	}
	if err != nil {
		return secret.String{}, fmt.Errorf("read the token: %w", err)
	}
	text = app.TrimNewline(text)
	if len(text) == 0 || bytes.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return secret.String{}, app.Usagef("this is no token: it is empty, or has blanks or other characters that none has")
	}
	return secret.Text(text), nil
}

// optional is read where a login can do without a token.
func (t *tokenFlags) optional(ctx context.Context, a *app.App, backend string) (secret.String, error) {
	switch {
	case !t.stdin && t.file == "":
		return secret.String{}, nil
	case backend != pwm:
		return secret.String{}, app.Usagef("a %s service takes no API token: log in with the master password", backend)
	case t.stdin && a.Settings.Password.Stdin:
		return secret.String{}, app.Usagef("standard input has either the password or the token")
	}
	return t.read(ctx, a, "")
}

func readFile(name string) (text []byte, err error) {
	f, err := os.Open(name) //nolint:gosec // the user names it
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return app.ReadAll(f, maxToken)
}

func newLoginStore(a *app.App) *cobra.Command {
	var l app.StoreLogin
	var t tokenFlags
	cmd := &cobra.Command{
		Use:         "store",
		Aliases:     []string{"cloudflare"},
		Annotations: anyProfile,
		Short:       "Log in to the Cloudflare Secrets Store",
		Long: "Keep an API token for the Cloudflare Secrets Store with the profile: in the keyring of the system or sealed in the\n" +
			"home, never in the configuration, and sent to the host of this login alone. It is asked for without echo, or read from\n" +
			"standard input or a file. It needs the permission Secrets Store Read or Edit.\n\n" +
			"Without --account the account is looked up: a token for several is status 6, which lists them. A token that cannot be\n" +
			"checked is kept with a warning. A second login takes the place of the first. Without a login the variables\n" +
			"CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID do.",
		Example: "  keyhold login store\n" +
			"  keyhold get cloudflare -n | keyhold login store --token-stdin --account 023e105f4ecef8ad9ca31a8372d0c353",
		Args:              args.None(),
		ValidArgsFunction: complete.Nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, name := range []string{"account", "url", "ca", "token-file"} {
				if f := cmd.Flag(name); f.Changed && f.Value.String() == "" {
					return app.Usagef("--%s is empty", name)
				}
			}
			var err error
			if l.Token, err = t.read(cmd.Context(), a, "API token of Cloudflare: "); err != nil {
				return err
			}
			l, err := a.LoginStore(cmd.Context(), l)
			if err != nil {
				return err
			}
			if a.Settings.FormatTyped {
				return a.Printer().Object(output.Object{
					{Name: "profile", Value: a.Settings.Profile}, {Name: "service", Value: "store"}, {Name: "url", Value: l.URL}, {Name: "account", Value: l.Account},
				})
			}
			a.Messages().Notice(fmt.Sprintf("logged in to the Secrets Store at %s, account %s, profile %s", l.URL, orUnknown(l.Account), a.Settings.Profile))
			return nil
		},
	}
	cmd.Flags().StringVar(&l.Account, "account", "", "the `ID` of the account, 32 hex digits")
	cmd.Flags().StringVar(&l.URL, "url", "", "the `address` of the API with its path; default CLOUDFLARE_API_BASE_URL, else Cloudflare's own")
	cmd.Flags().StringVar(&l.CA, "ca", "", "believe the certificate authorities in this `file`, and no others")
	cmd.Flags().BoolVar(&l.InsecureHTTP, "insecure-http", false, "allow an address without TLS on another machine")
	t.add(cmd)
	return cmd
}

func orUnknown(account string) string {
	if account == "" {
		return "unknown"
	}
	return account
}
