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
			"was before is in the history. What others change in the item meanwhile stays too; if you both change one value the later\n" +
			"one is kept, the other one is in the history, and edit says so.\n\n" +
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
	before, err := v.Item(ctx, e.ID)
	if err != nil {
		return err
	}
	text, err := sheetOf(before)
	if err != nil {
		return err
	}
	if err := a.Reach(ctx, info); err != nil {
		return err
	}
	edited, err := a.EditText(ctx, text)
	if err != nil {
		return err
	}
	change, err := readSheet(before, edited)
	if err != nil {
		return err
	}
	items, err := commitEdit(ctx, a, v, before, change)
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

// commitEdit writes what was made of an item that a person had before him. What
// others did to it meanwhile stays.
func commitEdit(ctx context.Context, a *app.App, v vault.Vault, before vault.Item, change vault.Edit) ([]vault.Item, error) {
	mine, err := change.Apply(before, a.Now())
	if err != nil || mine.Updated.Equal(before.Updated) {
		return nil, err
	}
	renamed := mine.Name != before.Name
	puts := []vault.Put{{Item: mine, Was: &before, Unique: renamed}}
	_, items, conflicts, err := vault.ApplyMerged(ctx, v, a.Retry(), puts, func(ctx context.Context, puts []vault.Put) error {
		if !renamed {
			return nil
		}
		return free(ctx, v, step{before.Entry(), puts[0].Item.Name}, true)
	})
	if err != nil {
		return nil, err
	}
	tell(a, conflicts)
	return items, nil
}

// tell says what became of values that two sides changed.
func tell(a *app.App, conflicts []vault.Conflict) {
	for _, c := range conflicts {
		what := fmt.Sprintf("%q of %q", c.Field, c.Item)
		switch {
		case c.Kind == vault.ItemName:
			what = fmt.Sprintf("the name of %q", c.Item)
		case c.Field == "":
			what = fmt.Sprintf("%q", c.Item)
		}
		var how string
		switch c.What {
		case vault.KeptMine:
			how = "was changed elsewhere too: yours is kept, the other value is in the history"
		case vault.KeptTheirs:
			how = "was changed elsewhere later: that is kept, your value is in the history"
		default:
			how = "was deleted on one side and changed on the other: it stays"
		}
		a.Messages().Warn("merged", what+" "+how)
	}
}
