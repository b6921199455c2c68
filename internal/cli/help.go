package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/keyhold/keyhold/internal/app"
)

// helpText is what --help prints.
func helpText(cmd *cobra.Command) string {
	cmd.InitDefaultHelpFlag()
	var b strings.Builder
	fmt.Fprintf(&b, "%s.\n\n%s\n\nUsage:\n  %s\n", cmd.Short, strings.TrimRight(cmd.Long, "\n"), useLine(cmd))
	if cmd.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", cmd.Example)
	}
	if cmd.HasAvailableSubCommands() {
		b.WriteString("\nCommands:\n")
		for _, c := range cmd.Commands() {
			if c.IsAvailableCommand() {
				fmt.Fprintf(&b, "  %-*s %s\n", cmd.NamePadding(), c.Name(), c.Short)
			}
		}
	}
	flagsText(&b, "Flags", cmd.LocalFlags())
	flagsText(&b, "Global flags", cmd.InheritedFlags())
	return b.String()
}

// useLine says how cmd is used; a noun is nothing without a command.
func useLine(cmd *cobra.Command) string {
	if cmd.HasAvailableSubCommands() && cmd.HasParent() {
		return cmd.CommandPath() + " COMMAND"
	}
	return cmd.UseLine()
}

// flagsText lists flags with what they mean below each other. The library's own
// list says [=true|false] of every switch.
func flagsText(b *strings.Builder, title string, flags *pflag.FlagSet) {
	var names, usages []string
	widest := 0
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		name := "    --" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", --" + f.Name
		}
		if f.NoOptDefVal != "" && f.Value.Type() == "string" {
			name += "[=" + value + "]"
		} else if value != "" && f.Value.Type() != "bool" && f.Value.Type() != "count" {
			name += " " + value
		}
		names, usages = append(names, name), append(usages, usage)
		widest = max(widest, len(name))
	})
	if len(names) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s:\n", title)
	for i, name := range names {
		fmt.Fprintf(b, "  %-*s  %s\n", widest, name, usages[i])
	}
}

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
