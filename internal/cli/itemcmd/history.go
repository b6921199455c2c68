package itemcmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
	"github.com/keyhold/keyhold/internal/output"
	"github.com/keyhold/keyhold/internal/vault"
)

// NewHistory returns the history command.
func NewHistory(a *app.App) *cobra.Command {
	return &cobra.Command{
		Use:   "history ITEM",
		Short: "List the changes of an item, without values",
		Long: "List the changes of an item, the last one first: its number for --rev, when it was made, and which fields it touched.\n" +
			"Values are not shown: `keyhold get ITEM --rev N` prints one, `keyhold restore ITEM --rev N` brings it back. The last\n" +
			"20 are kept, fewer if they take more than 64 KiB. An item that was never changed has an empty list.",
		Example: "  keyhold history mail\n" +
			"  keyhold get mail --rev 1\n" +
			"  keyhold restore mail --rev 1",
		Args:              args.Exactly("ITEM"),
		ValidArgsFunction: complete.Items(a, 1),
		RunE:              func(cmd *cobra.Command, args []string) error { return history(cmd.Context(), a, args[0]) },
	}
}

func history(ctx context.Context, a *app.App, name string) error {
	it, _, err := readItem(ctx, a, name, 0)
	if err != nil {
		return err
	}
	rows := []output.Object{}
	for _, v := range it.Versions() {
		changed := make([]string, len(v.Diffs))
		for i, d := range v.Diffs {
			changed[i] = describe(d)
		}
		rows = append(rows, output.Object{{Name: "rev", Value: v.N}, {Name: "at", Value: v.At}, {Name: "changed", Value: changed}})
	}
	return a.Printer().List([]output.Column{{Name: "rev"}, {Name: "at"}, {Name: "changed"}}, rows)
}

// describe says in a few words what a change did.
func describe(d vault.Diff) string {
	switch d.Kind {
	case vault.ItemName:
		return "name " + string(d.How)
	case vault.ItemTags:
		return "tags " + string(d.How)
	}
	return d.Field + " " + string(d.How)
}
