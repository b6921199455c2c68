// Package ref reads and writes references to secrets, kh://VAULT/ITEM/FIELD,
// and fills templates in which such references stand.
//
// It knows what a reference says, not what a vault holds: finding the item,
// taking an id for a name, and the fields otp and totp are its callers' work.
package ref

import (
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Scheme is what every reference begins with.
const Scheme = "kh://"

// A Ref names a field of an item. The names are decoded and compared by nobody
// yet: an ID may stand for each of them.
type Ref struct {
	Vault   string
	Profile string // empty: the chosen one
	Item    string
	Field   string // empty: the main field
}

// A ParseError reports a text that is no reference.
type ParseError struct {
	Text    string // what was read; a reference holds no secret
	Problem string
	Try     string // the reference that was probably meant, or empty
}

func (e *ParseError) Error() string { return fmt.Sprintf("%q is no reference: %s", e.Text, e.Problem) }

// Hint returns the reference that was probably meant, or nothing.
func (e *ParseError) Hint() string { return e.Try }

// Is reports whether s is meant as a reference as a whole. It may still be one
// that Parse refuses.
func Is(s string) bool { return strings.HasPrefix(s, Scheme) }

// Parse reads a reference. What its segments are depends on their number
// alone: the first is the vault, of three or more the last is the field and
// all between is the item. Every error is a *ParseError.
func Parse(s string) (Ref, error) {
	r, problem := parse(s)
	if problem != "" {
		return Ref{}, &ParseError{Text: s, Problem: problem, Try: mend(s)}
	}
	return r, nil
}

// parse returns the reference, or what is wrong with s.
func parse(s string) (r Ref, problem string) {
	if problem := checkText(s); problem != "" {
		return Ref{}, problem
	}
	first, rest, more := strings.Cut(s[len(Scheme):], "/")
	item, field := rest, ""
	if i := strings.LastIndexByte(rest, '/'); i >= 0 {
		item, field = rest[:i], rest[i+1:]
	}
	place, profile := first, ""
	if i := strings.LastIndexByte(first, '@'); i >= 0 {
		place, profile = first[:i], first[i+1:]
		if profile == "" {
			return Ref{}, "no profile follows the @; an @ in the name of a vault is written %40"
		}
	}
	switch {
	case place == "":
		return Ref{}, "the vault is missing"
	case !more || item == "":
		return Ref{}, "the item is missing"
	}
	for _, part := range []struct {
		to   *string
		text string
	}{{&r.Vault, place}, {&r.Profile, profile}, {&r.Item, item}, {&r.Field, field}} {
		if *part.to, problem = decode(part.text); problem != "" {
			return Ref{}, problem
		}
	}
	return r, ""
}

// checkText looks at what can be told from the text as a whole.
func checkText(s string) (problem string) {
	switch {
	case !strings.HasPrefix(strings.TrimSpace(s), Scheme):
		return "it does not begin with " + Scheme
	case s != strings.TrimSpace(s):
		return "there is white space around it; one that belongs to a name is written %20"
	case !utf8.ValidString(s):
		return "it is not UTF-8"
	case strings.ContainsFunc(s, unicode.IsControl):
		return "there is a control character in it; one that belongs to a name is written as % and two hexadecimal digits"
	}
	if i := strings.IndexAny(s, "#?"); i >= 0 {
		return fmt.Sprintf("a %c that belongs to a name is written %%%02X", s[i], s[i])
	}
	return ""
}

// decode replaces every %XX.
func decode(s string) (text, problem string) {
	if !strings.Contains(s, "%") {
		return s, ""
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b = append(b, s[i])
			continue
		}
		c, ok := escape(s[i:])
		if !ok {
			return "", "a % that belongs to a name is written %25"
		}
		b = append(b, c)
		i += len("XX")
	}
	switch {
	case !utf8.Valid(b):
		return "", "what its escapes stand for is not UTF-8"
	case strings.Contains(string(b), "\x00"):
		return "", "no name has a NUL character in it"
	}
	return string(b), ""
}

// escape reads the %XX that s begins with.
func escape(s string) (c byte, ok bool) {
	if len(s) < len("%XX") || s[0] != '%' {
		return 0, false
	}
	b, err := hex.DecodeString(s[1:len("%XX")])
	if err != nil {
		return 0, false
	}
	return b[0], true
}

// mend returns the reference that s was probably meant to be, or nothing.
func mend(s string) string {
	s = strings.TrimSpace(s)
	if len(s) < len(Scheme) || !strings.EqualFold(s[:len(Scheme)], Scheme) {
		return ""
	}
	var b strings.Builder
	b.WriteString(Scheme)
	for i := len(Scheme); i < len(s); i++ {
		_, escaped := escape(s[i:])
		switch c := s[i]; {
		case c == '#' || c == '?' || c < ' ' || c == 0x7f || c == '%' && !escaped:
			writeEscape(&b, c)
		default:
			b.WriteByte(c)
		}
	}
	r, problem := parse(b.String())
	if problem != "" {
		return ""
	}
	return r.String()
}

// String returns the reference in letters, digits and -._/@%: characters that
// shells, YAML, .env files and make leave alone without quotes. Parse gives r
// back if its names can be in a reference: UTF-8 without NUL, and neither the
// vault nor the item empty.
func (r Ref) String() string {
	var b strings.Builder
	b.WriteString(Scheme)
	encode(&b, r.Vault, "")
	if r.Profile != "" {
		b.WriteByte('@')
		encode(&b, r.Profile, "")
	}
	b.WriteByte('/')
	encode(&b, r.Item, "/@")
	if r.Field != "" || strings.Contains(r.Item, "/") {
		b.WriteByte('/')
		encode(&b, r.Field, "@")
	}
	return b.String()
}

// encode writes s with %XX for all but letters, digits, - . _ and the
// characters in also.
func encode(b *strings.Builder, s, also string) {
	for i := range len(s) {
		switch c := s[i]; {
		case unreserved(c) && c != '~', strings.IndexByte(also, c) >= 0:
			b.WriteByte(c)
		default:
			writeEscape(b, c)
		}
	}
}

// unreserved reports whether c stands for itself in every part of a URL
// (RFC 3986). Of these, ~ means a directory or a pattern to shells.
func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

func writeEscape(b *strings.Builder, c byte) {
	const hex = "0123456789ABCDEF"
	b.WriteByte('%')
	b.WriteByte(hex[c>>4])
	b.WriteByte(hex[c&15])
}
