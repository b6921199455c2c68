package usecmd

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
	"github.com/keyhold/keyhold/internal/output"
	"github.com/keyhold/keyhold/internal/ref"
)

// maxTemplate is how large a template may be.
const maxTemplate = 16 << 20

type injectOptions struct {
	app *app.App

	in, place string
	out       app.OutFile
}

// NewInject returns the inject command.
func NewInject(a *app.App) *cobra.Command {
	o := injectOptions{app: a}
	cmd := &cobra.Command{
		Use:   "inject",
		Short: "Put values into a template",
		Long: "Read a template from -i or standard input and write it with the value of each {{ kh://VAULT/ITEM/FIELD }} in its place.\n" +
			"Other braces stay as they are. {{ REF | url }} percent-encodes the value; json, shell and base64 are filters too. With\n" +
			"--for the values are quoted or escaped for where they stand in a file of that kind, so that whatever is in a value, it\n" +
			"stays one value; what cannot stand there is status 2.\n\n" +
			"If one reference is wrong or cannot be resolved nothing is written, and each that is wrong is named. -o writes to a file,\n" +
			"whole or not at all, that only you can read; one that is there is status 8 unless --force is given. With\n" +
			"KEYHOLD_NO_PRINT=1 inject refuses, with status 7.",
		Example: "  keyhold inject -i config.yaml.tpl -o config.yaml --for yaml\n" +
			"  echo 'https://{{ kh://prod/db/username }}:{{ kh://prod/db | url }}@db.internal/' | keyhold inject",
		Args: args.None(),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	f := cmd.Flags()
	f.StringVarP(&o.in, "in-file", "i", "", "read the template from this `file`")
	f.StringVar(&o.place, "for", "", "the template is a file of this `KIND`: json, yaml, shell or dotenv")
	outFlags(f, &o.out)
	_ = cmd.RegisterFlagCompletionFunc("for", complete.Words(places...))
	return cmd
}

var places = []string{string(ref.InJSON), string(ref.InYAML), string(ref.InShell), string(ref.InDotenv)}

func (o *injectOptions) run(ctx context.Context) error {
	if !known(o.place) {
		return app.Usagef("--for is json, yaml, shell or dotenv, not %s", args.Quote(o.place))
	}
	if err := o.app.MayPrint("keyhold run --env-file FILE -- COMMAND"); err != nil {
		return err
	}
	if err := o.app.Check(o.out); err != nil {
		return err
	}
	template, err := o.read()
	if err != nil {
		return err
	}
	pieces, err := ref.ParseTemplate(string(template))
	if err != nil {
		return o.app.Several(split(err), "%d placeholders of the template are wrong")
	}
	var refs []ref.Ref
	for _, p := range pieces {
		if p.Placeholder() {
			refs = append(refs, p.Ref)
		}
	}
	found, err := o.app.Resolve(ctx, refs, nil)
	if err != nil {
		return err
	}
	filled, err := ref.Fill(pieces, ref.Place(o.place), found.Value)
	if err != nil {
		return err
	}
	if o.app.OutTerminal && o.out.Name == "" {
		filled = []byte(output.SafeLines(string(filled)))
	}
	return o.app.Write(o.out, filled)
}

func known(place string) bool {
	for _, p := range places {
		if p == place {
			return true
		}
	}
	return place == ""
}

// split takes apart what errors.Join made.
func split(err error) []error {
	var several interface{ Unwrap() []error }
	if errors.As(err, &several) {
		return several.Unwrap()
	}
	return []error{err}
}

func (o *injectOptions) read() ([]byte, error) {
	if o.in == "" {
		if o.app.Settings.Password.Stdin || o.app.Settings.Password.FD == 0 {
			return nil, &app.UsageError{Message: "standard input can be read only once: give the template by -i", Try: "keyhold inject -i FILE"}
		}
		if o.app.InTerminal {
			return nil, &app.UsageError{Message: "the template is missing: give it by -i or on standard input", Try: "keyhold inject -i FILE"}
		}
		return app.ReadAll(o.app.In, maxTemplate)
	}
	f, err := os.Open(o.in)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	b, err := app.ReadAll(f, maxTemplate)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", o.in, err)
	}
	return b, nil
}
