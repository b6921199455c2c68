package vaultcmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
)

func newShow(a *app.App) *cobra.Command {
	return &cobra.Command{
		Use:   "show [NAME]",
		Short: "Show what is known of a vault",
		Long: "Show a vault: its id, how many items are in it and in its trash, which key it is under, when it was made and changed.\n" +
			"Without NAME the default one. The names and values of its items are not shown.",
		Example: "  keyhold vault show\n  keyhold vault show work --json",
		Args:    args.Between(nil, "NAME"),

		ValidArgsFunction: complete.Vaults(a, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return show(cmd.Context(), a, args[0])
			}
			return show(cmd.Context(), a, "")
		},
	}
}

func show(ctx context.Context, a *app.App, name string) error {
	account, info, err := a.FindVault(ctx, name)
	if err != nil {
		return err
	}
	o := object(info)
	if c, ok := account.(backend.Counter); ok {
		items, trashed, err := c.CountItems(ctx, info.ID)
		if err != nil {
			return err
		}
		o = o.With("items", items).With("in_trash", trashed)
	}
	return a.Printer().Object(o.With("key_version", info.KeyVersion).With("revision", info.Revision))
}
