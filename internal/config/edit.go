package config

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// An Edit is one change of the file, made of several steps. It is handed to
// the function that File.Update calls and is of no use afterwards.
type Edit struct{ doc *document }

// Set gives the setting called name a value. The profile that it is about, or
// that it chooses, has to be there: else the error is ErrNoProfile.
func (e *Edit) Set(name, value string) error {
	k, path, err := fileKey(name)
	if err != nil {
		return err
	}
	value, err = k.checkFile(value)
	if err != nil {
		return &ValueError{name, err.Error()}
	}
	profile := DefaultProfile
	switch {
	case k.Profile:
		profile = path[1]
	case k.kind == kindProfile:
		profile = value
	}
	if !e.has(profile) {
		return fmt.Errorf("profile %q: %w", profile, ErrNoProfile)
	}
	return e.put(path, valueNode(k, value))
}

// Unset takes the setting called name out of the file. If it is not there
// nothing changes.
func (e *Edit) Unset(name string) error {
	_, path, err := fileKey(name)
	if err != nil {
		return err
	}
	return e.take(path)
}

// AddProfile makes a profile. Empty members are left out. If it is there
// already, the error is ErrProfileExists.
func (e *Edit) AddProfile(name string, p Profile) error {
	if err := checkProfileName(name); err != nil {
		return err
	}
	if e.has(name) {
		return fmt.Errorf("profile %q: %w", name, ErrProfileExists)
	}
	if err := e.put([]string{profilesKey, name}, &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}); err != nil {
		return err
	}
	for member, value := range p.members() {
		if value == "" {
			continue
		}
		if err := e.Set(strings.Join([]string{profilesKey, name, member}, "."), value); err != nil {
			return err
		}
	}
	return nil
}

// RenameProfile gives a profile another name. If it is the chosen one it
// remains so.
func (e *Edit) RenameProfile(name, to string) error {
	if err := e.movable(name); err != nil {
		return err
	}
	if err := checkProfileName(to); err != nil {
		return err
	}
	if e.has(to) {
		return fmt.Errorf("profile %q: %w", to, ErrProfileExists)
	}
	chosen := e.chosen()
	key, _ := e.profile(name)
	text, ok := e.doc.replaceScalar(key, renderScalar(to))
	key.SetString(to)
	if err := e.settle(text, ok); err != nil || chosen != name {
		return err
	}
	return e.Set("profile", to)
}

// RemoveProfile removes a profile. If it is the chosen one, the default
// profile is chosen.
func (e *Edit) RemoveProfile(name string) error {
	if err := e.movable(name); err != nil {
		return err
	}
	chosen := e.chosen()
	if err := e.take([]string{profilesKey, name}); err != nil || chosen != name {
		return err
	}
	return e.Unset("profile")
}

func (e *Edit) movable(name string) error {
	switch {
	case name == DefaultProfile:
		return ErrDefaultProfile
	case !e.has(name):
		return fmt.Errorf("profile %q: %w", name, ErrNoProfile)
	}
	return nil
}

func (e *Edit) profile(name string) (key, value *yaml.Node) {
	_, profiles := child(e.doc.root, profilesKey)
	return child(profiles, name)
}

func (e *Edit) has(name string) bool {
	key, _ := e.profile(name)
	return key != nil || name == DefaultProfile
}

func (e *Edit) chosen() string {
	if _, value := child(e.doc.root, "profile"); value != nil {
		return value.Value
	}
	return DefaultProfile
}

// put makes value the entry at path. An empty mapping is written as nothing.
func (e *Edit) put(path []string, value *yaml.Node) error {
	d := e.doc
	key, old := d.find(path)
	if old != nil && sameTree(old, value) {
		return nil
	}
	text := ""
	if len(value.Content) > 0 || value.Kind == yaml.ScalarNode {
		text = render(value)
	}
	var ok bool
	switch {
	case key == nil:
		text, ok = d.insert(path, text)
	case isNull(old) && old.Value == "":
		text, ok = d.fill(key, text)
	case old.Kind == yaml.ScalarNode && value.Kind == yaml.ScalarNode:
		text, ok = d.replaceScalar(old, text)
	case old.Kind == yaml.SequenceNode && value.Kind == yaml.SequenceNode:
		value = likeList(value, old)
		text, ok = d.replaceList(key, old, value)
	}
	d.graft(path, value)
	return e.settle(text, ok)
}

