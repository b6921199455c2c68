package vault

import (
	"maps"
	"slices"
	"strings"
)

// A Type says which fields an item of this type has.
type Type struct {
	Name    string   // as users say it
	JSON    string   // as it is stored
	Aliases []string // other spellings that users may type
	Main    string   // the field that get prints; empty if there is none
	Fields  []FieldType
}

// A FieldType is one field of a Type.
type FieldType struct {
	Name   string // as users say it, snake_case
	JSON   string // the member's name in the plaintext
	Secret bool   // asked for without echo, never on a command line
	Long   bool   // edited in an editor rather than at a prompt
}

func (ft FieldType) kind() Kind {
	if ft.Secret {
		return Secret
	}
	return Plain
}

// DefaultType is what a new item is if nothing else is said.
const DefaultType = "login"

// Types lists the types of items. Members of other types, and of passkeys,
// are kept but have no names here.
func Types() []Type { return types }

var notes = FieldType{Name: "notes", JSON: "notes", Secret: true, Long: true}

// types is laid out by the compiler: it costs nothing when a program starts.
var types = []Type{
	{Name: "login", JSON: "login", Main: "password", Fields: []FieldType{
		{Name: "username", JSON: "username"},
		{Name: "password", JSON: "password", Secret: true},
		{Name: "totp", JSON: "totp", Secret: true},
		{Name: "url", JSON: "uri"},
		{Name: "notes", JSON: "notes", Secret: true, Long: true},
	}},
	{Name: "note", JSON: "secure_note", Aliases: []string{"secure_note"}, Main: "content", Fields: []FieldType{
		{Name: "content", JSON: "content", Secret: true, Long: true},
	}},
	{Name: "card", JSON: "credit_card", Aliases: []string{"credit_card"}, Main: "number", Fields: []FieldType{
		{Name: "holder", JSON: "cardholderName"},
		{Name: "number", JSON: "number", Secret: true},
		{Name: "expiry", JSON: "expiry"},
		{Name: "cvv", JSON: "cvv", Secret: true},
		{Name: "brand", JSON: "cardType"},
		{Name: "notes", JSON: "notes", Secret: true, Long: true},
	}},
	{Name: "identity", JSON: "identity", Fields: []FieldType{
		{Name: "first_name", JSON: "firstName"},
		{Name: "last_name", JSON: "lastName"},
		{Name: "email", JSON: "email"},
		{Name: "phone", JSON: "phone"},
		{Name: "address", JSON: "address"},
		{Name: "city", JSON: "city"},
		{Name: "state", JSON: "state"},
		{Name: "zip", JSON: "postalCode"},
		{Name: "country", JSON: "country"},
		{Name: "ssn", JSON: "ssn", Secret: true},
		{Name: "passport", JSON: "passportNumber", Secret: true},
		{Name: "license", JSON: "licenseNumber", Secret: true},
		{Name: "notes", JSON: "notes", Secret: true, Long: true},
	}},
	{Name: "api_key", JSON: "api_key", Main: "key", Fields: []FieldType{
		{Name: "key", JSON: "key", Secret: true},
		{Name: "environment", JSON: "environment"},
		{Name: "url", JSON: "serviceUrl"},
		{Name: "expires", JSON: "expiresAt"},
		{Name: "notes", JSON: "notes", Secret: true, Long: true},
	}},
	{Name: "ssh_key", JSON: "ssh_key", Main: "private_key", Fields: []FieldType{
		{Name: "public_key", JSON: "publicKey"},
		{Name: "private_key", JSON: "privateKey", Secret: true},
		{Name: "passphrase", JSON: "passphrase", Secret: true},
		{Name: "key_type", JSON: "keyType"},
		{Name: "fingerprint", JSON: "fingerprint"},
		{Name: "host", JSON: "host"},
		{Name: "notes", JSON: "notes", Secret: true, Long: true},
	}},
	{Name: "gpg_key", JSON: "gpg_key", Main: "private_key", Fields: []FieldType{
		{Name: "uid", JSON: "uid"},
		{Name: "key_id", JSON: "keyId"},
		{Name: "fingerprint", JSON: "fingerprint"},
		{Name: "key_type", JSON: "keyType"},
		{Name: "expires", JSON: "expiresAt"},
		{Name: "public_key", JSON: "publicKey"},
		{Name: "private_key", JSON: "privateKey", Secret: true},
		{Name: "passphrase", JSON: "passphrase", Secret: true},
		{Name: "notes", JSON: "notes", Secret: true, Long: true},
	}},
	{Name: "passkey", JSON: "passkey", Fields: []FieldType{{Name: "notes", JSON: "notes", Secret: true, Long: true}}},
}

// fieldAliases are spellings that users bring from elsewhere.
var fieldAliases = map[string]string{
	"uri": "url", "website": "url", "user": "username", "login": "username", "pass": "password", "pw": "password",
}

// TypeNamed returns the type that a user calls name.
func TypeNamed(name string) (Type, bool) {
	name = strings.ReplaceAll(strings.ToLower(name), "-", "_")
	for _, t := range types {
		if t.Name == name {
			return t, true
		}
		for _, a := range t.Aliases {
			if a == name {
				return t, true
			}
		}
	}
	return Type{}, false
}

// typeStored returns the type with this stored name, in either dialect of the
// services; an unknown one has only notes.
func typeStored(json string) Type {
	for _, t := range types {
		if t.Name == json || t.JSON == json {
			return t
		}
	}
	return Type{Name: json, JSON: json, Fields: []FieldType{notes}}
}

// TypeOf returns the type of it; one that is unknown here has only notes.
func TypeOf(it Item) Type { return typeStored(it.Type) }

// StoredType returns the name under which a type is stored.
func StoredType(name string) string { return typeStored(name).JSON }

// UserType returns the name that users know for a stored type.
func UserType(json string) string { return typeStored(json).Name }

// Field returns the field that a user calls name, in any of its spellings.
func (t Type) Field(name string) (FieldType, bool) {
	name = strings.ReplaceAll(name, "-", "_")
	if f, ok := t.exactly(name); ok {
		return f, true
	}
	if alias, ok := fieldAliases[name]; ok {
		return t.exactly(alias)
	}
	return FieldType{}, false
}

// exactly returns the field of this name.
func (t Type) exactly(name string) (FieldType, bool) {
	for _, f := range t.Fields {
		if f.Name == name {
			return f, true
		}
	}
	return FieldType{}, false
}

// NearestField returns the field of t whose name is closest to name, or "" if
// none is close: at most two letters differ, and at most half of them.
func (t Type) NearestField(name string) string {
	name = strings.ReplaceAll(strings.ToLower(name), "-", "_")
	best, dist := "", min(2, len(name)/2)+1
	consider := func(spelling, field string) {
		if d := distance(name, spelling); d < dist {
			best, dist = field, d
		}
	}
	for _, f := range t.Fields {
		consider(f.Name, f.Name)
	}
	for _, a := range slices.Sorted(maps.Keys(fieldAliases)) {
		if ft, ok := t.Field(a); ok {
			consider(a, ft.Name)
		}
	}
	return best
}

// distance is the Levenshtein distance of two short words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		prev := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			prev, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, prev+cost)
		}
	}
	return row[len(b)]
}
