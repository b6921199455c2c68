package ref

import (
	"encoding/base64"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Filter changes a value before it takes its place in a template.
type Filter string

// The filters.
const (
	URL    Filter = "url"    // percent-encoded, all but letters, digits and -._~
	JSON   Filter = "json"   // escaped for the inside of a JSON string or of double quotes in YAML; no quotes around it
	Shell  Filter = "shell"  // one word for a shell, in single quotes
	Base64 Filter = "base64" // standard alphabet, padded, in one line
)

func (f Filter) known() bool { return f == URL || f == JSON || f == Shell || f == Base64 }

// A ValueError reports a value that cannot be written as asked. It says nothing
// about what the value is.
type ValueError struct {
	Ref     Ref // zero unless the value was to take its place in a template
	Line    int // 0 as well
	Problem string
}

func (e *ValueError) Error() string {
	if e.Line == 0 {
		return e.Problem
	}
	return fmt.Sprintf("line %d: the value of %s: %s", e.Line, e.Ref, e.Problem)
}

// Apply returns the filtered value; the zero Filter returns value itself. The
// error is a *ValueError: json takes only UTF-8, shell no NUL characters.
func (f Filter) Apply(value []byte) ([]byte, error) {
	switch f {
	case "":
		return value, nil
	case URL:
		return urlEncode(value), nil
	case Base64:
		return base64.StdEncoding.AppendEncode(nil, value), nil
	case JSON:
		if !utf8.Valid(value) {
			return nil, &ValueError{Problem: notUTF8}
		}
		return jsonEscape(value), nil
	case Shell:
		if strings.ContainsRune(string(value), 0) {
			return nil, &ValueError{Problem: hasNUL}
		}
		return shellWord(value), nil
	}
	return nil, &ValueError{Problem: fmt.Sprintf("%q is no filter", string(f))}
}

const (
	notUTF8 = "it is not UTF-8; the filter base64 takes any value"
	hasNUL  = "it has a NUL character; the filter base64 takes any value"
)

func urlEncode(value []byte) []byte {
	var b strings.Builder
	for _, c := range value {
		if unreserved(c) {
			b.WriteByte(c)
		} else {
			writeEscape(&b, c)
		}
	}
	return []byte(b.String())
}

// jsonEscape escapes what JSON and the double quotes of YAML cannot hold as it
// is: a JSON string may have U+0080, a byte order mark and line separators.
func jsonEscape(value []byte) []byte {
	b := make([]byte, 0, len(value)+8)
	for _, r := range string(value) {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\r':
			b = append(b, `\r`...)
		case r == '\t':
			b = append(b, `\t`...)
		case unicode.IsControl(r), r == '\u2028', r == '\u2029', r == '\ufeff', r == '\ufffe', r == '\uffff':
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return b
}

// shellWord needs no rule for any character but one.
func shellWord(value []byte) []byte {
	return []byte("'" + strings.ReplaceAll(string(value), "'", `'\''`) + "'")
}
