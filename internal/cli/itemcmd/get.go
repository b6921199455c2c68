package itemcmd

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
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

type getOptions struct {
	app *app.App

	name, field string
	revision    int
	noNewline   bool
	copies      bool
	typedField  bool
}

// NewGet returns the get command.
func NewGet(a *app.App) *cobra.Command {
	o := getOptions{app: a}
	cmd := &cobra.Command{
		Use:     "get ITEM",
		Aliases: []string{"cat"},
		Short:   "Print one value of an item",
		Long: "Print the main field of an item, or another one with -f, and a newline. Nothing else goes to standard output. ITEM is\n" +
			"a name, an id or a reference; upper and lower case count.\n\n" +
			"A field that is not set is status 5, and the message lists those that are. A name that several items have is status 6,\n" +
			"with their ids. With KEYHOLD_NO_PRINT=1 no value is printed, which is status 7. The fields totp and otp\n" +
			"are the current one-time code. On a terminal control characters are shown escaped.\n\n" +
			"-c copies the value instead, by wl-copy, xclip, xsel, pbcopy or powershell, and clears it 45 seconds later if it is still\n" +
			"there.\n\n" +
			"A format flag on the command line prints an object with id, vault, name, field and value; a value that is not UTF-8 is\n" +
			"in base64 there, and a member `encoding` says so. KEYHOLD_FORMAT changes nothing here.",
		Example: "  keyhold get mail\n" +
			"  keyhold get mail -f username\n" +
			"  token=$(keyhold get github -n)\n" +
			"  keyhold get mail --rev 1\n" +
			"  keyhold get mail --json",
		Args: args.Exactly("ITEM"),

		ValidArgsFunction: complete.Items(a, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.name, o.typedField = args[0], cmd.Flags().Changed("field")
			return o.run(cmd.Context())
		},
	}
	cmd.Flags().StringVarP(&o.field, "field", "f", "", "`field` to print; default the main one")
	cmd.Flags().IntVar(&o.revision, "rev", 0, "print it as it was before the last `N` changes")
	cmd.Flags().BoolVarP(&o.noNewline, "no-newline", "n", false, "print no newline after the value")
	copyFlag(cmd, &o.copies)
	_ = cmd.RegisterFlagCompletionFunc("field", complete.Fields(a))
	return cmd
}

func (o *getOptions) run(ctx context.Context) error {
	if o.typedField && o.field == "" {
		return app.Usagef("--field is empty")
	}
	if err := o.app.MayPrint(app.RunLine(o.name)); err != nil {
		return err
	}
	name, field, err := o.app.ItemArg(o.name)
	if err != nil {
		return err
	}
	if field != "" {
		if o.typedField {
			return app.Usagef("%s names a field already: it goes with no --field", o.name)
		}
		o.field = field
	}
	it, info, err := readNamed(ctx, o.app, name, o.revision)
	if err != nil {
		return err
	}
	f, err := o.app.PickField(it, o.field)
	if err != nil {
		return err
	}
	if o.copies {
		return o.app.Copy(ctx, f.Value, fmt.Sprintf("the %s of %q", f.Name, it.Name))
	}
	return o.print(info, it, f)
}

func (o *getOptions) print(info backend.Info, it vault.Item, f vault.Field) error {
	if p := o.app.ValuePrinter(); p != nil {
		obj := output.Object{
			{Name: "id", Value: it.ID}, {Name: "vault", Value: info.Name}, {Name: "name", Value: it.Name}, {Name: "field", Value: f.Name},
		}
		if value := f.Value.Reveal(); !utf8.Valid(value) {
			text := secret.TextOf(base64.StdEncoding.EncodeToString(value))
			return p.Object(obj.With("value", output.Reveal(text.Bytes())).With("encoding", "base64"))
		}
		return p.Object(obj.With("value", output.Reveal(f.Value)))
	}
	value := f.Value.Reveal()
	if o.app.OutTerminal {
		value = []byte(output.SafeLines(string(value)))
	}
	if !o.noNewline {
		value = append(value[:len(value):len(value)], '\n')
	}
	return write(o.app.Out, value)
}

// copyFlag adds the flag -c.
func copyFlag(cmd *cobra.Command, copies *bool) {
	cmd.Flags().BoolVarP(copies, "copy", "c", false, "copy it to the clipboard, print nothing; cleared after 45 s if unchanged")
}

func write(w io.Writer, b []byte) error {
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}
