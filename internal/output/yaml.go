package output

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// appendYAML appends v, checked before, as one document. Its values are those
// of JSON: a time is a string. What deceives a terminal is written as \uNNNN.
func appendYAML(dst []byte, v any) ([]byte, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(yamlNode(v)); err != nil {
		return nil, err
	}
	if err := enc.Close(); err != nil {
		return nil, err
	}
	// Whatever deceives is in a double-quoted string: see yamlString.
	for text := b.Bytes(); len(text) > 0; {
		r, n := utf8.DecodeRune(text)
		if r < 0x7f || !deceptive(r) {
			dst = append(dst, text[:n]...)
		} else {
			dst = fmt.Appendf(dst, `\u%04x`, r)
		}
		text = text[n:]
	}
	return dst, nil
}

func yamlNode(v any) *yaml.Node {
	if text, ok := scalar(v); ok {
		return yamlString(text)
	}
	if text, ok := bare(v); ok {
		return &yaml.Node{Kind: yaml.ScalarNode, Value: text}
	}
	var n yaml.Node
	switch v := v.(type) {
	case []string:
		n.Kind = yaml.SequenceNode
		for _, s := range v {
			n.Content = append(n.Content, yamlString(s))
		}
	case []Object:
		n.Kind = yaml.SequenceNode
		for _, o := range v {
			n.Content = append(n.Content, yamlNode(o))
		}
	case Object:
		n.Kind = yaml.MappingNode
		for _, m := range v {
			n.Content = append(n.Content, yamlString(m.Name), yamlNode(m.Value))
		}
	}
	if len(n.Content) == 0 {
		n.Style = yaml.FlowStyle // [] and {}
	}
	return &n
}

// yamlString returns a node that every reader takes for this string. Unquoted
// is only what begins with a letter, is no word of YAML 1.1 or 1.2, and is
// made of characters that are seen; the encoder quotes what else needs it.
func yamlString(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: valid(s)}
	if !plainYAML(n.Value) {
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

func plainYAML(s string) bool {
	if s == "" || !(s[0] >= 'a' && s[0] <= 'z' || s[0] >= 'A' && s[0] <= 'Z') {
		return false
	}
	for _, r := range s {
		if deceptive(r) {
			return false
		}
	}
	switch strings.ToLower(s) {
	case "y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf":
		return false
	}
	return true
}
