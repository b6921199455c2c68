package vaultcmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
	"github.com/keyhold/keyhold/internal/output"
)

// NewLock returns the lock command.
func NewLock(a *app.App) *cobra.Command {
	return &cobra.Command{
		Use:   "lock",
		Short: "Close all vaults at once",
		Long: "End every session of every profile in this home, those by --export too. With --profile on the command line only those\n" +
			"of that profile. That nothing was open is no error. It ends them also where the settings are wrong, and reports that\n" +
			"afterwards. Nothing is asked, and no password is needed.",
		Example: "  keyhold lock\n" +
			"  keyhold lock --profile default\n" +
			"  keyhold lock --json",
		Annotations: map[string]string{app.AnySettings: "yes"},
		Args:        args.None(),

		ValidArgsFunction: complete.Nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			profile := ""
			if cmd.Flags().Changed("profile") {
				profile = a.Settings.Profile
				if err := a.CheckProfile(profile); err != nil && a.SettingsError == nil {
					return err
				}
			}
			return lock(cmd.Context(), a, profile)
		},
	}
}

func lock(ctx context.Context, a *app.App, profile string) error {
	n, err := a.EndSessions(ctx, profile)
	if err = errors.Join(err, a.SettingsError); err != nil {
		return err
	}
	if a.Settings.FormatTyped {
		return a.Printer().Object(output.Object{{Name: "ended", Value: n}})
	}
	switch n {
	case 0:
		a.Messages().Notice("nothing was open")
	case 1:
		a.Messages().Notice("locked; one session ended")
	default:
		a.Messages().Notice(fmt.Sprintf("locked; %d sessions ended", n))
	}
	return nil
}
