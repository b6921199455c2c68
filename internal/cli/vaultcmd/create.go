package vaultcmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
	"github.com/keyhold/keyhold/internal/vault"
)

type createOptions struct {
	app *app.App

	name               string
	shared, compatible bool
}

func newCreate(a *app.App) *cobra.Command {
	o := createOptions{app: a}
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a vault",
		Long: "Make an empty vault. The first one is also the default one, and with it the profile gets its master password: a new\n" +
			"one is asked for twice. Later ones take the master password, even while a session is open; where nobody can be asked\n" +
			"that is status 12. A name that is taken is status 8. Names have no @, no / and no control characters.",
		Example: "  keyhold vault create work\n" +
			"  keyhold vault create work --json\n" +
			"  keyhold put ci --vault work",
		Args: args.Exactly("NAME"),

		ValidArgsFunction: complete.Nothing,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.name = args[0]
			return o.run(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&o.shared, "shared", false, "a vault that several people open; not on this machine alone")
	cmd.Flags().BoolVar(&o.compatible, "compatible", false, "a vault that other clients read; not on this machine alone")
	return cmd
}

func (o *createOptions) run(ctx context.Context) error {
	if err := vault.CheckVaultName(o.name); err != nil {
		return err
	}
	info, err := o.app.CreateVault(ctx, backend.NewVault{Name: o.name, Shared: o.shared, Compatible: o.compatible})
	if err != nil {
		return err
	}
	if o.app.Settings.FormatTyped {
		return o.app.Printer().Object(object(info))
	}
	if info.Compatible {
		o.app.Messages().Warn("compatible", "a compatible vault does not tell when the service mixes up or exchanges its items; a bound one, without --compatible, does")
	}
	o.app.Messages().Notice(fmt.Sprintf("made the vault %q", info.Name))
	return nil
}
