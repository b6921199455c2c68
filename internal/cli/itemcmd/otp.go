package itemcmd

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
	"github.com/keyhold/keyhold/internal/output"
)

type otpOptions struct {
	app *app.App

	name         string
	seed, copies bool
}

// NewOtp returns the otp command.
func NewOtp(a *app.App) *cobra.Command {
	o := otpOptions{app: a}
	cmd := &cobra.Command{
		Use:     "otp ITEM",
		Aliases: []string{"totp", "code"},
		Short:   "Print the current one-time code of an item",
		Long: "Print the one-time code (TOTP) that the seed in the field totp gives now. The seed is what a service shows as text or as\n" +
			"an otpauth:// address: `keyhold put mail totp` asks for it. SHA-1, SHA-256 and SHA-512, 6 to 8 digits, any period.\n\n" +
			"An item without a seed is status 5, a seed that makes no codes of this kind status 2. --seed prints the seed itself, for\n" +
			"another device. A format flag on the command line prints an object with code, valid_until and period.",
		Example:           "  keyhold put mail totp\n  keyhold otp mail\n  keyhold otp mail --json",
		Args:              args.Exactly("ITEM"),
		ValidArgsFunction: complete.Items(a, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.name = args[0]
			return o.run(cmd.Context())
		},
	}
	copyFlag(cmd, &o.copies)
	cmd.Flags().BoolVar(&o.seed, "seed", false, "print the seed, not a code")
	return cmd
}

func (o *otpOptions) run(ctx context.Context) error {
	if err := o.app.MayPrint(app.RunLine(o.name)); err != nil {
		return err
	}
	name, field, err := o.app.ItemArg(o.name)
	if err == nil && field != "" && field != "otp" && field != "totp" {
		name, err = o.app.WholeItem(o.name)
	}
	if err != nil {
		return err
	}
	it, info, err := readNamed(ctx, o.app, name, 0)
	if err != nil {
		return err
	}
	seed, ok := app.Seed(it)
	if !ok {
		return &app.FieldError{Item: it, Name: "totp"}
	}
	obj := output.Object{{Name: "id", Value: it.ID}, {Name: "vault", Value: info.Name}, {Name: "name", Value: it.Name}}
	value, what := seed.Value, "seed"
	if o.seed {
		obj = obj.With("seed", output.Reveal(value))
	} else {
		code, err := o.app.Code(it, seed)
		if err != nil {
			return err
		}
		obj = obj.With("code", output.Reveal(code.Text)).With("valid_until", code.Until).With("period", int(code.Period/time.Second))
		value, what = code.Text, "one-time code"
	}
	if o.copies {
		return o.app.Copy(ctx, value, fmt.Sprintf("the %s of %q", what, it.Name))
	}
	if p := o.app.ValuePrinter(); p != nil {
		return p.Object(obj)
	}
	return write(o.app.Out, append(value.Reveal()[:value.Len():value.Len()], '\n'))
}
