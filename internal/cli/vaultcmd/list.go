package vaultcmd

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
	"github.com/keyhold/keyhold/internal/output"
)

func newList(a *app.App) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the vaults of the profile",
		Long: "List the vaults, oldest first. A pipe gets the columns name, default, state, id, role. The state is open, locked,\n" +
			"damaged, not accepted (`keyhold vault accept`) or needs rekey; the role is owner, admin or member. Without any vault the\n" +
			"list is empty, which is no error.",
		Example: "  keyhold vault list\n  keyhold vault list --json",
		Args:    args.None(),

		ValidArgsFunction: complete.Nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return list(cmd.Context(), a)
		},
	}
}

func list(ctx context.Context, a *app.App) error {
	a.Settings.Fresh = true // what was shared a moment ago is in it
	account, err := a.Account(ctx)
	var none *app.NoVaultError
	if errors.As(err, &none) {
		return printVaults(a, nil)
	}
	if err != nil {
		return err
	}
	infos, err := account.Vaults(ctx)
	if err != nil {
		return err
	}
	return printVaults(a, infos)
}

func printVaults(a *app.App, infos []backend.Info) error {
	rows := make([]output.Object, len(infos))
	for i, info := range infos {
		rows[i] = object(info)
	}
	return a.Printer().List([]output.Column{{Name: "name"}, {Name: "default"}, {Name: "state"}, {Name: "id"}, {Name: "role"}}, rows)
}
