package usecmd

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/generate"
	"github.com/keyhold/keyhold/internal/output"
	"github.com/keyhold/keyhold/internal/secret"
)

// maxCount is how many passwords one command makes.
const maxCount = 1000

type generateOptions struct {
	app *app.App

	recipe generate.Recipe
	count  int
	copies bool
}

// NewGenerate returns the generate command.
func NewGenerate(a *app.App) *cobra.Command {
	o := generateOptions{app: a, recipe: generate.Default()}
	cmd := &cobra.Command{
		Use:     "generate",
		Aliases: []string{"gen", "pwgen"},
		Short:   "Print a new password or passphrase",
		Long: "Print a new random password and a newline; nothing is stored. It has letters and digits, or the classes of\n" +
			"--classes: l lower case, u upper case, d digits, s symbols; at least one character of each. --no-lookalikes\n" +
			"leaves out 0 O o, 1 l I |, quotes, and . , : ;. With --words it is a passphrase of words from a list of 7,776:\n" +
			"the EFF Large Wordlist (eff.org/dice, CC BY 3.0 US). A format flag on the command line prints an object with\n" +
			"value, length and bits, or an array of them.",
		Example: "  keyhold generate\n  keyhold generate --length 32 --classes luds\n  keyhold generate --words 6\n  keyhold put mail --generate",
		Args:    args.None(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("words") {
				if err := o.passphrase(cmd.Flags().Changed); err != nil {
					return err
				}
			}
			return o.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.recipe.Length, "length", o.recipe.Length, "make `N` characters; default 24")
	f.IntVar(&o.recipe.Words, "words", 0, "make a passphrase of `N` words")
	f.StringVar(&o.recipe.Classes, "classes", o.recipe.Classes, "use these `CLASSES` of characters, letters of luds; default lud")
	f.BoolVar(&o.recipe.NoLookalikes, "no-lookalikes", false, "leave out characters that look like others")
	f.BoolVarP(&o.copies, "copy", "c", false, "copy it to the clipboard, print nothing; cleared after 45 s if unchanged")
	f.IntVar(&o.count, "count", 1, "make `N` of them, one a line; default 1")
	return cmd
}

// passphrase makes the recipe one for words: --words was given.
func (o *generateOptions) passphrase(given func(string) bool) error {
	n := o.recipe.Words
	if n < 1 || n > generate.MaxWords {
		return &app.UsageError{
			Message: fmt.Sprintf("a passphrase has 1 to %d words, not %d", generate.MaxWords, n), Try: "keyhold generate --words 6",
		}
	}
	for _, other := range []string{"length", "classes", "no-lookalikes"} {
		if given(other) {
			return &app.UsageError{
				Message: "--words and --" + other + " do not go together", Try: fmt.Sprintf("keyhold generate --words %d", n),
			}
		}
	}
	o.recipe = generate.Recipe{Words: n}
	return nil
}

func (o *generateOptions) run(ctx context.Context) error {
	if err := o.recipe.Check(); err != nil {
		return &app.UsageError{Message: err.Error(), Try: "keyhold generate --length 24 --classes luds"}
	}
	if o.count < 1 || o.count > maxCount {
		return &app.UsageError{Message: fmt.Sprintf("--count is 1 to %d, not %d", maxCount, o.count), Try: "keyhold generate --count 10"}
	}
	if o.copies && o.count > 1 {
		return &app.UsageError{Message: "one can be copied, not several", Try: "keyhold generate -c"}
	}
	if err := o.app.MayPrint("keyhold put NAME --generate"); err != nil {
		return err
	}
	made := make([]secret.String, o.count)
	for i := range made {
		var err error
		if made[i], err = o.recipe.Make(o.app.Rand); err != nil {
			return fmt.Errorf("generate: %w", err)
		}
	}
	if o.copies {
		return o.app.Copy(ctx, made[0].Bytes(), "what was made, "+o.recipe.Describe())
	}
	if err := o.print(made); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	notice := o.recipe.Describe()
	if o.count > 1 {
		notice += " each"
	}
	o.app.Messages().Notice(notice)
	return nil
}

func (o *generateOptions) print(made []secret.String) error {
	wide := *o.app
	wide.Width = 0 // a value is never cut to fit
	p := wide.ValuePrinter()
	if p == nil {
		var lines strings.Builder
		for _, v := range made {
			lines.WriteString(v.Reveal())
			lines.WriteByte('\n')
		}
		_, err := o.app.Out.Write([]byte(lines.String()))
		return err
	}
	bits := int(math.Round(o.recipe.Bits()))
	rows := make([]output.Object, len(made))
	for i, v := range made {
		rows[i] = output.Object{
			{Name: "value", Value: output.Reveal(v.Bytes())}, {Name: "length", Value: v.Len()}, {Name: "bits", Value: bits},
		}
	}
	if o.count == 1 {
		return p.Object(rows[0])
	}
	return p.List(nil, rows)
}
