package vaultcmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
	"github.com/keyhold/keyhold/internal/output"
)

type passwdOptions struct {
	app *app.App

	rekey bool
	next  app.PasswordFlags
}

// NewPasswd returns the passwd command.
func NewPasswd(a *app.App) *cobra.Command {
	o := passwdOptions{app: a}
	cmd := &cobra.Command{
		Use:   "passwd",
		Short: "Change the master password",
		Long: "Change the master password of the profile: all of it or, if it is interrupted, nothing. The old one comes from where\n" +
			"the master password always comes from, and is asked for even while a session is open; the new one from one of the\n" +
			"--new-password flags, or it is asked for twice. A wrong old one is status 4, and where nobody can be asked the status\n" +
			"is 12.\n\n" +
			"Open sessions stay open. Copies of the store made before still open by the old password. With --rekey every vault gets\n" +
			"a new key as well.",
		Example: "  keyhold passwd\n" +
			"  keyhold passwd --rekey\n" +
			"  keyhold passwd --password-file old --new-password-file new",
		Args:              args.None(),
		ValidArgsFunction: complete.Nothing,
		RunE:              func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	f := cmd.Flags()
	f.BoolVar(&o.rekey, "rekey", false, "also make a new key for every vault")
	f.IntVar(&o.next.FD, "new-password-fd", -1, "read the new password from this file `descriptor`")
	f.StringVar(&o.next.File, "new-password-file", "", "read the new password from this `file`")
	f.BoolVar(&o.next.Stdin, "new-password-stdin", false, "read the new password from standard input")
	return cmd
}

func (o *passwdOptions) run(ctx context.Context) error {
	if o.next.Stdin && o.app.Settings.Password.Stdin {
		return app.Usagef("standard input can be read only once")
	}
	account, err := o.app.Account(ctx)
	if err != nil {
		return err
	}
	c, ok := account.(backend.PasswordChanger)
	if !ok {
		return fmt.Errorf("the master password of this profile cannot be changed here: %w", errors.ErrUnsupported)
	}
	if err := o.app.ReachIn(ctx, account, backend.Info{}); err != nil {
		return err
	}
	// The old one first: a wrong one is to be known before a new one is made up.
	if _, err := o.app.Password(ctx, o.app.Settings.Profile); err != nil {
		return err
	}
	next, err := o.app.NextPassword(ctx, o.next)
	if err != nil {
		return err
	}
	if err := c.ChangePassword(ctx, next); err != nil {
		return err
	}
	o.app.PasswordChanged(next)
	if o.rekey {
		infos, err := account.Vaults(ctx)
		if err != nil {
			return err
		}
		for _, i := range infos {
			if i.NotAccepted {
				continue
			}
			if i.Role == "member" {
				o.app.Messages().Warn("not_rekeyed", fmt.Sprintf("the vault %q keeps its key: an admin or an owner gives it another", i.Name))
				continue
			}
			if err := rekey(ctx, o.app, i.ID); err != nil {
				return fmt.Errorf("the password is changed; rekey the vault %q: %w", i.Name, err)
			}
		}
	}
	if o.app.Settings.FormatTyped {
		return o.app.Printer().Object(output.Object{{Name: "profile", Value: o.app.Settings.Profile}, {Name: "changed", Value: true}})
	}
	o.app.Messages().Notice("the master password is changed; backups made before still open by the old one")
	return nil
}
