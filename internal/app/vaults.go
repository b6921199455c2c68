package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/vault"
)

// A NotFoundError reports something that is not there, and what would help.
type NotFoundError struct {
	What, Name string // "item", "mail"
	Try        string // a command that can be pasted, or empty
	Kind       error  // what it is for errors.Is
}

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("no %s named %q", e.What, e.Name)
}

// Hint returns what to try.
func (e *NotFoundError) Hint() string { return e.Try }

// Unwrap returns Kind.
func (e *NotFoundError) Unwrap() error { return e.Kind }

// split takes VAULT@PROFILE apart. Without a profile it is the chosen one.
func (a *App) split(name string) (vaultName, profile string) {
	if i := strings.LastIndexByte(name, '@'); i >= 0 {
		return name[:i], name[i+1:]
	}
	return name, a.Settings.Profile
}

// FindVault returns the vault that a user calls name (VAULT or VAULT@PROFILE,
// by id or by name); "" is the one of --vault, KEYHOLD_VAULT or the
// configuration, else the default vault. It comes with its account, which may
// be that of another profile.
func (a *App) FindVault(ctx context.Context, name string) (backend.Account, backend.Info, error) {
	if name == "" {
		at := a.chosen()
		return a.findVault(ctx, at.profile, at.vault)
	}
	name, profile := a.split(name)
	return a.findVault(ctx, profile, name)
}

// findVault is FindVault in a profile.
func (a *App) findVault(ctx context.Context, profile, name string) (backend.Account, backend.Info, error) {
	name = norm.NFC.String(name)
	account, err := a.AccountOf(ctx, profile)
	if err != nil {
		return nil, backend.Info{}, err
	}
	infos, err := account.Vaults(ctx)
	if err != nil {
		return nil, backend.Info{}, err
	}
	if name == "" && !slices.ContainsFunc(infos, func(i backend.Info) bool { return i.Default }) {
		// One that is refused says why when it is opened.
		i := slices.IndexFunc(infos, func(i backend.Info) bool { return i.Damaged })
		if i < 0 {
			return nil, backend.Info{}, a.noVault(profile)
		}
		return account, infos[i], nil
	}
	if len(infos) == 0 {
		return nil, backend.Info{}, a.noVault(profile)
	}
	var found []backend.Info
	for _, i := range infos {
		switch {
		case name == "" && i.Default, i.ID == name:
			return account, i, nil
		case i.Name == name:
			found = append(found, i)
		}
	}
	switch len(found) {
	case 0:
		missing := &NotFoundError{What: "vault", Name: name, Try: "keyhold vault list", Kind: vault.ErrNotFound}
		if profile != a.Settings.Profile {
			missing.Try += " --profile " + profile
		}
		return nil, backend.Info{}, missing
	case 1:
		return account, found[0], nil
	}
	entries := make([]vault.Entry, len(found))
	for i, f := range found {
		entries[i] = vault.Entry{ID: f.ID, Name: f.Name, Type: "vault"}
		if f.NotAccepted {
			entries[i].Type = "not accepted" // a service may have made it up
		}
	}
	return nil, backend.Info{}, &vault.AmbiguousError{What: "vaults", Name: name, Entries: entries}
}

// Open opens the vault that item commands use.
func (a *App) Open(ctx context.Context) (vault.Vault, backend.Info, error) {
	return a.OpenVault(ctx, "")
}

// OpenVault opens the vault that a user calls name.
func (a *App) OpenVault(ctx context.Context, name string) (vault.Vault, backend.Info, error) {
	account, info, err := a.FindVault(ctx, name)
	if err != nil {
		return nil, backend.Info{}, err
	}
	v, err := account.Vault(ctx, info.ID)
	switch {
	case errors.Is(err, backend.ErrNotAccepted):
		return nil, backend.Info{}, &NotFoundError{What: "accepted vault", Name: info.Name, Try: "keyhold vault accept " + Quote(info.Name), Kind: backend.ErrNotAccepted}
	case err != nil:
		return nil, backend.Info{}, ofVault(info.Name, err)
	}
	return v, info, nil
}

// ofVault names the vault in front of an error whose text does not begin so.
func ofVault(name string, err error) error {
	prefix := fmt.Sprintf("vault %q", name)
	if strings.HasPrefix(err.Error(), prefix) {
		return err
	}
	return fmt.Errorf("%s: %w", prefix, err)
}

// Elsewhere returns the names of the other open vaults of the profile that
// have an item of this name.
func (a *App) Elsewhere(ctx context.Context, name string, but backend.Info) []string {
	account, err := a.AccountOf(ctx, a.chosen().profile)
	if err != nil {
		return nil
	}
	infos, err := account.Vaults(ctx)
	if err != nil {
		return nil
	}
	var names []string
	for _, i := range infos {
		if i.ID == but.ID || !i.Open {
			continue
		}
		if v, err := account.Vault(ctx, i.ID); err == nil {
			if found, err := v.Lookup(ctx, name); err == nil && len(found) > 0 {
				names = append(names, i.Name)
			}
		}
	}
	return names
}

// ErrNoField reports a field that an item does not have.
var ErrNoField = errors.New("no such field")

// Confirm asks a question that --yes answers. A no is ErrDeclined.
func (a *App) Confirm(ctx context.Context, question string) error {
	if a.Settings.Yes {
		return nil
	}
	if !a.CanAsk() {
		return &unconfirmedError{question, a.Again("--yes")}
	}
	yes, err := a.Prompt.Confirm(ctx, question)
	if err == nil && !yes {
		err = ErrDeclined
	}
	return err
}

// ConfirmName asks for a name to be typed before something is lost for good.
// --yes answers it too.
func (a *App) ConfirmName(ctx context.Context, warning, name string) error {
	if a.Settings.Yes {
		return nil
	}
	if !a.CanAsk() {
		return &unconfirmedError{warning, a.Again("--yes")}
	}
	answer, err := a.Prompt.Line(ctx, warning+"\nType the name to go on: ")
	if err != nil {
		return a.promptError(err)
	}
	if answer != name {
		return ErrDeclined
	}
	return nil
}

// An unconfirmedError reports a question that nobody was there to answer.
type unconfirmedError struct{ question, try string }

func (e *unconfirmedError) Error() string {
	return "this must be confirmed, and nobody can be asked: " + e.question
}

func (e *unconfirmedError) Unwrap() error { return ErrNoAnswer }

// Hint is the same command with --yes.
func (e *unconfirmedError) Hint() string { return e.try }

// A MissingError reports a value that the command line leaves out, where nobody
// can be asked for it.
type MissingError struct{ What, Try string }

func (e *MissingError) Error() string { return e.What }

// Unwrap makes every MissingError an ErrNoAnswer.
func (e *MissingError) Unwrap() error { return ErrNoAnswer }

// Hint returns Try.
func (e *MissingError) Hint() string { return e.Try }

// Again returns this command line with one more flag.
func (a *App) Again(flag string) string {
	words := []string{"keyhold"}
	for _, w := range a.Args {
		words = append(words, Quote(w))
	}
	return strings.Join(append(words, flag), " ")
}
