package configcmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
	"github.com/keyhold/keyhold/internal/output"
)

// NewDoctor returns the doctor command.
func NewDoctor(a *app.App) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Look for what is wrong here, and say what mends it",
		Long: "Look at the home and who can read it, the configuration, the environment, every keyring, the account and the whole\n" +
			"store. Each thing that is wrong comes with the command that mends it, and the exit status is 11. Nothing secret is\n" +
			"read and no password is asked for.",
		Example:           "  keyhold doctor\n  keyhold doctor --json",
		Annotations:       anyConfig(),
		Args:              args.None(),
		ValidArgsFunction: complete.Nothing,
		RunE:              func(cmd *cobra.Command, _ []string) error { return doctor(cmd.Context(), a) },
	}
}

func doctor(ctx context.Context, a *app.App) error {
	rows := []output.Object{}
	bad := 0
	for _, d := range a.Diagnose(ctx) {
		o := output.Object{{Name: "check", Value: d.Check}, {Name: "ok", Value: d.OK}, {Name: "detail", Value: d.Detail}}
		if !d.OK {
			bad++
			o = o.With("mend", d.Mend)
		}
		rows = append(rows, o)
	}
	columns := []output.Column{{Name: "check"}, {Name: "ok"}, {Name: "detail"}, {Name: "mend"}}
	if err := a.Printer().List(columns, rows); err != nil {
		return err
	}
	if bad > 0 {
		return fmt.Errorf("doctor: %w: %d", app.ErrFindings, bad)
	}
	return nil
}
