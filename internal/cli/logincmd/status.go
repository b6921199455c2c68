// Package logincmd has the commands about where a profile is signed in, and as whom.
package logincmd

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/output"
	"github.com/keyhold/keyhold/internal/vault"
)

// NewStatus returns the status command.
func NewStatus(a *app.App) *cobra.Command {
	check := false
	cmd := &cobra.Command{
		Use:     "status [--check [VAULT]]",
		Aliases: []string{"whoami"},
		Short:   "Show the profile, the account and whether it is unlocked",
		Long: "Show where the profile's vaults live and whether this device is signed in there, the account with its fingerprint, which\n" +
			"keyring is in use, and how long the session stays open. Vaults that need a new key are named. Nothing is asked, no password is needed, and no session is renewed.\n\n" +
			"With --check nothing is printed: the status is 0 if the vaults (or the named one) are unlocked, else 4.",
		Example: "  keyhold status\n" +
			"  keyhold status --json\n" +
			"  keyhold status --check || keyhold unlock",
		Args: args.Between(nil, "VAULT"),

		ValidArgsFunction: complete.Vaults(a, 1),
		RunE: func(cmd *cobra.Command, given []string) error {
			switch {
			case check && !isOpen(cmd.Context(), a, given):
				return &app.SilentError{Err: vault.ErrLocked}
			case check:
				return nil
			case len(given) > 0:
				return app.Usagef("a vault is named with --check only")
			}
			return status(cmd.Context(), a)
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "print nothing, tell by the exit status alone")
	return cmd
}

// isOpen reports whether a session opens the profile's vaults, or the named one.
func isOpen(ctx context.Context, a *app.App, given []string) bool {
	if len(given) == 0 {
		_, err := a.PeekSession(ctx)
		return err == nil
	}
	return a.PeekNamed(ctx, given[0]) == nil
}

func status(ctx context.Context, a *app.App) error {
	profile := a.Settings.Profile
	if err := a.CheckProfile(profile); err != nil {
		return err
	}
	o := output.Object{{Name: "profile", Value: profile}, {Name: "backend", Value: a.BackendOf(profile)}}
	if a.IsFile() {
		return fileStatus(ctx, a, o)
	}
	home, err := a.Home()
	if err != nil {
		return err
	}
	o = o.With("home", home.Dir())
	if b := a.Bound(); b.URL != "" {
		in, err := a.SignedIn(ctx, profile)
		if err != nil {
			return err
		}
		o = o.With("url", b.URL).With("email", b.Email).With("signed_in", in)
	}
	desc, err := a.Describe(ctx)
	var none *app.NoVaultError
	switch {
	case errors.As(err, &none):
		o = o.With("account", "none")
	case errors.Is(err, backend.ErrSignedOut):
	case err != nil:
		return err
	default:
		o = describe(o, desc).With("created_at", desc.Created)
	}
	if store, err := a.Setting("store"); err == nil && store.Value != "" {
		o = o.With("store_account", store.Value)
	}
	rekey, err := a.NeedRekey(ctx, profile)
	if err != nil {
		return err
	}
	if len(rekey) > 0 {
		o = o.With("needs_rekey", rekey)
	}
	return printSession(ctx, a, o)
}

// fileStatus is status for a profile from a file, which has no home and no session.
func fileStatus(ctx context.Context, a *app.App, o output.Object) error {
	b := a.Bound()
	desc, err := a.Describe(ctx)
	if err != nil {
		return err
	}
	o = o.With("url", b.URL).With("email", b.Email)
	return a.Printer().Object(describe(o, desc))
}

// describe adds an account; one without an identity key has no fingerprint.
func describe(o output.Object, d backend.Description) output.Object {
	o = o.With("account", d.ID)
	if d.Fingerprint != "" {
		o = o.With("fingerprint", d.Fingerprint)
	}
	return o.With("kdf", d.Suite)
}

// printSession prints o with the keyring and the session.
func printSession(ctx context.Context, a *app.App, o output.Object) error {
	s, serr := a.PeekSession(ctx) // the keyring knows by then which one it is
	ring, err := a.Keyring()
	if err != nil {
		return err
	}
	kind := "off"
	if ring != nil {
		kind = ring.Kind()
	}
	o = o.With("keyring", kind)
	switch {
	case serr == nil:
		o = o.With("session", "open").With("time_left_seconds", int(s.Left(a.Now())/time.Second)).With("ends_at", s.Ends())
	case isLocked(serr):
		o = o.With("session", "locked")
	default:
		return serr
	}
	return a.Printer().Object(o)
}

func isLocked(err error) bool {
	var token *device.TokenError
	return errors.Is(err, device.ErrNoSession) || errors.Is(err, vault.ErrLocked) || errors.As(err, &token)
}
