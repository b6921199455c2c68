package vault

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/keyhold/keyhold/internal/secret"
)

// An Edit is what a user wants changed in an item.
type Edit struct {
	Name   string // the new name, or empty
	Set    []Field
	Remove []string
	Tag    []string
	Untag  []string
}

// A Past is a value that an item had before a change. The entries of one
// change have the same time and make one revision.
type Past struct {
	At     time.Time
	Field  string // empty for ItemName and ItemTags
	Kind   Kind
	Value  secret.Bytes // tags: joined by newlines
	Absent bool         // the field was not there; Value is empty
}

// The limits of a history: how many revisions, and how many bytes of values
// beyond the newest one.
const (
	maxRevisions    = 20
	maxHistoryBytes = 64 << 10
)

// Apply returns it with e done at the time at; it itself stays as it was. What
// e replaces goes to the history, unless the item is new. An edit that changes
// nothing returns an equal item.
func (e Edit) Apply(it Item, at time.Time) (Item, error) {
	out := it
	out.Fields = slices.Clone(it.Fields)
	out.Tags = slices.Clone(it.Tags)
	var past []Past
	if e.Name != "" && e.Name != it.Name {
		if err := CheckName(e.Name); err != nil {
			return Item{}, err
		}
		past = append(past, Past{Kind: ItemName, Value: secret.Of([]byte(it.Name))})
		out.Name = e.Name
	}
	for _, f := range e.Set {
		if err := checkField(f); err != nil {
			return Item{}, err
		}
		past = append(past, out.set(f)...)
	}
	for _, name := range e.Remove {
		past = append(past, out.remove(name)...)
	}
	tagged, err := out.retag(e.Tag, e.Untag)
	if err != nil {
		return Item{}, err
	}
	past = append(past, tagged...)
	if len(past) == 0 && it.ID != "" {
		return out, nil
	}
	at = it.after(at)
	out.Updated = at
	if it.ID == "" {
		out.Created = at
		return out, nil
	}
	for i := range past {
		past[i].At = at
	}
	out.History = trim(append(slices.Clone(it.History), past...))
	return out, nil
}

// after returns the time of a change to it: at, but later than every change before.
func (it Item) after(at time.Time) time.Time {
	at = at.UTC().Truncate(time.Millisecond)
	if !at.After(it.Updated) {
		at = it.Updated.Add(time.Millisecond)
	}
	if n := len(it.History); n > 0 && !at.After(it.History[n-1].At) {
		at = it.History[n-1].At.Add(time.Millisecond)
	}
	return at
}

// set puts f in place of the field of its name and kind of naming.
func (it *Item) set(f Field) []Past {
	for i, old := range it.Fields {
		if old.Name != f.Name || old.Kind == Opaque || old.Kind.Custom() != f.Kind.Custom() {
			continue
		}
		if old.Kind == f.Kind && bytes.Equal(old.Value.Reveal(), f.Value.Reveal()) {
			return nil
		}
		f.Extra = old.Extra
		it.Fields[i] = f
		return []Past{{Field: old.Name, Kind: old.Kind, Value: old.Value}}
	}
	it.Fields = append(it.Fields, f)
	it.sortFields()
	return []Past{{Field: f.Name, Kind: f.Kind, Absent: true}}
}

// remove takes the field away that a user calls name.
func (it *Item) remove(name string) []Past {
	f, ok := it.Field(name)
	if !ok {
		return nil
	}
	it.Fields = slices.DeleteFunc(it.Fields, func(g Field) bool { return g.Name == f.Name && g.Kind == f.Kind })
	return []Past{{Field: f.Name, Kind: f.Kind, Value: f.Value}}
}

// sortFields puts the fields of the type first, in its order.
func (it *Item) sortFields() {
	order := make(map[string]int)
	for i, ft := range TypeOf(*it).Fields {
		order[ft.Name] = i
	}
	rank := func(f Field) int {
		if f.Kind.Custom() || f.Kind == Opaque {
			return len(order)
		}
		return order[f.Name]
	}
	slices.SortStableFunc(it.Fields, func(a, b Field) int { return rank(a) - rank(b) })
}

func (it *Item) retag(add, drop []string) ([]Past, error) {
	old := slices.Clone(it.Tags)
	for _, t := range add {
		if t == "" || strings.ContainsAny(t, "\n\r\x00") || !utf8.ValidString(t) {
			return nil, fmt.Errorf("%w tag %q", ErrInvalid, t)
		}
		if !slices.Contains(it.Tags, t) {
			it.Tags = append(it.Tags, t)
		}
	}
	it.Tags = slices.DeleteFunc(it.Tags, func(t string) bool { return slices.Contains(drop, t) })
	if slices.Equal(old, it.Tags) {
		return nil, nil
	}
	return []Past{{Kind: ItemTags, Value: secret.Of([]byte(strings.Join(old, "\n"))), Absent: len(old) == 0}}, nil
}

func checkField(f Field) error {
	if f.Name == "" || !utf8.ValidString(f.Name) || strings.ContainsAny(f.Name, "\x00\n\r=") {
		return fmt.Errorf("%w field name %q", ErrInvalid, f.Name)
	}
	return nil
}

// Revisions groups the history by change, oldest first.
func (it Item) Revisions() [][]Past {
	var revs [][]Past
	for i, p := range it.History {
		if i > 0 && p.At.Equal(it.History[i-1].At) {
			revs[len(revs)-1] = append(revs[len(revs)-1], p)
		} else {
			revs = append(revs, []Past{p})
		}
	}
	return revs
}

// trim drops the oldest revisions beyond the limits.
func trim(h []Past) []Past {
	revs := Item{History: h}.Revisions()
	kept, size := 0, 0
	for i := len(revs) - 1; i >= 0 && kept < maxRevisions; i-- {
		n := 0
		for _, p := range revs[i] {
			n += len(p.Field) + p.Value.Len()
		}
		if kept > 0 { // the newest is kept whatever its size
			if size += n; size > maxHistoryBytes {
				break
			}
		}
		kept++
	}
	drop := 0
	for _, r := range revs[:len(revs)-kept] {
		drop += len(r)
	}
	return h[drop:]
}
