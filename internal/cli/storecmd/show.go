package storecmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
	"github.com/keyhold/keyhold/pkg/client/secretsstore"
)

type showOptions struct {
	place

	name string
}

func newShow(a *app.App) *cobra.Command {
	o := showOptions{place: place{app: a}}
	cmd := &cobra.Command{
		Use:               "show ID|NAME",
		Short:             "Show a store",
		Long:              "Show a store by its id or its name: id, name, account, when it was made and changed.",
		Example:           "  keyhold store show default_secrets_store\n  keyhold store show default_secrets_store --json",
		Args:              args.Exactly("ID|NAME"),
		ValidArgsFunction: complete.Nothing,
		RunE: func(cmd *cobra.Command, given []string) error {
			o.name = given[0]
			return o.run(cmd.Context())
		},
	}
	o.add(cmd.Flags())
	return cmd
}

func (o *showOptions) run(ctx context.Context) error {
	if o.name == "" {
		return app.Usagef("the name is empty")
	}
	acc, err := o.account(ctx)
	if err != nil {
		return err
	}
	var s secretsstore.Store
	if isID(o.name) {
		got, err := acc.Stores.Get(ctx, o.name)
		if err != nil {
			return o.explain(err)
		}
		s = *got
	} else if s, err = o.find(ctx, acc, o.name); err != nil {
		return err
	}
	return o.app.Printer().Object(storeObject(s))
}
