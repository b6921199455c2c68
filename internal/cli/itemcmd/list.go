package itemcmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/output"
	"github.com/keyhold/keyhold/internal/vault"
)

// A lister prints lists of items, for the commands that do.
type lister struct {
	app       *app.App
	long, nul bool
}

func (l *lister) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&l.long, "long", "l", false, "all columns, also in a pipe")
	cmd.Flags().BoolVarP(&l.nul, "null", "0", false, "the names alone, as they are, each ended by a NUL")
}

func sortEntries(entries []vault.Entry) {
	slices.SortFunc(entries, func(a, b vault.Entry) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
}

// collect adds the entries that keep wants, and returns what is wrong with those
// that do not open. One that was removed before keep could open it is left out.
func collect(ctx context.Context, v vault.Vault, keep func(vault.Entry) (bool, error), add func(vault.Entry)) (damaged []error, err error) {
	var d *vault.DamagedError
	for e, err := range v.Entries(ctx) {
		if err != nil && !errors.As(err, &d) {
			return nil, err
		}
		kept := false
		if err == nil {
			kept, err = keep(e)
		}
		switch {
		case errors.As(err, &d):
			damaged = append(damaged, err)
		case err != nil && !errors.Is(err, vault.ErrNotFound):
			return nil, err
		case kept:
			add(e)
		}
	}
	return damaged, nil
}

// tagger returns the function that tells the tags of an item. What is kept of
// them apart from the items is read once, when it is first asked; where there is
// nothing of the kind, or it cannot be read, the items are opened.
func tagger(ctx context.Context, v vault.Vault) func(id string) ([]string, error) {
	var all map[string][]string
	known := sync.OnceValue(func() bool {
		t, ok := v.(vault.Tagger)
		if !ok {
			return false
		}
		var err error
		all, err = t.Tags(ctx)
		return err == nil
	})
	return func(id string) ([]string, error) {
		if known() {
			return all[id], nil
		}
		it, err := v.Item(ctx, id)
		return it.Tags, err
	}
}

// bare reports whether the names alone are printed, as in a pipe.
func (l *lister) bare() bool { return l.nul || l.app.Printer().Format() == output.TSV && !l.long }

// print collects the entries that keep wants and lists them.
func (l *lister) print(ctx context.Context, v vault.Vault, info backend.Info, keep func(vault.Entry) (bool, error)) error {
	var names []string
	var entries []vault.Entry
	add := func(e vault.Entry) { entries = append(entries, e) }
	if l.bare() { // less to hold
		add = func(e vault.Entry) { names = append(names, e.Name) }
	}
	damaged, err := collect(ctx, v, keep, add)
	if err != nil {
		return err
	}
	if l.bare() {
		err = l.names(names)
	} else {
		err = l.list(info, entries)
	}
	if err != nil {
		return err
	}
	return l.report(info, damaged)
}

func (l *lister) names(names []string) error {
	if l.nul && l.app.Settings.FormatTyped {
		return app.Usagef("-0 is a form of its own: it goes with no other")
	}
	slices.Sort(names)
	return l.app.Printer().Names(slices.Values(names), l.nul)
}

// list prints the entries by name: names alone in a pipe, else with columns.
func (l *lister) list(info backend.Info, entries []vault.Entry) error {
	if l.bare() {
		names := make([]string, len(entries))
		for i, e := range entries {
			names[i] = e.Name
		}
		return l.names(names)
	}
	sortEntries(entries)
	p := l.app.Printer()
	rows := make([]output.Object, len(entries))
	for i, e := range entries {
		rows[i] = object(info, e)
	}
	return p.List([]output.Column{{Name: "name"}, {Name: "type"}, {Name: "updated_at", Title: "CHANGED"}, {Name: "id"}}, rows)
}

// report warns about each item that could not be read, and ends with what they
// are together.
func (l *lister) report(info backend.Info, damaged []error) error {
	for _, err := range damaged {
		l.app.Messages().Warn("damaged", err.Error())
	}
	if len(damaged) > 0 {
		return fmt.Errorf("%d items of the vault %q: %w", len(damaged), info.Name, vault.ErrDamaged)
	}
	return nil
}

func unknownType(name string) error {
	var names []string
	for _, t := range vault.Types() {
		names = append(names, t.Name)
	}
	return app.Usagef("there is no type %q: it is one of %s", name, strings.Join(names, ", "))
}
