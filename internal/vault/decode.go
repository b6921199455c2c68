package vault

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/keyhold/keyhold/internal/secret"
)

// UnmarshalItem reads the plaintext of an item. What is not JSON, has a member
// twice or is too long is ErrDamaged. A member of an unexpected shape is kept
// in Extra, untouched, like one that is unknown. The item does not share the
// memory of plain.
func UnmarshalItem(plain secret.Bytes) (Item, error) {
	if plain.Len() > MaxPlaintext {
		return Item{}, fmt.Errorf("item data: %w: it has %d bytes, the limit is %d", ErrDamaged, plain.Len(), MaxPlaintext)
	}
	m, err := object(plain.Reveal())
	if err != nil {
		return Item{}, fmt.Errorf("item data: %w", err)
	}
	stored, ok := take(m, memberType, str)
	if !ok {
		stored = DefaultType
	}
	t := typeStored(stored)
	it := Item{Type: t.Name, Fields: typeFields(m, t)}
	fields, _ := take(m, memberCustom, customFields)
	it.Fields = append(it.Fields, fields...)
	it.Tags, _ = take(m, memberTags, tags)
	it.Created, _ = take(m, memberCreated, timestamp)
	it.Updated, _ = take(m, memberUpdated, timestamp)
	it.History, _ = take(m, memberHistory, func(v jsontext.Value) ([]Past, bool) { return history(v, t) })
	it.Extra = rest(m)
	return it, nil
}

// take reads a member and, if it is as expected, takes it out of m.
func take[T any](m map[string]jsontext.Value, name string, read func(jsontext.Value) (T, bool)) (T, bool) {
	v, ok := read(m[name])
	if !ok {
		var zero T
		return zero, false
	}
	delete(m, name)
	return v, true
}

// rest returns what is left of m, without white space in it; nil if it is nothing.
func rest(m map[string]jsontext.Value) map[string]jsontext.Value {
	if len(m) == 0 {
		return nil
	}
	for name, v := range m {
		m[name] = compact(v)
	}
	return m
}

// compact returns a copy of v, which is valid, without white space.
func compact(v jsontext.Value) jsontext.Value {
	v = v.Clone()
	_ = v.Compact()
	return v
}

// typeFields takes the fields of the type out of m, and their names out of
// binaryFields. The names of other members stay there.
func typeFields(m map[string]jsontext.Value, t Type) []Field {
	list, isList := array(m[memberBinary])
	var fields []Field
	for _, ft := range t.Fields {
		binary := slices.ContainsFunc(list, is(ft.JSON))
		read := func(v jsontext.Value) (secret.Bytes, bool) { return value(v, binary) }
		if b, ok := take(m, ft.JSON, read); ok {
			fields = append(fields, Field{Name: ft.Name, Kind: ft.kind(), Value: b})
			list = slices.DeleteFunc(list, is(ft.JSON))
		}
	}
	if isList {
		delete(m, memberBinary)
	}
	if len(list) > 0 {
		m[memberBinary] = joined(list)
	}
	return fields
}

// is returns whether a value is the string s.
func is(s string) func(jsontext.Value) bool {
	return func(v jsontext.Value) bool {
		got, ok := str(v)
		return ok && got == s
	}
}

// joined is the JSON array of list.
func joined(list []jsontext.Value) jsontext.Value {
	v := jsontext.Value("[")
	for i, e := range list {
		if i > 0 {
			v = append(v, ',')
		}
		v = append(v, e...)
	}
	return append(v, ']')
}

// value returns the bytes of a string that may be base64.
func value(v jsontext.Value, binary bool) (secret.Bytes, bool) {
	s, ok := str(v)
	if !ok || !binary {
		return secret.Of([]byte(s)), ok
	}
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	return secret.Of(b), err == nil
}

// customFields reads the array of custom fields. An element that is not as
// expected is kept whole, as Opaque.
func customFields(v jsontext.Value) ([]Field, bool) {
	elems, ok := array(v)
	if !ok {
		return nil, false
	}
	fields := make([]Field, 0, len(elems))
	for _, e := range elems {
		f, ok := customField(e)
		if !ok {
			f = Field{Kind: Opaque, Value: secret.Of(compact(e))}
		}
		fields = append(fields, f)
	}
	return fields, true
}

func customField(v jsontext.Value) (Field, bool) {
	m, err := object(v)
	if err != nil {
		return Field{}, false
	}
	name, _ := take(m, "name", str)
	kind, _ := take(m, "type", str)
	b, ok := encoded(m)
	if !ok || name == "" || !Kind(kind).Custom() {
		return Field{}, false
	}
	return Field{Name: name, Kind: Kind(kind), Value: b, Extra: rest(m)}, true
}

// encoded takes the members value and encoding out of m.
func encoded(m map[string]jsontext.Value) (secret.Bytes, bool) {
	_, given := m["encoding"]
	encoding, _ := take(m, "encoding", str)
	if given && encoding != "base64" {
		return secret.Bytes{}, false
	}
	return take(m, "value", func(v jsontext.Value) (secret.Bytes, bool) { return value(v, given) })
}

