package output

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Safe returns s in a form that cannot command or deceive a terminal. Shown as
// escapes (\n, \x1b, \u202e, \U000e0041) are control characters, line and
// paragraph separators, everything that reorders text or is invisible (bidi
// controls, zero-width and other format characters, fillers, tags), and bytes
// that are not UTF-8 (\xff). What joins or selects the parts of an emoji stays.
// Other text comes back as it is, without allocation; a backslash too, so that
// the result is for reading, not for parsing.
func Safe(s string) string { return escape(s, deceives) }

// SafeLines is Safe for a text of several lines: newlines and tabs stay.
func SafeLines(s string) string { return escape(s, deceives|keepLines) }

// EscapeTSV returns s as it stands in tab-separated output: on one line,
// without a tab, and with nothing lost. Escaped are the backslash (\\), tab,
// newline and carriage return (\t \n \r), other C0 controls and DEL as \xNN, C1
// controls as \u00NN, and a byte that is not UTF-8 as \xNN; so \x always
// stands for a byte and \u for a character. All else, bidi controls too, is
// left alone, for it goes to a program.
func EscapeTSV(s string) string { return escape(s, backslash) }

// terminalTSV is EscapeTSV for a terminal: what Safe escapes is escaped too.
func terminalTSV(s string) string { return escape(s, backslash|deceives) }

// What escape escapes besides control characters and invalid bytes.
type escapes uint8

const (
	backslash escapes = 1 << iota // escape the backslash, so that the result can be undone
	deceives                      // escape what is invisible or reorders text
	keepLines                     // leave newlines and tabs
)

func escape(s string, e escapes) string {
	if plain(s, e) {
		return s
	}
	var b strings.Builder
	clean := 0 // s[clean:i] needs no escape and is not written yet
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if e.hits(s, i, r, n) {
			if b.Cap() == 0 {
				b.Grow(len(s) + 16)
			}
			b.WriteString(s[clean:i])
			writeEscape(&b, s[i], r, n)
			clean = i + n
		}
		i += n
	}
	if clean == 0 {
		return s
	}
	b.WriteString(s[clean:])
	return b.String()
}

// plain reports that s is printable ASCII with nothing to escape: nearly all
// text, so it is found out byte by byte.
func plain(s string, e escapes) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '\\' && e&backslash != 0 {
			return false
		}
	}
	return true
}

// hits reports whether the rune r of n bytes at s[i:] is to be escaped.
func (e escapes) hits(s string, i int, r rune, n int) bool {
	switch {
	case r == utf8.RuneError && n <= 1:
		return true
	case r == '\n' || r == '\t':
		return e&keepLines == 0
	case r == '\\':
		return e&backslash != 0
	case r < ' ', r >= 0x7f && r <= 0x9f:
		return true
	case r < 0x7f || e&deceives == 0:
		return false
	}
	return deceptive(r) && !inEmoji(s, i, r, n)
}

// deceptive reports whether r reorders text, breaks the line or is invisible.
// Marks that stand before Arabic numbers are format characters too, but seen.
func deceptive(r rune) bool {
	if r < 0xa0 {
		return r < ' ' || r > '~'
	}
	return unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point) &&
		!unicode.Is(unicode.Prepended_Concatenation_Mark, r)
}

const (
	joiner     = '\u200d'
	textStyle  = '\ufe0e'
	emojiStyle = '\ufe0f'
)

// inEmoji reports whether r at s[i:] is a style selector right after an emoji,
// or a joiner between two of them.
func inEmoji(s string, i int, r rune, n int) bool {
	if r != joiner && r != textStyle && r != emojiStyle {
		return false
	}
	before, size := utf8.DecodeLastRuneInString(s[:i])
	if r != joiner {
		return pictograph(before)
	}
	if before == emojiStyle {
		before, _ = utf8.DecodeLastRuneInString(s[:i-size])
	}
	after, _ := utf8.DecodeRuneInString(s[i+n:])
	return pictograph(before) && pictograph(after)
}

func pictograph(r rune) bool {
	return r >= 0x1f000 && r <= 0x1fbff || r > 0x7f && r != utf8.RuneError && unicode.In(r, unicode.So, unicode.Sm)
}

func writeEscape(b *strings.Builder, first byte, r rune, n int) {
	switch {
	case r == utf8.RuneError && n <= 1:
		writeHex(b, 'x', rune(first), 2)
	case r == '\n':
		b.WriteString(`\n`)
	case r == '\t':
		b.WriteString(`\t`)
	case r == '\r':
		b.WriteString(`\r`)
	case r == '\\':
		b.WriteString(`\\`)
	case r <= 0x7f:
		writeHex(b, 'x', r, 2)
	case r <= 0xffff:
		writeHex(b, 'u', r, 4)
	default:
		writeHex(b, 'U', r, 8)
	}
}

func writeHex(b *strings.Builder, kind byte, r rune, digits int) {
	b.WriteByte('\\')
	b.WriteByte(kind)
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		b.WriteByte("0123456789abcdef"[r>>shift&0xf])
	}
}
