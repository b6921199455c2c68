package itemcmd

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

// NewTrash returns the trash command.
func NewTrash(a *app.App) *cobra.Command {
	return &cobra.Command{
		Use:   "trash [list|empty]",
		Short: "List what was removed, or empty the trash for good",
		Long: "List the items in the trash of the vault; `keyhold restore` takes one out. Items stay there until the trash is\n" +
			"emptied.\n\n" +
			"`keyhold trash empty` deletes them for good, with their histories, after asking for the name of the vault. --yes\n" +
			"answers; where nobody can be asked the status is 12.",
		Example: "  keyhold trash\n" +
			"  keyhold trash list --json\n" +
			"  keyhold restore mail\n" +
			"  keyhold trash empty",
		Args:              args.Between(nil, "list|empty"),
		ValidArgsFunction: complete.Words("list", "empty"),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 0 || args[0] == "list" || args[0] == "ls":
				return listTrash(cmd.Context(), a)
			case args[0] == "empty":
				return emptyTrash(cmd.Context(), a)
			}
			return &app.UsageError{Message: "the trash can be listed or emptied, not " + args[0], Try: "keyhold trash --help"}
		},
	}
}

// openTrash opens the vault and its trash.
func openTrash(ctx context.Context, a *app.App) (vault.Vault, vault.Trasher, backend.Info, error) {
	v, info, err := a.Open(ctx)
	if err != nil {
		return nil, nil, info, err
	}
	t, ok := v.(vault.Trasher)
	if !ok {
		return nil, nil, info, errors.Join(v.Close(), fmt.Errorf("the vault %q has no trash: %w", info.Name, errors.ErrUnsupported))
	}
	return v, t, info, nil
}

func listTrash(ctx context.Context, a *app.App) error {
	v, t, info, err := openTrash(ctx, a)
	if err != nil {
		return err
	}
	defer v.Close()
	rows := []output.Object{}
	var damaged []error
	for e, err := range t.Trash(ctx) {
		var d *vault.DamagedError
		switch {
		case errors.As(err, &d):
			damaged = append(damaged, err)
		case err != nil:
			return err
		default:
			rows = append(rows, object(info, e.Entry).With("deleted_at", e.Deleted))
		}
	}
	columns := []output.Column{{Name: "name"}, {Name: "type"}, {Name: "deleted_at", Title: "DELETED"}, {Name: "id"}}
	if err := a.Printer().List(columns, rows); err != nil {
		return err
	}
	l := lister{app: a}
	return l.report(info, damaged)
}

func emptyTrash(ctx context.Context, a *app.App) error {
	v, t, info, err := openTrash(ctx, a)
	if err != nil {
		return err
	}
	defer v.Close()
	var refs []vault.Ref
	for e, err := range t.Trash(ctx) {
		var d *vault.DamagedError
		if err != nil && !errors.As(err, &d) {
			return err
		}
		refs = append(refs, vault.Ref{ID: e.ID, Revision: e.Revision})
	}
	if len(refs) == 0 {
		return reportPurge(a, info, 0, "the trash is empty")
	}
	if err := a.Reach(ctx, info); err != nil {
		return err
	}
	warning := fmt.Sprintf("This deletes what is in the trash (%d) of the vault %q %s, for good.", len(refs), output.Safe(info.Name), a.Whose())
	if err := a.ConfirmName(ctx, warning, info.Name); err != nil {
		return err
	}
	if err := t.Purge(ctx, refs); err != nil {
		return err
	}
	return reportPurge(a, info, len(refs), fmt.Sprintf("deleted %d items for good", len(refs)))
}

func reportPurge(a *app.App, info backend.Info, n int, notice string) error {
	if a.Settings.FormatTyped {
		return a.Printer().Object(output.Object{{Name: "vault", Value: info.Name}, {Name: "purged", Value: n}})
	}
	a.Messages().Notice(notice)
	return nil
}
