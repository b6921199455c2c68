package pwm

import (
	"bytes"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// A member is one of an object: its name, and both parts as they stand there.
type member struct {
	name            string
	quoted, valueOf jsontext.Value
}

// members returns those of an object; ok is false for anything else. They share
// the memory of raw.
func members(raw jsontext.Value) (list []member, ok bool) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(raw))
	if dec.PeekKind() != '{' {
		return nil, false
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, false
	}
	part := func() (jsontext.Value, error) {
		v, err := dec.ReadValue()
		end := dec.InputOffset()
		return raw[end-int64(len(v)) : end], err
	}
	for dec.PeekKind() != '}' {
		name, err := part()
		if err != nil {
			return nil, false
		}
		value, err := part()
		if err != nil {
			return nil, false
		}
		s, _ := text(name)
		list = append(list, member{s, name, value})
	}
	_, err := dec.ReadToken()
	return list, err == nil
}

func find(list []member, name string) (jsontext.Value, bool) {
	i := slices.IndexFunc(list, func(m member) bool { return m.name == name })
	if i < 0 {
		return nil, false
	}
	return list[i].valueOf, true
}

// text returns the string that v is, if it is one.
func text(v jsontext.Value) (string, bool) {
	if v.Kind() != '"' {
		return "", false
	}
	b, err := jsontext.AppendUnquote(nil, v)
	return string(b), err == nil
}

func textOf(list []member, name string) (string, bool) {
	v, ok := find(list, name)
	if !ok {
		return "", false
	}
	return text(v)
}

func quote(s string) jsontext.Value {
	b, err := jsontext.AppendQuote(nil, s)
	if err != nil { // it is not UTF-8; what is read back will not be the same
		return jsontext.Value(`""`)
	}
	return b
}

// renamed returns an array of strings with one of them replaced; anything else
// as it is.
func renamed(v jsontext.Value, from, to string) jsontext.Value {
	if v.Kind() != '[' || from == to {
		return v
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(v))
	out := []byte("[")
	if _, err := dec.ReadToken(); err != nil {
		return v
	}
	for dec.PeekKind() != ']' {
		one, err := dec.ReadValue()
		if err != nil {
			return v
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		if s, ok := text(one); ok && s == from {
			one = quote(to)
		}
		out = append(out, one...)
	}
	return append(out, ']')
}

// object returns the text of an object.
func object(list []member) jsontext.Value {
	out := []byte("{")
	for i, m := range list {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(append(out, m.quoted...), ':'), m.valueOf...)
	}
	return append(out, '}')
}

// same reports whether two values differ in nothing but white space.
func same(a, b jsontext.Value) bool {
	a, b = a.Clone(), b.Clone()
	return a.Compact() == nil && b.Compact() == nil && bytes.Equal(a, b)
}
