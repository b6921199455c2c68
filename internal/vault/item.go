package vault

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/text/unicode/norm"

	"github.com/keyhold/keyhold/internal/secret"
)

// An Item is a named thing with fields.
type Item struct {
	ID, Type, Name            string // ID is a UUID; Type as in Types
	Fields                    []Field
	Tags                      []string
	History                   []Past // oldest first
	Created, Updated, Deleted time.Time
	Revision                  uint64
	Extra                     map[string]jsontext.Value // members we do not know
}

// A Field is a named value of an item.
type Field struct {
	Name  string
	Kind  Kind
	Value secret.Bytes
	// Extra holds the members of a custom field that we do not know; for
	// Opaque it is unused and Value is the whole element as JSON.
	Extra map[string]jsontext.Value
}

// A Kind says how a field is stored and shown.
type Kind string

// The kinds of fields. The types of items have Plain and Secret ones, users
// add Text and Hidden ones; the rest is kept for other programs. ItemName and
// ItemTags stand only in the history.
const (
	Plain    Kind = ""
	Secret   Kind = "secret"
	Text     Kind = "text"
	Hidden   Kind = "hidden"
	Boolean  Kind = "boolean"
	URL      Kind = "url"
	Markdown Kind = "markdown"
	Opaque   Kind = "opaque"
	ItemName Kind = "name"
	ItemTags Kind = "tags"
)

// Custom reports whether k is a kind of custom fields.
func (k Kind) Custom() bool {
	switch k {
	case Text, Hidden, Boolean, URL, Markdown:
		return true
	default:
		return false
	}
}

// asCustom returns the kind of a custom field for one that the type does not have.
func (k Kind) asCustom() Kind {
	switch k {
	case Plain:
		return Text
	case Secret:
		return Hidden
	default:
		return k
	}
}

// Concealed reports whether a field of this kind is shown only on demand.
func (k Kind) Concealed() bool { return k == Secret || k == Hidden || k == Opaque }

// MaxName is how many bytes the name of an item may have.
const MaxName = 4096

// CheckName returns an ErrInvalid if an item cannot have this name.
func CheckName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w name: it is empty", ErrInvalid)
	case name == "." || name == "..":
		return fmt.Errorf("%w name %q", ErrInvalid, name)
	case !utf8.ValidString(name):
		return fmt.Errorf("%w name: it is not UTF-8", ErrInvalid)
	case strings.ContainsRune(name, 0):
		return fmt.Errorf("%w name: it has a NUL character", ErrInvalid)
	case len(name) > MaxName:
		return fmt.Errorf("%w name: it has %d bytes, the limit is %d", ErrInvalid, len(name), MaxName)
	}
	return nil
}

// A fieldKey tells the fields of an item apart: a custom one may have the name
// of one of the type.
type fieldKey struct {
	custom bool
	name   string
}

func keyOf(f Field) fieldKey { return fieldKey{f.Kind.Custom() || f.Kind == Opaque, f.Name} }

// Field returns the field that a user calls name: the one of the item's type
// or the custom one of exactly this name, else the one of the type that has
// it as another spelling.
func (it Item) Field(name string) (Field, bool) {
	if i := it.index(name); i >= 0 {
		return it.Fields[i], true
	}
	return Field{}, false
}

func (it Item) index(name string) int {
	keys := []fieldKey{{name: name}, {custom: true, name: name}}
	if ft, ok := TypeOf(it).Field(name); ok {
		keys = append(keys, fieldKey{name: ft.Name})
	}
	for _, key := range keys {
		if i := it.indexOf(key); i >= 0 {
			return i
		}
	}
	return -1
}

// indexOf returns where the first field of that key is, or -1.
func (it Item) indexOf(key fieldKey) int {
	return slices.IndexFunc(it.Fields, func(f Field) bool { return f.Kind != Opaque && keyOf(f) == key })
}

// Main returns the main field. The name is empty if the type has none.
func (it Item) Main() (name string, f Field, ok bool) {
	name = TypeOf(it).Main
	if name == "" {
		return "", Field{}, false
	}
	f, ok = it.Field(name)
	return name, f, ok
}

// FieldNames returns the names of the fields that are set, in order.
func (it Item) FieldNames() []string {
	names := make([]string, 0, len(it.Fields))
	for _, f := range it.Fields {
		if f.Kind != Opaque {
			names = append(names, f.Name)
		}
	}
	return names
}

// Entry returns what a list knows of it.
func (it Item) Entry() Entry {
	return Entry{ID: it.ID, Name: it.Name, Type: it.Type, Created: it.Created, Updated: it.Updated, Revision: it.Revision}
}

// Copy returns a new item with the fields, tags and unknown members of it: it
// has no ID, no history, no revision, is not deleted, and was made at the time
// at. The two share no memory. The name gets into NFC and is not checked.
func (it Item) Copy(name string, at time.Time) Item {
	at = at.UTC().Truncate(time.Millisecond)
	out := Item{
		Type: it.Type, Name: norm.NFC.String(name), Fields: slices.Clone(it.Fields), Tags: slices.Clone(it.Tags),
		Created: at, Updated: at, Extra: copyMembers(it.Extra),
	}
	for i, f := range out.Fields {
		out.Fields[i].Value = secret.Of(bytes.Clone(f.Value.Reveal()))
		out.Fields[i].Extra = copyMembers(f.Extra)
	}
	// Of an unexpected shape; what is written from now on, or left behind.
	for _, member := range []string{memberCreated, memberUpdated, memberHistory} {
		out.displace(member)
	}
	return out
}

func copyMembers(m map[string]jsontext.Value) map[string]jsontext.Value {
	m = maps.Clone(m)
	for name, v := range m {
		m[name] = v.Clone()
	}
	return m
}

// CheckVaultName returns an ErrInvalid if a vault cannot be made with this name.
func CheckVaultName(name string) error {
	const limit = 255
	switch {
	case name == "" || name == "." || name == "..":
		return fmt.Errorf("%w vault name %q", ErrInvalid, name)
	case len(name) > limit || !utf8.ValidString(name):
		return fmt.Errorf("%w vault name: it must have 1 to %d bytes of UTF-8", ErrInvalid, limit)
	case strings.ContainsAny(name, "@/") || strings.ContainsFunc(name, unicode.IsControl):
		return fmt.Errorf("%w vault name %q: it must not contain @, / or control characters", ErrInvalid, name)
	}
	return nil
}
