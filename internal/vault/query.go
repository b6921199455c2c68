package vault

import (
	"bytes"
	"slices"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// A Query is what find looks for: words, each of which must occur somewhere,
// also within another word. Upper and lower case are the same to it, and so
// are the ways of writing one character in Unicode. A Query of no words
// matches everything. It may be used from several goroutines.
type Query struct{ words [][]byte }

// NewQuery returns the query for the words in text.
func NewQuery(text string) Query { return Query{bytes.Fields(fold(nil, text))} }

// MatchEntry reports whether each word occurs in the name of e or in one of its
// tags. An item whose entry does not match may still do so by its fields.
func (q Query) MatchEntry(e Entry, tags []string) bool {
	var room [128]byte // most names fit: nothing is allocated
	name := fold(room[:0], e.Name)
	for _, w := range q.words {
		if !bytes.Contains(name, w) && !occurs(w, tags) {
			return false
		}
	}
	return true
}

func occurs(word []byte, tags []string) bool {
	return slices.ContainsFunc(tags, func(t string) bool { return bytes.Contains(fold(nil, t), word) })
}

// MatchItem reports whether each word occurs in the name or a tag of it or in
// a field that is shown to everybody. It never looks at secrets, the history
// and unknown members.
func (q Query) MatchItem(it Item) bool {
	missing := found(slices.Clone(q.words), it.Name)
	for _, t := range it.Tags {
		missing = found(missing, t)
	}
	t := TypeOf(it)
	for _, f := range it.Fields {
		if len(missing) > 0 && t.shows(f) {
			missing = found(missing, string(f.Value.Reveal()))
		}
	}
	return len(missing) == 0
}

// found takes the words that occur in text out of missing.
func found(missing [][]byte, text string) [][]byte {
	if len(missing) == 0 {
		return nil
	}
	folded := fold(nil, text)
	return slices.DeleteFunc(missing, func(w []byte) bool { return bytes.Contains(folded, w) })
}

// shows reports whether a search may look at f: a field that is not concealed,
// and whose value is text. That a field of the type is a secret one, the type
// knows, whatever kind f claims.
func (t Type) shows(f Field) bool {
	switch f.Kind {
	case Text, URL, Boolean, Markdown:
	case Plain:
		if ft, ok := t.Field(f.Name); ok && ft.Secret {
			return false
		}
	default:
		return false
	}
	return utf8.Valid(f.Value.Reveal())
}

// fold appends s to dst, in NFC and without differences of case.
func fold(dst []byte, s string) []byte {
	start := len(dst)
	for i := range len(s) {
		c := s[i]
		if c >= utf8.RuneSelf {
			return foldUnicode(dst[:start], s)
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// foldUnicode makes one character of all that differ in case only; lower case
// alone would leave two kinds of sigma.
func foldUnicode(dst []byte, s string) []byte {
	for _, r := range norm.NFC.String(s) {
		dst = utf8.AppendRune(dst, unicode.ToLower(unicode.ToUpper(r)))
	}
	return dst
}
