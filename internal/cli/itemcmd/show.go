package itemcmd

import (
	"context"
	"encoding/base64"
	"fmt"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
	"github.com/keyhold/keyhold/internal/output"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/vault"
)

type showOptions struct {
	app *app.App

	name     string
	revision int
	reveal   bool
}

// NewShow returns the show command.
func NewShow(a *app.App) *cobra.Command {
	o := showOptions{app: a}
	cmd := &cobra.Command{
		Use:   "show ITEM",
		Short: "Show every field of an item",
		Long: "Show an item with all its fields; secret ones as (hidden), unless --reveal is given. The seed of one-time codes stays\n" +
			"hidden. --rev 1 shows the item as it was before the last change, --rev 2 before the one before that.\n\n" +
			"In JSON and YAML the fields are a list of objects with name, secret and value. With KEYHOLD_NO_PRINT=1 --reveal is\n" +
			"status 7.",
		Example:           "  keyhold show mail\n  keyhold show mail --reveal\n  keyhold show mail --rev 1 --json",
		Args:              args.Exactly("ITEM"),
		ValidArgsFunction: complete.Items(a, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.name = args[0]
			return o.run(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&o.reveal, "reveal", false, "show secret fields")
	cmd.Flags().IntVar(&o.revision, "rev", 0, "show the item as it was before the last `N` changes")
	return cmd
}

func (o *showOptions) run(ctx context.Context) error {
	if o.reveal {
		if err := o.app.MayPrint(app.RunLine(o.name)); err != nil {
			return err
		}
	}
	it, info, err := readItem(ctx, o.app, o.name, o.revision)
	if err != nil {
		return err
	}
	p := o.app.Printer()
	if f := p.Format(); f == output.JSON || f == output.YAML {
		return p.Object(o.document(info, it))
	}
	return p.Object(o.sheet(info, it))
}

// readItem opens the item that an argument means, as it was before the last rev
// changes.
func readItem(ctx context.Context, a *app.App, arg string, rev int) (vault.Item, backend.Info, error) {
	name, err := a.WholeItem(arg)
	if err != nil {
		return vault.Item{}, backend.Info{}, err
	}
	return readNamed(ctx, a, name, rev)
}

// readNamed is readItem where the argument is taken apart already.
func readNamed(ctx context.Context, a *app.App, name string, rev int) (vault.Item, backend.Info, error) {
	if rev < 0 {
		return vault.Item{}, backend.Info{}, app.Usagef("--rev counts from 1")
	}
	v, info, err := a.Open(ctx)
	if err != nil {
		return vault.Item{}, backend.Info{}, err
	}
	defer v.Close()
	e, err := find(ctx, a, v, info, name)
	if err != nil {
		return vault.Item{}, backend.Info{}, err
	}
	it, err := v.Item(ctx, e.ID)
	if err == nil && rev > 0 {
		it, err = it.Before(rev)
	}
	return it, info, err
}

// value returns what is shown of a field, and whether it is base64.
func (o *showOptions) value(f vault.Field) (shown any, encoded bool) {
	if f.Kind.Concealed() && (!o.reveal || f.Name == "totp") {
		return f.Value, false // prints as (hidden)
	}
	if b := f.Value.Reveal(); !utf8.Valid(b) {
		return output.Reveal(secret.Of([]byte(base64.StdEncoding.EncodeToString(b)))), true
	}
	return output.Reveal(f.Value), false
}

// sheet is the item as lines.
func (o *showOptions) sheet(info backend.Info, it vault.Item) output.Object {
	obj := output.Object{{Name: "name", Value: it.Name}, {Name: "vault", Value: info.Name}, {Name: "type", Value: it.Type}}
	used := map[string]bool{"name": true, "vault": true, "type": true, "tags": true, "created_at": true, "updated_at": true, "id": true}
	for _, f := range it.Fields {
		if f.Kind == vault.Opaque {
			continue
		}
		name := f.Name
		for n := 2; used[name]; n++ { // fields of one's own may have any name
			name = fmt.Sprintf("%s (%d)", f.Name, n)
		}
		used[name] = true
		shown, _ := o.value(f)
		obj = obj.With(name, shown)
	}
	if len(it.Tags) > 0 {
		obj = obj.With("tags", it.Tags)
	}
	return obj.WithTime("created_at", it.Created).WithTime("updated_at", it.Updated).With("id", it.ID)
}

// document is the item as an object.
func (o *showOptions) document(info backend.Info, it vault.Item) output.Object {
	fields := []output.Object{}
	for _, f := range it.Fields {
		if f.Kind == vault.Opaque {
			continue
		}
		shown, encoded := o.value(f)
		m := output.Object{{Name: "name", Value: f.Name}, {Name: "secret", Value: f.Kind.Concealed()}, {Name: "value", Value: shown}}
		if encoded {
			m = m.With("encoding", "base64")
		}
		fields = append(fields, m)
	}
	tags := it.Tags
	if tags == nil {
		tags = []string{}
	}
	return object(info, it.Entry()).With("tags", tags).With("fields", fields)
}
