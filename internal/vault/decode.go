package vault

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/keyhold/keyhold/internal/secret"
)

// UnmarshalItem reads the plaintext of an item. What is not JSON, or has a
// member twice, is ErrDamaged. A member of an unexpected shape is kept in
// Extra, untouched, like one that is unknown.
func UnmarshalItem(plain secret.Bytes) (Item, error) {
	members, order, err := object(plain.Reveal())
	if err != nil {
		return Item{}, fmt.Errorf("item data: %w", err)
	}
	it := Item{Extra: members}
	stored := "login"
	if s, ok := str(members["type"]); ok {
		stored = s
		delete(members, "type")
	}
	t := typeStored(stored)
	it.Type = t.Name
	binary := make(map[string]bool)
	if list, ok := strs(members["binaryFields"]); ok {
		for _, n := range list {
			binary[n] = true
		}
	}
	for _, name := range order {
		for _, ft := range t.Fields {
			if ft.JSON != name {
				continue
			}
			if f, ok := typed(ft, members[name], binary[name]); ok {
				it.Fields = append(it.Fields, f)
				delete(members, name)
				delete(binary, name)
			}
		}
	}
	if len(binary) == 0 { // else it stays, for the members that it speaks of
		delete(members, "binaryFields")
	}
	if fields, ok := customFields(members["customFields"]); ok {
		it.Fields = append(it.Fields, fields...)
		delete(members, "customFields")
	}
	if tags, ok := strs(members["tags"]); ok {
		it.Tags = tags
		delete(members, "tags")
	}
	for name, at := range map[string]*time.Time{"createdAt": &it.Created, "updatedAt": &it.Updated} {
		if v, ok := timestamp(members[name]); ok {
			*at = v
			delete(members, name)
		}
	}
	if h, ok := history(members["history"], t); ok {
		it.History = h
		delete(members, "history")
	}
	if len(it.Extra) == 0 {
		it.Extra = nil
	}
	it.sortFields()
	return it, nil
}

func typed(ft FieldType, v jsontext.Value, binary bool) (Field, bool) {
	s, ok := str(v)
	if !ok {
		return Field{}, false
	}
	b, ok := value(s, binary)
	if !ok {
		return Field{}, false
	}
	kind := Plain
	if ft.Secret {
		kind = Secret
	}
	return Field{Name: ft.Name, Kind: kind, Value: b}, true
}

// value returns the bytes of a string that may be base64.
func value(s string, binary bool) (secret.Bytes, bool) {
	if !binary {
		return secret.Of([]byte(s)), true
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
			f = Field{Kind: Opaque, Value: secret.Of(e)}
		}
		fields = append(fields, f)
	}
	return fields, true
}

func customField(v jsontext.Value) (Field, bool) {
	m, _, err := object(v)
	if err != nil {
		return Field{}, false
	}
	name, ok1 := str(m["name"])
	text, ok2 := str(m["value"])
	kind, ok3 := str(m["type"])
	if !ok1 || !ok2 || !ok3 || name == "" || !Kind(kind).Custom() {
		return Field{}, false
	}
	b, ok := value(text, isBase64(m))
	if !ok {
		return Field{}, false
	}
	for _, known := range []string{"name", "value", "type"} {
		delete(m, known)
	}
	if len(m) == 0 {
		m = nil
	}
	return Field{Name: name, Kind: Kind(kind), Value: b, Extra: m}, true
}

// isBase64 takes the member "encoding" out of m and reports whether it says base64.
func isBase64(m map[string]jsontext.Value) bool {
	if s, ok := str(m["encoding"]); !ok || s != "base64" {
		return false
	}
	delete(m, "encoding")
	return true
}

// history reads the history; one with a strange entry is not read at all, and
// so kept as it is.
func history(v jsontext.Value, t Type) ([]Past, bool) {
	elems, ok := array(v)
	if !ok {
		return nil, false
	}
	h := make([]Past, 0, len(elems))
	for _, e := range elems {
		p, ok := pastEntry(e, t)
		if !ok {
			return nil, false
		}
		h = append(h, p)
	}
	return h, true
}

func pastEntry(v jsontext.Value, t Type) (Past, bool) {
	m, _, err := object(v)
	if err != nil {
		return Past{}, false
	}
	at, ok1 := timestamp(m["at"])
	field, ok2 := str(m["field"])
	if !ok1 || !ok2 {
		return Past{}, false
	}
	p := Past{At: at, Field: field}
	if kind, ok := str(m["type"]); ok {
		p.Kind = Kind(kind)
		if !p.Kind.Custom() && p.Kind != ItemName && p.Kind != ItemTags {
			return Past{}, false
		}
	} else if ft, ok := t.Field(field); ok && ft.Secret {
		p.Kind = Secret
	}
	binary := isBase64(m)
	if string(m["value"]) == "null" {
		p.Absent = true
	} else if text, ok := str(m["value"]); !ok {
		return Past{}, false
	} else if p.Value, ok = value(text, binary); !ok {
		return Past{}, false
	}
	for _, known := range []string{"at", "field", "type", "value"} {
		delete(m, known)
	}
	return p, len(m) == 0
}

// object splits a JSON object into its members, as they are, and their order.
func object(v jsontext.Value) (map[string]jsontext.Value, []string, error) {
	if v.Kind() != jsontext.KindBeginObject {
		return nil, nil, fmt.Errorf("%w: it is not a JSON object", ErrDamaged)
	}
	d := jsontext.NewDecoder(strings.NewReader(string(v)))
	if _, err := d.ReadToken(); err != nil {
		return nil, nil, ErrDamaged
	}
	members := make(map[string]jsontext.Value)
	var order []string
	for d.PeekKind() != jsontext.KindEndObject {
		name, err := d.ReadToken()
		if err != nil {
			return nil, nil, fmt.Errorf("%w: it is not valid JSON", ErrDamaged)
		}
		key := name.String()
		val, err := d.ReadValue()
		if err != nil {
			return nil, nil, fmt.Errorf("%w: it is not valid JSON", ErrDamaged)
		}
		members[key] = val.Clone()
		order = append(order, key)
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, nil, fmt.Errorf("%w: it is not valid JSON", ErrDamaged)
	}
	if d.PeekKind() != jsontext.KindInvalid {
		return nil, nil, fmt.Errorf("%w: something follows the JSON object", ErrDamaged)
	}
	return members, order, nil
}

// array splits a JSON array into its elements.
func array(v jsontext.Value) ([]jsontext.Value, bool) {
	if v.Kind() != jsontext.KindBeginArray {
		return nil, false
	}
	d := jsontext.NewDecoder(strings.NewReader(string(v)))
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

func strs(v jsontext.Value) ([]string, bool) {
	elems, ok := array(v)
	if !ok {
		return nil, false
	}
	list := make([]string, len(elems))
	for i, e := range elems {
		if list[i], ok = str(e); !ok {
			return nil, false
		}
	}
	return list, true
}

func timestamp(v jsontext.Value) (time.Time, bool) {
	s, ok := str(v)
	if !ok {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	return t.UTC(), err == nil
}
