package itemcmd

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

// NewEdit returns the edit command.
func NewEdit(a *app.App) *cobra.Command {
	return &cobra.Command{
		Use:   "edit ITEM",
		Short: "Edit an item in your editor",
		Long: "Open an item with all its fields, secrets too, in $VISUAL, $EDITOR or vi, as YAML. What is changed there is changed in\n" +
			"the item, what is taken away is removed; members of other programs and values that are not text stay as they are. What\n" +
			"was before is in the history.\n\n" +
			"The plaintext is in a file that only you can read, in memory where the system has such a place, and removed\n" +
			"afterwards. Nothing is changed if the text cannot be understood (status 2), the editor fails (status 1) or another\n" +
			"item has the new name (status 8). With KEYHOLD_NO_PRINT=1 edit refuses, with status 7.",
		Example:           "  keyhold edit mail\n  EDITOR=nano keyhold edit mail",
		Args:              args.Exactly("ITEM"),
		ValidArgsFunction: complete.Items(a, 1),
		RunE:              func(cmd *cobra.Command, args []string) error { return edit(cmd.Context(), a, args[0]) },
	}
}

func edit(ctx context.Context, a *app.App, arg string) error {
	if err := a.MayPrint(app.RunLine(arg)); err != nil {
		return err
	}
	name, err := a.WholeItem(arg)
	if err != nil {
		return err
	}
	v, info, err := a.Open(ctx)
	if err != nil {
		return err
	}
	defer v.Close()
	e, err := find(ctx, a, v, info, name)
	if err != nil {
		return err
	}
	change, err := ask(ctx, a, v, info, e)
	if err != nil {
		return err
	}
	_, items, err := vault.Apply(ctx, v, a.Retry(), func(ctx context.Context) (vault.Change, error) {
		now, err := v.Item(ctx, e.ID)
		if err != nil {
			return vault.Change{}, err
		}
		changed, err := change.Apply(now, a.Now())
		if err != nil || changed.Updated.Equal(now.Updated) {
			return vault.Change{}, err
		}
		if changed.Name != now.Name {
			if err := free(ctx, v, step{e, changed.Name}, true); err != nil {
				return vault.Change{}, err
			}
		}
		return vault.Change{Put: []vault.Put{{Item: changed, Was: &now, Unique: changed.Name != now.Name}}}, nil
	})
	if err != nil {
		return err
	}
	return reportEdit(a, info, e, len(items) > 0)
}

func reportEdit(a *app.App, info backend.Info, e vault.Entry, changed bool) error {
	if a.Settings.FormatTyped {
		return a.Printer().Object(object(info, e).With("changed", changed))
	}
	verb := "changed"
	if !changed {
		verb = "nothing changed in"
	}
	a.Messages().Notice(fmt.Sprintf("%s %q in the vault %q", verb, e.Name, info.Name))
	return nil
}

// ask has the user edit an item, and returns what was changed in it.
func ask(ctx context.Context, a *app.App, v vault.Vault, info backend.Info, e vault.Entry) (vault.Edit, error) {
	before, err := v.Item(ctx, e.ID)
	if err != nil {
		return vault.Edit{}, err
	}
	text, err := sheetOf(before)
	if err != nil {
		return vault.Edit{}, err
	}
	if err := a.Reach(ctx, info); err != nil {
		return vault.Edit{}, err
	}
	edited, err := a.EditText(ctx, text)
	if err != nil {
		return vault.Edit{}, err
	}
	return readSheet(before, edited)
}
