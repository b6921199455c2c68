package vaultcmd

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/output"
	"github.com/keyhold/keyhold/internal/vault"
)

type unlockOptions struct {
	app *app.App

	ttl, idle time.Duration
	export    string
	shell     string
}

// NewUnlock returns the unlock command.
func NewUnlock(a *app.App) *cobra.Command {
	o := unlockOptions{app: a}
	cmd := &cobra.Command{
		Use:   "unlock",
		Short: "Open the vaults for a while",
		Long: "Open the vaults of the profile by the master password, for every process of yours on this machine, until they are not\n" +
			"used for the time of --idle or the time of --ttl is over. The key of the session is in a keyring; where none can keep\n" +
			"it the status is 1. A session that was open before ends.\n\n" +
			"With --export the key is kept nowhere but in the variable KEYHOLD_SESSION, so that only what this shell starts has the\n" +
			"session. The line for the shell is not printed to a terminal.\n\n" +
			"A wrong password is status 4. Where nobody can be asked and no source has the password the status is 12. A vault that\n" +
			"does not open is warned about, and the status is 10.",
		Example: "  keyhold unlock\n  keyhold unlock --ttl 30m\n  eval \"$(keyhold unlock --export)\"\n  keyhold unlock --export fish | source",
		Args:    args.Between(nil, "SHELL"),

		ValidArgsFunction: complete.Nothing,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !cmd.Flags().Changed("ttl") {
				o.ttl = a.Settings.Absolute
			}
			if !cmd.Flags().Changed("idle") {
				o.idle = a.Settings.Idle
			}
			if err := o.readShell(args); err != nil {
				return err
			}
			return o.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.DurationVar(&o.ttl, "ttl", 0, "lock after this `time`; default session.absolute of the configuration, else 12h")
	f.DurationVar(&o.idle, "idle", 0, "lock after this `time` without use; default session.idle, else 1h")
	f.StringVar(&o.export, "export", "", "print KEYHOLD_SESSION for this `shell`: posix, fish or powershell")
	f.Lookup("export").NoOptDefVal = "posix"
	_ = cmd.RegisterFlagCompletionFunc("export", complete.Words("posix", "fish", "powershell"))
	return cmd
}

// readShell takes the shell from --export=SHELL or --export SHELL.
func (o *unlockOptions) readShell(given []string) error {
	o.shell = o.export
	if len(given) > 0 {
		if o.export == "" {
			return app.Usagef("one argument too many, %q", given[0])
		}
		o.shell = given[0]
	}
	switch o.shell {
	case "", "posix", "fish", "powershell":
	case "bash", "zsh", "sh":
		o.shell = "posix"
	default:
		return app.Usagef("--export knows posix, fish and powershell, not %q", o.shell)
	}
	if o.ttl < time.Second || o.idle < time.Second {
		return app.Usagef("--ttl and --idle must be a second or more")
	}
	return nil
}

func (o *unlockOptions) run(ctx context.Context) error {
	if o.shell != "" && o.app.Settings.FormatTyped {
		return app.Usagef("--export prints a line for a shell: it goes with no other form")
	}
	if o.shell == "" && o.app.Getenv("KEYHOLD_SESSION") != "" {
		o.app.Messages().Warn("session_set", "KEYHOLD_SESSION is set: commands here use that session, not the one that this opens")
	}
	if o.shell != "" && o.app.OutTerminal {
		return &app.UsageError{Message: "the key of the session is not shown on a terminal", Try: `eval "$(keyhold unlock --export)"`}
	}
	u, err := o.app.Unlock(ctx, device.Limits{Idle: o.idle, Absolute: o.ttl}, o.shell != "")
	if err != nil {
		return err
	}
	opened, shut := []string{}, 0
	for _, v := range u.Vaults {
		switch {
		case v.Open:
			opened = append(opened, v.Name)
		case v.NotAccepted:
			o.app.Messages().Notice(fmt.Sprintf("the vault %q was shared with you: keyhold vault accept %s", v.Name, v.ID))
		default:
			shut++
			o.app.Messages().Warn("damaged", fmt.Sprintf("the vault %q (%s) does not open: its key is damaged or forged", v.Name, v.ID))
		}
	}
	if err := o.print(u, opened); err != nil {
		return err
	}
	if shut > 0 {
		return fmt.Errorf("%d of %d vaults did not open: %w", shut, len(u.Vaults), vault.ErrDamaged)
	}
	return nil
}

// print says what was opened, or what the shell is to be told.
func (o *unlockOptions) print(u app.Unlocked, opened []string) error {
	if o.shell != "" {
		return o.printToken(u.Token.Reveal())
	}
	if o.app.Settings.FormatTyped {
		return o.app.Printer().Object(output.Object{
			{Name: "profile", Value: u.Session.Profile()}, {Name: "vaults", Value: opened},
			{Name: "ends_at", Value: u.Session.Ends()}, {Name: "idle_seconds", Value: int(u.Session.Idle().Seconds())},
		})
	}
	what := "no vault"
	if len(opened) > 0 {
		what = strings.Join(opened, ", ")
	}
	o.app.Messages().Notice(fmt.Sprintf("opened %s for %s, or until not used for %s", what, short(o.ttl), short(o.idle)))
	return nil
}

// printToken prints the line that sets KEYHOLD_SESSION. The token has only
// letters, digits, dots, - and _.
func (o *unlockOptions) printToken(token string) error {
	line := map[string]string{
		"posix":      "export KEYHOLD_SESSION='%s'\n",
		"fish":       "set -gx KEYHOLD_SESSION '%s'\n",
		"powershell": "$env:KEYHOLD_SESSION = '%s'\n",
	}[o.shell]
	_, err := fmt.Fprintf(o.app.Out, line, token)
	return err
}

// short writes a duration without the parts that are zero.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
