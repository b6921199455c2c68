package storecmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
)

type secretsShowOptions struct {
	place

	name string
}

func newSecretsShow(a *app.App) *cobra.Command {
	o := secretsShowOptions{place: place{app: a}}
	cmd := &cobra.Command{
		Use:               "show NAME",
		Short:             "Show a secret, without its value",
		Long:              "Show a secret by its name or id: scopes, status, comment, when it was made and changed. The service never gives its value back.",
		Example:           "  keyhold store secrets show STRIPE_KEY\n  keyhold store secrets show STRIPE_KEY --json",
		Args:              args.Exactly("NAME"),
		ValidArgsFunction: complete.Nothing,
		RunE: func(cmd *cobra.Command, given []string) error {
			o.name = given[0]
			if err := checkFlags(cmd); err != nil {
				return err
			}
			return o.run(cmd.Context())
		},
	}
	o.addStore(cmd.Flags())
	return cmd
}

func (o *secretsShowOptions) run(ctx context.Context) error {
	if o.name == "" {
		return app.Usagef("the name is empty")
	}
	s, err := o.open(ctx)
	if err != nil {
		return err
	}
	it, err := s.mustSecret(ctx, &o.place, o.name)
	if err != nil {
		return err
	}
	return o.app.Printer().Object(secretObject(*it))
}
