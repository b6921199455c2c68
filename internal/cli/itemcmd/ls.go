package itemcmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/text/unicode/norm"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
	"github.com/keyhold/keyhold/internal/output"
	"github.com/keyhold/keyhold/internal/vault"
)

type lsOptions struct {
	app *app.App

	prefix, kind    string
	tags            args.List
	long, nul, tree bool
}

// NewLs returns the ls command.
func NewLs(a *app.App) *cobra.Command {
	o := lsOptions{app: a}
	cmd := &cobra.Command{
		Use:     "ls [PREFIX]",
		Aliases: []string{"list"},
		Short:   "List the items of a vault",
		Long: "List the items of a vault whose names start with PREFIX, by name: a table on a terminal, the names alone in a\n" +
			"pipe, one a line. With -l a pipe gets the columns name, type, time of the last change, id.",
		Example: "  keyhold ls\n  keyhold ls web/\n  keyhold ls -l --type api_key\n  keyhold ls -0 | xargs -0 -n1 keyhold get",
		Args:    args.Between(nil, "PREFIX"),

		ValidArgsFunction: complete.Items(a, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.prefix = norm.NFC.String(args[0])
			}
			return o.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&o.long, "long", "l", false, "all columns, also in a pipe")
	f.BoolVarP(&o.nul, "null", "0", false, "the names alone, as they are, each ended by a NUL")
	f.BoolVar(&o.tree, "tree", false, "show the parts of names between slashes as a tree")
	f.StringVar(&o.kind, "type", "", "only items of this `type`")
	f.Var(&o.tags, "tag", "only items with this `tag`; repeatable")
	_ = cmd.RegisterFlagCompletionFunc("type", complete.Types())
	_ = cmd.RegisterFlagCompletionFunc("tag", complete.Nothing)
	return cmd
}

func (o *lsOptions) run(ctx context.Context) error {
	kind := ""
	if o.kind != "" {
		t, ok := vault.TypeNamed(o.kind)
		if !ok {
			return unknownType(o.kind)
		}
		kind = t.Name
	}
	v, info, err := o.app.Open(ctx)
	if err != nil {
		return err
	}
	defer v.Close()
	var entries []vault.Entry
	var damaged []error
	for e, err := range v.Entries(ctx) {
		var d *vault.DamagedError
		switch {
		case errors.As(err, &d):
			damaged = append(damaged, err)
			continue
		case err != nil:
			return err
		case !strings.HasPrefix(e.Name, o.prefix), kind != "" && e.Type != kind:
			continue
		}
		if len(o.tags) > 0 {
			has, err := o.tagged(ctx, v, e)
			if err != nil {
				damaged = append(damaged, err)
			}
			if !has {
				continue
			}
		}
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b vault.Entry) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	if err := o.print(info, entries); err != nil {
		return err
	}
	for _, err := range damaged {
		o.app.Messages().Warn("damaged", err.Error())
	}
	if len(damaged) > 0 {
		return fmt.Errorf("%d items of the vault %q: %w", len(damaged), info.Name, vault.ErrDamaged)
	}
	return nil
}

// tagged reports whether an item has every tag that is asked for.
func (o *lsOptions) tagged(ctx context.Context, v vault.Vault, e vault.Entry) (bool, error) {
	it, err := v.Item(ctx, e.ID)
	if err != nil {
		return false, err
	}
	for _, t := range o.tags {
		if !slices.Contains(it.Tags, t) {
			return false, nil
		}
	}
	return true, nil
}

func (o *lsOptions) print(info backend.Info, entries []vault.Entry) error {
	p := o.app.Printer()
	names := func(yield func(string) bool) {
		for _, e := range entries {
			if !yield(e.Name) {
				return
			}
		}
	}
	switch {
	case o.nul:
		return p.Names(names, true)
	case o.tree:
		return write(o.app.Out, []byte(tree(entries)))
	case p.Format() == output.TSV && !o.long:
		return p.Names(names, false)
	}
	rows := make([]output.Object, len(entries))
	for i, e := range entries {
		rows[i] = object(info, e)
	}
	return p.List([]output.Column{{Name: "name"}, {Name: "type"}, {Name: "updated_at", Title: "CHANGED"}, {Name: "id"}}, rows)
}

// tree draws the names as a tree of their parts between slashes.
func tree(entries []vault.Entry) string {
	var b strings.Builder
	var above []string
	for _, e := range entries {
		parts := strings.Split(e.Name, "/")
		same := 0
		for same < len(parts)-1 && same < len(above) && parts[same] == above[same] {
			same++
		}
		for i := same; i < len(parts); i++ {
			b.WriteString(strings.Repeat("  ", i))
			b.WriteString(output.Safe(parts[i]))
			if i < len(parts)-1 {
				b.WriteByte('/')
			}
			b.WriteByte('\n')
		}
		above = parts[:len(parts)-1]
	}
	return b.String()
}

func unknownType(name string) error {
	var names []string
	for _, t := range vault.Types() {
		names = append(names, t.Name)
	}
	return app.Usagef("there is no type %q: it is one of %s", name, strings.Join(names, ", "))
}
