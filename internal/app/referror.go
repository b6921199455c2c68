package app

import (
	"errors"
	"fmt"
	"strings"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/ref"
	"github.com/keyhold/keyhold/internal/vault"
)

// A RefError reports a reference that cannot be resolved.
type RefError struct {
	Ref   ref.Ref
	Vault backend.Info // zero if that was not found either
	Err   error
}

func (e *RefError) Error() string {
	text := e.Err.Error()
	if e.Ref.Vault != "" {
		text = e.Ref.String() + ": " + text
	}
	var several *vault.AmbiguousError
	if !errors.As(e.Err, &several) {
		return text
	}
	ids := make([]string, len(several.Entries))
	for i, entry := range several.Entries {
		ids[i] = fmt.Sprintf("%s (%s)", entry.ID, entry.Type)
	}
	return text + ", use an id instead: " + strings.Join(ids, ", ")
}

// Unwrap returns the cause.
func (e *RefError) Unwrap() error { return e.Err }

// Hint prints the reference that was probably meant, if that is known.
func (e *RefError) Hint() string {
	in := " --vault " + Quote(placeOf(e.Ref, e.Vault))
	var several *vault.AmbiguousError
	var unset *FieldError
	var none *NoMainError
	var own interface{ Hint() string }
	switch {
	case errors.As(e.Err, &several) && e.Vault.Name != "":
		return strings.TrimRight("keyhold ref "+several.Entries[0].ID+" "+e.Ref.Field, " ") + in
	case errors.As(e.Err, &unset) && len(unset.Item.FieldNames()) > 0:
		return "keyhold ref " + Quote(e.Ref.Item) + " " + Quote(unset.Item.FieldNames()[0]) + in
	case errors.As(e.Err, &none):
		return "keyhold ref " + Quote(e.Ref.Item) + " " + Quote(none.first()) + in
	case errors.As(e.Err, &unset):
		return unset.Hint() + in
	case errors.As(e.Err, &own):
		return own.Hint()
	}
	return ""
}
