package itemcmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

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

// collect returns the entries that keep wants, and what is wrong with those that
// do not open. One that was removed before keep could open it is left out.
func (l *lister) collect(ctx context.Context, v vault.Vault, keep func(vault.Entry) (bool, error)) (entries []vault.Entry, damaged []error, err error) {
	var d *vault.DamagedError
	for e, err := range v.Entries(ctx) {
		if err != nil && !errors.As(err, &d) {
			return nil, nil, err
		}
		kept := false
		if err == nil {
			kept, err = keep(e)
		}
		switch {
		case errors.As(err, &d):
			damaged = append(damaged, err)
		case err != nil && !errors.Is(err, vault.ErrNotFound):
			return nil, nil, err
		case kept:
			entries = append(entries, e)
		}
	}
	return entries, damaged, nil
}

// list prints the entries by name: names alone in a pipe, else with columns.
func (l *lister) list(info backend.Info, entries []vault.Entry) error {
	if l.nul && l.app.Settings.FormatTyped {
		return app.Usagef("-0 is a form of its own: it goes with no other")
	}
	sortEntries(entries)
	p := l.app.Printer()
	names := func(yield func(string) bool) {
		for _, e := range entries {
			if !yield(e.Name) {
				return
			}
		}
	}
	if l.nul || p.Format() == output.TSV && !l.long {
		return p.Names(names, l.nul)
	}
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
