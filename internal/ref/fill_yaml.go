package ref

import (
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// fillYAML lets a reader of YAML find out where the placeholders are, and in
// the end whether the filled template says what it should: the same document
// with the values in place of the placeholders.
func (f filler) fillYAML() ([]byte, error) {
	marked, words := f.marks()
	before, err := readYAML(marked)
	if err != nil {
		return nil, &TemplateError{Problem: "the template is no YAML without its placeholders: " + err.Error()}
	}
	spots := make([]spot, len(f.pieces))
	for _, n := range before {
		for i, word := range words {
			if word != "" && n.Kind == yaml.ScalarNode && strings.Contains(n.Value, word) {
				spots[i] = yamlSpot(n, word)
			}
		}
	}
	f.findIndents(spots)
	for i, s := range spots {
		if s.last { // the line feed of the template stands for the value's
			f.values[i] = []byte(strings.TrimSuffix(string(f.values[i]), "\n"))
		}
	}
	out, err := f.fill(spots, encodeYAML)
	if err != nil {
		return nil, err
	}
	if err := f.checkYAML(before, string(out), words); err != nil {
		return nil, err
	}
	return out, nil
}

// readYAML returns the nodes of all documents, in order.
func readYAML(text string) ([]*yaml.Node, error) {
	var all []*yaml.Node
	var walk func(*yaml.Node)
	walk = func(n *yaml.Node) {
		all = append(all, n)
		for _, c := range n.Content {
			walk(c)
		}
	}
	for d := yaml.NewDecoder(strings.NewReader(text)); ; {
		var doc yaml.Node
		switch err := d.Decode(&doc); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, err
		}
		walk(&doc)
	}
}

func yamlSpot(n *yaml.Node, word string) spot {
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0:
		return spot{kind: double}
	case n.Style&yaml.SingleQuotedStyle != 0:
		return spot{kind: single}
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return spot{kind: block}
	case n.Value == word:
		return spot{kind: whole}
	}
	return spot{kind: part}
}

// findIndents completes the spots in blocks.
func (f filler) findIndents(spots []spot) {
	line := "" // up to the piece
	for i, p := range f.pieces {
		if spots[i].kind == block {
			spots[i].indent = line[:len(line)-len(strings.TrimLeft(line, " "))]
			spots[i].last = i+1 == len(f.pieces) || strings.HasPrefix(f.pieces[i+1].Text, "\n")
		}
		line = (line + p.Text)[strings.LastIndexByte(line+p.Text, '\n')+1:]
	}
}

// isPlainPart reports whether value may stand inside of text without quotes.
func isPlainPart(value string) bool {
	for _, c := range []byte(value) {
		if !unreserved(c) && strings.IndexByte("_/@%+=", c) < 0 {
			return false
		}
	}
	return true
}

func encodeYAML(s spot, value string) (text, problem string) {
	if !utf8.ValidString(value) {
		return "", notUTF8
	}
	escaped := string(jsonEscape([]byte(value)))
	printable := escaped == strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value)
	switch s.kind {
	case comment:
		return encodeComment(value)
	case whole:
		return `"` + escaped + `"`, ""
	case double:
		return escaped, ""
	case single:
		if !printable {
			return "", "it has line breaks or control characters; put the placeholder in double quotes or leave the quotes out"
		}
		return strings.ReplaceAll(value, "'", "''"), ""
	case block:
		return strings.ReplaceAll(value, "\n", "\n"+s.indent), ""
	}
	if !isPlainPart(value) {
		return "", "it cannot stand inside of text without quotes; put double quotes around all of it"
	}
	return value, ""
}

// checkYAML compares what the filled template says with what it should say.
func (f filler) checkYAML(before []*yaml.Node, filled string, words []string) error {
	after, err := readYAML(filled)
	same := err == nil && len(before) == len(after)
	values := f.unmarker(words)
	for i := 0; same && i < len(before); i++ {
		b, a := before[i], after[i]
		if b.Kind == a.Kind && b.ShortTag() == a.ShortTag() && a.Value == values.Replace(b.Value) && b.Anchor == a.Anchor {
			continue
		}
		if at := wordIn(b.Value, words); at >= 0 {
			return f.problem(at, "it would not be read back as it is; put the placeholder in double quotes")
		}
		same = false
	}
	if !same {
		return &ValueError{Problem: "a value would change what else the template says; put the placeholders in double quotes"}
	}
	return nil
}
