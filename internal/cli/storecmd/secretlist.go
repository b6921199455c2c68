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

type secretsListOptions struct{ place }

func newSecretsList(a *app.App) *cobra.Command {
	o := secretsListOptions{place{app: a}}
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the secrets of a store",
		Long: "List the secrets of a store, all pages of them, the oldest first: name, scopes, status, comment, modified_at, id. There is\n" +
			"no value among them: the service gives none back. An empty store is an empty list.",
		Example:           "  keyhold store secrets list\n  keyhold store secrets list --json",
		Args:              args.None(),
		ValidArgsFunction: complete.Nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFlags(cmd); err != nil {
				return err
			}
			return o.run(cmd.Context())
		},
	}
	o.addStore(cmd.Flags())
	return cmd
}

func (o *secretsListOptions) run(ctx context.Context) error {
	s, err := o.open(ctx)
	if err != nil {
		return err
	}
	rows := []output.Object{}
	for it, err := range s.Secrets.All(ctx, s.id, secretsstore.ListSecretsOptions{}) {
		if err != nil {
			return o.explain(err)
		}
		rows = append(rows, secretObject(it))
	}
	return o.app.Printer().List([]output.Column{
		{Name: "name"}, {Name: "scopes"}, {Name: "status"}, {Name: "comment"}, {Name: "modified_at"}, {Name: "id"},
	}, rows)
}
