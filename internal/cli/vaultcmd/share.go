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
	"github.com/keyhold/keyhold/internal/vault"
)

const trustText = "Before a key is wrapped for somebody, that person's fingerprint is compared: at a terminal three groups of it are left out,\n" +
	"to be typed as that person reads them; --fingerprint gives all of it. Once confirmed it is trusted on this machine, and\n" +
	"another one that the service shows later is status 10. Where nobody can be asked and it is not trusted the status is 12."

type shareOptions struct {
	app *app.App

	vault, user, role, fingerprint string
}

func newShare(a *app.App) *cobra.Command {
	o := shareOptions{app: a}
	cmd := &cobra.Command{
		Use:   "share NAME USER",
		Short: "Give somebody a vault",
		Long: "Give somebody a shared vault, by e-mail address or id, or give a member another role: admin may share it too, write\n" +
			"may read and write. It answers to that person once `keyhold vault accept` was said there.\n\n" + trustText,
		Example: "  keyhold vault share team ada@example.com\n" +
			"  keyhold vault share team ada@example.com --role admin",
		Args:              args.Exactly("NAME", "USER"),
		ValidArgsFunction: complete.VaultThenPerson(a),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.vault, o.user = args[0], args[1]
			return o.run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&o.role, "role", "write", "admin, write or read, where the service has it")
	cmd.Flags().StringVar(&o.fingerprint, "fingerprint", "", "that person's `fingerprint`, as that person says it")
	_ = cmd.RegisterFlagCompletionFunc("role", complete.Words("admin", "write", "read"))
	return cmd
}

func (o *shareOptions) run(ctx context.Context) error {
	role := o.role
	switch role {
	case "write", "member":
		role = "member"
	case "admin", "read":
	default:
		return app.Usagef("--role is admin, write or read, not %s", args.Quote(o.role))
	}
	s, info, err := o.app.Sharer(ctx, o.vault)
	if err != nil {
		return err
	}
	if o.user == "" {
		return app.Usagef("the user is empty")
	}
	r, err := s.Recipient(ctx, o.user)
	if err != nil {
		return unknownUser(err, o.user)
	}
	if err := o.app.Confirms(ctx, r, o.fingerprint); err != nil {
		return err
	}
	if !r.Trusted {
		if err := s.Trust(ctx, r); err != nil {
			return err
		}
	}
	if err := s.Share(ctx, info.ID, r, role); err != nil {
		return explain(err, info, "an admin or an owner")
	}
	if o.app.Settings.FormatTyped {
		return o.app.Printer().Object(output.Object{
			{Name: "vault", Value: info.Name}, {Name: "user", Value: r.ID}, {Name: "email", Value: r.Email}, {Name: "role", Value: o.role},
		})
	}
	o.app.Messages().Notice(fmt.Sprintf("shared the vault %q with %s", info.Name, name(r)))
	return nil
}

// unknownUser explains that a service knows nobody of that name.
func unknownUser(err error, user string) error {
	if errors.Is(err, vault.ErrNotFound) {
		return &app.NotFoundError{What: "user at the service", Name: user, Kind: vault.ErrNotFound}
	}
	return err
}

// explain says of what the role in a vault does not allow who may do it.
func explain(err error, info backend.Info, who string) error {
	if !errors.Is(err, vault.ErrDenied) || !info.Shared {
		return err
	}
	return fmt.Errorf("the role %s in the vault %q does not allow this, %s may: %w", info.Role, info.Name, who, err)
}

// name is how a person is called in messages.
func name(r backend.Recipient) string {
	if r.Email != "" {
		return r.Email
	}
	return r.ID
}

func newMembers(a *app.App) *cobra.Command {
	return &cobra.Command{
		Use:   "members [NAME]",
		Short: "List who has a vault",
		Long: "List the members of a vault, oldest first: e-mail address, role, whether their key is trusted on this machine, and its\n" +
			"fingerprint. Without NAME it is the default vault.",
		Example:           "  keyhold vault members team\n  keyhold vault members team --json",
		Args:              args.Between(nil, "NAME"),
		ValidArgsFunction: complete.Vaults(a, 1),
		RunE: func(cmd *cobra.Command, given []string) error {
			s, info, err := a.Sharer(cmd.Context(), first(given))
			if err != nil {
				return err
			}
			list, err := s.Members(cmd.Context(), info.ID)
			if err != nil {
				return err
			}
			rows := make([]output.Object, len(list))
			for i, m := range list {
				rows[i] = output.Object{
					{Name: "email", Value: m.Email}, {Name: "role", Value: m.Role}, {Name: "self", Value: m.Self}, {Name: "trusted", Value: m.Trusted || m.Self},
					{Name: "id", Value: m.ID}, {Name: "fingerprint", Value: m.Fingerprint}, {Name: "added_at", Value: m.Added},
				}
			}
			return a.Printer().List([]output.Column{
				{Name: "email"}, {Name: "role"}, {Name: "trusted"}, {Name: "id"}, {Name: "fingerprint"},
			}, rows)
		},
	}
}

