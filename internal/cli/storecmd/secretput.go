package storecmd

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/pkg/client/secretsstore"
)

// putOptions are those of put, create and update.
type putOptions struct {
	place
	about
	source

	name string
	wait bool
}

// newWriter returns one of these commands, with what they have in common.
func newWriter(a *app.App, cmd *cobra.Command, scopesDefault string, run func(*putOptions, context.Context) error) *cobra.Command {
	o := &putOptions{place: place{app: a}, source: source{app: a}}
	cmd.Args = args.Between([]string{"NAME"}, "VALUE")
	cmd.ValidArgsFunction = complete.Nothing
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		o.name = given[0]
		if len(given) > 1 {
			o.arg = given[1]
			if o.arg == "" {
				return app.Usagef("the value is empty: it comes from - (standard input), @FILE or --from")
			}
		}
		if err := errors.Join(checkFlags(cmd), checkName("secret", o.name), o.about.check(cmd), o.source.check()); err != nil {
			return err
		}
		if a.Settings.Offline {
			return backend.ErrOffline
		}
		return run(o, cmd.Context())
	}
	o.addStore(cmd.Flags())
	o.about.add(cmd, scopesDefault)
	o.source.add(cmd)
	cmd.Flags().BoolVar(&o.wait, "wait", false, "wait until it is in use where it is used")
	return cmd
}

const valueText = "The value comes from - (standard input, without its last newline), from @FILE, from --from REFERENCE, or is made by\n" +
	"--generate; else it is asked for without echo. It is never an argument. It is text of at most 65,536 bytes. A one-time code\n" +
	"is refused, a newline at the end warned about. The vaults are opened for --from alone."

func newSecretsPut(a *app.App) *cobra.Command {
	return newWriter(a, &cobra.Command{
		Use:   "put NAME [-|@FILE]",
		Short: "Make a secret, or give it another value",
		Long: "Make a secret or, where there is one, give it another value. Then its scopes and its comment stay unless they are given.\n\n" +
			valueText,
		Example: "  keyhold store secrets put STRIPE_KEY --from kh://prod/stripe/key\n" +
			"  printf %s \"$value\" | keyhold store secrets put STRIPE_KEY - --scopes workers,ai_gateway",
	}, "default store.scopes for a new one", (*putOptions).put)
}

func newSecretsCreate(a *app.App) *cobra.Command {
	return newWriter(a, &cobra.Command{
		Use:     "create NAME [-|@FILE]",
		Short:   "Make a secret",
		Long:    "Make a secret; one of that name is status 8. More than the account may have is status 7.\n\n" + valueText,
		Example: "  keyhold store secrets create STRIPE_KEY --from kh://prod/stripe/key\n  keyhold store secrets create SESSION_KEY --generate",
	}, "default store.scopes", (*putOptions).create)
}

func newSecretsUpdate(a *app.App) *cobra.Command {
	return newWriter(a, &cobra.Command{
		Use:   "update NAME [-|@FILE]",
		Short: "Change the value, the scopes or the comment of a secret",
		Long: "Change of a secret what is given: the value, the scopes, the comment. One that is not there is status 5. Its name never\n" +
			"changes: `keyhold store secrets dup` copies it to another one. Standard input is read for - alone.\n\n" + valueText,
		Example: "  keyhold store secrets update STRIPE_KEY --scopes workers,containers\n  keyhold store secrets update STRIPE_KEY --from kh://prod/stripe/key",
	}, "default those it has", (*putOptions).update)
}

func (o *putOptions) put(ctx context.Context) error {
	value, err := o.read(ctx, o.name)
	if err != nil {
		return err
	}
	s, err := o.open(ctx)
	if err != nil {
		return err
	}
	it, err := s.secret(ctx, o.name)
	if err != nil {
		return err
	}
	if it != nil {
		return o.replace(ctx, s, it, value)
	}
	err = o.add(ctx, s, value)
	if errors.Is(err, secretsstore.ErrNameTaken) { // somebody was faster
		if it, err := s.mustSecret(ctx, &o.place, o.name); err == nil {
			return o.replace(ctx, s, it, value)
		}
	}
	return err
}

func (o *putOptions) create(ctx context.Context) error {
	value, err := o.read(ctx, o.name)
	if err != nil {
		return err
	}
	s, err := o.open(ctx)
	if err != nil {
		return err
	}
	return o.add(ctx, s, value)
}

// add makes the secret.
func (o *putOptions) add(ctx context.Context, s *opened, value secret.Bytes) error {
	list := o.list
	if !o.scopesGiven {
		var err error
		if list, err = defaultScopes(o.place.app); err != nil {
			return err
		}
	}
	got, err := s.Secrets.Create(ctx, s.id, secretsstore.CreateSecretRequest{
		Name: o.name, Value: sendable(value), Scopes: list, Comment: o.comment,
	})
	if errors.Is(err, secretsstore.ErrNameTaken) {
		return &hintError{err, "keyhold store secrets show " + args.Quote(o.name) + o.flags()}
	}
	if err != nil {
		return o.explain(err)
	}
	return o.sent(ctx, "made", s, &got[0], value)
}

// replace gives a secret another value.
func (o *putOptions) replace(ctx context.Context, s *opened, it *secretsstore.Secret, value secret.Bytes) error {
	req := o.change()
	req.Value = sendable(value)
	got, err := s.Secrets.Update(ctx, s.id, it.ID, req)
	if err != nil {
		return o.explain(err)
	}
	return o.sent(ctx, "replaced", s, got, value)
}

// sent remembers a value that was sent, and reports.
func (o *putOptions) sent(ctx context.Context, done string, s *opened, it *secretsstore.Secret, value secret.Bytes) (err error) {
	o.keep(ctx, s, app.SentValue{ID: it.ID, Now: it.Modified, Value: value})
	if o.wait {
		before := it.Modified
		if it, err = o.await(ctx, s, it); err != nil {
			return err
		}
		o.keep(ctx, s, app.SentValue{ID: it.ID, Was: before, Now: it.Modified})
	}
	return o.report(done, s, it)
}

func (o *putOptions) update(ctx context.Context) error {
	if !o.given() && !o.scopesGiven && !o.commentGiven {
		return &app.UsageError{Message: "there is nothing to change: give a value, --scopes or --comment", Try: o.place.app.Command + " --help"}
	}
	var value secret.Bytes
	var err error
	if o.given() {
		if value, err = o.read(ctx, o.name); err != nil {
			return err
		}
	}
	s, err := o.open(ctx)
	if err != nil {
		return err
	}
	it, err := s.mustSecret(ctx, &o.place, o.name)
	if err != nil {
		return err
	}
	if o.given() {
		return o.replace(ctx, s, it, value)
	}
	got, err := s.Secrets.Update(ctx, s.id, it.ID, o.change())
	if err != nil {
		return o.explain(err)
	}
	o.keep(ctx, s, app.SentValue{ID: it.ID, Was: it.Modified, Now: got.Modified})
	return o.report("changed", s, got)
}
