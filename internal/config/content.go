package config

import (
	"strings"

	"github.com/spf13/viper"
	"go.yaml.in/yaml/v3"
)

// separator joins the steps of a path where a dot may be part of a step. It
// can be in no key: YAML has no such character.
const separator = "\x00"

func joinPath(path []string) string { return strings.Join(path, separator) }

// The content of a file is what its settings are and on which lines.
type content struct {
	v        *viper.Viper // nil if there are no settings
	lines    map[string]int
	profiles map[string]bool
	warnings []Warning
}

// A reader makes content of a document.
type reader struct {
	content

	path   string // of the file
	values map[string]any
}

// read checks every setting of the document.
func (d *document) read() (content, error) {
	if d.root == nil {
		return content{}, nil
	}
	r := reader{path: d.path, values: map[string]any{}}
	r.lines, r.profiles = map[string]int{}, map[string]bool{}
	if err := r.section(d.root, nil, r.values); err != nil {
		return content{}, err
	}
	r.v = viper.NewWithOptions(viper.KeyDelimiter(separator))
	// Only what was checked: viper does not tell Color from color.
	if err := r.v.MergeConfigMap(r.values); err != nil {
		return content{}, d.errorf(0, "%v", err)
	}
	return r.content, nil
}

func (r *reader) section(m *yaml.Node, path []string, into map[string]any) error {
	for key, value := range entries(m) {
		here := append(path[:len(path):len(path)], key.Value)
		k := keyAt(here)
		var err error
		switch {
		case k == nil && !isSection(here):
			err = r.unknown(key, value, here)
		case k == nil:
			err = r.subsection(key, value, here, into)
		case !isNull(value):
			into[key.Value], err = r.setting(k, value, here)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) subsection(key, value *yaml.Node, path []string, into map[string]any) error {
	if path[0] == profilesKey && len(path) == 2 {
		if !IsProfileName(key.Value) {
			return &FileError{r.path, key.Line, profilesKey, printable(key.Value) + " " + badProfileName}
		}
		r.profiles[key.Value] = true
		r.lines[joinPath(path)] = key.Line
	}
	switch {
	case isNull(value):
		return nil
	case value.Kind != yaml.MappingNode:
		return r.bad(value, path, "it is "+kindName(value)+", not a mapping")
	}
	below := map[string]any{}
	into[key.Value] = below
	return r.section(value, path, below)
}

// setting returns the value of k as viper is to have it.
func (r *reader) setting(k *Key, n *yaml.Node, path []string) (any, error) {
	r.lines[joinPath(path)] = n.Line
	if k.kind != kindList {
		if n.Kind != yaml.ScalarNode {
			return nil, r.bad(n, path, "it is "+kindName(n)+", not a single value")
		}
		// The text counts, whatever YAML takes it for: a vault may be called 1.
		value, err := k.checkFile(n.Value)
		if err != nil {
			return nil, r.bad(n, path, err.Error())
		}
		return value, nil
	}
	if n.Kind != yaml.SequenceNode {
		return nil, r.bad(n, path, "it is "+kindName(n)+", not a list like [a, b]")
	}
	if len(n.Content) == 0 {
		return nil, r.bad(n, path, "the list is empty")
	}
	words := make([]string, 0, len(n.Content))
	for _, item := range n.Content {
		if item.Kind != yaml.ScalarNode || isNull(item) {
			return nil, r.bad(item, path, "the list has something in it that is no word")
		}
		words = append(words, item.Value)
	}
	if _, err := checkList(words); err != nil {
		return nil, r.bad(n, path, err.Error())
	}
	return words, nil
}

func (r *reader) bad(n *yaml.Node, path []string, reason string) error {
	return &FileError{r.path, n.Line, strings.Join(path, "."), reason}
}

// unknown notes a key that means nothing, unless it or one below it looks like
// a secret.
func (r *reader) unknown(key, value *yaml.Node, path []string) error {
	if secret := secretBelow(key, value); secret != nil {
		name := strings.Join(path, ".")
		if secret != key {
			name += "." + secret.Value
		}
		return &SecretError{Key: name, Path: r.path, Line: secret.Line}
	}
	r.warnings = append(r.warnings, Warning{r.path, key.Line, strings.Join(path, ".")})
	return nil
}

// secretBelow returns the key that has the name of a secret, if there is one.
func secretBelow(key, value *yaml.Node) *yaml.Node {
	if key != nil && isSecretName(key.Value) {
		return key
	}
	if value.Kind == yaml.SequenceNode {
		for _, item := range value.Content {
			if secret := secretBelow(nil, item); secret != nil {
				return secret
			}
		}
	}
	for k, v := range entries(value) {
		if secret := secretBelow(k, v); secret != nil {
			return secret
		}
	}
	return nil
}
