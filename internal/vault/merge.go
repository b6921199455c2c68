package vault

import (
	"maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/keyhold/keyhold/internal/secret"
)

// A Conflict is a part of an item that two sides changed in different ways. It
// never has a value.
type Conflict struct {
	ID, Item string // id and name of the item
	Field    string // as users say it; empty for ItemName and for the whole item
	Kind     Kind   // of what was kept; ItemName; Opaque for a member of another program, or the type
	What     What
}

// What says how a conflict ended.
type What string

// How conflicts end.
const (
	// KeptMine and KeptTheirs: both sides changed the value, and that of the
	// newer item was kept. The other one is in the history.
	KeptMine   What = "kept mine"
	KeptTheirs What = "kept theirs"
	// Undeleted: one side removed what the other one changed. It stays, as it
	// was changed.
	Undeleted What = "undeleted"
)

// Merge puts together what two sides made of an item: was is the copy that mine
// was made from, theirs what the vault has by now. It is pure, and mine and
// theirs can be exchanged: only Conflict says which was which.
//
// Name, type, every field, every member of another program, creation and
// deletion are looked at one by one: what only one side changed is as that side
// has it. Tags are a set; so are custom fields that share a name, and elements
// that are none. If both sides changed the same value in different ways the
// newer item wins: the one with the later Updated, or else the greater digest
// (FORMAT.md). The other value goes to the history as the newest change, so
// that Revert(1) brings it back. A deletion, of a field or of the item, wins
// only over what is unedited. Both histories are kept, in the order of time, as
// far as the limits of a history allow.
//
// The result is as theirs or mine where nothing of the other side is left to be
// added, with the same Updated; else it is newer than both. So to merge it
// again with any of the two changes nothing. Its Revision is the greater one.
// Merging three changes in another order gives the same fields, tags and name
// as long as no two of them conflict; if they do, nothing is lost, but another
// value may win.
func Merge(was, mine, theirs Item) (Item, []Conflict) {
	m := merger{was: was.clone(), old: mine.clone(), new: theirs.clone(), kept: KeptTheirs}
	if isNewer(mine, theirs) {
		m.old, m.new, m.kept = m.new, m.old, KeptMine
	}
	m.asOneType()
	m.out = m.new.clone()
	m.out.Revision = max(mine.Revision, theirs.Revision)
	m.name()
	m.fields()
	m.tags()
	m.extra()
	m.out.Created, _ = pick(m.was.Created, m.old.Created, m.new.Created, time.Time.Equal)
	m.deletion()
	m.finish()
	return m.out, m.conflicts
}

// isNewer reports whether a wins over b.
func isNewer(a, b Item) bool {
	if c := a.Updated.Compare(b.Updated); c != 0 {
		return c > 0
	}
	da, db := a.digest(), b.digest()
	return slices.Compare(da[:], db[:]) > 0
}

// A merger merges two items into out, which begins as the newer one.
type merger struct {
	was, old, new, out Item
	kept               What // which of the two the newer one is
	lost               []Past
	conflicts          []Conflict
}

// pick returns what both sides together made of a value. With both it is that
// of the newer one, and the two sides have changed it in different ways.
func pick[T any](was, old, now T, equal func(T, T) bool) (v T, both bool) {
	switch {
	case equal(now, was):
		return old, false
	case equal(old, was), equal(old, now):
		return now, false
	}
	return now, true
}

func same[T comparable](a, b T) bool { return a == b }

func (m *merger) conflict(field string, kind Kind, what What) {
	m.conflicts = append(m.conflicts, Conflict{ID: m.new.ID, Item: m.new.Name, Field: field, Kind: kind, What: what})
}

// lose keeps a value that did not win for the history.
func (m *merger) lose(p Past) { m.lost = append(m.lost, p) }

// asOneType gives all three the type that the result has, so that a field is
// the same one in all of them.
func (m *merger) asOneType() {
	t, both := pick(m.was.Type, m.old.Type, m.new.Type, same)
	if both {
		text, err := jsontext.AppendQuote(nil, StoredType(m.old.Type))
		if err == nil { // else it could not be written either
			m.lose(Past{Field: memberType, Kind: Opaque, Value: secret.Of(text)})
		}
		m.conflict(memberType, Opaque, m.kept)
	}
	for _, it := range []*Item{&m.was, &m.old, &m.new} {
		it.Type = t
		for i, f := range it.Fields {
			if _, ok := TypeOf(*it).exactly(f.Name); !ok && !keyOf(f).custom {
				it.Fields[i].Kind = f.Kind.asCustom()
			}
		}
	}
}

