package app

import (
	"slices"
	"strings"

	"github.com/keyhold/keyhold/internal/config"
	"github.com/keyhold/keyhold/internal/ref"
	"github.com/keyhold/keyhold/internal/vault"
)

// A NoPrintError reports that KEYHOLD_NO_PRINT forbids to show a value.
type NoPrintError struct{ try string }

func (e *NoPrintError) Error() string {
	return "KEYHOLD_NO_PRINT is set: values are given to programs only"
}

// Unwrap makes it a vault.ErrDenied.
func (e *NoPrintError) Unwrap() error { return vault.ErrDenied }

// Hint is a command that gives the value to a program.
func (e *NoPrintError) Hint() string { return e.try }

// MayPrint returns a *NoPrintError if KEYHOLD_NO_PRINT forbids to show values.
// instead is what does the same without: see RunLine.
func (a *App) MayPrint(instead string) error {
	if a.Settings.NoPrint {
		return &NoPrintError{instead}
	}
	return nil
}

// RunLine is a command that gives what arg means, an item or a reference, to a
// program.
func RunLine(arg string) string {
	if r, err := ref.Parse(arg); err == nil && r.Field != "" {
		return "keyhold run -e VALUE=" + Quote(arg) + " -- COMMAND"
	}
	return "keyhold run --env-from " + Quote(arg) + " -- COMMAND"
}

// Without returns this command line without a flag.
func (a *App) Without(flag string) string {
	words := []string{"keyhold"}
	for _, w := range a.Args {
		words = append(words, Quote(w))
	}
	if i := slices.Index(words, flag); i >= 0 {
		words = slices.Delete(words, i, i+1)
	}
	return strings.Join(words, " ")
}

// Where returns the flags, with a blank before each, by which a command
// means the profile, and the vault if that counts, that this one was about.
func (a *App) Where(vaultToo bool) string {
	profile, err := a.layers.Resolve("profile")
	typed := err == nil && profile.Source == config.Flag
	if a.at != nil {
		return a.at.flags(vaultToo, typed || a.at.profile != a.Settings.Profile)
	}
	_, chosen := a.split(a.Settings.Vault)
	rest := ""
	if v, err := a.layers.Resolve("vault"); vaultToo && err == nil && v.Source == config.Flag {
		rest = " --vault " + Quote(v.Value)
	}
	if (typed || chosen != a.Settings.Profile) && !strings.Contains(rest, "@") {
		rest += " --profile " + chosen
	}
	return rest
}

// flags names the place, as Where does.
func (p place) flags(vaultToo, profileToo bool) string {
	switch {
	case vaultToo && (profileToo || strings.Contains(p.vault, "@")):
		return " --vault " + Quote(p.vault+"@"+p.profile)
	case vaultToo:
		return " --vault " + Quote(p.vault)
	case profileToo:
		return " --profile " + p.profile
	}
	return ""
}
