package vaultcmd

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
	"github.com/keyhold/keyhold/internal/output"
)

type syncOptions struct {
	app *app.App

	vault    string
	rollback bool
}

// NewSync returns the sync command.
func NewSync(a *app.App) *cobra.Command {
	o := syncOptions{app: a}
	cmd := &cobra.Command{
		Use:   "sync [NAME]",
		Short: "Fetch what a service has",
		Long: "Bring the copies of vaults on this machine up to date, all of them or the one called NAME. Reads do that by themselves\n" +
			"where a copy is older than sync.max_age. Vaults that are on this machine alone have nothing to fetch.\n\n" +
			"A service that shows an older state than this machine has seen is status 10, and nothing is taken over.\n" +
			"--accept-rollback takes it over, after the name of the vault was typed: after the service was restored from a backup,\n" +
			"for example. No network is status 9.",
		Example:           "  keyhold sync\n  keyhold vault sync team\n  keyhold vault sync team --accept-rollback",
		Args:              args.Between(nil, "NAME"),
		ValidArgsFunction: complete.Vaults(a, 1),
		RunE: func(cmd *cobra.Command, given []string) error {
			o.vault = first(given)
			return o.run(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&o.rollback, "accept-rollback", false, "believe a vault that is older than it was")
	return cmd
}

func (o *syncOptions) run(ctx context.Context) error {
	if o.rollback && o.vault == "" {
		return app.Usagef("--accept-rollback takes the name of the vault")
	}
	account, info, err := o.app.FindVault(ctx, o.vault)
	if err != nil {
		return err
	}
	s, ok := account.(backend.Syncer)
	if !ok {
		if o.rollback {
			return fmt.Errorf("the vaults of this profile are on this machine: %w", errors.ErrUnsupported)
		}
		if o.app.Settings.FormatTyped {
			return o.print(ctx, account, "")
		}
		o.app.Messages().Notice("the vaults of this profile are on this machine: there is nothing to fetch")
		return nil
	}
	id, what := "", "the vaults of the profile "+o.app.ProfileInUse()
	if o.vault != "" {
		id, what = info.ID, fmt.Sprintf("the vault %q", info.Name)
	}
	if o.rollback {
		warning := fmt.Sprintf("This believes the service that the vault %q %s is older than this machine has seen it: what was changed since is lost.",
			output.Safe(info.Name), o.app.Whose())
		if err := o.app.ConfirmName(ctx, warning, info.Name); err != nil {
			return err
		}
	}
	if err := s.Sync(ctx, id, o.rollback); err != nil {
		return err
	}
	if o.app.Settings.FormatTyped {
		return o.print(ctx, account, id)
	}
	o.app.Messages().Notice("fetched " + what)
	return nil
}

// print prints the vault that was fetched, or all of them.
func (o *syncOptions) print(ctx context.Context, account backend.Account, id string) error {
	infos, err := account.Vaults(ctx)
	if err != nil {
		return err
	}
	return printVaults(o.app, slices.DeleteFunc(infos, func(i backend.Info) bool { return id != "" && i.ID != id }))
}
