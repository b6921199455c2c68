package client

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// A Secret is a token, a password or a value. Every ordinary way of printing
// it, package fmt, JSON or a log, yields "[redacted]"; only Reveal yields the
// value, and Do, which sends it in a body. The zero Secret is empty.
//
// The text is behind a func because fmt cannot call methods on a value that it
// finds in an unexported field; there it prints an address, not the secret.
type Secret struct{ text func() string }

// NewSecret returns text as a Secret.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{func() string { return text }}
}

// Reveal returns the text.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return s.text()
}

// IsZero reports whether s is empty.
func (s Secret) IsZero() bool { return s.text == nil }

// Equal reports whether s and t hold the same text, in a time that does not
// depend on where they differ.
func (s Secret) Equal(t Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(t.Reveal())) == 1
}

// String returns "[redacted]".
func (s Secret) String() string { return redacted }

// Format prints "[redacted]" for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText returns "[redacted]".
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue returns "[redacted]".
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }
