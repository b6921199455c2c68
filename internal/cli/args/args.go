// Package args checks the positional arguments of commands, by their names in
// the usage line.
package args

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
)

// Exactly wants one argument for each of these names.
func Exactly(names ...string) cobra.PositionalArgs { return Between(names) }

// Between wants an argument for each of required and takes some for optional.
func Between(required []string, optional ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		if len(given) < len(required) {
			return missing(cmd, required[len(given):])
		}
		if most := len(required) + len(optional); len(given) > most {
			if err := Foreign(cmd, given); err != nil {
				return err
			}
			return tooMany(cmd, given[most])
		}
		return nil
	}
}

// AtLeast wants an argument for each of these names and takes any number more.
func AtLeast(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		if len(given) < len(names) {
			return missing(cmd, names[len(given):])
		}
		return nil
	}
}

// None takes no arguments.
func None() cobra.PositionalArgs { return Between(nil) }

func missing(cmd *cobra.Command, names []string) error {
	return &app.UsageError{Message: strings.Join(names, ", ") + " is missing: " + cmd.UseLine(), Try: cmd.CommandPath() + " --help"}
}

func tooMany(cmd *cobra.Command, extra string) error {
	return &app.UsageError{Message: "one argument too many, " + Quote(extra) + ": " + cmd.UseLine(), Try: cmd.CommandPath() + " --help"}
}

// Quote is app.Quote, at hand where arguments are.
func Quote(s string) string { return app.Quote(s) }
