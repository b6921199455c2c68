package app

import (
	"fmt"
	"strings"

	"github.com/keyhold/keyhold/internal/otp"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/vault"
)

// A FieldError reports a field that is not set.
type FieldError struct {
	Item vault.Item
	Name string
}

func (e *FieldError) Error() string {
	set := "none is"
	if names := e.Item.FieldNames(); len(names) > 0 {
		set = "set: " + strings.Join(names, ", ")
	}
	return fmt.Sprintf("item %q has no field %q set (%s)", e.Item.Name, e.Name, set)
}

// Unwrap makes every FieldError an ErrNoField.
func (e *FieldError) Unwrap() error { return ErrNoField }

// Hint prints a field that is set.
func (e *FieldError) Hint() string {
	names := e.Item.FieldNames()
	if len(names) == 0 {
		return "keyhold put " + Quote(e.Item.Name) + " " + Quote(e.Name)
	}
	return "keyhold get " + Quote(e.Item.Name) + " -f " + Quote(names[0])
}

// PickField returns the field that a user calls name; "" is the main one, otp
// and totp are the current one-time code, never the seed. A field that is not
// set is a *FieldError.
func (a *App) PickField(it vault.Item, name string) (vault.Field, error) {
	if name == "" {
		if name = vault.TypeOf(it).Main; name == "" {
			first := "FIELD"
			if names := it.FieldNames(); len(names) > 0 {
				first = names[0]
			}
			return vault.Field{}, &UsageError{
				Message: fmt.Sprintf("an item of type %s has no main field", it.Type),
				Try:     "keyhold get " + Quote(it.Name) + " -f " + Quote(first),
			}
		}
	}
	if name == "otp" || name == "totp" {
		if seed, ok := Seed(it); ok {
			code, _, err := a.Code(it, seed)
			return vault.Field{Name: "otp", Value: code}, err
		}
	}
	f, ok := it.Field(name)
	if !ok {
		return vault.Field{}, &FieldError{Item: it, Name: name}
	}
	return f, nil
}

// Seed returns the field that holds the seed of an item's one-time codes.
func Seed(it vault.Item) (vault.Field, bool) {
	f, ok := it.Field("totp")
	return f, ok && !f.Kind.Custom()
}

// Code returns the one-time code that a seed gives now.
func (a *App) Code(it vault.Item, seed vault.Field) (secret.Bytes, otp.Key, error) {
	key, err := otp.Parse(secret.TextOf(string(seed.Value.Reveal())))
	if err != nil {
		return secret.Bytes{}, otp.Key{}, fmt.Errorf("the one-time codes of %q: %w", it.Name, err)
	}
	code, _ := key.Code(a.Now())
	return secret.Of([]byte(code)), key, nil
}