// tags reads the list of tags. One that no user can give makes the member one
// of an unexpected shape: the history could not tell it from two.
func tags(v jsontext.Value) ([]string, bool) {
	elems, ok := array(v)
	if !ok {
		return nil, false
	}
	var list []string
	for _, e := range elems {
		s, ok := str(e)
		if !ok || !validTag(s) {
			return nil, false
		}
		list = append(list, s)
	}
	return list, true
}

// history reads the history. An entry that is not as expected is kept whole,
// as Opaque, in the revision where it stands.
func history(v jsontext.Value, t Type) ([]Past, bool) {
	elems, ok := array(v)
	if !ok {
		return nil, false
	}
	var h []Past
	for _, e := range elems {
		p, ok := pastEntry(e, t)
		if !ok {
			p = Past{Kind: Opaque, Value: secret.Of(compact(e)), At: p.At}
			if p.At.IsZero() && len(h) > 0 {
				p.At = h[len(h)-1].At
			}
		}
		h = append(h, p)
	}
	return h, true
}

// pastEntry reads one entry of a history. If it is not as expected, the result
// has at most its time.
func pastEntry(v jsontext.Value, t Type) (Past, bool) {
	m, err := object(v)
	if err != nil {
		return Past{}, false
	}
	at, ok := take(m, "at", timestamp)
	if !ok {
		return Past{}, false
	}
	strange := Past{At: at}
	p := Past{At: at}
	if p.Field, ok = take(m, "field", str); !ok {
		return strange, false
	}
	if p.Kind, ok = pastKind(m, t, p.Field); !ok {
		return strange, false
	}
	_, coded := m["encoding"]
	if m["value"].Kind() == jsontext.KindNull && !coded && p.Kind != ItemName && p.Kind != Opaque {
		p.Absent = true
		delete(m, "value")
	} else if p.Value, ok = encoded(m); !ok {
		return strange, false
	}
	p.Extra = rest(m)
	return p, true
}

// pastKind takes the member type out of m: what an entry about field speaks of.
func pastKind(m map[string]jsontext.Value, t Type, field string) (Kind, bool) {
	if _, given := m["type"]; !given {
		ft, ok := t.exactly(field)
		return ft.kind(), ok
	}
	s, _ := take(m, "type", str)
	switch kind := Kind(s); {
	case kind == ItemName || kind == ItemTags:
		return kind, field == ""
	default:
		return kind, field != "" && (kind.Custom() || kind == Opaque)
	}
}

// errNotJSON stands for every error of the decoder, which quote what they found.
var errNotJSON = fmt.Errorf("%w: it is not valid JSON", ErrDamaged)

// object splits a JSON object into its members, as they are.
func object(v jsontext.Value) (map[string]jsontext.Value, error) {
	if v.Kind() != jsontext.KindBeginObject {
		return nil, fmt.Errorf("%w: it is not a JSON object", ErrDamaged)
	}
	d := jsontext.NewDecoder(bytes.NewBuffer(v))
	if _, err := d.ReadToken(); err != nil {
		return nil, errNotJSON
	}
	m := make(map[string]jsontext.Value)
	for d.PeekKind() != jsontext.KindEndObject {
		name, err := d.ReadToken()
		if err != nil {
			return nil, errNotJSON
		}
		key := name.String()
		val, err := d.ReadValue()
		if err != nil {
			return nil, errNotJSON
		}
		m[key] = val.Clone()
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, errNotJSON
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: something follows the JSON object", ErrDamaged)
	}
	return m, nil
}

// array splits a JSON array, part of what object has read, into its elements.
func array(v jsontext.Value) ([]jsontext.Value, bool) {
	if v.Kind() != jsontext.KindBeginArray {
		return nil, false
	}
	d := jsontext.NewDecoder(bytes.NewBuffer(v))
	if _, err := d.ReadToken(); err != nil {
		return nil, false
	}
	elems := []jsontext.Value{}
	for d.PeekKind() != jsontext.KindEndArray {
		e, err := d.ReadValue()
		if err != nil {
			return nil, false
		}
		elems = append(elems, e.Clone())
	}
	return elems, true
}

func str(v jsontext.Value) (string, bool) {
	if v.Kind() != jsontext.KindString {
		return "", false
	}
	b, err := jsontext.AppendUnquote(nil, v)
	return string(b), err == nil
}

// The years of a time that is read: the zero time means that there is none,
// and a later change must still have a year of four digits.
const (
	firstYear = 1
	lastYear  = 9998
)

func timestamp(v jsontext.Value) (time.Time, bool) {
	s, ok := str(v)
	if !ok {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	t = t.UTC().Truncate(time.Millisecond)
	if err != nil || t.IsZero() || t.Year() < firstYear || t.Year() > lastYear {
		return time.Time{}, false
	}
	return t, true
}
