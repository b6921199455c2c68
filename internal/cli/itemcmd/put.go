package itemcmd

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"golang.org/x/text/unicode/norm"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
	"github.com/keyhold/keyhold/internal/generate"
	"github.com/keyhold/keyhold/internal/ref"
	"github.com/keyhold/keyhold/internal/vault"
)

type putOptions struct {
	app *app.App

	name, kind        string
	fields            []string
	hidden, text      args.List
	tags, untags      args.List
	onlyNew, existing bool
	byRef             bool // the vault is named by the argument itself

	generate      bool
	field         string // to generate
	length, words int
}

// NewPut returns the put command.
func NewPut(a *app.App) *cobra.Command {
	o := putOptions{app: a}
	cmd := &cobra.Command{
		Use:     "put ITEM [FIELD...] [-]",
		Aliases: []string{"insert", "add", "set"},
		Short:   "Store an item, or change fields of one",
		Long: "Store an item, or change the given fields of the one that has this name. A FIELD is\n\n" +
			"  NAME=VALUE  a field that is not secret, taken literally\n" +
			"  NAME        a secret field, asked for without echo; notes and content open the editor\n" +
			"  NAME=@FILE  a secret field from a file\n" +
			"  NAME=-      a secret field from standard input\n" +
			"  NAME=       removes the field\n" +
			"  -           the main field from standard input\n\n" +
			"A secret is never an argument: NAME=VALUE for a secret field is status 2. One newline at the end of standard input is\n" +
			"removed. `keyhold help fields` has the types and their fields.\n\n" +
			"A new item wants its main field. Where the command line gives no value at all and standard input is no terminal, it\n" +
			"comes from there; else it is asked for, and where nobody can be asked the status is 12. `password=` leaves it out. Of\n" +
			"an item that is there the other fields stay as they are, and the old values go to its history. put does not ask before\n" +
			"it changes something: `keyhold restore` undoes it.\n\n" +
			"On the first use keyhold makes the vault `personal` and asks for a new master password.",
		Example: "  keyhold put mail username=me@example.com\n  printf %s \"$TOKEN\" | keyhold put github -\n" +
			"  keyhold put deploy --type ssh_key private_key=@id_ed25519\n  keyhold put mail --hidden recovery --tag private",
		Args: args.AtLeast("ITEM"),

		ValidArgsFunction: complete.Items(a, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.name, o.fields = args[0], args[1:]
			return o.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.kind, "type", "", "`type` of a new item; default "+vault.DefaultType)
	f.Var(&o.hidden, "hidden", "a secret field of your own: `NAME`, NAME=@FILE or NAME=-; repeatable")
	f.Var(&o.text, "text", "a visible field of your own: `NAME=VALUE`; repeatable")
	f.Var(&o.tags, "tag", "add this `tag`; repeatable")
	f.Var(&o.untags, "untag", "take this `tag` away; repeatable")
	f.BoolVar(&o.generate, "generate", false, "make the value up, and print how strong it is")
	f.StringVarP(&o.field, "field", "f", "", "`field` to make up; default the main one")
	f.IntVar(&o.length, "length", 0, "make `N` characters; default 24")
	f.IntVar(&o.words, "words", 0, "make it of `N` words instead")
	f.BoolVar(&o.onlyNew, "new", false, "make a new item, also if one has this name")
	f.BoolVar(&o.existing, "existing", false, "change an item that is there, make none")
	_ = cmd.RegisterFlagCompletionFunc("type", complete.Types())
	return cmd
}

func (o *putOptions) run(ctx context.Context) error {
	o.byRef = ref.Is(o.name)
	name, err := o.app.WholeItem(o.name)
	if err != nil {
		return err
	}
	o.name = norm.NFC.String(name)
	given, err := o.parse()
	if err != nil {
		return err
	}
	t, err := o.target(ctx)
	if err != nil {
		return err
	}
	if t.vault != nil {
		defer t.vault.Close()
	}
	if given, err = o.complete(t, given); err != nil {
		return err
	}
	if slices.ContainsFunc(given, func(as assignment) bool { return as.from == asked || as.from == made }) {
		if err := o.app.Reach(ctx, t.info); err != nil {
			return err
		}
	}
	g := gatherer{app: o.app, item: o.name, given: given, recipe: o.recipe()}
	if err := g.read(ctx); err != nil {
		return err
	}
	if t.vault == nil {
		if err := o.app.AskFirst(ctx); err != nil {
			return err
		}
	}
	if err := g.ask(ctx, t.item); err != nil {
		return err
	}
	if t.vault == nil { // nothing was ever stored: everything else is right, so make the vault now
		if t.vault, t.info, err = o.app.OpenOrMake(ctx); err != nil {
			return err
		}
		defer t.vault.Close()
	}
	edit := g.edit
	edit.Tag, edit.Untag = o.tags, o.untags
	return o.commit(ctx, t, edit)
}

// parse reads the command line as far as it can be understood without the item.
func (o *putOptions) parse() ([]assignment, error) {
	if err := vault.CheckName(o.name); err != nil {
		return nil, err
	}
	if ref.Is(o.name) {
		return nil, app.Usagef("a name cannot begin with %s, which references do", ref.Scheme)
	}
	if o.onlyNew && o.existing {
		return nil, app.Usagef("--new and --existing do not go together")
	}
	if err := o.checkRecipe(); err != nil {
		return nil, err
	}
	if o.kind != "" {
		t, ok := vault.TypeNamed(o.kind)
		if !ok {
			return nil, unknownType(o.kind)
		}
		o.kind = t.Name
	}
	var given []assignment
	add := func(as assignment, err error) error {
		if err == nil {
			err = precheck(o.name, as)
		}
		given = append(given, as)
		return err
	}
	for _, arg := range o.fields {
		if err := add(parse(arg)); err != nil {
			return nil, err
		}
	}
	for _, arg := range o.hidden {
		if err := add(flagged(arg, vault.Hidden)); err != nil {
			return nil, err
		}
	}
	for _, arg := range o.text {
		if err := add(flagged(arg, vault.Text)); err != nil {
			return nil, err
		}
	}
	return given, nil
}

// recipe is what --generate makes.
func (o *putOptions) recipe() generate.Recipe {
	r := generate.Default()
	switch {
	case o.words > 0:
		return generate.Recipe{Words: o.words}
	case o.length > 0:
		r.Length = o.length
	}
	return r
}

func (o *putOptions) checkRecipe() error {
	switch {
	case !o.generate && (o.length != 0 || o.words != 0 || o.field != ""):
		return app.Usagef("--length, --words and --field are for --generate")
	case o.length < 0 || o.words < 0 || o.length > 0 && o.words > 0:
		return app.Usagef("--generate takes a positive --length or a positive --words")
	}
	if err := o.recipe().Check(); err != nil {
		return &app.UsageError{Message: err.Error()}
	}
	return nil
}

// commit makes the change on the item as it is by then.
func (o *putOptions) commit(ctx context.Context, t target, edit vault.Edit) error {
	made := false
	_, items, err := vault.Apply(ctx, t.vault, o.app.Retry(), func(ctx context.Context) (vault.Change, error) {
		it, err := o.current(ctx, t)
		if err != nil {
			return vault.Change{}, err
		}
		p := vault.Put{Was: it, Unique: it == nil && !o.onlyNew}
		made = it == nil
		if made {
			n := o.fresh()
			it = &n
		}
		if p.Item, err = edit.Apply(*it, o.app.Now()); err != nil {
			return vault.Change{}, err
		}
		if !made && p.Item.Updated.Equal(it.Updated) {
			return vault.Change{}, nil // it is that way already
		}
		t.item = &p.Item
		return vault.Change{Put: []vault.Put{p}}, nil
	})
	if err != nil {
		return err
	}
	if len(items) > 0 {
		t.item = &items[0]
	}
	return o.report(t, made, len(items) > 0)
}

func (o *putOptions) report(t target, made, changed bool) error {
	if o.app.Settings.FormatTyped {
		return o.app.Printer().Object(object(t.info, t.item.Entry()).With("made", made).With("changed", changed))
	}
	if o.generate {
		o.app.Messages().Notice("password generated, " + o.recipe().Describe())
	}
	verb := "changed"
	switch {
	case made:
		verb = "stored"
	case !changed:
		verb = "nothing to change in"
	}
	o.app.Messages().Notice(fmt.Sprintf("%s %q in the vault %q", verb, o.name, t.info.Name))
	return nil
}
