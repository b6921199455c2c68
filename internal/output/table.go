package output

import (
	"bytes"
	"slices"
	"strings"

	"github.com/olekukonko/tablewriter"
)

const (
	gutter   = "  "
	ellipsis = "…"
	// narrowest is how far a column is cut to make room for the others.
	narrowest = 8
)

// table returns rows under a header. Cells are cut only on a terminal of known
// width.
func (p *Printer) table(columns []Column, rows [][]string) []byte {
	header := make([]string, len(columns))
	for i, c := range columns {
		header[i] = c.Title
		if header[i] == "" {
			header[i] = strings.ToUpper(strings.ReplaceAll(Safe(c.Name), "_", " "))
		}
	}
	lines := make([][]string, 0, 1+len(rows))
	lines = append(lines, header)
	for _, row := range rows {
		safe := make([]string, len(row))
		for i, text := range row {
			safe[i] = Safe(text)
		}
		lines = append(lines, safe)
	}
	if p.o.Terminal && p.o.Width > 0 {
		fit(lines, p.o.Width)
	}
	text := align(lines)
	if !p.o.Color {
		return text
	}
	head, body, _ := bytes.Cut(text, []byte("\n"))
	return slices.Concat([]byte("\x1b[1m"), head, []byte("\x1b[0m\n"), body)
}

// sheet returns one line for each pair, the values aligned. A value of several
// lines goes on under its first one, so that no value looks like a member.
func sheet(lines []pair) []byte {
	if len(lines) == 0 {
		return nil
	}
	rows := make([][]string, len(lines))
	for i, l := range lines {
		rows[i] = []string{Safe(l.name), strings.TrimSuffix(SafeLines(l.value), "\n")}
	}
	return align(rows)
}

// align returns lines with their cells in columns, no space at the end.
func align(lines [][]string) []byte {
	var b bytes.Buffer
	t := tablewriter.NewWriter(&b)
	t.SetBorder(false)
	t.SetHeaderLine(false)
	t.SetAutoWrapText(false)
	t.SetNoWhiteSpace(true)
	t.SetTablePadding(gutter)
	t.SetAlignment(tablewriter.ALIGN_LEFT)
	t.AppendBulk(lines)
	t.Render()
	out := b.Bytes()[:0]
	for line := range bytes.Lines(b.Bytes()) {
		out = append(append(out, bytes.TrimRight(line, " \n")...), '\n')
	}
	return out
}

// fit cuts cells so that lines have no more than width columns, if that can be
// done. The first column says which row it is and is cut last.
func fit(lines [][]string, width int) {
	widths := make([]int, len(lines[0]))
	total := len(gutter) * (len(widths) - 1)
	for i := range widths {
		for _, line := range lines {
			widths[i] = max(widths[i], displayWidth(line[i]))
		}
		widths[i] = min(widths[i], max(width, narrowest))
		total += widths[i]
	}
	for total > width {
		widest := 0
		for i := 1; i < len(widths); i++ {
			if widths[i] > narrowest && (widest == 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widths[widest] <= narrowest {
			break
		}
		widths[widest]--
		total--
	}
	for _, line := range lines {
		for i := range line {
			line[i] = cut(line[i], widths[i])
		}
	}
}

// cut returns s, or as much of it as fits into width with an ellipsis.
func cut(s string, width int) string {
	if displayWidth(s) <= width {
		return s
	}
	room := width - displayWidth(ellipsis)
	for i, r := range s {
		if room -= displayWidth(string(r)); room < 0 {
			return s[:i] + ellipsis
		}
	}
	return s
}

// displayWidth returns how many columns s takes on a terminal.
func displayWidth(s string) int {
	if plain(s, 0) {
		return len(s)
	}
	return tablewriter.DisplayWidth(s)
}

// blocks returns a block of name: value for each row, an empty line between.
func blocks(columns []Column, rows [][]string) []byte {
	var b []byte
	for i, row := range rows {
		if i > 0 {
			b = append(b, '\n')
		}
		lines := make([]pair, 0, len(row))
		for j, text := range row {
			if text != "" {
				lines = append(lines, pair{columns[j].Name, text})
			}
		}
		b = append(b, block(lines)...)
	}
	return b
}

func block(lines []pair) []byte {
	var b []byte
	for _, l := range lines {
		b = append(b, Safe(l.name)...)
		b = append(b, ": "...)
		b = append(b, Safe(l.value)...)
		b = append(b, '\n')
	}
	return b
}
