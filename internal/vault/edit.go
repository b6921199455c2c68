package vault

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/keyhold/keyhold/internal/secret"
)

// An Edit is what a user wants changed in an item.
type Edit struct {
	Name string // the new name, or empty
	// Set holds fields of the type, in any spelling, and custom ones. A Plain
	// or Secret one that the type does not have becomes Text or Hidden.
	Set    []Field
	Remove []string // as Item.Field finds them; what is also in Set is set
	Tag    []string
	Untag  []string
}

// Apply returns it with e done at the time at; it itself stays as it was, and
// the two share the values of fields. What e replaces goes to the history,
// unless the item is new. An edit that changes nothing returns an equal item,
// with the same Updated.
//
// A name that an item gets here is in NFC from then on.
func (e Edit) Apply(it Item, at time.Time) (Item, error) {
	out := it.clone()
	if err := e.apply(&out); err != nil {
		return Item{}, err
	}
	return it.become(out, at), nil
}

// become returns out, which is it with something changed, as the change at the
// time at: what it had goes to the history, unless it is new. If nothing
// changed, the result is a copy of it.
func (it Item) become(out Item, at time.Time) Item {
	isNew := it.ID == ""
	past := changes(it, out)
	if len(past) == 0 && len(displaced(it, out)) == 0 && !isNew {
		return it.clone()
	}
	out.Updated = it.after(at)
	out.displace(memberUpdated)
	if isNew {
		out.Created = out.Updated
		return out
	}
	out.displace(memberHistory)
	past = append(past, displaced(it, out)...)
	for i := range past {
		past[i].At = out.Updated
	}
	out.History = trim(append(out.History, past...))
	return out
}

func (e Edit) apply(it *Item) error {
	if it.ID == "" || e.Name != "" && e.Name != it.Name {
		it.Name = norm.NFC.String(cmp.Or(e.Name, it.Name))
		if err := CheckName(it.Name); err != nil {
			return err
		}
	}
	var remove []fieldKey // found before anything is set
	for _, name := range e.Remove {
		if i := it.index(name); i >= 0 {
			remove = append(remove, keyOf(it.Fields[i]))
		} else if ft, ok := TypeOf(*it).Field(name); ok {
			it.displace(ft.JSON)
		}
	}
	set := make(map[fieldKey]bool)
	for _, f := range e.Set {
		key, err := it.set(f)
		if err != nil {
			return err
		}
		set[key] = true
	}
	it.Fields = slices.DeleteFunc(it.Fields, func(f Field) bool {
		key := keyOf(f)
		return f.Kind != Opaque && !set[key] && slices.Contains(remove, key)
	})
	if err := it.retag(e.Tag, e.Untag); err != nil {
		return err
	}
	it.makeRoom()
	return nil
}

