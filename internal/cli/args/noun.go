package args

import (
	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
)

// Noun makes cmd a noun, which only has commands below it: alone it shows its
// help, and a word that is no command of its is a wrong use.
func Noun(cmd *cobra.Command) *cobra.Command {
	cmd.Args, cmd.SuggestionsMinimumDistance = cobra.ArbitraryArgs, 2
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		if len(given) == 0 {
			return cmd.Help()
		}
		return Unknown(cmd, given)
	}
	return cmd
}

// Unknown reports a word that is no command below cmd: what it is here, if
// another tool calls something so, else the nearest one.
func Unknown(cmd *cobra.Command, given []string) error {
	if err := Foreign(cmd, given); err != nil {
		return err
	}
	try := cmd.CommandPath() + " --help"
	if near := cmd.SuggestionsFor(given[0]); len(near) > 0 {
		try = cmd.CommandPath() + " " + near[0]
	}
	return &app.UsageError{Message: "there is no command " + given[0], Try: try}
}
