package logincmd

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
	"github.com/keyhold/keyhold/internal/output"
	"github.com/keyhold/keyhold/internal/secret"
)

// anyProfile is the annotation of commands that make the profile they are for.
var anyProfile = map[string]string{app.AnyProfile: "yes"}

// NewLogin returns the login command.
func NewLogin(a *app.App) *cobra.Command {
	cmd := args.Noun(&cobra.Command{
		Use:         "login",
		Aliases:     []string{"signin"},
		Annotations: anyProfile,
		Short:       "Log in to a service",
		Long: "Log in to a service: one that has vaults, or the Cloudflare Secrets Store. `keyhold signup` makes an account for\n" +
			"vaults, `keyhold logout` ends a login.",
		Example: "  keyhold login vault --url https://keys.example.com/api/v1 --email me@example.com\n" +
			"  keyhold login store",
	})
	cmd.AddCommand(newLoginVault(a), newLoginStore(a))
	return cmd
}

// A placeFlags is where an account is, by flags.
type placeFlags struct{ app.Place }

func (p *placeFlags) add(f *pflag.FlagSet) {
	f.StringVar(&p.URL, "url", "", "the `address` of the service's API with its path")
	f.StringVar(&p.Email, "email", "", "the e-mail `address` of the account")
	f.StringVar(&p.CA, "ca", "", "believe the certificate authorities in this `file`, and no others")
	f.BoolVar(&p.InsecureHTTP, "insecure-http", false, "allow an address without TLS on another machine")
}

// bound takes what the command line leaves out from the account that the chosen
// profile is bound to.
func (p *placeFlags) bound(a *app.App) {
	b := a.Bound()
	if a.IsFile() || p.URL != "" && p.URL != b.URL || p.Email != "" && p.Email != b.Email || b.URL == "" {
		return
	}
	b.InsecureHTTP = b.InsecureHTTP || p.InsecureHTTP
	if p.CA != "" {
		b.CA = p.CA
	}
	p.Place = b
}

// complete asks for what the command line leaves out. A pwm service says itself
// whose login it is.
func (p *placeFlags) complete(ctx context.Context, a *app.App) error {
	if a.IsFile() {
		return app.Usagef("%s takes the name of a profile: a file is none to log in with", a.Command)
	}
	for _, m := range []struct {
		value        *string
		flag, prompt string
		optional     bool
	}{
		{&p.URL, "--url", "Address of the service, such as https://keys.example.com/api/v1: ", false},
		{&p.Email, "--email", "E-mail address: ", p.Backend == pwm},
	} {
		if m.optional {
			continue
		}
		if *m.value != "" {
			continue
		}
		if !a.CanAsk() {
			return &app.MissingError{What: m.flag + " is missing, and nobody can be asked", Try: a.Again(m.flag + " VALUE")}
		}
		answer, err := a.AskLine(ctx, m.prompt)
		if err != nil {
			return err
		}
		if *m.value = strings.TrimSpace(answer); *m.value == "" {
			return app.Usagef("%s is empty", m.flag)
		}
	}
	return nil
}

// pwm is the backend whose login is a token, or made in a browser.
const pwm = "pwm"

func newLoginVault(a *app.App) *cobra.Command {
	var p placeFlags
	var t tokenFlags
	cmd := &cobra.Command{
		Use:         "vault",
		Annotations: anyProfile,
		Short:       "Log in to a service that has vaults",
		Long: "Log in to an account with vaults at a service and open a session. The master password never leaves this machine: the\n" +
			"service gets what is derived from it. What a password source says is the account's master password.\n\n" +
			"The chosen profile is bound to the account if it has no vaults yet, else a new one, named after the host, which it says;\n" +
			"`keyhold profile use` chooses it for good. A profile that is bound already needs neither --url nor --email, and a second\n" +
			"login takes the place of the first.\n\n" +
			"With --backend pwm the login is made by an API token, --token-stdin or --token-file, or by a person on the page that is\n" +
			"shown, and opened at a desktop, within five minutes; --email is not needed. Every vault there has a master password of\n" +
			"its own, usually the same one: those that this one does not open stay closed, and are named. With a token and no\n" +
			"password nothing is opened yet.\n\n" +
			"A wrong password is status 4, a service that cannot be reached status 9, an account that shows another key than before\n" +
			"status 10.",
		Example: "  keyhold login vault --url https://keys.example.com/api/v1 --email me@example.com\n" +
			"  keyhold login vault --profile work\n" +
			"  keyhold login vault --url https://10.0.0.5:8420/api/v1 --email me@example.com --ca ca.pem --profile work\n" +
			"  keyhold login vault --backend pwm --url https://vault-api.example.com --token-file token --profile pwm",
		Args:              args.None(),
		ValidArgsFunction: complete.Nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flag("backend").Changed || p.Backend == a.Bound().Backend {
				p.bound(a)
			}
			if p.Backend != pwm && p.Backend != "vaultctl" {
				return app.Usagef("--backend %s: it is vaultctl or pwm", args.Quote(p.Backend))
			}
			var err error
			if p.Token, err = t.optional(cmd.Context(), a, p.Backend); err != nil {
				return err
			}
			if err := p.complete(cmd.Context(), a); err != nil {
				return err
			}
			l, err := a.Login(cmd.Context(), p.Place)
			if err != nil {
				return err
			}
			return report(a, "logged in", l)
		},
	}
	p.add(cmd.Flags())
	cmd.Flags().StringVar(&p.Backend, "backend", "vaultctl", "the kind of the `service`: vaultctl or pwm")
	t.add(cmd)
	_ = cmd.RegisterFlagCompletionFunc("backend", complete.Words("vaultctl", pwm))
	return cmd
}

