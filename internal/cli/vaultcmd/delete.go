package vaultcmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
	"github.com/keyhold/keyhold/internal/output"
)

func newDelete(a *app.App) *cobra.Command {
	return &cobra.Command{
		Use:     "delete NAME",
		Aliases: []string{"remove"},
		Short:   "Delete a vault with everything in it, for good",
		Long: "Delete a vault with its items and its trash. Nothing brings it back but a copy of the store made before. The command\n" +
			"says how many items there are and asks for the vault's name; --yes answers, and where nobody can be asked the status\n" +
			"is 12.",
		Example: "  keyhold vault delete work\n  keyhold vault delete work --yes",
		Args:    args.Exactly("NAME"),

		ValidArgsFunction: complete.Vaults(a, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return remove(cmd.Context(), a, args[0])
		},
	}
}

func remove(ctx context.Context, a *app.App, name string) error {
	if name == "" {
		return app.Usagef("the name is empty")
	}
	account, info, err := a.FindVault(ctx, name)
	if err != nil {
		return err
	}
	d, ok := account.(backend.Deleter)
	if !ok {
		return fmt.Errorf("this place deletes no vaults: %w", errors.ErrUnsupported)
	}
	if err := a.ReachIn(ctx, account, info); err != nil {
		return err
	}
	warning := fmt.Sprintf("This deletes the vault %q %s", output.Safe(info.Name), a.Whose())
	if c, ok := account.(backend.Counter); ok {
		items, trashed, err := c.CountItems(ctx, info.ID)
		if err != nil {
			return err
		}
		warning += fmt.Sprintf(" with its items (%d) and its trash (%d)", items, trashed)
	}
	if err := a.ConfirmName(ctx, warning+", for good.", info.Name); err != nil {
		return err
	}
	if err := d.DeleteVault(ctx, info.ID); err != nil {
		return explain(err, info, "an owner")
	}
	if a.Settings.FormatTyped {
		return a.Printer().Object(object(info))
	}
	a.Messages().Notice(fmt.Sprintf("deleted the vault %q", info.Name))
	return nil
}
