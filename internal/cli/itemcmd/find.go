package itemcmd

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
	"github.com/keyhold/keyhold/internal/vault"
)

type findOptions struct {
	lister

	words string
	all   bool
}

// NewFind returns the find command.
func NewFind(a *app.App) *cobra.Command {
	o := findOptions{lister: lister{app: a}}
	cmd := &cobra.Command{
		Use:     "find QUERY...",
		Aliases: []string{"search"},
		Short:   "Find items by words in their names and tags",
		Long: "Find the items in which every word of QUERY occurs in the name or a tag, whatever the case; with -a also in user\n" +
			"names, URLs and visible fields. Secret fields are never searched. It prints what ls prints. No hit is no error.",
		Example:           "  keyhold find git\n  keyhold find -a me@example.com\n  keyhold find -0 work | xargs -0 -n1 keyhold get",
		Args:              args.AtLeast("QUERY"),
		ValidArgsFunction: complete.Nothing,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.words = strings.Join(args, " ")
			return o.run(cmd.Context())
		},
	}
	cmd.Flags().BoolVarP(&o.all, "all", "a", false, "also look in user names, URLs and visible fields")
	o.flags(cmd)
	return cmd
}

func (o *findOptions) run(ctx context.Context) error {
	q := vault.NewQuery(o.words)
	v, info, err := o.app.Open(ctx)
	if err != nil {
		return err
	}
	defer v.Close()
	tags := tagger(ctx, v)
	return o.print(ctx, v, info, func(e vault.Entry) (bool, error) {
		if q.MatchEntry(e, nil) {
			return true, nil
		}
		if o.all {
			it, err := v.Item(ctx, e.ID)
			return err == nil && q.MatchItem(it), err
		}
		t, err := tags(e.ID)
		return err == nil && q.MatchEntry(e, t), err
	})
}
