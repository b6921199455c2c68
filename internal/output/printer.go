// Package output prints answers to standard output and messages to standard
// error, in every format, and makes foreign text safe for a terminal.
package output

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
)

// A Format is how an answer is written.
type Format string

// The formats. The zero Format is Table on a terminal and TSV elsewhere.
const (
	Table Format = "table" // aligned, for reading
	List  Format = "list"  // lines of name: value, for reading aloud
	TSV   Format = "tsv"   // one line per row, fields separated by tabs, no header
	JSON  Format = "json"  // an array or an object, indented by two spaces
	YAML  Format = "yaml"  // the same as a YAML document
)

// Formats returns the names of all formats.
func Formats() []string {
	return []string{string(Table), string(List), string(TSV), string(JSON), string(YAML)}
}

// ParseFormat returns the format of that name.
func ParseFormat(name string) (Format, error) {
	if !slices.Contains(Formats(), name) {
		return "", fmt.Errorf("unknown format %q: it is one of %s", name, strings.Join(Formats(), ", "))
	}
	return Format(name), nil
}

// Options say where and how a Printer prints.
type Options struct {
	Format   Format
	Terminal bool // a person sees it: make foreign text safe
	Width    int  // columns of that terminal, 0 if unknown
	Color    bool // headers in bold
}

// A Printer writes answers. It writes each answer at once, or, after an error
// in the answer, nothing. It is not for concurrent use.
type Printer struct {
	w io.Writer
	o Options
}

// New returns a Printer that writes to w.
func New(w io.Writer, o Options) *Printer {
	if o.Format == "" {
		o.Format = TSV
		if o.Terminal {
			o.Format = Table
		}
	}
	return &Printer{w, o}
}

// Format returns the format in which p prints, never the zero one.
func (p *Printer) Format() Format { return p.o.Format }

// A Column is a member that lists show in a column of their own. Title is its
// header on a terminal; by default the name in capitals, spaces for underscores.
type Column struct{ Name, Title string }

// List prints rows. JSON and YAML have all members, as an array of objects;
// the other formats the given columns (without any: every member that occurs).
// Tables and TSV print nothing for no rows. Where a row has no such member, the
// table and TSV have an empty cell, the list no line.
func (p *Printer) List(columns []Column, rows []Object) error {
	if err := check(rows); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	switch p.o.Format {
	case JSON, YAML:
		return p.document(rows)
	}
	if columns == nil {
		columns = allColumns(rows)
	}
	cells := make([][]string, len(rows))
	for i, row := range rows {
		cells[i] = make([]string, len(columns))
		for j, c := range columns {
			v := row.member(c.Name)
			if v == nil {
				continue
			}
			text, err := cell(v)
			if err != nil {
				return fmt.Errorf("print: %w", err)
			}
			cells[i][j] = text
		}
	}
	switch {
	case len(cells) == 0 || len(columns) == 0:
		return nil
	case p.o.Format == Table:
		return p.write(p.table(columns, cells))
	case p.o.Format == List:
		return p.write(blocks(columns, cells))
	default:
		return p.write(p.tsv(cells))
	}
}

// Object prints one object. In a table and a list there is a line for each
// member, in TSV name<TAB>value; the members of objects in it are flattened to
// names joined by dots (those of a list of objects with their index, from 0),
// and a list of texts is joined by commas.
func (p *Printer) Object(o Object) error {
	if err := check(o); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	switch p.o.Format {
	case JSON, YAML:
		return p.document(o)
	}
	lines, err := flatten(nil, "", o)
	if err != nil {
		return fmt.Errorf("print: %w", err)
	}
	switch p.o.Format {
	case Table:
		return p.write(sheet(lines))
	case List:
		return p.write(block(lines))
	default:
		cells := make([][]string, len(lines))
		for i, l := range lines {
			cells[i] = []string{l.name, l.value}
		}
		return p.write(p.tsv(cells))
	}
}

// Names prints names, one a line and escaped as in TSV; in JSON and YAML as an
// array. With nul, whatever the format, each is raw and ends in a NUL; a name
// with a NUL in it is left out then, and named by the error after all others
// have been printed. Names are written as they come.
func (p *Printer) Names(names iter.Seq[string], nul bool) error {
	if !nul && (p.o.Format == JSON || p.o.Format == YAML) {
		return p.document(slices.Collect(names))
	}
	esc := p.tsvEscape()
	w := bufio.NewWriter(p.w)
	var bad []error
	for name := range names {
		switch {
		case !nul:
			_, _ = w.WriteString(esc(name)) // Flush returns the first error
			_ = w.WriteByte('\n')
		case strings.IndexByte(name, 0) >= 0:
			bad = append(bad, fmt.Errorf("name %s has a NUL in it", Safe(name)))
		default:
			_, _ = w.WriteString(name)
			_ = w.WriteByte(0)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return errors.Join(bad...)
}

func (p *Printer) document(v any) error {
	var b []byte
	var err error
	if p.o.Format == JSON {
		b, err = appendJSON(nil, v, indented)
	} else {
		b, err = appendYAML(nil, v)
	}
	if err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return p.write(b)
}

func (p *Printer) write(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	_, err := p.w.Write(b)
	return err
}

// tsvEscape returns how p escapes a field of TSV.
func (p *Printer) tsvEscape() func(string) string {
	if p.o.Terminal {
		return terminalTSV
	}
	return EscapeTSV
}

func (p *Printer) tsv(rows [][]string) []byte {
	var b []byte
	esc := p.tsvEscape()
	for _, row := range rows {
		for i, text := range row {
			if i > 0 {
				b = append(b, '\t')
			}
			b = append(b, esc(text)...)
		}
		b = append(b, '\n')
	}
	return b
}

// allColumns returns the names of all members of rows, in the order in which
// they come up.
func allColumns(rows []Object) []Column {
	var columns []Column
	seen := map[string]bool{}
	for _, row := range rows {
		for _, m := range row {
			if !seen[m.Name] {
				seen[m.Name] = true
				columns = append(columns, Column{Name: m.Name})
			}
		}
	}
	return columns
}
