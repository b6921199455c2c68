package storecmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
	"github.com/keyhold/keyhold/pkg/client/secretsstore"
)

type createOptions struct {
	place

	name   string
	number int64
}

func newCreate(a *app.App) *cobra.Command {
	o := createOptions{place: place{app: a}}
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a store",
		Long: "Make a store. An account may have one, so the status is 7 where there is one already: use that. With --system it is one of\n" +
			"the calling service, which gives the account's number, the same for all its stores there.",
		Example:           "  keyhold store create default_secrets_store\n  keyhold store create gateway --system --account-number 4711",
		Args:              args.Exactly("NAME"),
		ValidArgsFunction: complete.Nothing,
		RunE: func(cmd *cobra.Command, given []string) error {
			o.name = given[0]
			return o.run(cmd.Context())
		},
	}
	o.add(cmd.Flags())
	cmd.Flags().Int64Var(&o.number, "account-number", 0, "the internal `number` of the account, for --system")
	return cmd
}

func (o *createOptions) run(ctx context.Context) error {
	if err := checkName("store", o.name); err != nil {
		return err
	}
	switch {
	case o.system && o.number <= 0:
		return app.Usagef("--system needs --account-number, the internal number of the account")
	case !o.system && o.number != 0:
		return app.Usagef("--account-number is for --system")
	}
	acc, err := o.account(ctx)
	if err != nil {
		return err
	}
	s, err := acc.Stores.Create(ctx, secretsstore.CreateStoreRequest{Name: o.name, AccountNumber: o.number})
	if err != nil {
		return o.explain(err)
	}
	if o.app.Settings.FormatTyped {
		return o.app.Printer().Object(storeObject(*s))
	}
	o.app.Messages().Notice(fmt.Sprintf("made the store %q, %s, %s", s.Name, s.ID, acc.Whose()))
	return nil
}