// first returns the first argument, or "".
func first(given []string) string {
	if len(given) == 0 {
		return ""
	}
	return given[0]
}

type acceptOptions struct {
	app *app.App

	vault, as, fingerprint string
}

func newAccept(a *app.App) *cobra.Command {
	o := acceptOptions{app: a}
	cmd := &cobra.Command{
		Use:   "accept NAME|ID",
		Short: "Take a vault that somebody shared",
		Long: "Take a vault that somebody shared with you. Until then it answers to no name, since a service could invent one. --as\n" +
			"gives it another name on this machine, where you have one of its name already.\n\n" + trustText,
		Example: "  keyhold vault list\n  keyhold vault accept team\n  keyhold vault accept team --as acme",
		Args:    args.Exactly("NAME"),

		ValidArgsFunction: complete.NotAccepted(a),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.vault = args[0]
			return o.run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&o.as, "as", "", "call it this `name` on this machine")
	cmd.Flags().StringVar(&o.fingerprint, "fingerprint", "", "the `fingerprint` of who shared it, as that person says it")
	return cmd
}

func (o *acceptOptions) run(ctx context.Context) error {
	s, info, err := o.app.Unaccepted(ctx, o.vault)
	if err != nil {
		return err
	}
	sender, err := s.Sender(ctx, info.ID)
	if err != nil {
		return err
	}
	if err := o.app.Confirms(ctx, sender, o.fingerprint); err != nil {
		return err
	}
	if err := s.Accept(ctx, info.ID, o.as, sender); err != nil {
		return err
	}
	called := info.Name
	if o.as != "" {
		called = o.as
	}
	if o.app.Settings.FormatTyped {
		return o.app.Printer().Object(output.Object{
			{Name: "id", Value: info.ID}, {Name: "name", Value: called}, {Name: "sender", Value: name(sender)},
		})
	}
	o.app.Messages().Notice(fmt.Sprintf("accepted the vault %q from %s", called, name(sender)))
	return nil
}

// done says what became of a vault, or prints it if a format was typed.
func done(a *app.App, info backend.Info, what string) error {
	if a.Settings.FormatTyped {
		return a.Printer().Object(output.Object{{Name: "id", Value: info.ID}, {Name: "name", Value: info.Name}, {Name: "state", Value: what}})
	}
	a.Messages().Notice(fmt.Sprintf("%s the vault %q", what, info.Name))
	return nil
}

func newDecline(a *app.App) *cobra.Command {
	return &cobra.Command{
		Use:               "decline NAME|ID",
		Short:             "Refuse a vault that somebody shared",
		Long:              "Refuse a vault that somebody shared with you and that you have not accepted: you are no member of it any more.",
		Example:           "  keyhold vault list\n  keyhold vault decline team",
		Args:              args.Exactly("NAME"),
		ValidArgsFunction: complete.NotAccepted(a),
		RunE: func(cmd *cobra.Command, given []string) error {
			s, info, err := a.Unaccepted(cmd.Context(), given[0])
			if err != nil {
				return err
			}
			if err := s.Decline(cmd.Context(), info.ID); err != nil {
				return err
			}
			return done(a, info, "declined")
		},
	}
}

