package vault

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Before returns it as it was before the rev-th last change, 1 being the last
// one, as far as the history tells: name, fields and tags. Its History is what
// is older, its Updated the time of the change before that, or zero if the
// history does not reach so far. Everything else is as in it. A revision that
// is not there is ErrNotFound.
//
// Changes of which there are only entries of the kind Opaque have no number.
func (it Item) Before(rev int) (Item, error) {
	all := it.undoable()
	if rev < 1 || rev > len(all) {
		return Item{}, fmt.Errorf("revision %d %w: the history has %d", rev, ErrNotFound, len(all))
	}
	r := newRewind(it)
	for _, s := range all[:rev] {
		r.undo(s.past)
	}
	out := r.done()
	older := all[rev-1].older
	out.History, out.Updated = slices.Clone(it.History[:older]), time.Time{}
	if older > 0 {
		out.Updated = it.History[older-1].At
	}
	return out, nil
}

// Revert returns it changed back to Before(rev), at the time at. That is a new
// change with a place of its own in the history, so that Revert(1) of the
// result brings back what was; only custom fields may then stand in another
// order. If nothing changes, the result is an equal item, with the same
// Updated. The errors are those of Before, and ErrInvalid for a name that no
// item can have.
func (it Item) Revert(rev int, at time.Time) (Item, error) {
	out, err := it.Before(rev)
	if err != nil {
		return Item{}, err
	}
	if out.Name != it.Name {
		if err := CheckName(out.Name); err != nil {
			return Item{}, fmt.Errorf("revision %d: %w", rev, err)
		}
	}
	out.History, out.Updated = slices.Clone(it.History), it.Updated
	return it.become(out, at), nil
}

// A Version is one change in the history of an item. It never has a value.
type Version struct {
	N     int       // Before(N) is the item without this change and all later ones
	At    time.Time // when it was made
	Diffs []Diff    // what it did, in the order of the history
}

// A Diff is what a change did to one field, to the name or to the tags.
type Diff struct {
	Field string // as users say it; empty for the name and the tags
	Kind  Kind   // what kind the field was, before the change if it was there; ItemName, ItemTags
	How   How
}

// How says what a change did.
type How string

// What a change does. A name is only ever renamed; tags are set where there
// were none, and removed where none is left.
const (
	HowSet     How = "set"
	HowChanged How = "changed"
	HowRemoved How = "removed"
	HowRenamed How = "renamed"
)

// Versions returns the changes that the history tells of, the newest first.
func (it Item) Versions() []Version {
	var list []Version
	r := newRewind(it)
	for i, s := range it.undoable() {
		list = append(list, Version{N: i + 1, At: s.past[0].At, Diffs: r.diffs(s.past)})
		r.undo(s.past)
	}
	return list
}

// A step is one change of a history that can be undone.
type step struct {
	past  []Past
	older int // how many entries are older
}

// undoable returns the changes that say something about what was, newest first.
func (it Item) undoable() []step {
	var steps []step
	older := len(it.History)
	for _, past := range slices.Backward(it.Revisions()) {
		older -= len(past)
		if slices.ContainsFunc(past, func(p Past) bool { return p.Kind != Opaque }) {
			steps = append(steps, step{past, older})
		}
	}
	return steps
}

// A rewind takes changes back, the newest first.
type rewind struct {
	it     Item
	places map[fieldKey][]int // where in it.Fields those of one key are, in order
	gone   map[int]bool       // the places that are empty by now
}

func newRewind(it Item) *rewind {
	r := &rewind{it: it.clone(), places: make(map[fieldKey][]int), gone: make(map[int]bool)}
	for i, f := range it.Fields {
		if f.Kind != Opaque {
			r.places[keyOf(f)] = append(r.places[keyOf(f)], i)
		}
	}
	return r
}

// undo takes one change back. Of several entries about what an item has only
// once, the first counts.
func (r *rewind) undo(past []Past) {
	once := make(map[fieldKey]bool)
	var was []Field
	for _, p := range slices.Backward(past) { // so that the first comes last
		switch p.Kind {
		case ItemName:
			r.it.Name = string(p.Value.Reveal())
		case ItemTags:
			r.it.Tags = p.tags()
		}
	}
	for _, p := range past {
		f, err := r.it.fit(Field{Name: p.Field, Kind: p.Kind, Value: p.Value})
		if err != nil {
			continue
		}
		key := keyOf(f)
		if !key.custom && once[key] {
			continue
		}
		once[key] = true
		if p.Absent {
			r.drop(key)
			continue
		}
		if key.custom {
			f.Extra = p.members()
		}
		was = append(was, f)
	}
	nth := make(map[fieldKey]int)
	for _, f := range was {
		r.put(f, nth[keyOf(f)])
		nth[keyOf(f)]++
	}
}

