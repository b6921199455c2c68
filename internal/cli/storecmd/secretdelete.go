package storecmd

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
	"github.com/keyhold/keyhold/internal/output"
	"github.com/keyhold/keyhold/pkg/client/secretsstore"
)

type secretsDeleteOptions struct {
	place

	names []string
}

func newSecretsDelete(a *app.App) *cobra.Command {
	o := secretsDeleteOptions{place: place{app: a}}
	cmd := &cobra.Command{
		Use:     "delete NAME...",
		Aliases: []string{"rm", "remove"},
		Short:   "Delete secrets, for good",
		Long: "Delete secrets by their names or ids, after a question; --yes answers it, and where nobody can be asked the status is 12.\n" +
			"If one of them is not there the status is 5 and nothing is deleted.",
		Example:           "  keyhold store secrets delete STRIPE_KEY\n  keyhold store secrets delete OLD_KEY OLDER_KEY --yes",
		Args:              args.AtLeast("NAME"),
		ValidArgsFunction: complete.Nothing,
		RunE: func(cmd *cobra.Command, given []string) error {
			o.names = given
			if err := checkFlags(cmd); err != nil {
				return err
			}
			return o.run(cmd.Context())
		},
	}
	o.addStore(cmd.Flags())
	return cmd
}

func (o *secretsDeleteOptions) run(ctx context.Context) error {
	s, err := o.open(ctx)
	if err != nil {
		return err
	}
	found, err := o.find(ctx, s)
	if err != nil {
		return err
	}
	names, ids := make([]string, len(found)), make([]string, len(found))
	for i, it := range found {
		names[i], ids[i] = output.Safe(it.Name), it.ID
	}
	question := fmt.Sprintf("Delete %s from %s, for good?", strings.Join(names, ", "), s.whose())
	if err := o.app.Confirm(ctx, question); err != nil {
		return err
	}
	if len(ids) == 1 {
		err = s.Secrets.Delete(ctx, s.id, ids[0])
	} else {
		err = s.Secrets.DeleteMany(ctx, s.id, ids...)
	}
	if err != nil {
		return o.explain(err)
	}
	sent, err := o.app.Sent(ctx, s.StoreAccount, s.id)
	if err == nil {
		err = sent.Forget(ctx, ids...)
	}
	o.warnSent(err)
	if o.app.Settings.FormatTyped {
		rows := make([]output.Object, len(found))
		for i, it := range found {
			rows[i] = output.Object{{Name: "id", Value: it.ID}, {Name: "name", Value: it.Name}}
		}
		return o.app.Printer().List([]output.Column{{Name: "name"}, {Name: "id"}}, rows)
	}
	o.app.Messages().Notice(fmt.Sprintf("deleted %s from %s", strings.Join(names, ", "), s.whose()))
	return nil
}

// find returns the secrets of all names, each once.
func (o *secretsDeleteOptions) find(ctx context.Context, s *opened) ([]secretsstore.Secret, error) {
	var all []secretsstore.Secret
	for it, err := range s.Secrets.All(ctx, s.id, secretsstore.ListSecretsOptions{}) {
		if err != nil {
			return nil, o.explain(err)
		}
		all = append(all, it)
	}
	var found []secretsstore.Secret
	for _, name := range o.names {
		i := slices.IndexFunc(all, func(it secretsstore.Secret) bool { return isID(name) && strings.EqualFold(it.ID, name) })
		if i < 0 {
			i = slices.IndexFunc(all, func(it secretsstore.Secret) bool { return it.Name == name })
		}
		if i < 0 {
			return nil, o.missing(name)
		}
		if !slices.ContainsFunc(found, func(it secretsstore.Secret) bool { return it.ID == all[i].ID }) {
			found = append(found, all[i])
		}
	}
	return found, nil
}