func newLeave(a *app.App) *cobra.Command {
	return &cobra.Command{
		Use:   "leave NAME",
		Short: "Give a shared vault up",
		Long: "Stop being a member of a vault that others go on with, after a question. An owner cannot leave: `keyhold vault delete`\n" +
			"deletes the vault for everybody.",
		Example:           "  keyhold vault leave team\n  keyhold vault leave team --yes",
		Args:              args.Exactly("NAME"),
		ValidArgsFunction: complete.Vaults(a, 1),
		RunE: func(cmd *cobra.Command, given []string) error {
			s, info, err := a.Sharer(cmd.Context(), given[0])
			if err != nil {
				return err
			}
			if info.Role == "owner" {
				return &app.UsageError{
					Message: fmt.Sprintf("an owner cannot leave the vault %q; deleting it takes it from everybody", info.Name),
					Try:     "keyhold vault delete " + args.Quote(info.Name),
				}
			}
			if err := a.Confirm(cmd.Context(), fmt.Sprintf("Leave the vault %q %s?", output.Safe(info.Name), a.Whose())); err != nil {
				return err
			}
			if err := s.Leave(cmd.Context(), info.ID); err != nil {
				return err
			}
			return done(a, info, "left")
		},
	}
}

func newTrust(a *app.App) *cobra.Command {
	fingerprint := ""
	cmd := &cobra.Command{
		Use:   "trust USER",
		Short: "Trust somebody's key on this machine",
		Long: "Trust the key of somebody with this fingerprint, also in place of one that was trusted before: after that person made a\n" +
			"new account, for example. Ask the person for it, not the service: `keyhold vault fingerprint` prints it there.",
		Example: "  keyhold vault fingerprint ada@example.com\n" +
			"  keyhold vault trust ada@example.com --fingerprint \"00000 11111 ...\"",
		Args:              args.Exactly("USER"),
		ValidArgsFunction: complete.People(a),
		RunE: func(cmd *cobra.Command, given []string) error {
			if fingerprint == "" {
				return app.Usagef("--fingerprint is missing: it is what that person says it is")
			}
			s, err := a.People(cmd.Context())
			if err != nil {
				return err
			}
			text, err := a.ParseFingerprint(fingerprint)
			if err != nil {
				return err
			}
			// That another key was trusted before is why the command is there.
			r, err := s.Recipient(cmd.Context(), given[0])
			var changed *backend.AlarmError
			if err != nil && !(errors.As(err, &changed) && changed.Code == backend.ChangedKey && r.ID != "") {
				return unknownUser(err, given[0])
			}
			r.Trusted = false
			if err := a.Confirms(cmd.Context(), r, text); err != nil {
				return err
			}
			if err := s.Trust(cmd.Context(), r); err != nil {
				return unknownUser(err, given[0])
			}
			if a.Settings.FormatTyped {
				return a.Printer().Object(output.Object{{Name: "user", Value: given[0]}, {Name: "fingerprint", Value: text}, {Name: "trusted", Value: true}})
			}
			a.Messages().Notice("the key of " + given[0] + " is trusted on this machine")
			return nil
		},
	}
	cmd.Flags().StringVar(&fingerprint, "fingerprint", "", "that person's `fingerprint`: 60 digits, blanks do not matter")
	return cmd
}

func newFingerprint(a *app.App) *cobra.Command {
	return &cobra.Command{
		Use:   "fingerprint [USER]",
		Short: "Print your fingerprint, or somebody's",
		Long: "Print the fingerprint of your own identity key, twelve groups of five digits, to be read to somebody who shares a vault\n" +
			"with you; it is no secret and needs no session. With USER that of somebody, as the service shows it.",
		Example:           "  keyhold vault fingerprint\n  keyhold vault fingerprint ada@example.com",
		Args:              args.Between(nil, "USER"),
		ValidArgsFunction: complete.People(a),
		RunE: func(cmd *cobra.Command, given []string) error {
			r := backend.Recipient{Trusted: true}
			if len(given) == 0 {
				desc, err := a.Describe(cmd.Context())
				if err != nil {
					return err
				}
				r.ID, r.Fingerprint = desc.ID, desc.Fingerprint
			} else {
				s, err := a.People(cmd.Context())
				if err != nil {
					return err
				}
				if r, err = s.Recipient(cmd.Context(), given[0]); err != nil {
					return unknownUser(err, given[0])
				}
			}
			if a.Settings.FormatTyped {
				return a.Printer().Object(output.Object{
					{Name: "user", Value: r.ID}, {Name: "email", Value: r.Email}, {Name: "fingerprint", Value: r.Fingerprint}, {Name: "trusted", Value: r.Trusted},
				})
			}
			_, err := fmt.Fprintln(a.Out, r.Fingerprint)
			return err
		},
	}
}
