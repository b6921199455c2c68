package itemcmd

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/text/unicode/norm"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
	"github.com/keyhold/keyhold/internal/output"
	"github.com/keyhold/keyhold/internal/vault"
)

type lsOptions struct {
	lister

	prefix, kind string
	tags         args.List
	tree         bool
}

// NewLs returns the ls command.
func NewLs(a *app.App) *cobra.Command {
	o := lsOptions{lister: lister{app: a}}
	cmd := &cobra.Command{
		Use:     "ls [PREFIX]",
		Aliases: []string{"list"},
		Short:   "List the items of a vault",
		Long: "List the items of a vault whose names start with PREFIX, by name: a table on a terminal, the names alone in a pipe,\n" +
			"one a line. With -l a pipe gets the columns name, type, time of the last change, id. An empty list is status 0.\n\n" +
			"Only the named vault is listed, else the default one. An item that does not open is warned about, and the status is 10\n" +
			"after all the others were listed.",
		Example: "  keyhold ls\n  keyhold ls web/\n  keyhold ls -l --type api_key\n  keyhold ls -0 | xargs -0 -n1 keyhold get",
		Args: func(cmd *cobra.Command, given []string) error {
			if cmd.CalledAs() == "list" && len(given) == 1 { // list items is bw's, ls items is a prefix
				if err := args.Foreign(cmd, given); err != nil {
					return err
				}
			}
			return args.Between(nil, "PREFIX")(cmd, given)
		},

		ValidArgsFunction: complete.Items(a, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.prefix = norm.NFC.String(args[0])
			}
			return o.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	o.flags(cmd)
	f.BoolVar(&o.tree, "tree", false, "show the parts of names between slashes as a tree")
	f.StringVar(&o.kind, "type", "", "only items of this `type`")
	f.Var(&o.tags, "tag", "only items with this `tag`; repeatable")
	_ = cmd.RegisterFlagCompletionFunc("type", complete.Types())
	_ = cmd.RegisterFlagCompletionFunc("tag", complete.Nothing)
	return cmd
}

func (o *lsOptions) run(ctx context.Context) error {
	if o.tree && (o.long || o.nul || o.app.Settings.FormatTyped) {
		return app.Usagef("--tree has a form of its own: it goes with no other")
	}
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
	tags := tagger(ctx, v)
	keep := func(e vault.Entry) (bool, error) {
		if !strings.HasPrefix(e.Name, o.prefix) || kind != "" && e.Type != kind {
			return false, nil
		}
		if len(o.tags) == 0 {
			return true, nil
		}
		has, err := tags(e.ID)
		return err == nil && o.wants(has), err
	}
	if !o.tree {
		return o.print(ctx, v, info, keep)
	}
	var names []string
	damaged, err := collect(ctx, v, keep, func(e vault.Entry) { names = append(names, e.Name) })
	if err != nil {
		return err
	}
	slices.Sort(names)
	if err := write(o.app.Out, []byte(tree(names))); err != nil {
		return err
	}
	return o.report(info, damaged)
}

// wants reports whether every tag that is asked for is among tags.
func (o *lsOptions) wants(tags []string) bool {
	for _, t := range o.tags {
		if !slices.Contains(tags, t) {
			return false
		}
	}
	return true
}

// tree draws the names as a tree of their parts between slashes.
func tree(names []string) string {
	var b strings.Builder
	var above []string
	for _, name := range names {
		parts := strings.Split(name, "/")
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
