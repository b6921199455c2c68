package vault

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/keyhold/keyhold/internal/secret"
)

// timeLayout is how the plaintext writes times: RFC 3339, UTC, milliseconds.
const timeLayout = "2006-01-02T15:04:05.000Z07:00"

// MaxPlaintext is how many bytes the plaintext of an item may have.
const MaxPlaintext = 4 << 20

// The members that are no fields.
const (
	memberType    = "type"
	memberBinary  = "binaryFields"
	memberCustom  = "customFields"
	memberTags    = "tags"
	memberCreated = "createdAt"
	memberUpdated = "updatedAt"
	memberHistory = "history"
	memberMembers = "members" // of an entry of the history
)

// MarshalItem returns the plaintext of it, as FORMAT.md says. ID, Name,
// Deleted and Revision are not in it: they stand outside the sealed data.
// What cannot be written is ErrInvalid.
func MarshalItem(it Item) (secret.Bytes, error) {
	var buf bytes.Buffer
	e := &encoder{Encoder: jsontext.NewEncoder(&buf, jsontext.PreserveRawStrings(true)), written: make(map[string]bool)}
	e.item(it)
	if e.err != nil { // the error itself quotes what it found
		return secret.Bytes{}, fmt.Errorf("%w item: it has a name, a tag, a time or a member that cannot be written", ErrInvalid)
	}
	out := bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
	if len(out) > MaxPlaintext {
		return secret.Bytes{}, fmt.Errorf("%w item: it has %d bytes, the limit is %d", ErrInvalid, len(out), MaxPlaintext)
	}
	return secret.Of(out), nil
}

// An encoder writes JSON and keeps its first error.
type encoder struct {
	*jsontext.Encoder
	written map[string]bool // members of the item
	err     error
}

func (e *encoder) token(t jsontext.Token) {
	if e.err == nil {
		e.err = e.WriteToken(t)
	}
}

func (e *encoder) raw(v jsontext.Value) {
	if e.err == nil {
		e.err = e.WriteValue(v)
	}
}

func (e *encoder) name(n string) { e.token(jsontext.String(n)) }

func (e *encoder) member(name, value string) {
	e.name(name)
	e.token(jsontext.String(value))
}

func (e *encoder) time(name string, t time.Time) {
	t = t.UTC()
	if e.err == nil && (t.IsZero() || t.Year() < firstYear || t.Year() > lastYear+1) {
		e.err = ErrInvalid
	}
	e.member(name, t.Format(timeLayout))
}

// text writes b as a string, base64 if it is not UTF-8, and says which.
func (e *encoder) text(name string, b []byte) (binary bool) {
	if utf8.Valid(b) {
		e.member(name, string(b))
		return false
	}
	e.member(name, base64.StdEncoding.EncodeToString(b))
	return true
}

// encoded writes b as the member value, and encoding if it needs one.
func (e *encoder) encoded(b []byte) {
	if e.text("value", b) {
		e.member("encoding", "base64")
	}
}

func (e *encoder) item(it Item) {
	t := TypeOf(it)
	e.token(jsontext.BeginObject)
	if _, strange := it.Extra[memberType]; !strange {
		e.written[memberType] = true
		e.member(memberType, t.JSON)
	}
	custom := e.fields(it, t)
	if len(custom) > 0 {
		e.list(memberCustom)
		for _, f := range custom {
			e.custom(f)
		}
		e.token(jsontext.EndArray)
	}
	if len(it.Tags) > 0 {
		e.list(memberTags)
		for _, tag := range it.Tags {
			e.token(jsontext.String(tag))
		}
		e.token(jsontext.EndArray)
	}
	if !it.Created.IsZero() {
		e.written[memberCreated] = true
		e.time(memberCreated, it.Created)
	}
	if !it.Updated.IsZero() {
		e.written[memberUpdated] = true
		e.time(memberUpdated, it.Updated)
	}
	if len(it.History) > 0 {
		e.list(memberHistory)
		for _, p := range it.History {
			e.past(p, t)
		}
		e.token(jsontext.EndArray)
	}
	e.extra(it.Extra, e.written)
	e.token(jsontext.EndObject)
}

// list begins a member that is an array.
func (e *encoder) list(name string) {
	e.written[name] = true
	e.name(name)
	e.token(jsontext.BeginArray)
}

// fields writes the fields of the type and returns the others. The names in
// binaryFields of members that it did not write stay there.
func (e *encoder) fields(it Item, t Type) (custom []Field) {
	var binary []jsontext.Value
	own := make(map[string]bool)
	for _, f := range it.Fields {
		ft, ok := t.Field(f.Name)
		if f.Kind.Custom() || f.Kind == Opaque || !ok {
			custom = append(custom, f)
			continue
		}
		own[ft.JSON], e.written[ft.JSON] = true, true
		if e.text(ft.JSON, f.Value.Reveal()) {
			binary = append(binary, jsontext.Value(`"`+ft.JSON+`"`))
		}
	}
	kept, isList := array(it.Extra[memberBinary])
	for _, v := range kept {
		if s, ok := str(v); !ok || !own[s] {
			binary = append(binary, v)
		}
	}
	if len(binary) > 0 {
		e.name(memberBinary)
		e.raw(joined(binary))
	}
	e.written[memberBinary] = isList || len(binary) > 0
	return custom
}

// extra writes the members in m that were not written yet, by name.
func (e *encoder) extra(m map[string]jsontext.Value, written map[string]bool) {
	for _, n := range slices.Sorted(maps.Keys(m)) {
		if !written[n] {
			e.name(n)
			e.raw(m[n])
		}
	}
}

var customMembers = map[string]bool{"name": true, "value": true, "type": true, "encoding": true}

func (e *encoder) custom(f Field) {
	if f.Kind == Opaque {
		e.raw(f.Value.Reveal())
		return
	}
	kind := f.Kind.asCustom()
	if e.err == nil && (f.Name == "" || !kind.Custom()) {
		e.err = ErrInvalid
	}
	e.token(jsontext.BeginObject)
	e.member("name", f.Name)
	e.member("type", string(kind))
	e.encoded(f.Value.Reveal())
	e.extra(f.Extra, customMembers)
	e.token(jsontext.EndObject)
}

var pastMembers = map[string]bool{"at": true, "field": true, "value": true, "type": true, "encoding": true}

func (e *encoder) past(p Past, t Type) {
	if p.Kind == Opaque && p.Field == "" {
		e.raw(p.Value.Reveal())
		return
	}
	e.token(jsontext.BeginObject)
	e.time("at", p.At)
	e.member("field", p.Field)
	_, ofType := t.exactly(p.Field)
	if kind := p.Kind.asCustom(); kind == p.Kind || !ofType { // else the field's name says it
		e.member("type", string(kind))
	}
	if p.Absent {
		e.name("value")
		e.token(jsontext.Null)
	} else {
		e.encoded(p.Value.Reveal())
	}
	e.extra(p.Extra, pastMembers)
	e.token(jsontext.EndObject)
}
