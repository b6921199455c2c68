package itemcmd

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
	"github.com/keyhold/keyhold/internal/output"
	"github.com/keyhold/keyhold/internal/ref"
	"github.com/keyhold/keyhold/internal/vault"
)

type moveOptions struct {
	app *app.App

	from, to, toVault string
	recursive, copied bool
	dryRun            bool
}

// NewMv returns the mv command.
func NewMv(a *app.App) *cobra.Command {
	return newMove(a, moveOptions{app: a}, &cobra.Command{
		Use:     "mv OLD [NEW]",
		Aliases: []string{"rename", "move"},
		Short:   "Give an item another name, or move it to another vault",
		Long: "Give an item another name. With --to-vault it goes to another vault, under its name unless NEW is given; the original\n" +
			"goes to the trash once the copy was read back. With -r every item below OLD/ is moved to NEW/. Nothing is asked;\n" +
			"--dry-run lists what would be done.\n\n" +
			"All names are checked before anything is moved: one that is taken is status 8, and nothing is overwritten.",
		Example: "  keyhold mv mail web/mail\n  keyhold mv -r web sites\n  keyhold mv ci --to-vault work",
	})
}

// NewCp returns the cp command.
func NewCp(a *app.App) *cobra.Command {
	return newMove(a, moveOptions{app: a, copied: true}, &cobra.Command{
		Use:   "cp OLD [NEW]",
		Short: "Copy an item, also to another vault",
		Long: "Copy an item under another name, or with --to-vault to another vault. With -r every item below OLD/ is copied to NEW/.\n" +
			"The copy has no history. --dry-run lists what would be done.\n\n" +
			"All names are checked before anything is copied: one that is taken is status 8, and nothing is overwritten.",
		Example: "  keyhold cp mail mail-test\n" +
			"  keyhold cp mail --to-vault work\n" +
			"  keyhold cp -r web --to-vault work --dry-run",
	})
}

func newMove(a *app.App, o moveOptions, cmd *cobra.Command) *cobra.Command {
	cmd.Args = args.Between([]string{"OLD"}, "NEW")
	cmd.ValidArgsFunction = complete.Items(a, 1)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.from, o.to = args[0], args[0]
		if len(args) > 1 {
			o.to = args[1]
		} else if o.toVault == "" {
			return &app.UsageError{Message: "NEW is missing: " + cmd.UseLine(), Try: cmd.CommandPath() + " --help"}
		}
		return o.run(cmd.Context())
	}
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "list what would be done, change nothing")
	cmd.Flags().BoolVarP(&o.recursive, "recursive", "r", false, "also the items below OLD/")
	cmd.Flags().StringVar(&o.toVault, "to-vault", "", "into this `vault`, NAME or NAME@PROFILE")
	_ = cmd.RegisterFlagCompletionFunc("to-vault", complete.Vaults(a, manyItems))
	return cmd
}

// A step is one item on its way.
type step struct {
	entry vault.Entry
	name  string // that it will have
}

func (o *moveOptions) run(ctx context.Context) error {
	to, err := o.parse()
	if err != nil {
		return err
	}
	src, info, err := o.app.Open(ctx)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, dstInfo := src, info
	if to != nil {
		dst, dstInfo, err = o.app.OpenRef(ctx, *to)
	} else if o.toVault != "" {
		dst, dstInfo, err = o.app.OpenVault(ctx, o.toVault)
	}
	if err != nil {
		return err
	}
	defer dst.Close()
	here := dstInfo.ID == info.ID
	steps, err := o.plan(ctx, src, info)
	if err != nil {
		return err
	}
	for _, s := range steps {
		if err := free(ctx, dst, s, here); err != nil {
			return err
		}
	}
	switch {
	case o.dryRun:
		return o.printSteps(dstInfo, steps)
	case here && !o.copied:
		err = o.rename(ctx, src, steps)
	default:
		err = o.carry(ctx, src, dst, steps)
	}
	if err != nil {
		return err
	}
	return o.report(dstInfo, steps)
}

// parse takes references among the arguments apart, and returns that of the new
// name if it is one.
func (o *moveOptions) parse() (*ref.Ref, error) {
	same := o.to == o.from // no NEW was given
	var err error
	if o.from, err = o.app.WholeItem(o.from); err != nil {
		return nil, err
	}
	switch {
	case same:
		o.to = o.from
		return nil, nil
	case !ref.Is(o.to):
		return nil, nil
	case o.toVault != "":
		return nil, app.Usagef("%s names a vault already: it goes with no --to-vault", o.to)
	}
	to, err := ref.Parse(o.to)
	if err != nil {
		return nil, err
	}
	o.to = to.Item
	if to.Field != "" { // what it names is not there yet, so it can only be an item
		o.to += "/" + to.Field
	}
	return &to, nil
}

