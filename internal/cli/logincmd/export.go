package logincmd

import (
	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
)

func newProfileExport(a *app.App) *cobra.Command {
	var out app.OutFile
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write a profile file for machines that keep nothing",
		Long: "Print the profile as a file for --profile ./FILE on a machine that keeps nothing, such as a CI job: address, account, and\n" +
			"what this machine has seen of keys and vaults. It holds no secret and can stand in a repository.\n\n" +
			"Used from a file, nothing is written there, the master password comes from a source, and what the service shows has to\n" +
			"match: another key, a weaker key derivation or an older vault is status 10. A profile of a pwm service, where a token logs\n" +
			"in and not the password, is status 2.",
		Example: "  keyhold profile export -o ci.yaml\n" +
			"  KEYHOLD_PASSWORD_FILE=/run/secrets/kh keyhold --profile ./ci.yaml run --env-file ci.env -- make release",
		Args:              args.None(),
		ValidArgsFunction: complete.Nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.Check(out); err != nil {
				return err
			}
			text, err := a.ExportProfile(cmd.Context())
			if err != nil {
				return err
			}
			return a.Write(out, text)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&out.Name, "out-file", "o", "", "write to this `file`, which only you can read")
	f.BoolVar(&out.Force, "force", false, "replace the file if it is there")
	return cmd
}