// NewSignup returns the signup command.
func NewSignup(a *app.App) *cobra.Command {
	var p placeFlags
	var s backend.Signup
	var invite string
	cmd := &cobra.Command{
		Use:         "signup",
		Annotations: anyProfile,
		Short:       "Make an account at a service that has vaults",
		Long: "Make an account at a service, log in, and make the vault personal there. A new master password is asked for twice, or\n" +
			"taken from its source as it is; nobody can recover it. Keys are made on this machine, and the service gets them sealed.\n\n" +
			"Many services take an invite: --invite CODE, or - to read it from standard input. The profile is chosen as by\n" +
			"`keyhold login vault`. An address that has an account is status 8, an invite that does not count status 2.",
		Example: "  keyhold signup --url https://keys.example.com/api/v1 --email me@example.com --invite CODE\n" +
			"  keyhold signup --url http://127.0.0.1:8420/api/v1 --email me@example.com",
		Args:              args.None(),
		ValidArgsFunction: complete.Nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if invite == "-" {
				b, err := app.ReadAll(a.In, 1<<12)
				if err != nil {
					return err
				}
				invite = string(app.TrimNewline(b))
			}
			s.Invite = secret.TextOf(invite)
			if err := p.complete(cmd.Context(), a); err != nil {
				return err
			}
			l, err := a.Signup(cmd.Context(), p.Place, s)
			if err != nil {
				return err
			}
			return report(a, "signed up", l)
		},
	}
	p.add(cmd.Flags())
	f := cmd.Flags()
	f.StringVar(&invite, "invite", "", "the `code` of an invite, - for standard input")
	f.StringVar(&s.Name, "name", "", "your `name`, as others see it")
	f.BoolVar(&s.Compatible, "compatible", false, "make the vault personal one that released clients read")
	return cmd
}

func report(a *app.App, what string, l app.LoggedIn) error {
	if a.Settings.FormatTyped {
		names := []string{}
		for _, v := range l.Vaults {
			names = append(names, v.Name)
		}
		return a.Printer().Object(output.Object{
			{Name: "profile", Value: l.Profile}, {Name: "new", Value: l.New}, {Name: "url", Value: l.URL}, {Name: "email", Value: l.Email},
			{Name: "vaults", Value: names},
		})
	}
	m := a.Messages()
	as := ""
	if l.Email != "" {
		as = " as " + l.Email
	}
	m.Notice(fmt.Sprintf("%s%s at %s, profile %s", what, as, l.URL, l.Profile))
	if l.Locked {
		m.Notice("nothing is open yet: keyhold unlock --profile " + l.Profile)
	}
	if l.Profile != a.Settings.Profile {
		m.Warn("profile_made", fmt.Sprintf("the profile %s has vaults and stays as it was; for these use --profile %s, or for good: keyhold profile use %s",
			a.Settings.Profile, l.Profile, l.Profile))
	}
	return nil
}

// NewLogout returns the logout command.
func NewLogout(a *app.App) *cobra.Command {
	forget := false
	cmd := &cobra.Command{
		Use:   "logout [SERVICE]",
		Short: "End the session of this device at a service",
		Long: "End the session of this device at the service of the profile, here and there, and forget its tokens. Copies of vaults\n" +
			"that are on this machine stay, sealed; `keyhold login vault` opens them again. --forget deletes them, and forgets which\n" +
			"account the profile is bound to; whom this machine trusts there it remembers.\n\n" +
			"With store it forgets the token of the Secrets Store instead; to revoke it is up to who made it.\n\n" +
			"A service that cannot be reached is no error. A profile whose vaults are on this machine is status 2: `keyhold lock`.",
		Example:           "  keyhold logout\n  keyhold logout --forget --profile work",
		Args:              args.Between(nil, "SERVICE"),
		ValidArgsFunction: complete.Words("vault", "store"),
		RunE: func(cmd *cobra.Command, given []string) error {
			if len(given) > 0 && (given[0] == "store" || given[0] == "cloudflare") {
				if err := a.LogoutStore(cmd.Context(), forget); err != nil {
					return err
				}
				a.Messages().Notice("forgot the token of the Secrets Store, profile " + a.Settings.Profile)
				return nil
			}
			if len(given) > 0 && given[0] != "vault" {
				return app.Usagef("there is no service %s: it is vault or store", args.Quote(given[0]))
			}
			if err := a.Logout(cmd.Context(), forget); err != nil {
				return err
			}
			if a.Settings.FormatTyped {
				return a.Printer().Object(output.Object{{Name: "profile", Value: a.Settings.Profile}, {Name: "forgotten", Value: forget}})
			}
			a.Messages().Notice("logged out of the profile " + a.Settings.Profile)
			return nil
		},
	}
	cmd.Flags().BoolVar(&forget, "forget", false, "forget what the profile is bound to, too")
	return cmd
}
