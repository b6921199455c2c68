// Package secret holds values that never print by accident.
//
// A [String] or [Bytes] shows up as "[redacted]" however it is formatted,
// marshalled or logged. Only Reveal gives the value, so a search for Reveal
// finds every place where a secret leaves its room.
package secret

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// A String is a secret text. The zero String is empty. Copies share the bytes:
// wiping one wipes them all.
//
// The bytes are behind a func because fmt cannot call methods on a value that
// it finds in an unexported field; there it prints an address, not the secret.
type String struct{ bytes func() []byte }

// Text returns b as a String, which owns b from now on.
func Text(b []byte) String { return String{hold(b)} }

// TextOf returns a String with a copy of s.
func TextOf(s string) String { return Text([]byte(s)) }

// Reveal returns the text.
func (s String) Reveal() string { return string(reveal(s.bytes)) }

// Bytes returns the same secret as Bytes; the two share their memory.
func (s String) Bytes() Bytes { return Bytes(s) }

// Len returns the length in bytes.
func (s String) Len() int { return len(reveal(s.bytes)) }

// Equal reports in constant time whether s and t hold the same text.
func (s String) Equal(t String) bool { return equal(s.bytes, t.bytes) }

// Wipe overwrites the text with zeros.
func (s String) Wipe() { clear(reveal(s.bytes)) }

// String returns "[redacted]".
func (s String) String() string { return redacted }

// Format prints "[redacted]" for every verb.
func (s String) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText returns "[redacted]".
func (s String) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue returns "[redacted]".
func (s String) LogValue() slog.Value { return slog.StringValue(redacted) }

// Bytes is a secret sequence of bytes. The zero Bytes is empty. Copies share
// their memory: wiping one wipes them all.
type Bytes struct{ bytes func() []byte }

// Of returns b as Bytes, which own b from now on.
func Of(b []byte) Bytes { return Bytes{hold(b)} }

// Reveal returns the bytes themselves, not a copy.
func (b Bytes) Reveal() []byte { return reveal(b.bytes) }

// Text returns the same secret as a String; the two share their memory.
func (b Bytes) Text() String { return String(b) }

// Len returns the length in bytes.
func (b Bytes) Len() int { return len(reveal(b.bytes)) }

// Equal reports in constant time whether b and c hold the same bytes.
func (b Bytes) Equal(c Bytes) bool { return equal(b.bytes, c.bytes) }

// Wipe overwrites the bytes with zeros.
func (b Bytes) Wipe() { clear(reveal(b.bytes)) }

// String returns "[redacted]".
func (b Bytes) String() string { return redacted }

// Format prints "[redacted]" for every verb.
func (b Bytes) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText returns "[redacted]".
func (b Bytes) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue returns "[redacted]".
func (b Bytes) LogValue() slog.Value { return slog.StringValue(redacted) }

func hold(b []byte) func() []byte { return func() []byte { return b } }

func reveal(f func() []byte) []byte {
	if f == nil {
		return nil
	}
	return f()
}

func equal(f, g func() []byte) bool {
	return subtle.ConstantTimeCompare(reveal(f), reveal(g)) == 1
}
