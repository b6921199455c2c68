// Package dotenv reads .env files and writes values for them. FORMAT.md has the
// grammar, and where others read the same file differently.
//
// Nothing is ever expanded: a $ is a $. What stands between {{ and }} is text
// to this package.
package dotenv

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/keyhold/keyhold/internal/secret"
)

// An Entry is one assignment. A name may occur several times; the last counts.
type Entry struct {
	Name  string
	Value secret.String
	Line  int  // where the name stands, from 1
	Quote byte // what the value stands in: ', ", ` or 0 for nothing
}

// A ParseError reports a text that is no .env file. It holds nothing of a value.
type ParseError struct {
	Line    int
	Name    string // the variable whose value it is about, or empty
	Problem string
}

func (e *ParseError) Error() string {
	if e.Name != "" {
		return fmt.Sprintf("line %d: %s: %s", e.Line, e.Name, e.Problem)
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Problem)
}

// Parse reads a .env file. The values are copies. Every error is a *ParseError.
func Parse(data []byte) ([]Entry, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	p := parser{rest: strings.ReplaceAll(string(data), "\r\n", "\n"), line: 1}
	if err := p.checkText(); err != nil {
		return nil, err
	}
	var entries []Entry
	for p.rest != "" {
		p.blanks()
		if p.rest == "" || p.rest[0] == '\n' || p.rest[0] == '#' {
			p.skipLine()
			continue
		}
		e, err := p.entry()
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// A parser is what is left of a file, which begins in line.
type parser struct {
	rest string
	line int
}

// checkText refuses what is no text, wherever it stands.
func (p *parser) checkText() error {
	for i, c := range p.rest {
		var problem string
		switch {
		case c == 0:
			problem = "there is a NUL character; this is no UTF-8 text"
		case c == '\r':
			problem = "there is a carriage return without a line feed"
		case c == utf8.RuneError && !strings.HasPrefix(p.rest[i:], string(utf8.RuneError)):
			problem = "this is not UTF-8"
		default:
			continue
		}
		return &ParseError{Line: 1 + strings.Count(p.rest[:i], "\n"), Problem: problem}
	}
	return nil
}

// take removes the first n bytes of what is left and returns them.
func (p *parser) take(n int) string {
	s := p.rest[:n]
	p.rest = p.rest[n:]
	p.line += strings.Count(s, "\n")
	return s
}

const blank = " \t"

// blanks goes past spaces and tabs, and reports whether there were any.
func (p *parser) blanks() bool {
	n := len(p.rest) - len(strings.TrimLeft(p.rest, blank))
	p.take(n)
	return n > 0
}

// lineEnd returns the length of what is left of the line.
func (p *parser) lineEnd() int {
	if i := strings.IndexByte(p.rest, '\n'); i >= 0 {
		return i
	}
	return len(p.rest)
}

// skipLine goes to the beginning of the next line.
func (p *parser) skipLine() { p.take(min(p.lineEnd()+1, len(p.rest))) }

// entry reads NAME=value up to the end of its last line.
func (p *parser) entry() (Entry, error) {
	e := Entry{Name: p.name(), Line: p.line}
	if gap := p.blanks(); e.Name == "export" && gap && p.rest != "" && nameStart(p.rest[0]) {
		e.Name = p.name()
		p.blanks()
	}
	switch {
	case e.Name == "":
		return Entry{}, &ParseError{Line: p.line, Problem: "NAME=value is expected; a name has letters, digits, _ . and -, and begins with a letter or _"}
	case p.rest == "" || p.rest[0] != '=':
		return Entry{}, &ParseError{Line: p.line, Problem: "NAME=value is expected; there is no = after the name"}
	}
	p.take(1)
	gap := p.blanks()
	var value, problem string
	if p.rest != "" && strings.IndexByte("'\"`", p.rest[0]) >= 0 {
		e.Quote = p.rest[0]
		value, problem = p.quoted()
	} else {
		value = p.bare(gap)
	}
	if problem != "" {
		return Entry{}, &ParseError{Line: e.Line, Name: e.Name, Problem: problem}
	}
	e.Value = secret.TextOf(value)
	return e, nil
}

func nameStart(c byte) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// name reads a name, which is empty if none stands here.
func (p *parser) name() string {
	n := 0
	for n < len(p.rest) && (nameStart(p.rest[n]) || n > 0 && strings.IndexByte("0123456789.-", p.rest[n]) >= 0) {
		n++
	}
	return p.take(n)
}

// bare reads a value without quotes: the rest of the line, up to a # that
// follows white space. gap says whether white space stands before it.
func (p *parser) bare(gap bool) string {
	line := p.take(p.lineEnd())
	p.skipLine()
	for i := range len(line) {
		if line[i] == '#' && (i == 0 && gap || i > 0 && strings.IndexByte(blank, line[i-1]) >= 0) {
			line = line[:i]
			break
		}
	}
	return strings.TrimRight(line, blank)
}

// quoted reads a value in quotes, and what may follow it on its line.
func (p *parser) quoted() (value, problem string) {
	quote := p.take(1)[0]
	value, ok := p.inside(quote)
	if !ok {
		return "", fmt.Sprintf("the closing %c is missing", quote)
	}
	gap := p.blanks()
	if p.rest != "" && p.rest[0] != '\n' && (p.rest[0] != '#' || !gap) {
		return "", fmt.Sprintf("only a comment may follow the closing %c, after a space", quote)
	}
	p.skipLine()
	return value, ""
}

// inside reads up to the closing quote and past it. Only between double quotes
// does a backslash mean something.
func (p *parser) inside(quote byte) (value string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(p.rest); i++ {
		c := p.rest[i]
		switch {
		case c == quote:
			p.take(i + 1)
			return b.String(), true
		case c == '\\' && quote == '"' && i+1 < len(p.rest):
			i++
			b.WriteString(unescape(p.rest[i]))
		default:
			b.WriteByte(c)
		}
	}
	return "", false
}

// unescape returns what a backslash and c stand for between double quotes.
func unescape(c byte) string {
	switch c {
	case 'n':
		return "\n"
	case 'r':
		return "\r"
	case 't':
		return "\t"
	case '"', '\\', '$', '`':
		return string(rune(c))
	}
	return "\\" + string([]byte{c}) // the bytes of a longer character follow
}
