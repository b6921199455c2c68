package vaultcmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
	"github.com/keyhold/keyhold/internal/output"
	"github.com/keyhold/keyhold/internal/vault"
)

type unshareOptions struct {
	app *app.App

	vault, user string
	all         bool
}

func newUnshare(a *app.App) *cobra.Command {
	o := unshareOptions{app: a}
	cmd := &cobra.Command{
		Use:   "unshare NAME USER | --all USER",
		Short: "Take a vault from somebody, under a new key",
		Long: "Take a vault from a member, after a question, and give it a new key at once: everything is sealed anew, and the key is\n" +
			"wrapped for who remains and is trusted here. --all takes every vault that you may.\n\n" +
			"What that person could read is printed: these secrets are to be changed where they are used, since nothing takes\n" +
			"knowledge back. `keyhold vault to-rotate` has what is left of that list. If it is interrupted between the removal and\n" +
			"the new key, the vault takes no changes until `keyhold vault rekey`.",
		Example: "  keyhold vault unshare team bob@example.com\n  keyhold vault unshare --all bob@example.com --yes",
		Args: func(cmd *cobra.Command, given []string) error {
			if o.all {
				return args.Exactly("USER")(cmd, given)
			}
			return args.Exactly("NAME", "USER")(cmd, given)
		},
		ValidArgsFunction: func(cmd *cobra.Command, given []string, word string) ([]string, cobra.ShellCompDirective) {
			if o.all {
				return complete.People(a)(cmd, given, word)
			}
			return complete.VaultThenPerson(a)(cmd, given, word)
		},
		RunE: func(cmd *cobra.Command, given []string) error {
			o.user = given[len(given)-1]
			if !o.all {
				o.vault = given[0]
			}
			return o.run(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&o.all, "all", false, "take every vault")
	return cmd
}

func (o *unshareOptions) run(ctx context.Context) error {
	account, infos, err := o.vaults(ctx)
	if err != nil {
		return err
	}
	s, ok := account.(backend.Sharer)
	if !ok {
		return fmt.Errorf("the vaults of this profile are shared with nobody: %w", errors.ErrUnsupported)
	}
	found, member, err := o.having(ctx, s, infos)
	if err != nil {
		return err
	}
	var names []string
	for _, i := range found {
		names = append(names, fmt.Sprintf("%q", output.Safe(i.Name)))
	}
	question := fmt.Sprintf("Take the vault %s %s from %s, and seal everything in it under a new key?",
		strings.Join(names, ", "), o.app.Whose(), name(member.Recipient))
	if err := o.app.Confirm(ctx, question); err != nil {
		return err
	}
	var rows []output.Object
	for _, info := range found {
		list, err := o.one(ctx, account, s, info, member)
		slices.SortFunc(list, func(a, b vault.Entry) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
		for _, e := range list {
			rows = append(rows, output.Object{{Name: "name", Value: e.Name}, {Name: "type", Value: e.Type}, {Name: "vault", Value: info.Name}, {Name: "id", Value: e.ID}})
		}
		if err != nil {
			return errors.Join(o.print(rows), err)
		}
		o.app.Messages().Notice(fmt.Sprintf("%s has the vault %q no more, and it has a new key; to be changed where they are used (%d):",
			name(member.Recipient), info.Name, len(list)))
	}
	return o.print(rows)
}

func (o *unshareOptions) print(rows []output.Object) error {
	return o.app.Printer().List([]output.Column{{Name: "name"}, {Name: "type"}, {Name: "vault"}, {Name: "id"}}, rows)
}

// vaults returns the vaults in question.
func (o *unshareOptions) vaults(ctx context.Context) (backend.Account, []backend.Info, error) {
	account, info, err := o.app.FindVault(ctx, o.vault)
	if err != nil || !o.all {
		return account, []backend.Info{info}, err
	}
	all, err := account.Vaults(ctx)
	var shared []backend.Info
	for _, i := range all {
		if i.Shared && i.Open && !i.NotAccepted {
			shared = append(shared, i)
		}
	}
	return account, shared, err
}

// having returns those that the user is a member of.
func (o *unshareOptions) having(ctx context.Context, s backend.Sharer, infos []backend.Info) (found []backend.Info, who backend.Member, err error) {
	for _, info := range infos {
		list, err := s.Members(ctx, info.ID)
		if err != nil {
			return nil, who, err
		}
		for _, m := range list {
			if !m.Self && (m.ID == o.user || strings.EqualFold(m.Email, o.user)) {
				found, who = append(found, info), m
			}
		}
	}
	if len(found) == 0 {
		return nil, who, &app.NotFoundError{What: "member", Name: o.user, Try: "keyhold vault members", Kind: vault.ErrNotFound}
	}
	return found, who, nil
}

// one takes one vault. What is to be rotated is written down before the removal,
// so that it is not lost if this is interrupted.
func (o *unshareOptions) one(ctx context.Context, account backend.Account, s backend.Sharer, info backend.Info, who backend.Member) ([]vault.Entry, error) {
	v, err := account.Vault(ctx, info.ID)
	if err != nil {
		return nil, err
	}
	noted, err := o.app.BeginRotation(ctx, v, info, name(who.Recipient))
	if err := errors.Join(err, v.Close()); err != nil {
		return nil, err
	}
	progress := o.app.Progress("rekey " + info.Name)
	list, err := s.Unshare(ctx, info.ID, who.ID, progress.Step)
	err = errors.Join(err, progress.Done())
	if err != nil && list == nil { // nothing was removed
		return nil, errors.Join(explain(err, info, "an admin or an owner"), o.app.EndRotation(context.WithoutCancel(ctx), info, noted))
	}
	if err != nil {
		err = &halfDoneError{err, "keyhold vault rekey " + args.Quote(info.Name) + o.app.Where(false)}
	}
	return list, err
}

// A halfDoneError error reports somebody who was removed while the vault still has
// the key that he knows.
type halfDoneError struct {
	error

	try string
}

// Unwrap returns what went wrong.
func (e *halfDoneError) Unwrap() error { return e.error }

// Hint gives the vault its new key.
func (e *halfDoneError) Hint() string { return e.try }

type rotateOptions struct {
	app *app.App

	vault string
	waive args.List
	begin bool
}

func newToRotate(a *app.App) *cobra.Command {
	o := rotateOptions{app: a}
	cmd := &cobra.Command{
		Use:   "to-rotate [NAME]",
		Short: "List the secrets that somebody knows who should not",
		Long: "List the items whose secrets are still to be changed where they are used, because somebody knew them: a member who was\n" +
			"removed by `keyhold vault unshare`. An item leaves the list when its secret changes, or by --waive. The status is 11\n" +
			"while there is any, 0 once there is none.\n\n" +
			"--begin puts every item of the vault on the list: after a machine was lost, for example. The list is kept on this\n" +
			"machine. Without NAME it is the default vault.",
		Example: "  keyhold vault to-rotate team\n" +
			"  keyhold vault to-rotate team --waive wifi\n" +
			"  keyhold vault to-rotate --begin",
		Args:              args.Between(nil, "NAME"),
		ValidArgsFunction: complete.Vaults(a, 1),
		RunE: func(cmd *cobra.Command, given []string) error {
			o.vault = first(given)
			return o.run(cmd.Context())
		},
	}
	cmd.Flags().Var(&o.waive, "waive", "take this `ITEM` off the list; repeatable")
	cmd.Flags().BoolVar(&o.begin, "begin", false, "put every item of the vault on the list")
	return cmd
}

func (o *rotateOptions) run(ctx context.Context) error {
	v, info, err := o.app.OpenVault(ctx, o.vault)
	if err != nil {
		return err
	}
	defer v.Close()
	if o.begin {
		if _, err := o.app.BeginRotation(ctx, v, info, "begun by hand"); err != nil {
			return err
		}
	}
	var waived []vault.Entry
	for _, name := range o.waive {
		e, err := vault.FindEntry(ctx, v, name)
		if errors.Is(err, vault.ErrNotFound) {
			err = &app.NotFoundError{What: "item", Name: name, Try: strings.TrimSpace("keyhold vault to-rotate " + o.vault), Kind: vault.ErrNotFound}
		}
		if err != nil {
			return err
		}
		waived = append(waived, e)
	}
	if err := o.app.EndRotation(ctx, info, waived); err != nil {
		return err
	}
	due, err := o.app.ToRotate(ctx, v, info)
	if err != nil {
		return err
	}
	rows := make([]output.Object, len(due))
	for i, d := range due {
		rows[i] = output.Object{
			{Name: "name", Value: d.Item.Name}, {Name: "since", Value: d.Since}, {Name: "known_to", Value: d.Who}, {Name: "id", Value: d.Item.ID},
		}
	}
	if err := o.app.Printer().List([]output.Column{{Name: "name"}, {Name: "since"}, {Name: "known_to"}, {Name: "id"}}, rows); err != nil {
		return err
	}
	if len(due) > 0 {
		return fmt.Errorf("secrets to be changed where they are used: %w: %d", app.ErrFindings, len(due))
	}
	return nil
}
