package logincmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
	"github.com/keyhold/keyhold/internal/config"
	"github.com/keyhold/keyhold/internal/output"
)

// NewProfile returns the profile command, with all below it if whole is set.
func NewProfile(a *app.App, whole bool) *cobra.Command {
	cmd := args.Noun(&cobra.Command{
		Use:         "profile",
		Annotations: map[string]string{app.AnyProfile: "yes"},
		Short:       "Make and choose profiles",
		Long: "A profile is one world: a place where vaults live, with a master password of its own. The profile default always\n" +
			"exists. --profile or KEYHOLD_PROFILE chooses one for a command, `keyhold profile use` for good. Only `login`, `signup` and\n" +
			"`keyhold profile create` make one: for any other command a profile that is not there is status 5.",
		Example: "  keyhold profile create work\n  keyhold profile use work",
	})
	if whole {
		cmd.AddCommand(newProfileList(a), newProfileShow(a), newProfileCreate(a), newProfileUse(a), newProfileRename(a), newProfileDelete(a), newProfileExport(a))
	}
	return cmd
}

func newProfileList(a *app.App) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the profiles",
		Long: "List the profiles of the configuration, and default. A pipe gets the columns name, in use, backend. No password is\n" +
			"needed.",
		Example:           "  keyhold profile list\n  keyhold profile list --json",
		Args:              args.None(),
		ValidArgsFunction: complete.Nothing,
		RunE: func(*cobra.Command, []string) error {
			f, err := a.Config()
			if err != nil {
				return err
			}
			rows := []output.Object{}
			for _, name := range f.Profiles() {
				rows = append(rows, profileObject(a.Settings.Profile, f, name))
			}
			return a.Printer().List([]output.Column{{Name: "name"}, {Name: "in_use"}, {Name: "backend"}}, rows)
		},
	}
}

// profileObject is a profile as it is printed.
func profileObject(inUse string, f *config.File, name string) output.Object {
	p, _ := f.Profile(name)
	o := output.Object{{Name: "name", Value: name}, {Name: "in_use", Value: name == inUse}, {Name: "backend", Value: p.Backend}}
	for _, m := range []struct{ name, value string }{
		{"url", p.URL}, {"email", p.Email}, {"vault", p.Vault}, {"store", p.Store}, {"secret_storage", p.SecretStorage}, {"key", p.Key},
	} {
		if m.value != "" {
			o = o.With(m.name, m.value)
		}
	}
	return o
}

func newProfileShow(a *app.App) *cobra.Command {
	return &cobra.Command{
		Use:   "show [NAME]",
		Short: "Show what is known of a profile",
		Long: "Show a profile: where its vaults live, the file that they are in if that is this machine, and what the configuration says\n" +
			"of it. Without NAME the one in use. No password is needed. To back vaults of this machine up, copy that file.",
		Example:           "  keyhold profile show\n  keyhold profile show work --json",
		Args:              args.Between(nil, "NAME"),
		ValidArgsFunction: complete.Profiles(a, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			name := a.Settings.Profile
			if len(args) > 0 {
				name = args[0]
			}
			if err := a.CheckProfile(name); err != nil {
				return err
			}
			f, err := a.Config()
			if err != nil {
				return err
			}
			o := profileObject(a.Settings.Profile, f, name)
			if !a.IsBound(name) {
				path, err := a.StorePath(name)
				if err != nil {
					return err
				}
				o = o.With("path", path)
			}
			return a.Printer().Object(o)
		},
	}
}

func newProfileCreate(a *app.App) *cobra.Command {
	return &cobra.Command{
		Use:   "create NAME",
		Short: "Make a profile",
		Long: "Make a profile: it is written into the configuration. Its vaults will be on this machine, in a file of their own and\n" +
			"under a master password of its own; the first item makes them. Names are lower-case letters, digits, dots, _ and -. A\n" +
			"name that is taken is status 8. The profile in use stays in use.",
		Example: "  keyhold profile create work\n" +
			"  keyhold --profile work put mail\n" +
			"  keyhold profile use work",
		Args:              args.Exactly("NAME"),
		ValidArgsFunction: complete.Nothing,
		RunE: func(_ *cobra.Command, args []string) error {
			if err := a.CreateProfile(args[0]); err != nil {
				return err
			}
			return reportProfile(a, args[0], fmt.Sprintf("made the profile %s", args[0]))
		},
	}
}

// reportProfile says what was done, or prints the profile if a format was typed.
func reportProfile(a *app.App, name, notice string) error {
	if !a.Settings.FormatTyped {
		a.Messages().Notice(notice)
		return nil
	}
	f, err := a.Config()
	if err != nil {
		return err
	}
	inUse := config.DefaultProfile
	if v, set, err := f.Get("profile"); err == nil && set {
		inUse = v
	}
	return a.Printer().Object(profileObject(inUse, f, name))
}

func newProfileUse(a *app.App) *cobra.Command {
	return &cobra.Command{
		Use:               "use NAME",
		Short:             "Choose the profile that commands use",
		Long:              "Choose the profile that commands use without --profile and KEYHOLD_PROFILE: it is written into the configuration.",
		Example:           "  keyhold profile use work\n  keyhold profile use default",
		Args:              args.Exactly("NAME"),
		ValidArgsFunction: complete.Profiles(a, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := a.UseProfile(args[0]); err != nil {
				return err
			}
			return reportProfile(a, args[0], fmt.Sprintf("the profile %s is used from now on", args[0]))
		},
	}
}

func newProfileRename(a *app.App) *cobra.Command {
	return &cobra.Command{
		Use:   "rename OLD NEW",
		Short: "Give a profile another name",
		Long: "Give a profile another name, in the configuration and in the name of the file of its vaults; one of a service stays\n" +
			"signed in. Its sessions end. The profile default keeps its name. A name that is taken is status 8.",
		Example:           "  keyhold profile rename work job\n  keyhold profile rename job work",
		Args:              args.Exactly("OLD", "NEW"),
		ValidArgsFunction: complete.Profiles(a, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.RenameProfile(cmd.Context(), args[0], args[1]); err != nil {
				return err
			}
			return reportProfile(a, args[1], fmt.Sprintf("the profile %s is called %s now", args[0], args[1]))
		},
	}
}

func newProfileDelete(a *app.App) *cobra.Command {
	return &cobra.Command{
		Use:     "delete NAME",
		Aliases: []string{"rm", "remove"},
		Short:   "Delete a profile with its vaults on this machine, for good",
		Long: "Delete a profile with its vaults on this machine. Nothing brings them back but a copy of their file. The command names\n" +
			"that file and asks for the profile's name; --yes answers, and where nobody can be asked the status is 12. The profile\n" +
			"default cannot be deleted.\n\n" +
			"Of a profile of a service everything goes that this machine has of the account, and the session of this device there; the\n" +
			"vaults at the service stay.",
		Example:           "  keyhold profile delete work\n  keyhold profile delete work --yes",
		Args:              args.Exactly("NAME"),
		ValidArgsFunction: complete.Profiles(a, 1),
		RunE:              func(cmd *cobra.Command, args []string) error { return deleteProfile(cmd.Context(), a, args[0]) },
	}
}

func deleteProfile(ctx context.Context, a *app.App, name string) error {
	if err := a.DeleteProfile(ctx, name); err != nil {
		return err
	}
	if a.Settings.FormatTyped {
		return a.Printer().Object(output.Object{{Name: "name", Value: name}, {Name: "deleted", Value: true}})
	}
	a.Messages().Notice(fmt.Sprintf("deleted the profile %s", name))
	return nil
}
