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

func newRename(a *app.App) *cobra.Command {
	return &cobra.Command{
		Use:   "rename OLD NEW",
		Short: "Give a vault another name",
		Long: "Give a vault another name. Its items and who has it open stay as they are; scripts that name it by --vault do not\n" +
			"follow. A name that is taken is status 8.",
		Example:           "  keyhold vault rename work job\n  keyhold vault rename job work",
		Args:              args.Exactly("OLD", "NEW"),
		ValidArgsFunction: complete.Vaults(a, 1),
		RunE:              func(cmd *cobra.Command, args []string) error { return rename(cmd.Context(), a, args[0], args[1]) },
	}
}

func rename(ctx context.Context, a *app.App, old, name string) error {
	account, info, err := a.FindVault(ctx, old)
	if err != nil {
		return err
	}
	r, ok := account.(backend.Renamer)
	if !ok {
		return fmt.Errorf("this place renames no vaults: %w", errors.ErrUnsupported)
	}
	if err := r.RenameVault(ctx, info.ID, name); err != nil {
		return explain(err, info, "an admin or an owner")
	}
	if a.Settings.FormatTyped {
		info.Name = name
		return a.Printer().Object(object(info))
	}
	a.Messages().Notice(fmt.Sprintf("the vault %q is called %q now", info.Name, name))
	return nil
}
