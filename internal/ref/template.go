package ref

import (
	"errors"
	"fmt"
	"strings"
)

// A Piece is a part of a template: text as it is, or a placeholder.
type Piece struct {
	Text   string // of a placeholder too, braces included
	Ref    Ref    // the zero Ref: this is text
	Filter Filter
	Line   int // where it begins, from 1
}

// Placeholder reports whether a value takes the place of the piece.
func (p Piece) Placeholder() bool { return p.Ref != Ref{} }

// A TemplateError reports a placeholder that cannot be read, or a template that
// is not in the format of its place.
type TemplateError struct {
	Line    int // 0: the whole
	Problem string
	Try     string // the placeholder that was probably meant, or empty
	Err     error  // the *ParseError of the reference, or nil
}

func (e *TemplateError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("line %d: %v", e.Line, e.Err)
	}
	if e.Line == 0 {
		return e.Problem
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Problem)
}

// Hint returns the placeholder that was probably meant, or nothing.
func (e *TemplateError) Hint() string { return e.Try }

// Unwrap returns the *ParseError of the reference, or nil.
func (e *TemplateError) Unwrap() error { return e.Err }

const (
	opening = "{{"
	closing = "}}"
	blank   = " \t"
)

// ParseTemplate splits text into what stays and placeholders, {{ REF }} or
// {{ REF | FILTER }} on one line. Two braces begin a placeholder only if, after
// spaces and tabs, kh:// follows; all others are text. In a placeholder, spaces
// and | that belong to a name are percent-encoded.
//
// The error joins a *TemplateError for every bad placeholder.
func ParseTemplate(text string) ([]Piece, error) {
	var pieces []Piece
	var errs []error
	line, start := 1, 0
	add := func(p Piece) {
		if p.Text != "" {
			pieces = append(pieces, p)
		}
		line += strings.Count(p.Text, "\n")
	}
	for i := nextPlaceholder(text, 0); i >= 0; i = nextPlaceholder(text, start) {
		add(Piece{Text: text[start:i], Line: line})
		p, err := placeholder(text[i:])
		p.Line = line
		if err != nil {
			err.Line = line
			errs = append(errs, err)
		}
		add(p)
		start = i + len(p.Text)
	}
	add(Piece{Text: text[start:], Line: line})
	if errs != nil {
		return nil, errors.Join(errs...)
	}
	return pieces, nil
}

// nextPlaceholder returns where the next placeholder in text begins at from or
// later, or -1.
func nextPlaceholder(text string, from int) int {
	for {
		i := strings.Index(text[from:], opening)
		if i < 0 {
			return -1
		}
		from += i
		if Is(strings.TrimLeft(text[from+len(opening):], blank)) {
			return from
		}
		from++ // {{{ kh://… }}} is a placeholder in braces
	}
}

// placeholder reads the placeholder that text begins with. With an error comes
// a piece that only says how much of text to go past.
func placeholder(text string) (Piece, *TemplateError) {
	line, _, _ := strings.Cut(text, "\n")
	inside, _, ok := strings.Cut(line[len(opening):], closing)
	if !ok {
		return Piece{Text: line}, &TemplateError{Problem: "a placeholder has no }} on its line"}
	}
	p := Piece{Text: text[:len(opening)+len(inside)+len(closing)]}
	inside = strings.Trim(inside, blank)
	name, filter, filtered := strings.Cut(inside, "|")
	name, filter = strings.TrimRight(name, blank), strings.Trim(filter, blank)
	const spelling = "a space or | that belongs to a name is written %20 or %7C"
	switch {
	case strings.ContainsAny(name, blank):
		return Piece{Text: p.Text}, &TemplateError{Problem: spelling, Try: quoted(mend(name))}
	case strings.Contains(filter, "|"):
		return Piece{Text: p.Text}, &TemplateError{Problem: "there is one filter at most; " + spelling}
	}
	r, err := Parse(name)
	if err != nil {
		var bad *ParseError
		errors.As(err, &bad)
		return Piece{Text: p.Text}, &TemplateError{Problem: bad.Problem, Try: quoted(bad.Try), Err: bad}
	}
	p.Ref, p.Filter = r, Filter(filter)
	if filtered && !p.Filter.known() {
		return Piece{Text: p.Text}, &TemplateError{Problem: fmt.Sprintf("%q is no filter; those are url, json, shell and base64", filter)}
	}
	return p, nil
}

// quoted returns the placeholder of a reference without filter.
func quoted(reference string) string {
	if reference == "" {
		return ""
	}
	return opening + " " + reference + " " + closing
}
