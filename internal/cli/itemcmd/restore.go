package itemcmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"golang.org/x/text/unicode/norm"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
	"github.com/keyhold/keyhold/internal/vault"
)

type restoreOptions struct {
	app *app.App

	name     string
	revision int
}

// NewRestore returns the restore command.
func NewRestore(a *app.App) *cobra.Command {
	o := restoreOptions{app: a}
	cmd := &cobra.Command{
		Use:     "restore ITEM",
		Aliases: []string{"untrash"},
		Short:   "Take an item out of the trash, or undo its last change",
		Long: "Take an item out of the trash if it is there. Else change it back to what it was before its last change, or before the\n" +
			"change that --rev names; that is a change too, so that restoring again brings it forth again. Nothing is asked, and no\n" +
			"value is printed.\n\n" +
			"Of several items in the trash that have the name, none is taken: the status is 6, and the message has their ids.",
		Example: "  keyhold rm mail && keyhold restore mail\n" +
			"  keyhold history mail\n" +
			"  keyhold restore mail --rev 2",
		Args:              args.Exactly("ITEM"),
		ValidArgsFunction: complete.Items(a, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.name = args[0]
			return o.run(cmd.Context())
		},
	}
	cmd.Flags().IntVar(&o.revision, "rev", 0, "change back to before the last `N` changes")
	return cmd
}

func (o *restoreOptions) run(ctx context.Context) error {
	if o.revision < 0 {
		return app.Usagef("--rev counts from 1")
	}
	var err error
	if o.name, err = o.app.WholeItem(o.name); err != nil {
		return err
	}
	v, info, err := o.app.Open(ctx)
	if err != nil {
		return err
	}
	defer v.Close()
	if o.revision == 0 {
		trashed, err := inTrash(ctx, v, o.name)
		if err != nil {
			return err
		}
		if trashed != nil {
			return o.untrash(ctx, v, info, *trashed)
		}
	}
	return o.revert(ctx, v, info)
}

// inTrash returns the item of the trash that the user calls name, nil if there
// is none: the one with this id, else the one with this name.
func inTrash(ctx context.Context, v vault.Vault, name string) (*vault.Entry, error) {
	t, ok := v.(vault.Trasher)
	if !ok {
		return nil, nil
	}
	var found []vault.Entry
	for e, err := range t.Trash(ctx) {
		var d *vault.DamagedError
		switch {
		case errors.As(err, &d):
		case err != nil:
			return nil, err
		case e.ID == name:
			return &e.Entry, nil
		case norm.NFC.String(e.Name) == norm.NFC.String(name):
			found = append(found, e.Entry)
		}
	}
	switch len(found) {
	case 0:
		return nil, nil
	case 1:
		return &found[0], nil
	}
	return nil, &vault.AmbiguousError{Name: name, Entries: found}
}

func (o *restoreOptions) untrash(ctx context.Context, v vault.Vault, info backend.Info, e vault.Entry) error {
	_, _, err := v.Commit(ctx, vault.Change{Restore: []vault.Ref{{ID: e.ID, Revision: e.Revision}}})
	if err != nil {
		return err
	}
	return o.report(info, e, "took %q out of the trash of the vault %q")
}

func (o *restoreOptions) revert(ctx context.Context, v vault.Vault, info backend.Info) error {
	var e vault.Entry
	_, items, err := vault.Apply(ctx, v, o.app.Retry(), func(ctx context.Context) (vault.Change, error) {
		found, err := find(ctx, o.app, v, info, o.name)
		if err != nil {
			return vault.Change{}, err
		}
		it, err := v.Item(ctx, found.ID)
		if err != nil {
			return vault.Change{}, err
		}
		back, err := it.Revert(max(o.revision, 1), o.app.Now())
		e = back.Entry()
		return vault.Change{Put: []vault.Put{{Item: back, Was: &it}}}, err
	})
	if err != nil {
		return err
	}
	if len(items) > 0 {
		e = items[0].Entry()
	}
	return o.report(info, e, "changed %q in the vault %q back")
}

func (o *restoreOptions) report(info backend.Info, e vault.Entry, notice string) error {
	if o.app.Settings.FormatTyped {
		return o.app.Printer().Object(object(info, e))
	}
	o.app.Messages().Notice(fmt.Sprintf(notice, e.Name, info.Name))
	return nil
}