// take removes the entry at path, and the sections that are empty without it;
// an empty profile is still a profile.
func (e *Edit) take(path []string) error {
	d := e.doc
	key, _ := d.find(path)
	if key == nil {
		return nil
	}
	for len(path) > 1 {
		_, parent := d.find(path[:len(path)-1])
		if len(parent.Content) > 2 || path[0] == profilesKey && len(path) == 3 {
			break
		}
		path = path[:len(path)-1]
		key, _ = d.find(path)
	}
	parent := d.root
	if len(path) > 1 {
		_, parent = d.find(path[:len(path)-1])
	}
	text, ok := "", false
	if parent.Style&yaml.FlowStyle == 0 {
		text, ok = d.remove(key)
	}
	at := slices.Index(parent.Content, key)
	parent.Content = slices.Delete(parent.Content, at, at+2)
	return e.settle(text, ok)
}

// settle takes the changed text if it means the same as the changed tree and
// lost no comment, else it writes the tree. Nothing is taken that means
// something else: the encoder has its mistakes too.
func (e *Edit) settle(text string, ok bool) error {
	d := e.doc
	if ok {
		next, err := parse(d.path, []byte(text))
		if err == nil && sameTree(next.root, d.root) && hasComments(next.node, d.node) {
			next.bom = d.bom
			e.doc = next
			return nil
		}
	}
	text, err := d.encode()
	if err != nil {
		return err
	}
	next, err := parse(d.path, []byte(text))
	if err != nil || !sameTree(next.root, d.root) {
		return d.errorf(0, "it is written in a way that cannot be changed safely; edit it by hand")
	}
	next.bom = d.bom
	e.doc = next
	return nil
}

// find returns the entry at path, or nil and nil.
func (d *document) find(path []string) (key, value *yaml.Node) {
	value = d.root
	for _, step := range path {
		key, value = child(value, step)
	}
	return key, value
}

// graft puts value at path into the tree and makes the mappings on the way.
func (d *document) graft(path []string, value *yaml.Node) {
	if d.root == nil {
		d.root = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		if d.node == nil {
			d.node = &yaml.Node{Kind: yaml.DocumentNode}
		}
		d.node.Content = []*yaml.Node{d.root}
	}
	m := d.root
	for i, step := range path {
		if len(m.Content) == 0 {
			m.Style = 0 // {} need not become {a: b}
		}
		_, next := child(m, step)
		if next == nil {
			next = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
			m.Content = append(m.Content, scalarNode(step), next)
		}
		if i == len(path)-1 {
			replaceNode(next, value)
		} else if isNull(next) {
			replaceNode(next, &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"})
		}
		m = next
	}
}

// replaceNode makes n what value is, but keeps the comments around it.
func replaceNode(n, value *yaml.Node) {
	n.Kind, n.Tag, n.Value, n.Content, n.Style = value.Kind, value.Tag, value.Value, value.Content, value.Style
}

// likeList returns the list value, written as old is: with the comments at the
// words that stay.
func likeList(value, old *yaml.Node) *yaml.Node {
	n := *value
	n.Style, n.Content = old.Style, slices.Clone(value.Content)
	for i, word := range n.Content {
		at := slices.IndexFunc(old.Content, func(o *yaml.Node) bool { return o.Value == word.Value })
		if at >= 0 {
			n.Content[i] = old.Content[at]
		}
	}
	return &n
}

// sameTree reports whether a and b say the same in the same order. Nothing and
// an empty mapping are the same.
func sameTree(a, b *yaml.Node) bool {
	if isEmpty(a) || isEmpty(b) {
		return isEmpty(a) && isEmpty(b)
	}
	if a.Kind != b.Kind || a.Value != b.Value || a.ShortTag() != b.ShortTag() {
		return false
	}
	return slices.EqualFunc(a.Content, b.Content, sameTree)
}

func isEmpty(n *yaml.Node) bool {
	return n == nil || isNull(n) || n.Kind == yaml.MappingNode && len(n.Content) == 0
}

// hasComments reports whether every line of a comment in old is in n too.
func hasComments(n, old *yaml.Node) bool {
	have := map[string]int{}
	countComments(n, have, 1)
	countComments(old, have, -1)
	for _, count := range have {
		if count < 0 {
			return false
		}
	}
	return true
}

func countComments(n *yaml.Node, into map[string]int, by int) {
	if n == nil {
		return
	}
	for _, comment := range []string{n.HeadComment, n.LineComment, n.FootComment} {
		for line := range strings.SplitSeq(comment, "\n") {
			if line = strings.TrimSpace(line); line != "" {
				into[line] += by
			}
		}
	}
	for _, child := range n.Content {
		countComments(child, into, by)
	}
}
