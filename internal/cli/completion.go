package cli

import (
	"embed"
	"io"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
)

// The scripts are keyhold's own: those of cobra evaluate what was typed, and the
// one for bash needs a package.
//
//go:embed shells
var shells embed.FS

func newCompletion(a *app.App) *cobra.Command {
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print the completion script of a shell",
		Long: "Print the script that completes commands, flags, the names of vaults, items and fields, and references in bash, zsh,\n" +
			"fish or powershell. Names are offered while the vaults are unlocked; completion never asks and does not keep them open.\n\n" +
			"To try it in this shell: `source <(keyhold completion bash)`. In bash it works with and without the package\n" +
			"bash-completion; without it the script is loaded by that line in ~/.bashrc, with it by a file as in the example.",
		Example: "  keyhold completion bash >~/.local/share/bash-completion/completions/keyhold\n" +
			"  keyhold completion zsh >\"${fpath[1]}/_keyhold\"\n  keyhold completion fish >~/.config/fish/completions/keyhold.fish",
		Annotations:       map[string]string{app.AnyConfig: "yes"},
		Args:              args.Exactly("SHELL"),
		ValidArgsFunction: complete.Words("bash", "zsh", "fish", "powershell"),
		RunE:              func(cmd *cobra.Command, args []string) error { return WriteCompletion(a.Out, cmd.Root(), args[0]) },
	}
}

// WriteCompletion writes the completion script of a shell.
func WriteCompletion(w io.Writer, root *cobra.Command, shell string) error {
	switch shell {
	case "bash", "zsh", "fish":
		script, err := shells.ReadFile("shells/keyhold." + shell)
		if err == nil {
			_, err = w.Write(script)
		}
		return err
	case "powershell", "pwsh":
		return root.GenPowerShellCompletionWithDesc(w)
	}
	return app.Usagef("there is no completion for %q: it is for bash, zsh, fish or powershell", shell)
}
