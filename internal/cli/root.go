package cli

import (
	"cmp"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
	"github.com/keyhold/keyhold/internal/cli/configcmd"
	"github.com/keyhold/keyhold/internal/cli/itemcmd"
	"github.com/keyhold/keyhold/internal/cli/logincmd"
	"github.com/keyhold/keyhold/internal/cli/storecmd"
	"github.com/keyhold/keyhold/internal/cli/usecmd"
	"github.com/keyhold/keyhold/internal/cli/vaultcmd"
	"github.com/keyhold/keyhold/internal/output"
)

// NewRoot returns the whole command tree, to be looked at.
func NewRoot(a *app.App) *cobra.Command { return newRoot(a, nil, func() {}) }

// newRoot returns the command tree for these arguments: the commands below a
// noun that is not among them are left out, since making them all takes as
// long as the rest of a start. For nil it is the whole tree. started is called
// before a command runs, when its flags and arguments are right.
func newRoot(a *app.App, line []string, started func()) *cobra.Command {
	root := &cobra.Command{
		Use:   "keyhold",
		Short: "Keep a developer's secrets, encrypted on this machine",
		Long: "Keep a developer's secrets in a store on this machine that is encrypted with a master password, and give them back\n" +
			"at the terminal and to scripts. An item is a named thing with fields; a vault is a named box of items.\n\n" +
			"The vaults are in the directory KEYHOLD_HOME, else $XDG_DATA_HOME/keyhold, else ~/.local/share/keyhold.",
		Example:           "  keyhold put mail username=me@example.com\n  keyhold get mail",
		Args:              cobra.ArbitraryArgs,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		RunE: func(cmd *cobra.Command, words []string) error {
			if len(words) > 0 {
				return args.Unknown(cmd, words)
			}
			return firstScreen(a, cmd)
		},
	}
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if cmd.Name() == cobra.ShellCompRequestCmd || cmd.Name() == cobra.ShellCompNoDescRequestCmd {
			return nil // whatever is wrong, the shell's completion stays silent
		}
		a.Command = cmd.CommandPath()
		if err := load(a, cmd); err != nil {
			return err
		}
		started()
		return nil
	}
	root.SuggestionsMinimumDistance = 2
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if foreign := args.Foreign(cmd.Root(), a.Args); foreign != nil {
			return foreign
		}
		return &app.UsageError{Message: err.Error(), Try: cmd.CommandPath() + " --help"}
	})
	root.Flags().Bool("version", false, "print the version")
	globalFlags(root, a)
	addCommands(root, a, line)
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		_, _ = io.WriteString(cmd.OutOrStdout(), helpText(cmd)) // Main looks at what became of it
	})
	return root
}

// addCommands hangs every command below root, in groups, those below a noun
// only if the command line may ask for them.
func addCommands(root *cobra.Command, a *app.App, line []string) {
	whole := func(noun string) bool {
		return line == nil || slices.Contains(line, noun) || slices.Contains(line, "help")
	}
	root.AddGroup(
		&cobra.Group{ID: "items", Title: "Items"},
		&cobra.Group{ID: "use", Title: "Using secrets"},
		&cobra.Group{ID: "vaults", Title: "Vaults"},
		&cobra.Group{ID: "services", Title: "Services"},
		&cobra.Group{ID: "more", Title: "More"},
	)
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("items", itemcmd.NewPut(a), itemcmd.NewGet(a), itemcmd.NewLs(a), itemcmd.NewRm(a), itemcmd.NewShow(a),
		itemcmd.NewFind(a), itemcmd.NewEdit(a), itemcmd.NewMv(a), itemcmd.NewCp(a), itemcmd.NewHistory(a), itemcmd.NewRestore(a), itemcmd.NewTrash(a), usecmd.NewGenerate(a))
	add("use", usecmd.NewRead(a), usecmd.NewRun(a), usecmd.NewInject(a), itemcmd.NewRef(a), itemcmd.NewOtp(a))
	add("vaults", vaultcmd.NewVault(a, whole("vault")), vaultcmd.NewUnlock(a), vaultcmd.NewLock(a), vaultcmd.NewPasswd(a), vaultcmd.NewSync(a))
	add("services", logincmd.NewLogin(a), logincmd.NewSignup(a), logincmd.NewLogout(a), storecmd.NewStore(a, whole("store") || whole("cloudflare")))
	add("more", logincmd.NewStatus(a), logincmd.NewProfile(a, whole("profile")), configcmd.NewConfig(a, whole("config")), configcmd.NewDoctor(a), newCompletion(a), newVersion(a))
	item := itemcmd.NewItem(a, whole("item"))
	item.GroupID = "items"
	root.AddCommand(item)
	help := newHelp(a)
	root.SetHelpCommand(help)
	help.GroupID = "more"
}

