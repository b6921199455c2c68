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
)

func newDefault(a *app.App) *cobra.Command {
	return &cobra.Command{
		Use:   "default [NAME]",
		Short: "Show or choose the default vault",
		Long: "Show the vault that item commands use without --vault, or choose another one. At first it is the oldest. KEYHOLD_VAULT\n" +
			"and the setting profiles.NAME.vault go before it.",
		Example: "  keyhold vault default\n" +
			"  keyhold vault default work\n" +
			"  keyhold config set profiles.default.vault work",
		Args: args.Between(nil, "NAME"),

		ValidArgsFunction: complete.Vaults(a, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return showDefault(cmd.Context(), a)
			}
			return setDefault(cmd.Context(), a, args[0])
		},
	}
}

func showDefault(ctx context.Context, a *app.App) error {
	_, info, err := a.FindVault(ctx, "")
	if err != nil {
		return err
	}
	if a.Settings.FormatTyped {
		return a.Printer().Object(object(info))
	}
	return a.Printer().Names(func(yield func(string) bool) { yield(info.Name) }, false)
}

func setDefault(ctx context.Context, a *app.App, name string) error {
	if name == "" {
		return app.Usagef("the name is empty")
	}
	account, info, err := a.FindVault(ctx, name)
	if err != nil {
		return err
	}
	d, ok := account.(backend.Defaulter)
	if !ok {
		return fmt.Errorf("this place has no default vault: %w", errors.ErrUnsupported)
	}
	if err := d.SetDefault(ctx, info.ID); err != nil {
		return err
	}
	if a.Settings.FormatTyped {
		info.Default = true
		return a.Printer().Object(object(info))
	}
	a.Messages().Notice(fmt.Sprintf("%q is the default vault now", info.Name))
	return nil
}
