package itemcmd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/vault"
)

// A sheet is an item as a person edits it, in YAML: name and tags, the fields
// of its type, and those of one's own under hidden and text.
//
// What is not text, and what other programs left in the item, is not on it.

// editable reports whether f stands on the sheet, and where: "" for the fields
// of the type.
func editable(f vault.Field) (section string, ok bool) {
	if f.Kind == vault.Opaque || !utf8.Valid(f.Value.Reveal()) {
		return "", false
	}
	switch {
	case f.Kind == vault.Hidden:
		return "hidden", true
	case f.Kind.Custom():
		return "text", true
	}
	return "", true
}

// sheetOf returns the sheet of an item.
func sheetOf(it vault.Item) ([]byte, error) {
	doc := &yaml.Node{Kind: yaml.MappingNode}
	doc.HeadComment = "This is an item of type " + it.Type + ". Save and leave to change it."
	add := func(m *yaml.Node, name string, value *yaml.Node) {
		m.Content = append(m.Content, text(name), value)
	}
	add(doc, "name", text(it.Name))
	sections := map[string]*yaml.Node{"": {Kind: yaml.MappingNode}, "hidden": {Kind: yaml.MappingNode}, "text": {Kind: yaml.MappingNode}}
	for _, f := range it.Fields {
		if s, ok := editable(f); ok {
			add(sections[s], f.Name, text(string(f.Value.Reveal())))
		}
	}
	tags := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, t := range it.Tags {
		tags.Content = append(tags.Content, text(t))
	}
	add(doc, "tags", tags)
	add(doc, "fields", sections[""])
	for _, s := range []string{"hidden", "text"} {
		if len(sections[s].Content) > 0 {
			add(doc, s, sections[s])
		}
	}
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := errors.Join(enc.Encode(doc), enc.Close()); err != nil {
		return nil, fmt.Errorf("write the sheet: %w", err)
	}
	return b.Bytes(), nil
}

func text(s string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(s)
	return n
}

// A written is a sheet as it comes back.
type written struct {
	Name   string            `yaml:"name"`
	Tags   []string          `yaml:"tags"`
	Fields map[string]string `yaml:"fields"`
	Hidden map[string]string `yaml:"hidden"`
	Text   map[string]string `yaml:"text"`
}

// readSheet returns what a sheet changes in the item that it was made of.
func readSheet(it vault.Item, sheet []byte) (vault.Edit, error) {
	var w written
	dec := yaml.NewDecoder(bytes.NewReader(sheet))
	dec.KnownFields(true)
	if err := dec.Decode(&w); err != nil && !errors.Is(err, io.EOF) {
		return vault.Edit{}, app.Usagef("what you wrote cannot be understood, nothing is changed: %v", lineOf(err))
	}
	if w.Name == "" {
		return vault.Edit{}, app.Usagef("the name is empty, nothing is changed")
	}
	e := vault.Edit{Name: w.Name}
	sections := map[string]map[string]string{"": w.Fields, "hidden": w.Hidden, "text": w.Text}
	for _, f := range it.Fields {
		s, ok := editable(f)
		if !ok {
			continue
		}
		value, kept := sections[s][f.Name]
		if !kept {
			e.Remove = append(e.Remove, f.Name)
			continue
		}
		delete(sections[s], f.Name)
		f.Value = secret.Of([]byte(value))
		e.Set = append(e.Set, f)
	}
	kind := vault.TypeOf(it)
	for _, name := range sorted(w.Fields) {
		ft, ok := kind.Field(name)
		if !ok {
			return vault.Edit{}, app.Usagef("an item of type %s has no field %q, nothing is changed: fields of your own stand under hidden or text", it.Type, name)
		}
		k := vault.Plain
		if ft.Secret {
			k = vault.Secret
		}
		e.Set = append(e.Set, vault.Field{Name: ft.Name, Kind: k, Value: secret.Of([]byte(w.Fields[name]))})
	}
	for section, k := range map[string]vault.Kind{"hidden": vault.Hidden, "text": vault.Text} {
		for _, name := range sorted(sections[section]) {
			e.Set = append(e.Set, vault.Field{Name: name, Kind: k, Value: secret.Of([]byte(sections[section][name]))})
		}
	}
	for _, t := range it.Tags {
		if !slices.Contains(w.Tags, t) {
			e.Untag = append(e.Untag, t)
		}
	}
	e.Tag = w.Tags
	return e, nil
}

func sorted(m map[string]string) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// lineOf keeps of an error of the YAML reader where it is, not what stands
// there: that may be a secret.
func lineOf(err error) string {
	var line int
	for i := range err.Error() {
		if n, _ := fmt.Sscanf(err.Error()[i:], "line %d", &line); n == 1 {
			return fmt.Sprintf("line %d", line)
		}
	}
	return "it is no such YAML"
}
