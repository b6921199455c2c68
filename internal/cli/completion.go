package cli

import (
	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
)

func newCompletion(a *app.App) *cobra.Command {
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print the completion script of a shell",
		Long: "Print the script that completes commands, flags, and the names of vaults and items in bash, zsh, fish or powershell.\n" +
			"Names are offered while the vaults are unlocked; completion never asks and does not keep them open.",
		Example: "  keyhold completion bash >~/.local/share/bash-completion/completions/keyhold\n" +
			"  keyhold completion zsh >\"${fpath[1]}/_keyhold\"\n  keyhold completion fish >~/.config/fish/completions/keyhold.fish",
		Annotations:       map[string]string{app.AnyConfig: "yes"},
		Args:              args.Exactly("SHELL"),
		ValidArgsFunction: complete.Words("bash", "zsh", "fish", "powershell"),
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.Out, true)
			case "zsh":
				return root.GenZshCompletion(a.Out)
			case "fish":
				return root.GenFishCompletion(a.Out, true)
			case "powershell", "pwsh":
				return root.GenPowerShellCompletionWithDesc(a.Out)
			}
			return app.Usagef("there is no completion for %q: it is for bash, zsh, fish or powershell", args[0])
		},
	}
}
