package usecmd

import (
	"context"
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
	"github.com/keyhold/keyhold/internal/output"
	"github.com/keyhold/keyhold/internal/ref"
	"github.com/keyhold/keyhold/internal/secret"
)

type readOptions struct {
	app *app.App

	refs           []string
	nul, noNewline bool
	out            app.OutFile
}

// NewRead returns the read command.
func NewRead(a *app.App) *cobra.Command {
	o := readOptions{app: a}
	cmd := &cobra.Command{
		Use:   "read REF...",
		Short: "Print the values of references",
		Long: "Print the value of each reference and a newline, in order. If one cannot be resolved nothing is printed, and each that\n" +
			"cannot is named. -o writes to a file instead, whole or not at all, that only you can read; one that is there is status\n" +
			"8 unless --force is given. With KEYHOLD_NO_PRINT=1 read refuses, with status 7.\n\n" +
			"A format flag on the command line prints an object with ref, name, field and value, or an array of them for several; a\n" +
			"value that is not UTF-8 is in base64 there, and a member `encoding` says so.",
		Example: "  keyhold read kh://personal/mail\n" +
			"  keyhold read kh://personal/mail/username kh://personal/mail/otp\n" +
			"  keyhold read -o id_ed25519 kh://personal/laptop/private_key",
		Args:              args.AtLeast("REF"),
		ValidArgsFunction: complete.Refs(a),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.refs = args
			return o.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&o.nul, "null", "0", false, "end each value by a NUL instead of a newline")
	f.BoolVarP(&o.noNewline, "no-newline", "n", false, "print nothing after a value")
	outFlags(f, &o.out)
	return cmd
}

func (o *readOptions) run(ctx context.Context) error {
	if o.nul && o.noNewline {
		return app.Usagef("-0 and -n do not go together")
	}
	if (o.nul || o.noNewline) && o.app.Settings.FormatTyped {
		return app.Usagef("-0 and -n are forms of their own: they go with no other")
	}
	if o.app.Settings.FormatTyped && o.out.Name != "" {
		return app.Usagef("a file gets the values as they are: --out-file goes with no format")
	}
	refs, err := o.parse()
	if err != nil {
		return err
	}
	if err := o.app.MayPrint(app.RunLine(o.refs[0])); err != nil {
		return err
	}
	if err := o.app.Check(o.out); err != nil {
		return err
	}
	found, err := o.app.Resolve(ctx, refs, nil)
	if err != nil {
		return err
	}
	if p := o.app.ValuePrinter(); p != nil {
		return o.objects(p, found.Values)
	}
	var text []byte
	for _, r := range found.Values {
		text = append(text, o.shown(r.Field.Value)...)
		switch {
		case o.nul:
			text = append(text, 0)
		case !o.noNewline:
			text = append(text, '\n')
		}
	}
	return o.app.Write(o.out, text)
}

// shown is a value as it is written: on a terminal nothing of it is an order.
func (o *readOptions) shown(value secret.Bytes) []byte {
	if o.app.OutTerminal && o.out.Name == "" {
		return []byte(output.SafeLines(string(value.Reveal())))
	}
	return value.Reveal()
}

func (o *readOptions) objects(p *output.Printer, found []app.Resolved) error {
	rows := make([]output.Object, len(found))
	for i, r := range found {
		rows[i] = output.Object{
			{Name: "ref", Value: r.Ref.String()}, {Name: "name", Value: r.Item.Name}, {Name: "field", Value: r.Field.Name},
		}
		if value := r.Field.Value.Reveal(); utf8.Valid(value) {
			rows[i] = rows[i].With("value", output.Reveal(r.Field.Value))
		} else {
			text := secret.TextOf(base64.StdEncoding.EncodeToString(value))
			rows[i] = rows[i].With("value", output.Reveal(text.Bytes())).With("encoding", "base64")
		}
	}
	if len(rows) == 1 {
		return p.Object(rows[0])
	}
	return p.List(nil, rows)
}

// parse reads the references. A name is none: what it means depends on the
// vault at hand.
func (o *readOptions) parse() ([]ref.Ref, error) {
	refs := make([]ref.Ref, len(o.refs))
	var wrong []error
	for i, t := range o.refs {
		r, err := ref.Parse(t)
		if err != nil && !ref.Is(t) {
			err = noReference(t)
		}
		if err != nil {
			wrong = append(wrong, err)
		}
		refs[i] = r
	}
	return refs, o.app.Several(wrong, "%d references are wrong")
}

func noReference(text string) error {
	try := "keyhold ref " + args.Quote(text)
	if path, ok := strings.CutPrefix(text, "op://"); ok {
		try = "keyhold read " + args.Quote(ref.Scheme+path)
	}
	return &app.UsageError{Message: args.Quote(text) + " is not a reference, which begins with " + ref.Scheme, Try: try}
}
