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
	"github.com/keyhold/keyhold/internal/vault"
)

func newCheck(a *app.App) *cobra.Command {
	return &cobra.Command{
		Use:   "check [NAME]",
		Short: "Verify everything in a vault",
		Long: "Open and verify every item, the wrap of the vault's key and its signature, and the store, without changing anything:\n" +
			"of one vault, or without NAME of all.\n\n" +
			"What is damaged or forged is listed with its vault and id, after everything was looked at, and the status is 10. It\n" +
			"mends nothing: a copy of the store made before has the item as it was.",
		Example:           "  keyhold vault check\n  keyhold vault check work --json",
		Args:              args.Between(nil, "NAME"),
		ValidArgsFunction: complete.Vaults(a, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return checkNamed(cmd.Context(), a, args[0])
			}
			return checkAll(cmd.Context(), a)
		},
	}
}

func checkNamed(ctx context.Context, a *app.App, name string) error {
	account, info, err := a.FindVault(ctx, name)
	if err != nil {
		return err
	}
	return check(ctx, a, account, []backend.Info{info})
}

func checkAll(ctx context.Context, a *app.App) error {
	account, err := a.Account(ctx)
	if err != nil {
		return err
	}
	infos, err := account.Vaults(ctx)
	if err != nil {
		return err
	}
	return check(ctx, a, account, infos)
}

func check(ctx context.Context, a *app.App, account backend.Account, infos []backend.Info) error {
	rows := []output.Object{}
	found := &foundError{}
	for _, info := range infos {
		if info.NotAccepted { // there is nothing yet that it could be compared with
			continue
		}
		problems, err := problemsOf(ctx, a, account, info)
		if err != nil {
			return err
		}
		for _, p := range problems {
			o := output.Object{{Name: "vault", Value: info.Name}, {Name: "problem", Value: p.What}}
			if p.Name != "" {
				o = o.With("name", p.Name)
			}
			if p.ID != "" {
				o = o.With("id", p.ID)
			}
			rows = append(rows, o)
		}
		found.look(ctx, account, info, problems)
	}
	columns := []output.Column{{Name: "name"}, {Name: "vault"}, {Name: "problem"}, {Name: "id"}}
	if err := a.Printer().List(columns, rows); err != nil {
		return err
	}
	if found.problems > 0 {
		return found
	}
	a.Messages().Notice("everything opens and is as it was signed")
	return nil
}

func problemsOf(ctx context.Context, a *app.App, account backend.Account, info backend.Info) ([]vault.Problem, error) {
	v, err := account.Vault(ctx, info.ID)
	switch {
	case errors.Is(err, vault.ErrLocked), errors.Is(err, vault.ErrDamaged), errors.Is(err, vault.ErrNotFound):
		return []vault.Problem{{What: "the vault does not open: " + err.Error()}}, nil
	case err != nil:
		return nil, err
	}
	defer v.Close()
	c, ok := v.(vault.Checker)
	if !ok {
		return nil, fmt.Errorf("the vault %q cannot be checked: %w", info.Name, errors.ErrUnsupported)
	}
	progress := a.Progress("check " + info.Name)
	problems, err := c.Check(ctx, progress.Step)
	return problems, errors.Join(err, progress.Done())
}

// A foundError says how much is wrong, and how to be rid of an item that is lost.
type foundError struct {
	problems int
	try      string
}

func (e *foundError) Error() string {
	return fmt.Sprintf("%d problems: %v", e.problems, vault.ErrDamaged)
}

func (e *foundError) Unwrap() error { return vault.ErrDamaged }

// Hint removes the first item that does not open.
func (e *foundError) Hint() string { return e.try }

// look counts problems and looks for an item among them that does not open.
func (e *foundError) look(ctx context.Context, account backend.Account, info backend.Info, problems []vault.Problem) {
	e.problems += len(problems)
	v, err := account.Vault(ctx, info.ID)
	if err != nil {
		return
	}
	defer v.Close()
	for _, p := range problems {
		if p.ID == "" || e.try != "" {
			continue
		}
		_, err := v.Item(ctx, p.ID)
		var damaged *vault.DamagedError
		if errors.As(err, &damaged) || errors.Is(err, vault.ErrNotFound) {
			e.try = "keyhold rm " + p.ID
			if !info.Default {
				e.try += " --vault " + args.Quote(info.Name)
			}
		}
	}
}
