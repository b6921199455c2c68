package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
)

const helpTemplate = `{{with .Short}}{{.}}.
{{end}}{{with .Long}}
{{. | trimTrailingWhitespaces}}
{{end}}
{{.UsageString}}`

const usageTemplate = `Usage:
  {{if .Runnable}}{{.UseLine}}{{else}}{{.CommandPath}} COMMAND{{end}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}

Commands:{{range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableInheritedFlags}}

Global flags:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}
`

func newHelp(a *app.App) *cobra.Command {
	return &cobra.Command{
		Use:         "help [COMMAND|TOPIC]",
		Short:       "Explain a command or a topic",
		Long:        "Explain a command, or one of these topics:\n\n" + topicList(),
		Example:     "  keyhold help put\n  keyhold help exit-codes",
		Annotations: map[string]string{app.AnyConfig: "yes"},
		ValidArgsFunction: func(cmd *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
			var words []string
			if len(given) == 0 {
				for _, t := range topics() {
					words = append(words, t.name)
				}
				for _, c := range cmd.Root().Commands() {
					if c.IsAvailableCommand() {
						words = append(words, c.Name())
					}
				}
			}
			return words, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				if err := cmd.Root().Help(); err != nil {
					return err
				}
				_, err := fmt.Fprintf(a.Out, "\nTopics, by keyhold help TOPIC:\n%s", topicList())
				return err
			}
			for _, t := range topics() {
				if t.name == args[0] {
					return t.print(a)
				}
			}
			found, rest, err := cmd.Root().Find(args)
			if err != nil || found == cmd.Root() || len(rest) > 0 {
				return &app.UsageError{Message: "there is no command or topic " + strings.Join(args, " "), Try: "keyhold help"}
			}
			found.InitDefaultHelpFlag()
			return found.Help()
		},
	}
}

// firstScreen is what keyhold alone prints.
func firstScreen(a *app.App, root *cobra.Command) error {
	var b strings.Builder
	b.WriteString("keyhold keeps a developer's secrets, encrypted on this machine.\n\n" +
		"Start with:\n  keyhold put mail username=me@example.com\n  keyhold get mail\n")
	for _, g := range root.Groups() {
		fmt.Fprintf(&b, "\n%s\n", g.Title)
		for _, c := range root.Commands() {
			if c.GroupID == g.ID && c.IsAvailableCommand() {
				fmt.Fprintf(&b, "  %-10s %s\n", c.Name(), c.Short)
			}
		}
	}
	b.WriteString("\nkeyhold COMMAND --help explains one, keyhold help lists topics.\n")
	_, err := a.Out.Write([]byte(b.String()))
	return err
}