func (m *merger) name() {
	name, both := pick(m.was.Name, m.old.Name, m.new.Name, same)
	if both {
		m.lose(Past{Kind: ItemName, Value: secret.Of([]byte(m.old.Name))})
		m.conflict("", ItemName, m.kept)
	}
	m.out.Name = name
}

func (m *merger) tags() {
	tags, both := pick(m.was.Tags, m.old.Tags, m.new.Tags, slices.Equal)
	if both {
		was, old, now := setOf(m.was.Tags), setOf(m.old.Tags), setOf(m.new.Tags)
		tags = nil
		for _, tag := range slices.Concat(m.new.Tags, m.old.Tags) {
			if has, _ := pick(was[tag], old[tag], now[tag], same); has {
				tags = append(tags, tag)
				delete(old, tag) // it is there: not again
				delete(now, tag)
			}
		}
	}
	m.out.Tags = tags
}

func setOf(tags []string) map[string]bool {
	set := make(map[string]bool, len(tags))
	for _, t := range tags {
		set[t] = true
	}
	return set
}

// fields merges the fields of each name, in the order of the newer item and
// those that only the other one has behind.
func (m *merger) fields() {
	fields, both := pick(m.was.Fields, m.old.Fields, m.new.Fields, equalFields)
	if !both {
		m.out.Fields = slices.Clone(fields)
		return
	}
	was, old, now := byKey(m.was.Fields), byKey(m.old.Fields), byKey(m.new.Fields)
	merged := make(map[fieldKey]bool)
	var left []Field
	for _, f := range slices.Concat(m.new.Fields, m.old.Fields) {
		key := keyOf(f)
		if merged[key] {
			continue
		}
		merged[key] = true
		left = append(left, m.ofKey(key, was[key], old[key], now[key])...)
	}
	m.out.Fields = arrange(left, m.new.Fields)
	if !equalFields(m.out.Fields, m.new.Fields) {
		m.out.sortFields()
	}
}

// ofKey merges the fields of one name.
func (m *merger) ofKey(key fieldKey, was, old, now []Field) []Field {
	many := key == keyOf(Field{Kind: Opaque}) || max(len(was), len(old), len(now)) > 1
	fields, both := pick(was, old, now, equalFields)
	switch {
	case !both:
		return fields
	case many:
		return mergeSets(was, old, now)
	case len(now) == 0:
		m.conflict(old[0].Name, old[0].Kind, Undeleted)
		return old
	case len(old) == 0:
		m.conflict(now[0].Name, now[0].Kind, Undeleted)
		return now
	}
	f := old[0]
	p := Past{Field: f.Name, Kind: f.Kind, Value: f.Value}
	if key.custom && !sameMembers(f, now[0]) {
		p.Extra = withMembers(f.Extra)
	}
	m.lose(p)
	m.conflict(now[0].Name, now[0].Kind, m.kept)
	return now
}

func equalFields(a, b []Field) bool { return slices.EqualFunc(a, b, equalField) }

func equalField(f, g Field) bool { return f.Name == g.Name && f.equal(g) }

// mergeSets merges fields that only their whole content tells apart. What one
// side added is there, what one side took away is not.
func mergeSets(was, old, now []Field) []Field {
	left := leftOf(countOf(was, Field.sum), countOf(old, Field.sum), countOf(now, Field.sum))
	var out []Field
	for _, f := range slices.Concat(now, old) {
		if key := f.sum(); left[key] > 0 {
			left[key]--
			out = append(out, f)
		}
	}
	return out
}

// arrange returns fields with those that are in order in its order, and behind
// them the others.
func arrange(fields, order []Field) []Field {
	have := countOf(fields, Field.sum)
	out := make([]Field, 0, len(fields))
	for _, f := range order {
		if key := f.sum(); have[key] > 0 {
			have[key]--
			out = append(out, f)
		}
	}
	var rest []Field
	for _, f := range slices.Backward(fields) { // of equal ones the last are left
		if key := f.sum(); have[key] > 0 {
			have[key]--
			rest = append(rest, f)
		}
	}
	slices.Reverse(rest)
	return append(out, rest...)
}

