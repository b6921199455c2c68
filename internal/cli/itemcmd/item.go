// Package itemcmd has the commands for items: the short verbs, and item, under
// which they stand too.
package itemcmd

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/output"
	"github.com/keyhold/keyhold/internal/vault"
)

// NewItem returns the item command, under which the short verbs stand too; they
// are left out unless whole is set.
func NewItem(a *app.App, whole bool) *cobra.Command {
	cmd := args.Noun(&cobra.Command{
		Use:   "item",
		Short: "Work with items; the short verbs under one noun",
		Long: "The short verbs under one noun: `keyhold item put` is `keyhold put`, and so on. The pages of the short verbs explain\n" +
			"them.",
		Example: "  keyhold item put mail username=me@example.com\n  keyhold item get mail",
	})
	if whole {
		cmd.AddCommand(NewPut(a), NewGet(a), NewLs(a), NewRm(a), NewShow(a), NewFind(a), NewEdit(a), NewMv(a), NewCp(a), NewHistory(a),
			NewRestore(a), NewTrash(a), NewRef(a), NewOtp(a))
	}
	return cmd
}

// find returns the entry that the user calls name. If it is in another vault
// only, the error names that one.
func find(ctx context.Context, a *app.App, v vault.Vault, info backend.Info, name string) (vault.Entry, error) {
	e, err := vault.FindEntry(ctx, v, name)
	if !errors.Is(err, vault.ErrNotFound) {
		return e, err
	}
	missing := &app.NotFoundError{What: "item", Name: name, Try: "keyhold ls", Kind: vault.ErrNotFound}
	if others := a.Elsewhere(ctx, name, info); len(others) > 0 {
		missing.Try = a.Command + " " + args.Quote(name) + " --vault " + args.Quote(others[0])
	}
	return vault.Entry{}, missing
}

// object is an entry as it is printed.
func object(info backend.Info, e vault.Entry) output.Object {
	o := output.Object{
		{Name: "id", Value: e.ID}, {Name: "vault", Value: info.Name}, {Name: "name", Value: e.Name}, {Name: "type", Value: e.Type},
	}
	return o.WithTime("created_at", e.Created).WithTime("updated_at", e.Updated)
}