// drop takes the last field of that key away.
func (r *rewind) drop(key fieldKey) {
	if places := r.places[key]; len(places) > 0 {
		last := len(places) - 1
		r.gone[places[last]] = true
		r.places[key] = places[:last]
	}
}

// put puts f in place of the nth field of its key, whose unknown members it
// has if it says nothing of them, or behind all.
func (r *rewind) put(f Field, nth int) {
	key := keyOf(f)
	if places := r.places[key]; nth < len(places) {
		if f.Extra == nil {
			f.Extra = r.it.Fields[places[nth]].Extra
		}
		r.it.Fields[places[nth]] = f
		return
	}
	r.places[key] = append(r.places[key], len(r.it.Fields))
	r.it.Fields = append(r.it.Fields, f)
}

// done returns the item as it was. r is of no use any more.
func (r *rewind) done() Item {
	fields := r.it.Fields[:0]
	for i, f := range r.it.Fields {
		if !r.gone[i] {
			fields = append(fields, f)
		}
	}
	r.it.Fields = fields
	r.it.sortFields()
	r.it.makeRoom()
	return r.it
}

// diffs returns what a change did that was not undone yet.
func (r *rewind) diffs(past []Past) []Diff {
	var list []Diff
	listed := make(map[Diff]bool)
	nth := make(map[fieldKey]int)
	for _, p := range past {
		d := Diff{Field: p.Field, Kind: p.Kind, How: HowSet}
		switch p.Kind {
		case Opaque:
			continue
		case ItemName:
			d.How = HowRenamed
		case ItemTags:
			if !p.Absent {
				d.How = changedIf(len(r.it.Tags) > 0)
			}
		default:
			f, err := r.it.fit(Field{Name: p.Field, Kind: p.Kind})
			if err != nil {
				continue
			}
			if key := keyOf(f); !p.Absent {
				d.How = changedIf(nth[key] < len(r.places[key]))
				nth[key]++
			}
		}
		if !listed[d] {
			listed[d] = true
			list = append(list, d)
		}
	}
	return list
}

func changedIf(still bool) How {
	if still {
		return HowChanged
	}
	return HowRemoved
}

// tags returns the tags that an entry of ItemTags has.
func (p Past) tags() []string {
	return slices.DeleteFunc(strings.Split(string(p.Value.Reveal()), "\n"), func(t string) bool { return !validTag(t) })
}

func (f Field) equal(g Field) bool {
	return f.Kind == g.Kind && f.Value.Equal(g.Value) && sameMembers(f, g)
}

func sameMembers(f, g Field) bool {
	return maps.EqualFunc(f.Extra, g.Extra, func(a, b jsontext.Value) bool { return bytes.Equal(a, b) })
}

// withMembers returns the member by which an entry of the history keeps the
// unknown members that a field had, where the change did not leave them alone.
func withMembers(extra map[string]jsontext.Value) map[string]jsontext.Value {
	text := []byte("{")
	for i, name := range slices.Sorted(maps.Keys(extra)) {
		if i > 0 {
			text = append(text, ',')
		}
		quoted, _ := jsontext.AppendQuote(nil, name) // an error would stop the writing of the field too
		text = append(append(append(text, quoted...), ':'), extra[name]...)
	}
	v, _ := jsontext.AppendQuote(nil, append(text, '}'))
	return map[string]jsontext.Value{memberMembers: v}
}

// members is the reverse of withMembers: nil if p does not say.
func (p Past) members() map[string]jsontext.Value {
	text, _ := str(p.Extra[memberMembers])
	m, err := object(jsontext.Value(text))
	if err != nil {
		return nil
	}
	maps.DeleteFunc(m, func(name string, _ jsontext.Value) bool { return customMembers[name] })
	for name, v := range m {
		m[name] = compact(v)
	}
	return m
}
