package storecmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
	"github.com/keyhold/keyhold/internal/output"
	"github.com/keyhold/keyhold/pkg/client/secretsstore"
)

type listOptions struct{ place }

func newList(a *app.App) *cobra.Command {
	o := listOptions{place{app: a}}
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the stores of the account",
		Long: "List the stores of the account, all of them, the oldest first. A pipe gets the columns name, id, modified_at. An account\n" +
			"has one store; Cloudflare makes it as default_secrets_store when the feature is first opened.",
		Example:           "  keyhold store list\n  keyhold store list --json",
		Args:              args.None(),
		ValidArgsFunction: complete.Nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.run(cmd.Context())
		},
	}
	o.add(cmd.Flags())
	return cmd
}

func (o *listOptions) run(ctx context.Context) error {
	acc, err := o.account(ctx)
	if err != nil {
		return err
	}
	rows := []output.Object{}
	for s, err := range acc.Stores.All(ctx, secretsstore.ListOptions{}) {
		if err != nil {
			return o.explain(err)
		}
		rows = append(rows, storeObject(s))
	}
	return o.app.Printer().List([]output.Column{{Name: "name"}, {Name: "id"}, {Name: "modified_at"}}, rows)
}
