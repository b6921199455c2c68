package app

import (
	"context"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"strings"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/vault"
)

// Sharer returns what shares the vault that a user calls name, and the vault.
func (a *App) Sharer(ctx context.Context, name string) (backend.Sharer, backend.Info, error) {
	account, info, err := a.FindVault(ctx, name)
	if err != nil {
		return nil, backend.Info{}, err
	}
	s, ok := account.(backend.Sharer)
	if !ok {
		return nil, backend.Info{}, errNotShared
	}
	return s, info, nil
}

// errNotShared reports a place whose vaults have one member.
var errNotShared = fmt.Errorf("the vaults of this profile are shared with nobody: %w", errors.ErrUnsupported)

// People returns what knows other people in a profile.
func (a *App) People(ctx context.Context) (backend.Sharer, error) {
	account, err := a.AccountOf(ctx, a.chosen().profile)
	if err != nil {
		return nil, err
	}
	s, ok := account.(backend.Sharer)
	if !ok {
		return nil, errNotShared
	}
	return s, nil
}

// Unaccepted returns a vault that was shared and that is not accepted, by its
// id or its name there.
func (a *App) Unaccepted(ctx context.Context, name string) (backend.Sharer, backend.Info, error) {
	none := backend.Info{}
	name, profile := a.split(name)
	a.Settings.Fresh = true // what was shared a moment ago is looked for
	account, err := a.AccountOf(ctx, profile)
	if err != nil {
		return nil, none, err
	}
	s, ok := account.(backend.Sharer)
	if !ok {
		return nil, none, errNotShared
	}
	infos, err := account.Vaults(ctx)
	if err != nil {
		return nil, none, err
	}
	var found []vault.Entry
	for _, i := range infos {
		if i.NotAccepted && (i.ID == name || i.Name == name) {
			none = i
			found = append(found, vault.Entry{ID: i.ID, Name: i.Name, Type: "vault"})
		}
	}
	switch len(found) {
	case 0:
		return nil, backend.Info{}, &NotFoundError{What: "vault to accept", Name: name, Try: "keyhold vault list", Kind: vault.ErrNotFound}
	case 1:
		return s, none, nil
	}
	return nil, backend.Info{}, &vault.AmbiguousError{What: "vaults", Name: name, Entries: found}
}

// blanks is how many groups of a fingerprint a person types.
const blanks = 3

// Confirms returns nil if the fingerprint of r is the one that was typed, or that
// a person who has asked r for it completes at the terminal.
func (a *App) Confirms(ctx context.Context, r backend.Recipient, typed string) error {
	if typed != "" {
		want, err := a.ParseFingerprint(typed)
		if err != nil {
			return err
		}
		if want != r.Fingerprint {
			return &backend.AlarmError{
				Code: backend.ChangedKey,
				What: fmt.Sprintf("the fingerprint of %s is another one: the service shows %s", who(r), r.Fingerprint),
			}
		}
		return nil
	}
	if r.Trusted {
		return nil
	}
	if !a.CanAsk() {
		return &MissingError{
			What: fmt.Sprintf("the key of %s is not trusted here, and nobody can be asked: compare its fingerprint, %s", who(r), r.Fingerprint),
			Try:  a.Again(fmt.Sprintf("--fingerprint %q", r.Fingerprint)),
		}
	}
	return a.askFingerprint(ctx, r)
}

func who(r backend.Recipient) string {
	if r.Email != "" {
		return r.Email
	}
	return r.ID
}

// askFingerprint shows the fingerprint with some groups left out, to be typed as
// that person reads them: who only agrees has compared nothing.
func (a *App) askFingerprint(ctx context.Context, r backend.Recipient) error {
	groups := strings.Fields(r.Fingerprint)
	hidden := mathrand.Perm(len(groups))[:min(blanks, len(groups))] //nolint:gosec // which are asked for is no secret
	slices.Sort(hidden)
	shown := slices.Clone(groups)
	var want []string
	for _, i := range hidden {
		want = append(want, groups[i])
		shown[i] = "....."
	}
	question := fmt.Sprintf("The fingerprint of %s as the service shows it, but for %d groups:\n\n  %s\n\n"+
		"Ask %s, not by way of this service, for `keyhold vault fingerprint`, and type the groups that are left out.\nGroups: ",
		who(r), len(want), strings.Join(shown, " "), who(r))
	answer, err := a.Prompt.Line(ctx, question)
	if err != nil {
		return a.promptError(err)
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "", "n", "no":
		return ErrDeclined
	}
	if strings.Join(strings.Fields(answer), "") != strings.Join(want, "") {
		return &backend.AlarmError{
			Code: backend.ChangedKey,
			What: fmt.Sprintf("these are not the groups that the service shows for %s: it may show the key of somebody else", who(r)),
		}
	}
	return nil
}

// ParseFingerprint returns a fingerprint in its usual form: twelve groups of
// five digits.
func (a *App) ParseFingerprint(typed string) (string, error) {
	text, err := seal.ParseFingerprint(typed)
	if err != nil {
		return "", Usagef("--fingerprint has 60 digits: %v", err)
	}
	return text, nil
}

// Whose says in a question where the vaults of the command are: on this machine,
// or of which account.
func (a *App) Whose() string {
	profile := a.chosen().profile
	if !a.IsBound(profile) {
		return "on this machine"
	}
	return "of " + a.accountName(profile)
}

// ProfileInUse returns the profile that the command works in.
func (a *App) ProfileInUse() string { return a.chosen().profile }
