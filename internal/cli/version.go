package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/output"
)

func newVersion(a *app.App) *cobra.Command {
	return &cobra.Command{
		Use:         "version",
		Short:       "Print the version",
		Long:        "Print the version of this binary, the Go release it was built with, and the system it is for.",
		Example:     "  keyhold version\n  keyhold version --json",
		Annotations: map[string]string{app.AnyConfig: "yes"},
		Args:        args.None(),
		RunE:        func(*cobra.Command, []string) error { return printVersion(a) },
	}
}

func printVersion(a *app.App) error {
	v := a.Version
	if a.Settings.FormatTyped {
		o := output.Object{{Name: "version", Value: v.Number}}
		if v.Commit != "" {
			o = o.With("commit", v.Commit)
		}
		return a.Printer().Object(o.With("go", v.Go).With("platform", v.Platform))
	}
	_, err := fmt.Fprintf(a.Out, "keyhold %s (%s, %s)\n", v.Number, v.Go, v.Platform)
	return err
}
