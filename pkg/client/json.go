package client

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// encode returns v as JSON, and the secrets that are in it.
func encode(v any) (text []byte, secrets []string, err error) {
	reveal := json.MarshalToFunc(func(enc *jsontext.Encoder, s Secret) error {
		secrets = append(secrets, s.Reveal())
		return enc.WriteToken(jsontext.String(s.Reveal()))
	})
	text, err = json.Marshal(v, json.WithMarshalers(reveal), json.Deterministic(true))
	if err != nil { // its text may quote a value
		return nil, nil, fmt.Errorf("the request has no form in JSON: %w", ErrInvalid)
	}
	if len(text) > maxRequestBody {
		return nil, nil, fmt.Errorf("the request has %d bytes, more than %d: %w", len(text), maxRequestBody, ErrInvalid)
	}
	return text, secrets, nil
}

var readSecrets = json.WithUnmarshalers(json.UnmarshalFromFunc(func(dec *jsontext.Decoder, s *Secret) error {
	if dec.PeekKind() != '"' && dec.PeekKind() != 'n' {
		return errors.New("a secret must be a string")
	}
	var text string
	if err := json.UnmarshalDecode(dec, &text); err != nil {
		return err
	}
	*s = NewSecret(text)
	return nil
}))

// decode reads a JSON text into out and says what is wrong with it, or "". It
// says nothing that is in the text. Members that out has no field for are
// skipped: services add some over time. The text is never in memory as a whole,
// and out stays as it is if something is wrong.
func decode(text io.Reader, out any) string {
	to := reflect.New(reflect.TypeOf(out).Elem())
	to.Elem().Set(reflect.ValueOf(out).Elem())
	err := json.UnmarshalRead(text, to.Interface(), readSecrets, json.MatchCaseInsensitiveNames(false),
		jsontext.AllowDuplicateNames(false), jsontext.AllowInvalidUTF8(false))
	if err == nil {
		reflect.ValueOf(out).Elem().Set(to.Elem())
		return ""
	}
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return "a member of it comes twice"
	}
	if e, ok := errors.AsType[*json.SemanticError](err); ok {
		if errors.Is(e.Err, ErrBadAnswer) { // a list says so of an element
			return strings.TrimPrefix(e.Err.Error(), ErrBadAnswer.Error()+": ")
		}
		return fmt.Sprintf("it has something else than it should at byte %d", e.ByteOffset)
	}
	if e, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return fmt.Sprintf("it is no JSON from byte %d on", e.ByteOffset)
	}
	return "it is no JSON"
}
