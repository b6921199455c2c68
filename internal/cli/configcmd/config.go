// Package configcmd has the commands for settings: config get, set, unset,
// list, edit, path; and doctor, which looks at everything.
package configcmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
	"github.com/keyhold/keyhold/internal/config"
	"github.com/keyhold/keyhold/internal/output"
)

// NewConfig returns the config command, with all below it if whole is set.
func NewConfig(a *app.App, whole bool) *cobra.Command {
	cmd := args.Noun(&cobra.Command{
		Use:         "config",
		Annotations: map[string]string{app.AnyProfile: "yes"},
		Short:       "Show and change settings",
		Long: "Show and change settings. A setting comes from a flag, else from the environment, else from the profile in the\n" +
			"configuration file, else from that file, else it has its default. The file need not be there; one that others can\n" +
			"write is refused. No secret may be set in it.",
		Example: "  keyhold config set session.idle 30m\n" +
			"  keyhold config get session.idle\n" +
			"  keyhold config list --explain",
	})
	if whole {
		cmd.AddCommand(newGet(a), newSet(a), newUnset(a), newList(a), newEdit(a), newPath(a))
	}
	return cmd
}

// anyConfig marks commands that go on with a configuration that cannot be read.
func anyConfig() map[string]string { return map[string]string{app.AnyConfig: "yes"} }

// names offers the settings that the file can have.
func names(_ *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
	var list []string
	for _, k := range config.Keys() {
		if k.File && !k.Profile && len(given) == 0 {
			list = append(list, k.Name)
		}
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}

func newGet(a *app.App) *cobra.Command {
	return &cobra.Command{
		Use:   "get NAME",
		Short: "Print the value of a setting",
		Long: "Print what a setting is, wherever that comes from. profiles.NAME.MEMBER is what the file says about a profile. A\n" +
			"setting without a value is status 5, one that does not exist status 2.",
		Example:           "  keyhold config get session.idle\n  keyhold config get profiles.work.vault",
		Args:              args.Exactly("NAME"),
		ValidArgsFunction: names,
		RunE:              func(_ *cobra.Command, args []string) error { return get(a, args[0]) },
	}
}

func get(a *app.App, name string) error {
	v, err := a.Setting(name)
	var unknown *config.KeyError
	if errors.As(err, &unknown) {
		f, ferr := a.Config()
		if ferr != nil {
			return ferr
		}
		v.Value, _, err = f.Get(name)
	}
	if err != nil {
		return err
	}
	if v.Value == "" {
		return &app.NotFoundError{What: "value of the setting", Name: name, Try: "keyhold config set " + args.Quote(name) + " VALUE", Kind: app.ErrNoField}
	}
	if a.Settings.FormatTyped {
		return a.Printer().Object(output.Object{{Name: "name", Value: name}, {Name: "value", Value: v.Value}})
	}
	return a.Printer().Names(func(yield func(string) bool) { yield(v.Value) }, false)
}

func newSet(a *app.App) *cobra.Command {
	return &cobra.Command{
		Use:   "set NAME VALUE",
		Short: "Set a setting in the configuration file",
		Long: "Set a setting in the configuration file, which is made if it is not there. Comments and order stay. A name or a value\n" +
			"that cannot be is status 2, and so is a secret. Nothing is printed.",
		Example: "  keyhold config set session.idle 30m\n" +
			"  keyhold config set keyring kernel\n" +
			"  keyhold config set profiles.work.vault ci",
		Args:              args.Exactly("NAME", "VALUE"),
		ValidArgsFunction: names,
		RunE: func(_ *cobra.Command, args []string) error {
			f, err := a.Config()
			if err != nil {
				return err
			}
			return f.Set(args[0], args[1])
		},
	}
}

func newUnset(a *app.App) *cobra.Command {
	return &cobra.Command{
		Use:   "unset NAME",
		Short: "Take a setting out of the configuration file",
		Long: "Take a setting out of the configuration file, so that it has its default again. That it is not there is no error.\n" +
			"Nothing is printed.",
		Example:           "  keyhold config unset session.idle\n  keyhold config unset profiles.work.vault",
		Args:              args.Exactly("NAME"),
		ValidArgsFunction: names,
		RunE: func(_ *cobra.Command, args []string) error {
			f, err := a.Config()
			if err != nil {
				return err
			}
			return f.Unset(args[0])
		},
	}
}

func newList(a *app.App) *cobra.Command {
	explain := false
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the settings and where they come from",
		Long: "List the settings that have a value: name and value, with --explain also the kind of place that it comes from\n" +
			"(flag, environment, profile, file, default) and the place itself. Of a secret it only says that it is set.",
		Example:           "  keyhold config list\n  keyhold config list --explain\n  keyhold config list --json",
		Aliases:           []string{"ls"},
		Args:              args.None(),
		ValidArgsFunction: complete.Nothing,
		RunE:              func(*cobra.Command, []string) error { return list(a, explain) },
	}
	cmd.Flags().BoolVar(&explain, "explain", false, "say where each value comes from")
	return cmd
}

func list(a *app.App, explain bool) error {
	values, err := a.Explain()
	if err != nil {
		return err
	}
	rows := []output.Object{}
	for _, v := range values {
		if v.Value == "" {
			continue
		}
		o := output.Object{{Name: "name", Value: v.Key.Name}, {Name: "value", Value: v.Value}}
		if explain {
			o = o.With("source", string(v.Source)).With("where", v.Where)
		}
		rows = append(rows, o)
	}
	columns := []output.Column{{Name: "name"}, {Name: "value"}}
	if explain {
		columns = append(columns, output.Column{Name: "source"}, output.Column{Name: "where"})
	}
	return a.Printer().List(columns, rows)
}

func newEdit(a *app.App) *cobra.Command {
	return &cobra.Command{
		Use:   "edit",
		Short: "Edit the configuration file",
		Long: "Open the configuration file in $VISUAL, $EDITOR or vi and check it afterwards. What cannot be used is saved all the\n" +
			"same; the status is 2 then, and the message names the line.",
		Example:           "  keyhold config edit\n  EDITOR=nano keyhold config edit",
		Annotations:       anyConfig(),
		Args:              args.None(),
		ValidArgsFunction: complete.Nothing,
		RunE:              func(cmd *cobra.Command, _ []string) error { return edit(cmd.Context(), a) },
	}
}

func edit(ctx context.Context, a *app.App) error {
	path, err := a.ConfigPath()
	if err != nil {
		return err
	}
	if err := a.EditFile(ctx, path); err != nil {
		return err
	}
	_, err = config.Open(path)
	if err != nil {
		return fmt.Errorf("the file is saved, but cannot be used: %w", err)
	}
	return nil
}

func newPath(a *app.App) *cobra.Command {
	return &cobra.Command{
		Use:   "path",
		Short: "Print where the configuration file is",
		Long: "Print the path of the configuration file, which need not be there: what --config or KEYHOLD_CONFIG says, else\n" +
			"config.yaml in KEYHOLD_HOME if that is set, else where the system keeps configuration.",
		Example:           "  keyhold config path\n  cat \"$(keyhold config path)\"",
		Annotations:       anyConfig(),
		Args:              args.None(),
		ValidArgsFunction: complete.Nothing,
		RunE: func(*cobra.Command, []string) error {
			path, err := a.ConfigPath()
			if err != nil {
				return err
			}
			if a.Settings.FormatTyped {
				return a.Printer().Object(output.Object{{Name: "path", Value: path}})
			}
			return a.Printer().Names(func(yield func(string) bool) { yield(path) }, false)
		},
	}
}