// clone returns a copy of it that shares only what is never changed in place.
func (it Item) clone() Item {
	it.Fields = slices.Clone(it.Fields)
	it.Tags = slices.Clone(it.Tags)
	it.History = slices.Clone(it.History)
	it.Extra = maps.Clone(it.Extra)
	return it
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

// set puts f in place of the field of its name, or behind those of its sort.
func (it *Item) set(f Field) (fieldKey, error) {
	f, err := it.fit(f)
	if err != nil {
		return fieldKey{}, err
	}
	key := keyOf(f)
	if i := it.indexOf(key); i >= 0 {
		f.Extra = it.Fields[i].Extra
		it.Fields[i] = f
	} else {
		if err := checkField(f); err != nil {
			return fieldKey{}, err
		}
		it.Fields = append(it.Fields, f)
		it.sortFields()
	}
	return key, nil
}

// makeRoom takes the members of an unexpected shape out of the way of those
// that are written.
func (it *Item) makeRoom() {
	if len(it.Tags) > 0 {
		it.displace(memberTags)
	}
	t := TypeOf(*it)
	for _, f := range it.Fields {
		ft, ok := t.Field(f.Name)
		if !ok || keyOf(f).custom {
			it.displace(memberCustom)
			continue
		}
		it.displace(ft.JSON)
		it.dropBinary(ft.JSON)
		if _, ok := array(it.Extra[memberBinary]); !ok && !utf8.Valid(f.Value.Reveal()) {
			it.displace(memberBinary)
		}
	}
}

// dropBinary takes the name of a member that could not be read out of those
// that binaryFields still names.
func (it *Item) dropBinary(member string) {
	list, _ := array(it.Extra[memberBinary])
	left := slices.DeleteFunc(slices.Clone(list), is(member))
	switch {
	case len(left) == len(list):
	case len(left) == 0:
		it.displace(memberBinary)
	default:
		it.Extra[memberBinary] = joined(left)
	}
}

// fit returns f as an item of this type has it.
func (it *Item) fit(f Field) (Field, error) {
	if f.Kind == Plain || f.Kind == Secret {
		if ft, ok := TypeOf(*it).Field(f.Name); ok {
			return Field{Name: ft.Name, Kind: ft.kind(), Value: f.Value}, nil
		}
		f.Kind = f.Kind.asCustom()
	}
	if !f.Kind.Custom() {
		return Field{}, fmt.Errorf("%w kind %q of the field %q", ErrInvalid, f.Kind, f.Name)
	}
	return f, nil
}

// displace takes a member of an unexpected shape out of the way of one that is
// written from now on.
func (it *Item) displace(member string) { delete(it.Extra, member) }

// sortFields puts the fields of the type first, in its order.
func (it *Item) sortFields() {
	order := make(map[fieldKey]int)
	list := TypeOf(*it).Fields
	for i, ft := range list {
		order[fieldKey{name: ft.Name}] = i
	}
	rank := func(f Field) int {
		if i, ok := order[keyOf(f)]; ok {
			return i
		}
		return len(list)
	}
	slices.SortStableFunc(it.Fields, func(a, b Field) int { return rank(a) - rank(b) })
}

func (it *Item) retag(add, drop []string) error {
	for _, t := range add {
		if !validTag(t) {
			return fmt.Errorf("%w tag %q", ErrInvalid, t)
		}
		if !slices.Contains(it.Tags, t) {
			it.Tags = append(it.Tags, t)
		}
	}
	it.Tags = slices.DeleteFunc(it.Tags, func(t string) bool { return slices.Contains(drop, t) })
	return nil
}

func validTag(t string) bool {
	return t != "" && !strings.ContainsAny(t, "\n\r\x00") && utf8.ValidString(t)
}

func checkField(f Field) error {
	if f.Name == "" || !utf8.ValidString(f.Name) || strings.ContainsAny(f.Name, "\x00\n\r=") {
		return fmt.Errorf("%w field name %q", ErrInvalid, f.Name)
	}
	return nil
}

// changes returns what was in was and is not in now any more, and which fields
// now has that were not there.
func changes(was, now Item) []Past {
	var past []Past
	if was.Name != now.Name {
		past = append(past, Past{Kind: ItemName, Value: secret.Of([]byte(was.Name))})
	}
	past = append(past, changedFields(was, now)...)
	if !slices.Equal(was.Tags, now.Tags) {
		old := []byte(strings.Join(was.Tags, "\n"))
		past = append(past, Past{Kind: ItemTags, Value: secret.Of(old), Absent: len(was.Tags) == 0})
	}
	return past
}

// changedFields gives an entry to each field that changed or went, and one to
// each that came. Other programs may give several custom fields one name: then
// the entries are those of the first ones of was, as many as it takes, so that
// each entry says by its place in the list which field it speaks of.
func changedFields(was, now Item) []Past {
	old, cur := byKey(was.Fields), byKey(now.Fields)
	tell := make(map[fieldKey]int)
	for key := range old {
		tell[key] = toTell(old[key], cur[key])
	}
	var past []Past
	nth := make(map[fieldKey]int)
	for _, f := range was.Fields {
		key := keyOf(f)
		i := nth[key]
		nth[key]++
		if i < tell[key] {
			p := Past{Field: f.Name, Kind: f.Kind, Value: f.Value}
			var left Field // in its place, if any
			if i < len(cur[key]) {
				left = cur[key][i]
			}
			if key.custom && !sameMembers(f, left) {
				p.Extra = withMembers(f.Extra)
			}
			past = append(past, p)
		}
	}
	clear(nth)
	for _, f := range now.Fields {
		key := keyOf(f)
		if nth[key]++; nth[key] > len(old[key]) {
			past = append(past, Past{Field: f.Name, Kind: f.Kind, Absent: true})
		}
	}
	return past
}

func byKey(fields []Field) map[fieldKey][]Field {
	m := make(map[fieldKey][]Field)
	for _, f := range fields {
		m[keyOf(f)] = append(m[keyOf(f)], f)
	}
	return m
}

// toTell returns how many of the fields of one name, from the first, a history
// must have to go back from now to was.
func toTell(was, now []Field) int {
	n := len(was)
	for n <= len(now) && n > 0 && was[n-1].equal(now[n-1]) {
		n--
	}
	return n
}

// displaced returns the members of an unexpected shape that now lacks.
func displaced(was, now Item) []Past {
	var past []Past
	for _, member := range slices.Sorted(maps.Keys(was.Extra)) {
		if _, ok := now.Extra[member]; !ok {
			past = append(past, Past{Field: member, Kind: Opaque, Value: secret.Of(was.Extra[member].Clone())})
		}
	}
	return past
}