// anyArguments is more than a command line has.
const anyArguments = 1 << 20

func globalFlags(root *cobra.Command, a *app.App) {
	f := root.PersistentFlags()
	f.String("profile", "", "use this `profile`")
	f.String("config", "", "read this configuration `file`")
	f.String("vault", "", "use this `vault`, NAME or NAME@PROFILE")
	f.String("format", "", "print as `FORMAT`: table, list, tsv, json or yaml")
	f.Bool("json", false, "print as JSON, errors too")
	f.Bool("no-input", false, "ask nothing")
	f.Bool("offline", false, "use no network")
	f.Bool("fresh", false, "read nothing that may be out of date")
	f.BoolP("quiet", "q", false, "print no notices and no hints")
	f.CountP("verbose", "v", "say more about what is done; repeatable")
	f.String("color", "", "use colour `WHEN`: auto, always or never")
	f.BoolP("yes", "y", false, "answer every question with yes")
	f.Int("password-fd", -1, "read the master password from this file `descriptor`")
	f.String("password-file", "", "read the master password from this `file`")
	f.Bool("password-stdin", false, "read the master password from standard input")
	for flag, offer := range map[string]cobra.CompletionFunc{
		"vault": complete.Vaults(a, anyArguments), "format": complete.Words(output.Formats()...),
		"color": complete.Words("auto", "always", "never"), "profile": complete.Profiles(a, anyArguments),
		"password-fd": complete.Nothing,
	} {
		// It fails only for a flag that is not there, which every test would show.
		_ = root.RegisterFlagCompletionFunc(flag, offer)
	}
}

// load reads the settings, now that the flags are known.
func load(a *app.App, cmd *cobra.Command) error {
	f := cmd.Flags()
	if asJSON, _ := f.GetBool("json"); asJSON {
		if name, _ := f.GetString("format"); f.Changed("format") && name != string(output.JSON) {
			return app.Usagef("--json and --format %s do not go together", name)
		}
	}
	for _, name := range []string{"format", "color", "profile", "config", "vault", "password-file"} {
		if value, _ := f.GetString(name); value == "" && f.Changed(name) {
			return app.Usagef("--%s is empty", name)
		}
	}
	settings, file := a.Load(complete.Flags(cmd))
	switch {
	case cmd.Annotations[app.AnySettings] != "":
		a.SettingsError = cmp.Or(settings, file)
		return nil
	case settings != nil:
		return settings
	case file != nil && cmd.Annotations[app.AnyConfig] == "":
		return file
	case noProfileNeeded(cmd):
		return nil
	}
	return a.CheckProfile(a.Settings.Profile)
}

// noProfileNeeded reports whether cmd, or a command above it, goes on in a
// profile that is not there.
func noProfileNeeded(cmd *cobra.Command) bool {
	for c := cmd; c != nil; c = c.Parent() {
		if c.Annotations[app.AnyProfile]+c.Annotations[app.AnyConfig] != "" {
			return true
		}
	}
	return !cmd.HasParent() // the first screen
}
