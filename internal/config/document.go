package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

const (
	maxSize  = 1 << 20
	maxDepth = 32
	maxNodes = 20_000
	bom      = "\ufeff"
)

// A document is the text of a file and what YAML makes of it.
type document struct {
	path string // for errors
	text string // without byte order mark
	bom  bool
	node *yaml.Node // the document node; nil if the text has none
	root *yaml.Node // the mapping in it; nil if it is empty
}

func (d *document) bytes() []byte {
	if d.bom {
		return []byte(bom + d.text)
	}
	return []byte(d.text)
}

func (d *document) errorf(line int, format string, args ...any) error {
	return &FileError{Path: d.path, Line: line, Reason: fmt.Sprintf(format, args...)}
}

// parse reads data as one YAML document of plain mappings, sequences and
// scalars. What the keys mean is not its business.
func parse(path string, data []byte) (*document, error) {
	d := &document{path: path}
	d.text, d.bom = strings.CutPrefix(string(data), bom)
	if err := d.checkBytes(); err != nil {
		return nil, err
	}
	dec := yaml.NewDecoder(strings.NewReader(d.text))
	var node, second yaml.Node
	switch err := dec.Decode(&node); {
	case errors.Is(err, io.EOF):
		return d, nil
	case err != nil:
		return nil, d.yamlError(err)
	}
	switch err := dec.Decode(&second); {
	case err == nil:
		return nil, d.errorf(second.Line, "there is a second YAML document")
	case !errors.Is(err, io.EOF):
		return nil, d.yamlError(err)
	}
	nodes := 0
	if err := d.checkTree(&node, 0, &nodes); err != nil {
		return nil, err
	}
	d.node = &node
	switch top := node.Content[0]; {
	case isNull(top):
	case top.Kind != yaml.MappingNode:
		return nil, d.errorf(top.Line, "it is %s, not a mapping of settings", kindName(top))
	default:
		d.root = top
	}
	return d, nil
}

// checkBytes refuses what the YAML library refuses without naming a line.
func (d *document) checkBytes() error {
	if len(d.text) > maxSize {
		return d.errorf(0, "it is larger than 1 MiB")
	}
	line := 1
	for i := 0; i < len(d.text); {
		r, n := utf8.DecodeRuneInString(d.text[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			return d.errorf(line, "it is not UTF-8")
		case r == '\n':
			line++
		case r < ' ' && r != '\t' && r != '\r', r >= 0x7f && r < 0xa0 && r != 0x85, r == 0xfeff, r == 0xfffe, r == 0xffff:
			return d.errorf(line, "there is a control character")
		}
		i += n
	}
	return nil
}

// fromParser are the beginnings of messages in which the YAML library counts
// lines from 0.
var fromParser = [...]string{
	"did not find expected <", "did not find expected '-'", "did not find expected ',' or", "did not find expected key",
	"did not find expected node", "found duplicate", "found incompatible", "found undefined tag",
}

// yamlError takes the number of the line out of a message of the YAML library,
// which names none for the first line.
func (d *document) yamlError(err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		if number, reason, ok := strings.Cut(rest, ": "); ok {
			line, _ = strconv.Atoi(number) //nolint:errcheck // then it is 0, and not said
			text = reason
			if slices.ContainsFunc(fromParser[:], func(s string) bool { return strings.HasPrefix(reason, s) }) {
				line++
			}
		}
	}
	if strings.HasPrefix(text, "unknown anchor") {
		before, _, _ := strings.Cut(d.text, "*")
		return d.errorf(strings.Count(before, "\n")+1, "anchors and aliases are not read")
	}
	return d.errorf(line, "not YAML: %s", text)
}

// checkTree refuses the parts of YAML that make a file mean something else
// than it seems to say, or more than it has bytes.
func (d *document) checkTree(n *yaml.Node, depth int, nodes *int) error {
	*nodes++
	switch {
	case depth > maxDepth:
		return d.errorf(n.Line, "it is nested more than %d deep", maxDepth)
	case *nodes > maxNodes:
		return d.errorf(n.Line, "it has more than %d values", maxNodes)
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		return d.errorf(n.Line, "anchors and aliases are not read")
	case n.Style&yaml.TaggedStyle != 0:
		return d.errorf(n.Line, "tags are not read")
	}
	if n.Kind == yaml.MappingNode {
		seen := make(map[string]bool, len(n.Content)/2)
		for key := range entries(n) {
			switch {
			case key.Kind == yaml.AliasNode || key.Anchor != "":
				return d.errorf(key.Line, "anchors and aliases are not read")
			case key.Kind != yaml.ScalarNode:
				return d.errorf(key.Line, "%s as a key is not read", kindName(key))
			case isNull(key):
				return d.errorf(key.Line, "there is a value without a key")
			case key.ShortTag() == "!!merge":
				return d.errorf(key.Line, "the merge key << is not read")
			case seen[key.Value]:
				return &FileError{d.path, key.Line, key.Value, "the key is there twice"}
			}
			seen[key.Value] = true
		}
	}
	for _, child := range n.Content {
		if err := d.checkTree(child, depth+1, nodes); err != nil {
			return err
		}
	}
	return nil
}

// entries yields the keys of a mapping with their values.
func entries(m *yaml.Node) func(yield func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		if m == nil || m.Kind != yaml.MappingNode {
			return
		}
		for pair := range slices.Chunk(m.Content, 2) {
			if !yield(pair[0], pair[1]) {
				return
			}
		}
	}
}

// child returns the entry of m called name, or nil and nil.
func child(m *yaml.Node, name string) (key, value *yaml.Node) {
	for k, v := range entries(m) {
		if k.Value == name {
			return k, v
		}
	}
	return nil, nil
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

func kindName(n *yaml.Node) string {
	switch n.Kind { //nolint:exhaustive // a document or an alias never gets here
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	return "a single value"
}

// encode writes the tree anew, for changes that a change of its text does not do.
func (d *document) encode() (string, error) {
	if d.root == nil || len(d.root.Content) == 0 {
		return "", nil
	}
	spellNulls(d.root)
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(d.node); err != nil {
		return "", fmt.Errorf("%s: %w", d.path, err)
	}
	return b.String(), nil
}

// spellNulls gives values that are not there a text: inside braces the encoder
// would make empty texts of them.
func spellNulls(n *yaml.Node) {
	if isNull(n) && n.Value == "" {
		n.Value = "null"
	}
	for _, child := range n.Content {
		spellNulls(child)
	}
}
