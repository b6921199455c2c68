package app

import (
	"fmt"
	"strings"
	"time"

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
			return vault.Field{}, &NoMainError{it}
		}
	}
	if name == "otp" || name == "totp" {
		if seed, ok := Seed(it); ok {
			code, err := a.Code(it, seed)
			return vault.Field{Name: "otp", Kind: vault.Secret, Value: code.Text}, err
		}
	}
	f, ok := it.Field(name)
	if !ok {
		return vault.Field{}, &FieldError{Item: it, Name: name}
	}
	return f, nil
}

// A NoMainError reports an item of a type that has no main field, where none
// was named.
type NoMainError struct{ Item vault.Item }

func (e *NoMainError) Error() string {
	return fmt.Sprintf("an item of type %s has no main field", e.Item.Type)
}

// Hint prints a field that is set.
func (e *NoMainError) Hint() string {
	return "keyhold get " + Quote(e.Item.Name) + " -f " + Quote(e.first())
}

func (e *NoMainError) first() string {
	if names := e.Item.FieldNames(); len(names) > 0 {
		return names[0]
	}
	return "FIELD"
}

// Seed returns the field that holds the seed of an item's one-time codes: totp,
// also where the type has none and it is a hidden field of one's own.
func Seed(it vault.Item) (vault.Field, bool) {
	f, ok := it.Field("totp")
	return f, ok && f.Kind.Concealed()
}

// A Code is a one-time code, and how long it is good.
type Code struct {
	Text   secret.Bytes
	Until  time.Time
	Period time.Duration
}

// Code returns the one-time code that a seed gives now.
func (a *App) Code(it vault.Item, seed vault.Field) (Code, error) {
	key, err := otp.Parse(secret.TextOf(string(seed.Value.Reveal())))
	if err != nil {
		return Code{}, fmt.Errorf("the one-time codes of %q: %w", it.Name, err)
	}
	now := a.Now()
	text, left := key.Code(now)
	return Code{secret.Of([]byte(text)), now.Add(left).Truncate(time.Second), key.Period}, nil
}
