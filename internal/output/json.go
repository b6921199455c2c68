package output

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

type jsonStyle bool

const (
	compact  jsonStyle = false // on one line
	indented jsonStyle = true  // by two spaces
)

// appendJSON appends v, checked before, and a newline. What deceives a terminal
// is written as \uNNNN, which means the same to every reader of JSON.
func appendJSON(dst []byte, v any, style jsonStyle) ([]byte, error) {
	var b bytes.Buffer
	opts := []jsontext.Options{jsontext.Multiline(bool(style))}
	if style == indented {
		opts = append(opts, jsontext.WithIndent("  "))
	}
	if err := writeJSON(jsontext.NewEncoder(&b, opts...), v); err != nil {
		return nil, err
	}
	// Outside of strings JSON is ASCII, so whatever deceives is in one.
	for text := b.Bytes(); len(text) > 0; {
		r, n := utf8.DecodeRune(text)
		if r < 0x7f || !deceptive(r) {
			dst = append(dst, text[:n]...)
		} else if r <= 0xffff {
			dst = fmt.Appendf(dst, `\u%04x`, r)
		} else {
			r -= 0x10000
			dst = fmt.Appendf(dst, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		}
		text = text[n:]
	}
	return dst, nil
}

func writeJSON(enc *jsontext.Encoder, v any) error {
	if text, ok := scalar(v); ok {
		return enc.WriteToken(jsontext.String(valid(text)))
	}
	if text, ok := bare(v); ok {
		return enc.WriteValue(jsontext.Value(text))
	}
	switch v := v.(type) {
	case []string:
		return writeArray(enc, v)
	case []Object:
		return writeArray(enc, v)
	case Object:
		if err := enc.WriteToken(jsontext.BeginObject); err != nil {
			return err
		}
		for _, m := range v {
			if err := enc.WriteToken(jsontext.String(valid(m.Name))); err != nil {
				return err
			}
			if err := writeJSON(enc, m.Value); err != nil {
				return err
			}
		}
		return enc.WriteToken(jsontext.EndObject)
	default:
		return check(v)
	}
}

func writeArray[T any](enc *jsontext.Encoder, list []T) error {
	if err := enc.WriteToken(jsontext.BeginArray); err != nil {
		return err
	}
	for _, v := range list {
		if err := writeJSON(enc, v); err != nil {
			return err
		}
	}
	return enc.WriteToken(jsontext.EndArray)
}

// valid returns s with U+FFFD for each byte that is not UTF-8.
func valid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}
