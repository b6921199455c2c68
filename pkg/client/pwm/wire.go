package pwm

import (
	"bytes"
	"encoding/base64"
	"errors"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

var errBinary = errors.New("no base64")

// A binary is bytes as this service may write them: base64 or base64url, with
// padding or without.
type binary []byte

// UnmarshalText reads b.
func (b *binary) UnmarshalText(text []byte) error {
	plain := bytes.Clone(text)
	for i, c := range plain {
		switch c {
		case '-':
			plain[i] = '+'
		case '_':
			plain[i] = '/'
		case '\r', '\n': // which the decoder would skip
			return errBinary
		}
	}
	rest := bytes.TrimRight(plain, "=")
	if len(plain)-len(rest) > 2 {
		return errBinary
	}
	out, err := base64.RawStdEncoding.AppendDecode(nil, rest)
	*b = out
	return err
}

// An instant is a time: RFC 3339, milliseconds since 1970, or null for none.
type instant struct{ time.Time }

// UnmarshalJSONFrom reads t.
func (t *instant) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() != '0' {
		if err := json.UnmarshalDecode(dec, &t.Time); err != nil {
			return err
		}
		if !t.IsZero() {
			t.Time = t.UTC()
		}
		return nil
	}
	var ms int64
	if err := json.UnmarshalDecode(dec, &ms); err != nil {
		return err
	}
	t.Time = time.UnixMilli(ms).UTC()
	return nil
}
