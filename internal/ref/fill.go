package ref

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Place is a format of templates whose rules for quoting Fill follows.
// FORMAT.md says what becomes of a value in each.
type Place string

// The places. In the zero Place a value is written as it is.
const (
	InJSON   Place = "json"
	InYAML   Place = "yaml"
	InShell  Place = "shell"
	InDotenv Place = "dotenv"
)

// A spot is what surrounds a placeholder.
type spot struct {
	kind   spotKind
	indent string // in a block: of the line
	last   bool   // in a block: nothing follows on the line
}

type spotKind int

const (
	comment spotKind = iota // where nobody reads it
	whole                   // without quotes, and all there is of a value
	part                    // without quotes, next to other text
	single                  // in single quotes
	double                  // in double quotes
	backtick
	block // in the lines below a | or > of YAML
)

// Fill returns the template with the value of each reference in its place:
// filtered, then quoted or escaped as it must be in that place.
//
// A *ValueError reports a value that cannot stand where it should. Any other
// error is value's own, or says that the template is not in the format of place.
func Fill(pieces []Piece, place Place, value func(Ref) ([]byte, error)) ([]byte, error) {
	f := filler{pieces: pieces, values: make([][]byte, len(pieces))}
	for i, p := range pieces {
		if !p.Placeholder() {
			continue
		}
		v, err := value(p.Ref)
		if err != nil {
			return nil, err
		}
		if f.values[i], err = p.Filter.Apply(v); err != nil {
			return nil, f.located(i, err)
		}
	}
	switch place {
	case "":
		return f.fill(nil, encodeNothing)
	case InJSON:
		return f.fillBy(jsonSpots, encodeJSON)
	case InYAML:
		return f.fillYAML()
	case InShell:
		return f.fillBy(shellSpots, encodeShell)
	case InDotenv:
		return f.fillDotenv()
	}
	return nil, fmt.Errorf("%q is no format of templates; those are json, yaml, shell and dotenv", string(place))
}

// A filler has the pieces of a template and the filtered values, which are nil
// for text.
type filler struct {
	pieces []Piece
	values [][]byte
}

// located adds to a ValueError which value it is about.
func (f filler) located(i int, err error) error {
	var bad *ValueError
	if !errors.As(err, &bad) {
		return err
	}
	return &ValueError{Ref: f.pieces[i].Ref, Line: f.pieces[i].Line, Problem: bad.Problem}
}

func (f filler) problem(i int, problem string) error {
	return f.located(i, &ValueError{Problem: problem})
}

// An encoder returns a value as it stands in its spot, or why it cannot.
type encoder func(s spot, value string) (text, problem string)

func encodeNothing(_ spot, value string) (text, problem string) { return value, "" }

// fillBy finds the spots by reading the text of the pieces.
func (f filler) fillBy(find func([]Piece) ([]spot, error), encode encoder) ([]byte, error) {
	spots, err := find(f.pieces)
	if err != nil {
		return nil, err
	}
	return f.fill(spots, encode)
}

// fill writes the template. Without spots, all are the zero one.
func (f filler) fill(spots []spot, encode encoder) ([]byte, error) {
	var out []byte
	for i, p := range f.pieces {
		if !p.Placeholder() {
			out = append(out, p.Text...)
			continue
		}
		var s spot
		if spots != nil {
			s = spots[i]
		}
		text, problem := encode(s, string(f.values[i]))
		if problem != "" {
			return nil, f.problem(i, problem)
		}
		out = append(out, text...)
	}
	return out, nil
}

// encodeComment lets no value out of a comment.
func encodeComment(value string) (text, problem string) {
	if !utf8.ValidString(value) || strings.ContainsFunc(value, func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp) }) {
		return "", "it has line breaks or control characters and would not stay in the comment"
	}
	return value, ""
}

// marks returns the template with a word in place of each placeholder that
// occurs nowhere else, and the words by piece; of text they are empty. What
// reads the format can then tell where the placeholders are.
func (f filler) marks() (text string, words []string) {
	prefix := "kh"
	for _, p := range f.pieces {
		for strings.Contains(p.Text, prefix) {
			prefix += "q"
		}
	}
	words = make([]string, len(f.pieces))
	var b strings.Builder
	for i, p := range f.pieces {
		if p.Placeholder() {
			words[i] = fmt.Sprintf("%sx%dz", prefix, i)
			b.WriteString(words[i])
		} else {
			b.WriteString(p.Text)
		}
	}
	return b.String(), words
}

// unmarker puts the values in place of the words.
func (f filler) unmarker(words []string) *strings.Replacer {
	var pairs []string
	for i, word := range words {
		if word != "" {
			pairs = append(pairs, word, string(f.values[i]))
		}
	}
	return strings.NewReplacer(pairs...)
}

// wordIn returns which of the words text has, the first of them, or -1.
func wordIn(text string, words []string) int {
	for i, word := range words {
		if word != "" && strings.Contains(text, word) {
			return i
		}
	}
	return -1
}
