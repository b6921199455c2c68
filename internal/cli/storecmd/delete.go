package storecmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
	"github.com/keyhold/keyhold/internal/output"
	"github.com/keyhold/keyhold/pkg/client/secretsstore"
)

type deleteOptions struct {
	place

	name  string
	force bool
}

func newDelete(a *app.App) *cobra.Command {
	o := deleteOptions{place: place{app: a}}
	cmd := &cobra.Command{
		Use:     "delete ID|NAME",
		Aliases: []string{"rm", "remove"},
		Short:   "Delete a store, for good",
		Long: "Delete a store by its id or its name. It says which account that is and asks for the name as it was given; --yes\n" +
			"answers, and where nobody can be asked the status is 12. A store with secrets in it is status 8, unless --force takes\n" +
			"them with it.",
		Example:           "  keyhold store delete default_secrets_store\n  keyhold store delete default_secrets_store --force --yes",
		Args:              args.Exactly("ID|NAME"),
		ValidArgsFunction: complete.Nothing,
		RunE: func(cmd *cobra.Command, given []string) error {
			o.name = given[0]
			return o.run(cmd.Context())
		},
	}
	o.add(cmd.Flags())
	cmd.Flags().BoolVar(&o.force, "force", false, "also delete the secrets that are in it")
	return cmd
}

func (o *deleteOptions) run(ctx context.Context) error {
	if o.name == "" {
		return app.Usagef("the name is empty")
	}
	o.store = o.name
	s, err := o.open(ctx)
	if err != nil {
		return err
	}
	warning := fmt.Sprintf("This deletes the store %q %s", output.Safe(s.name), s.Whose())
	if o.force {
		n := 0 // counted, as older services do not say
		for _, err := range s.Secrets.All(ctx, s.id, secretsstore.ListSecretsOptions{}) {
			if err != nil {
				return o.explain(err)
			}
			n++
		}
		warning += fmt.Sprintf(" with its secrets (%d)", n)
	}
	if err := o.app.ConfirmName(ctx, warning+", for good.", s.name); err != nil {
		return err
	}
	if err := s.Stores.Delete(ctx, s.id, o.force); err != nil {
		if errors.Is(err, secretsstore.ErrNotEmpty) {
			return &hintError{err, o.app.Again("--force")}
		}
		return o.explain(err)
	}
	if o.app.Settings.FormatTyped {
		return o.app.Printer().Object(output.Object{{Name: "id", Value: s.id}, {Name: "name", Value: s.name}, {Name: "account_id", Value: s.ID}})
	}
	o.app.Messages().Notice(fmt.Sprintf("deleted the store %q", s.name))
	return nil
}
