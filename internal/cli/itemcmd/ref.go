package itemcmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
	"github.com/keyhold/keyhold/internal/output"
	"github.com/keyhold/keyhold/internal/ref"
	"github.com/keyhold/keyhold/internal/vault"
)

type refOptions struct {
	app *app.App

	name, field string
	ids         bool
}

// NewRef returns the ref command.
func NewRef(a *app.App) *cobra.Command {
	o := refOptions{app: a}
	cmd := &cobra.Command{
		Use:   "ref ITEM [FIELD]",
		Short: "Print the reference to an item or a field",
		Long: "Print the reference to the main field of an item, or to FIELD: kh://VAULT/ITEM/FIELD. It holds no secret, and can stand\n" +
			"in files and variables, for `read`, `run` and `inject` to put the value in its place. It is written in characters that\n" +
			"shells, YAML and .env files leave alone without quotes. The field otp is the current one-time code.\n\n" +
			"With --id it names the vault and the item by their ids, and still means them under another name.",
		Example:           "  keyhold ref mail\n  keyhold ref mail username\n  keyhold ref --id mail >> ci.env",
		Args:              args.Between([]string{"ITEM"}, "FIELD"),
		ValidArgsFunction: complete.ItemThenField(a),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.name = args[0]
			if len(args) > 1 {
				o.field = args[1]
			}
			return o.run(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&o.ids, "id", false, "name the vault and the item by their ids")
	return cmd
}

func (o *refOptions) run(ctx context.Context) error {
	name, field, err := o.app.ItemArg(o.name)
	if err != nil {
		return err
	}
	if o.field != "" {
		if field != "" {
			return app.Usagef("%s names a field already", o.name)
		}
		field = o.field
	}
	it, info, err := readNamed(ctx, o.app, name, 0)
	if err != nil {
		return err
	}
	f, err := o.app.PickField(it, field)
	if err != nil {
		return err
	}
	r, err := o.ref(ctx, info, it, field)
	if err != nil {
		return err
	}
	text := r.String()
	if p := o.app.ValuePrinter(); p != nil {
		return p.Object(output.Object{
			{Name: "id", Value: it.ID}, {Name: "vault", Value: info.Name}, {Name: "name", Value: it.Name},
			{Name: "field", Value: f.Name}, {Name: "ref", Value: text},
		})
	}
	return write(o.app.Out, []byte(text+"\n"))
}

// ref returns the reference. A name that several items have would not do.
func (o *refOptions) ref(ctx context.Context, info backend.Info, it vault.Item, field string) (ref.Ref, error) {
	r := o.app.Ref(info, it.Entry(), field, o.ids)
	v, _, err := o.app.Open(ctx)
	if err != nil {
		return ref.Ref{}, err
	}
	defer v.Close()
	if e, err := vault.FindEntry(ctx, v, r.Item); err != nil || e.ID != it.ID {
		r.Item = it.ID
	}
	return r, nil
}
