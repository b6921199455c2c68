// Package mask hides values in a stream of bytes: what a program prints.
//
// # What is hidden
//
// A value, without the white space around it, is replaced by Hidden wherever it
// occurs, and so are
//
//   - its base64, in both alphabets and wherever the value begins in what was
//     encoded, with the letters that hold nothing but bits of the value; of
//     each of its ends up to four bits can stay, in a letter that holds bits of
//     a neighbour too;
//   - its hexadecimal, in small or in capital letters;
//   - its percent-encoding, as JSON, as HTML, and quoted for a shell, CSV or
//     SQL, in the ways that common libraries have (encodings.go lists them);
//   - of a value with several lines: each line of six characters or more that
//     is no PEM header, and the whole with CR LF for LF.
//
// They are found wherever writes divide them, and with escape sequences of a
// terminal between their characters: the sequences are kept, behind Hidden.
// Base64 and hexadecimal are also found with line breaks in them. Everything
// that belongs to any of several overlapping values is hidden. All other bytes
// pass as they are.
//
// Not hidden are values of fewer than six characters, parts of a value, and what
// no list can foresee: a value that is reversed, compressed, encoded twice,
// or drawn by moving the cursor.
//
// # What is held back
//
// Bytes that may be the beginning of a value are held back until it is known. A
// program that asks a question would wait for ever then, so the owner of a Writer
// calls Flush when nothing more came for a short time: Flush lets up to three
// characters go. What they began is still being looked for: of a value that is
// printed slowly, at most its first three characters are seen. Four or more stay
// until the next byte decides.
package mask

import (
	"bytes"
	"slices"
	"unicode/utf8"
)

// Hidden stands where a value was.
const Hidden = "[hidden]"

const (
	// Shortest is the number of characters from which a value is hidden.
	Shortest = 6
	// released is the number of characters that Flush lets go.
	released = 3
)

// A Set is what to hide. It is made once and never changes; it is safe for
// concurrent use.
type Set struct {
	automaton
	filter filter
	short  int
}

// New returns the Set of the values. It keeps copies of them.
func New(values [][]byte) *Set {
	s := &Set{}
	var patterns []pattern
	for _, v := range values {
		v = bytes.TrimSpace(v)
		if length(v) < Shortest {
			s.short++
			continue
		}
		from := len(patterns)
		encodings(v, func(text []byte, wraps bool) {
			p := pattern{text, wraps}
			if len(text) >= Shortest && !slices.ContainsFunc(patterns[from:], p.equal) {
				patterns = append(patterns, p)
			}
		})
	}
	s.automaton.init(patterns)
	s.filter.init(patterns)
	return s
}

// Short returns how many of the values are too short to be hidden.
func (s *Set) Short() int { return s.short }

// Empty reports whether there is nothing to hide.
func (s *Set) Empty() bool { return s.top == 0 }

// length counts characters; bytes where they are none.
func length(v []byte) int {
	if utf8.Valid(v) {
		return utf8.RuneCount(v)
	}
	return len(v)
}