// extra merges the members of other programs.
func (m *merger) extra() {
	type member struct {
		v  string
		ok bool
	}
	of := func(it Item, name string) member {
		v, ok := it.Extra[name]
		return member{string(v), ok}
	}
	names := maps.Clone(m.old.Extra)
	if names == nil {
		names = make(map[string]jsontext.Value)
	}
	maps.Copy(names, m.new.Extra)
	m.out.Extra = make(map[string]jsontext.Value)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		old, now := of(m.old, name), of(m.new, name)
		v, both := pick(of(m.was, name), old, now, same)
		switch {
		case both && old.ok && now.ok:
			m.lose(Past{Field: name, Kind: Opaque, Value: secret.Of([]byte(old.v))})
			m.conflict(name, Opaque, m.kept)
		case both:
			m.conflict(name, Opaque, Undeleted)
			if !now.ok {
				v = old
			}
		}
		if v.ok {
			m.out.Extra[name] = jsontext.Value(v.v)
		}
	}
}

// deletion merges Deleted: who deleted does not get his way if the other one
// edited, and who took it out of the trash does.
func (m *merger) deletion() {
	deleted, both := pick(m.was.Deleted, m.old.Deleted, m.new.Deleted, time.Time.Equal)
	switch {
	case both && (m.old.Deleted.IsZero() || m.new.Deleted.IsZero()):
		deleted = time.Time{}
	case both && m.old.Deleted.After(deleted):
		deleted = m.old.Deleted
	}
	m.out.Deleted = deleted
	if deleted.IsZero() {
		return
	}
	for _, it := range []Item{m.old, m.new} {
		if it.Deleted.IsZero() && !sameContent(m.was, it) {
			m.out.Deleted = time.Time{}
			m.conflict("", "", Undeleted)
		}
	}
}

// sameContent reports whether a and b differ in nothing that an edit changes.
func sameContent(a, b Item) bool {
	return a.Name == b.Name && a.Type == b.Type && equalFields(a.Fields, b.Fields) && slices.Equal(a.Tags, b.Tags) &&
		maps.EqualFunc(a.Extra, b.Extra, func(v, w jsontext.Value) bool { return string(v) == string(w) })
}

// finish gives out its history and its time.
func (m *merger) finish() {
	m.out.History = mergePasts(m.was.History, m.old.History, m.new.History)
	if len(m.out.History) > len(m.new.History) {
		m.out.History = trim(m.out.History)
	}
	before := m.out.clone()
	m.out.makeRoom()
	m.makeRoomForTimes()
	lost := m.unsaid(append(m.lost, displaced(before, m.out)...))
	if len(lost) == 0 && m.isNew() {
		m.out.Updated = m.new.Updated
		return
	}
	m.out.Updated = Item{Updated: m.new.Updated, History: m.out.History}.after(m.new.Updated)
	if len(lost) > 0 {
		m.out.displace(memberHistory)
	}
	m.makeRoomForTimes()
	for _, p := range m.unsaid(append(m.lost, displaced(before, m.out)...)) {
		p.At = m.out.Updated
		m.out.History = append(m.out.History, p)
	}
	m.out.History = trim(m.out.History)
}

// makeRoomForTimes is makeRoom for the members that are neither fields nor tags.
func (m *merger) makeRoomForTimes() {
	if !m.out.Created.IsZero() {
		m.out.displace(memberCreated)
	}
	if !m.out.Updated.IsZero() {
		m.out.displace(memberUpdated)
	}
	if len(m.out.History) > 0 {
		m.out.displace(memberHistory)
	}
}

// unsaid returns the entries whose values the history does not have yet.
func (m *merger) unsaid(list []Past) []Past {
	said := countOf(m.out.History, Past.sum)
	var out []Past
	for _, p := range list {
		if key := p.sum(); said[key] == 0 {
			said[key]++
			out = append(out, p)
		}
	}
	return out
}

// isNew reports whether out is the newer item and nothing else.
func (m *merger) isNew() bool {
	return sameContent(m.out, m.new) && m.out.Created.Equal(m.new.Created) && m.out.Deleted.Equal(m.new.Deleted) &&
		slices.EqualFunc(m.out.History, m.new.History, func(p, q Past) bool { return p.stamped() == q.stamped() })
}