// plan resolves what is to be moved, and checks the new names.
func (o *moveOptions) plan(ctx context.Context, v vault.Vault, info backend.Info) ([]step, error) {
	var steps []step
	e, err := find(ctx, o.app, v, info, o.from)
	switch {
	case err == nil:
		steps = append(steps, step{e, o.to})
	case !o.recursive || !errors.Is(err, vault.ErrNotFound):
		return nil, err
	}
	if o.recursive {
		below, lerr := under(ctx, v, o.from)
		if lerr != nil {
			return nil, lerr
		}
		if len(steps)+len(below) == 0 {
			return nil, err
		}
		from, to := strings.TrimSuffix(o.from, "/"), strings.TrimSuffix(o.to, "/")
		for _, b := range below {
			steps = append(steps, step{b, to + strings.TrimPrefix(b.Name, from)})
		}
	}
	for _, s := range steps {
		if err := vault.CheckName(s.name); err != nil {
			return nil, err
		}
	}
	return steps, nil
}

// free returns an error if another item has the name that s will have.
func free(ctx context.Context, dst vault.Vault, s step, here bool) error {
	found, err := dst.Lookup(ctx, s.name)
	if err != nil {
		return err
	}
	for _, f := range found {
		if !here || f.ID != s.entry.ID {
			return fmt.Errorf("an item named %q %w", s.name, vault.ErrExists)
		}
	}
	return nil
}

// rename gives the items their new names, all of them at once.
func (o *moveOptions) rename(ctx context.Context, v vault.Vault, steps []step) error {
	_, _, err := vault.Apply(ctx, v, o.app.Retry(), func(ctx context.Context) (vault.Change, error) {
		var c vault.Change
		for _, s := range steps {
			it, err := v.Item(ctx, s.entry.ID)
			if err != nil {
				return c, err
			}
			renamed, err := vault.Edit{Name: s.name}.Apply(it, o.app.Now())
			if err != nil {
				return c, err
			}
			c.Put = append(c.Put, vault.Put{Item: renamed, Was: &it, Unique: true})
		}
		return c, nil
	})
	return err
}

// carry copies the items, reads the copies back, and only then removes the
// originals if they are to be moved.
func (o *moveOptions) carry(ctx context.Context, src, dst vault.Vault, steps []step) error {
	var c vault.Change
	var gone []vault.Ref
	for _, s := range steps {
		it, err := src.Item(ctx, s.entry.ID)
		if err != nil {
			return err
		}
		gone = append(gone, vault.Ref{ID: it.ID, Revision: it.Revision})
		c.Put = append(c.Put, vault.Put{Item: it.Copy(s.name, o.app.Now()), Unique: true})
	}
	_, copies, err := dst.Commit(ctx, c)
	if err != nil {
		return err
	}
	for i, made := range copies {
		back, err := dst.Item(ctx, made.ID)
		if err != nil {
			return fmt.Errorf("read the copy of %q back: %w", steps[i].entry.Name, err)
		}
		if !same(back, made) {
			return fmt.Errorf("the copy of %q is not like the original: %w", steps[i].entry.Name, vault.ErrDamaged)
		}
	}
	if o.copied {
		return nil
	}
	_, _, err = src.Commit(ctx, vault.Change{Delete: gone})
	if err != nil {
		return fmt.Errorf("the copies are made, but the originals are still there: %w", err)
	}
	return nil
}

// same reports whether two items have the same plaintext.
func same(a, b vault.Item) bool {
	x, err1 := vault.MarshalItem(a)
	y, err2 := vault.MarshalItem(b)
	return err1 == nil && err2 == nil && x.Equal(y)
}

func (o *moveOptions) report(info backend.Info, steps []step) error {
	verb := "moved"
	if o.copied {
		verb = "copied"
	}
	if o.app.Settings.FormatTyped {
		return o.printSteps(info, steps)
	}
	for _, s := range steps {
		o.app.Messages().Notice(fmt.Sprintf("%s %q to %q in the vault %q", verb, s.entry.Name, s.name, info.Name))
	}
	return nil
}

func (o *moveOptions) printSteps(info backend.Info, steps []step) error {
	rows := make([]output.Object, len(steps))
	for i, s := range steps {
		rows[i] = output.Object{{Name: "name", Value: s.entry.Name}, {Name: "to", Value: s.name}, {Name: "vault", Value: info.Name}}
	}
	return o.app.Printer().List([]output.Column{{Name: "name"}, {Name: "to"}, {Name: "vault"}}, rows)
}
