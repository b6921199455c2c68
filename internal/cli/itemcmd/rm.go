package itemcmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
	"github.com/keyhold/keyhold/internal/output"
	"github.com/keyhold/keyhold/internal/vault"
)

type rmOptions struct {
	app *app.App

	names, wrecks     []string // wrecks are ids
	recursive, dryRun bool
}

// manyItems is more than anybody types.
const manyItems = 1000

// NewRm returns the rm command.
func NewRm(a *app.App) *cobra.Command {
	o := rmOptions{app: a}
	cmd := &cobra.Command{
		Use:     "rm ITEM...",
		Aliases: []string{"remove", "delete"},
		Short:   "Move items to the trash",
		Long: "Move items to the trash, all of them or, if one is not there, none (status 5). `keyhold restore` takes one out again,\n" +
			"`keyhold trash empty` deletes them for good.\n\n" +
			"One item is removed without a question. With -r a name also means every item below it (`web` means `web/github` too),\n" +
			"and the command asks first; --yes answers, and where nobody can be asked the status is 12.\n\n" +
			"What is so damaged that it cannot go to the trash, or does not open there, is deleted for good by its id, after a\n" +
			"question; `keyhold vault check` lists the ids.",
		Example: "  keyhold rm mail\n" +
			"  keyhold rm -r web --dry-run\n" +
			"  keyhold rm -r web --yes",
		Args: args.AtLeast("ITEM"),

		ValidArgsFunction: complete.Items(a, manyItems),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.names = args
			return o.run(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "list what would be removed, remove nothing")
	cmd.Flags().BoolVarP(&o.recursive, "recursive", "r", false, "also the items below ITEM/")
	return cmd
}

func (o *rmOptions) run(ctx context.Context) error {
	for i, arg := range o.names {
		var err error
		if o.names[i], err = o.app.WholeItem(arg); err != nil {
			return err
		}
	}
	v, info, err := o.app.Open(ctx)
	if err != nil {
		return err
	}
	defer v.Close()
	if err := o.findWrecks(ctx, v); err != nil {
		return err
	}
	entries, err := o.resolve(ctx, v, info)
	if err != nil {
		return err
	}
	if o.dryRun {
		l := lister{app: o.app}
		return l.list(info, append(entries, o.wrecked()...))
	}
	if o.recursive || len(o.wrecks) > 0 {
		if err := o.app.Reach(ctx, info); err != nil {
			return err
		}
	}
	if err := o.discard(ctx, v, info); err != nil {
		return err
	}
	if o.recursive {
		question := fmt.Sprintf("Move items (%d) of the vault %q %s to the trash?", len(entries), output.Safe(info.Name), o.app.Whose())
		if err := o.app.Confirm(ctx, question); err != nil {
			return err
		}
	}
	_, _, err = vault.Apply(ctx, v, o.app.Retry(), func(ctx context.Context) (vault.Change, error) {
		var c vault.Change
		fresh, err := o.resolve(ctx, v, info)
		var still []vault.Entry
		for _, e := range fresh {
			asked := func(a vault.Entry) bool { return a.ID == e.ID }
			if slices.ContainsFunc(entries, asked) {
				c.Delete = append(c.Delete, vault.Ref{ID: e.ID, Revision: e.Revision})
				still = append(still, e)
			}
		}
		entries = still
		return c, err
	})
	if err != nil {
		return err
	}
	return o.report(info, entries)
}

// resolve returns the entries that the arguments mean, each once.
func (o *rmOptions) resolve(ctx context.Context, v vault.Vault, info backend.Info) ([]vault.Entry, error) {
	var entries []vault.Entry
	seen := make(map[string]bool)
	add := func(list ...vault.Entry) {
		for _, e := range list {
			if !seen[e.ID] {
				seen[e.ID] = true
				entries = append(entries, e)
			}
		}
	}
	for _, name := range o.names {
		var below []vault.Entry
		if o.recursive {
			var err error
			if below, err = under(ctx, v, name); err != nil {
				return nil, err
			}
		}
		e, err := find(ctx, o.app, v, info, name)
		switch {
		case err == nil:
			add(e)
		case !errors.Is(err, vault.ErrNotFound) || len(below) == 0:
			return nil, err
		}
		add(below...)
	}
	return entries, nil
}

// under returns the items whose names start with name and a slash, by name.
func under(ctx context.Context, v vault.Vault, name string) ([]vault.Entry, error) {
	prefix := strings.TrimSuffix(name, "/") + "/"
	var list []vault.Entry
	for e, err := range v.Entries(ctx) {
		var d *vault.DamagedError
		if err != nil && !errors.As(err, &d) {
			return nil, err
		}
		if err == nil && strings.HasPrefix(e.Name, prefix) {
			list = append(list, e)
		}
	}
	sortEntries(list)
	return list, nil
}

func (o *rmOptions) report(info backend.Info, entries []vault.Entry) error {
	if o.app.Settings.FormatTyped {
		entries = append(entries, o.wrecked()...)
		rows := make([]output.Object, len(entries))
		for i, e := range entries {
			rows[i] = object(info, e)
		}
		return o.app.Printer().List([]output.Column{{Name: "name"}, {Name: "id"}}, rows)
	}
	for _, e := range entries {
		o.app.Messages().Notice(fmt.Sprintf("moved %q to the trash of the vault %q", e.Name, info.Name))
	}
	return nil
}
