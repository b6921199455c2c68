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

func newRekey(a *app.App) *cobra.Command {
	return &cobra.Command{
		Use:   "rekey [NAME]",
		Short: "Seal everything in a vault anew under a new key",
		Long: "Make a new key for a vault and seal every item under it, those in the trash too: all of it or, if it is interrupted,\n" +
			"nothing. What the old key opened is overwritten in the store; copies of the store made before still open.\n\n" +
			"It takes the master password, even while a session is open; where nobody can be asked that is status 12. Open sessions\n" +
			"have the new key at once. Without NAME it is the default vault; `keyhold passwd --rekey` takes all of them.",
		Example: "  keyhold vault rekey\n" +
			"  keyhold vault rekey work\n" +
			"  keyhold passwd --rekey",
		Args:              args.Between(nil, "NAME"),
		ValidArgsFunction: complete.Vaults(a, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := ""
			if len(args) > 0 {
				name = args[0]
			}
			return rekey(cmd.Context(), a, name)
		},
	}
}

func rekey(ctx context.Context, a *app.App, name string) error {
	account, info, err := a.FindVault(ctx, name)
	if err != nil {
		return err
	}
	r, ok := account.(backend.Rekeyer)
	if !ok {
		return fmt.Errorf("this place rekeys no vaults: %w", errors.ErrUnsupported)
	}
	progress := a.Progress("rekey " + info.Name)
	if err := errors.Join(r.Rekey(ctx, info.ID, progress.Step), progress.Done()); err != nil {
		return explain(err, info, "an admin or an owner")
	}
	if a.Settings.FormatTyped {
		if _, info, err = a.FindVault(ctx, name); err != nil {
			return err
		}
		return a.Printer().Object(object(info).With("key_version", info.KeyVersion))
	}
	a.Messages().Notice(fmt.Sprintf("the vault %q has a new key", info.Name))
	return nil
}
