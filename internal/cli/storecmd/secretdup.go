package storecmd

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
	"github.com/keyhold/keyhold/pkg/client/secretsstore"
)

type dupOptions struct {
	place
	about

	name, to string
}

func newSecretsDup(a *app.App) *cobra.Command {
	o := dupOptions{place: place{app: a}}
	cmd := &cobra.Command{
		Use:     "dup NAME NEW",
		Aliases: []string{"duplicate", "cp"},
		Short:   "Copy a secret to another name",
		Long: "Make a secret of another name that has the same value, which the service copies: nothing is sent. Scopes and comment are\n" +
			"those of the first unless they are given. A name that is taken is status 8.",
		Example: "  keyhold store secrets dup STRIPE_KEY STRIPE_KEY_OLD\n" +
			"  keyhold store secrets dup STRIPE_KEY GATEWAY_KEY --scopes ai_gateway",
		Args:              args.Exactly("NAME", "NEW"),
		ValidArgsFunction: complete.Nothing,
		RunE: func(cmd *cobra.Command, given []string) error {
			o.name, o.to = given[0], given[1]
			if err := errors.Join(checkFlags(cmd), checkName("secret", o.name), checkName("secret", o.to), o.check(cmd)); err != nil {
				return err
			}
			return o.run(cmd.Context())
		},
	}
	o.addStore(cmd.Flags())
	o.about.add(cmd, "default those of NAME")
	return cmd
}

func (o *dupOptions) run(ctx context.Context) error {
	s, err := o.open(ctx)
	if err != nil {
		return err
	}
	it, err := s.mustSecret(ctx, &o.place, o.name)
	if err != nil {
		return err
	}
	req := secretsstore.DuplicateSecretRequest{Name: o.to, Scopes: o.list, Comment: o.comment}
	if !o.scopesGiven {
		req.Scopes = it.Scopes
	}
	if !o.commentGiven {
		req.Comment = it.Comment
	}
	got, err := s.Secrets.Duplicate(ctx, s.id, it.ID, req)
	if errors.Is(err, secretsstore.ErrNameTaken) {
		return &hintError{err, "keyhold store secrets show " + args.Quote(o.to) + o.flags()}
	}
	if err != nil {
		return o.explain(err)
	}
	return o.report("made", s, got)
}
