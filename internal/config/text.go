package config

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The functions of this file change the text of a document by as little as can
// be: the nodes say where things are. They need not understand all of YAML,
// for what they return is compared with the change made to the tree, and where
// it is not the same the tree is written instead.

// lines are the lines of a text with their ends.
func (d *document) lines() []string { return slices.Collect(strings.Lines(d.text)) }

func (d *document) newline() string {
	if i := strings.IndexByte(d.text, '\n'); i > 0 && d.text[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// replaceScalar puts text in the place of the scalar n.
func (d *document) replaceScalar(n *yaml.Node, text string) (string, bool) {
	return d.replaceScalarAnd(n, "", text)
}

// replaceScalarAnd puts text in the place of the scalar n and of next after it.
func (d *document) replaceScalarAnd(n *yaml.Node, next, text string) (string, bool) {
	lines := d.lines()
	if n.Kind != yaml.ScalarNode || n.Line < 1 || n.Line > len(lines) {
		return "", false
	}
	line := lines[n.Line-1]
	start := byteColumn(line, n.Column)
	length := scalarLength(line[start:], n)
	if length == 0 || !strings.HasPrefix(line[start+length:], next) {
		return "", false
	}
	lines[n.Line-1] = line[:start] + text + line[start+length+len(next):]
	return strings.Join(lines, ""), true
}

// fill gives the key of an entry that has no value the value text.
func (d *document) fill(key *yaml.Node, text string) (string, bool) {
	return d.replaceScalarAnd(key, ":", renderScalar(key.Value)+": "+text)
}

// byteColumn returns the index of the column in line, which counts characters
// from 1.
func byteColumn(line string, column int) int {
	for i := range line {
		if column--; column == 0 {
			return i
		}
	}
	return len(line)
}

// scalarLength returns how many bytes at the start of s are the scalar n, or 0
// if it does not end there.
func scalarLength(s string, n *yaml.Node) int {
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0:
		for i := 1; i < len(s); i++ {
			switch s[i] {
			case '\\':
				i++
			case '"':
				return i + 1
			}
		}
	case n.Style&yaml.SingleQuotedStyle != 0:
		for i := 1; i < len(s); i++ {
			if s[i] != '\'' {
				continue
			}
			if i+1 == len(s) || s[i+1] != '\'' {
				return i + 1
			}
			i++
		}
	case strings.HasPrefix(s, n.Value):
		return len(n.Value)
	}
	return 0
}

// replaceList puts the list value, which has nodes of old where it can, in the
// place of the list old, the value of key.
func (d *document) replaceList(key, old, value *yaml.Node) (string, bool) {
	lines := d.lines()
	if len(old.Content) == 0 || old.Line > len(lines) {
		return "", false
	}
	if old.Style&yaml.FlowStyle != 0 {
		line := lines[old.Line-1]
		start := byteColumn(line, old.Column)
		length := strings.IndexByte(line[start:], ']')
		if length < 0 {
			return "", false
		}
		bare := yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Style: yaml.FlowStyle}
		for _, word := range value.Content {
			bare.Content = append(bare.Content, scalarNode(word.Value))
		}
		lines[old.Line-1] = line[:start] + render(&bare) + line[start+length+1:]
		return strings.Join(lines, ""), true
	}
	first, end := old.Content[0].Line, d.end(key)
	if end-first+1 != len(old.Content) {
		return "", false
	}
	words := make([]string, 0, len(value.Content))
	for _, word := range value.Content {
		if word.Line != 0 {
			words = append(words, strings.TrimRight(lines[word.Line-1], "\r\n")+d.newline())
			continue
		}
		words = append(words, strings.Repeat(" ", old.Column-1)+"- "+renderScalar(word.Value)+d.newline())
	}
	return strings.Join(slices.Replace(lines, first-1, end, words...), ""), true
}

// insert puts a new entry at path, whose first known steps are there, as the
// last of its mapping.
func (d *document) insert(path []string, text string) (string, bool) {
	if d.root == nil {
		return d.insertLines(len(d.lines()), 0, path, text), true
	}
	var indent, after int
	m, known := d.root, 0
	for {
		if m.Style&yaml.FlowStyle != 0 || len(m.Content) == 0 {
			return "", false
		}
		last := m.Content[len(m.Content)-2]
		indent, after = last.Column-1, d.end(last)
		key, value := child(m, path[known])
		if key == nil {
			break
		}
		known++
		if value.Kind != yaml.MappingNode {
			if value.Value != "" {
				return "", false
			}
			indent, after = key.Column+1, key.Line
			break
		}
		m = value
	}
	return d.insertLines(after, indent, path[known:], text), true
}

// insertLines puts the entry at path below the first after lines.
func (d *document) insertLines(after, indent int, path []string, text string) string {
	lines, nl := d.lines(), d.newline()
	if after > 0 && after <= len(lines) && !strings.HasSuffix(lines[after-1], "\n") {
		lines[after-1] += nl
	}
	var b strings.Builder
	for i, step := range path {
		b.WriteString(strings.Repeat(" ", indent+2*i) + renderScalar(step) + ":")
		if i < len(path)-1 {
			b.WriteString(nl)
		}
	}
	if text != "" {
		b.WriteString(" " + text)
	}
	b.WriteString(nl)
	return strings.Join(slices.Insert(lines, min(after, len(lines)), b.String()), "")
}

// remove takes out the entry of key, and keeps the comments before and after it.
func (d *document) remove(key *yaml.Node) (string, bool) {
	lines := d.lines()
	if key.Line > len(lines) {
		return "", false
	}
	line := lines[key.Line-1]
	if strings.Trim(line[:byteColumn(line, key.Column)], " ") != "" {
		return "", false
	}
	return strings.Join(slices.Delete(lines, key.Line-1, d.end(key)), ""), true
}

// end returns the number of the last line of the entry of key in a block
// mapping, without the comments and empty lines after it.
func (d *document) end(key *yaml.Node) int {
	lines := d.lines()
	end, indent := min(key.Line, len(lines)), key.Column-1
	for i := end; i < len(lines); i++ {
		rest := strings.TrimLeft(lines[i], " ")
		in := len(lines[i]) - len(rest)
		switch {
		case strings.TrimSpace(rest) == "" || rest[0] == '#':
		case in > indent || in == indent && strings.HasPrefix(rest, "- "):
			end = i + 1
		default:
			return end
		}
	}
	return end
}

// renderScalar writes s on one line.
func renderScalar(s string) string { return render(scalarNode(s)) }

func render(n *yaml.Node) string {
	text, err := yaml.Marshal(n)
	if err != nil { // a scalar or a list of them can always be written
		return ""
	}
	return strings.TrimSuffix(string(text), "\n")
}

func scalarNode(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	// What YAML takes for something else than a text is quoted; so are the
	// words that other readers do.
	switch strings.ToLower(s) {
	case "y", "n", "yes", "no", "on", "off":
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

// valueNode returns the node for a checked value of k.
func valueNode(k *Key, value string) *yaml.Node {
	if k.kind != kindList {
		return scalarNode(value)
	}
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Style: yaml.FlowStyle}
	for word := range strings.SplitSeq(value, ",") {
		n.Content = append(n.Content, scalarNode(word))
	}
	return n
}
