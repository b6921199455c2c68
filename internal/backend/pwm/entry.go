package pwm

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/vault"
)

// The members of an entry that are not those of an item's plaintext.
const (
	memberID      = "id"
	memberName    = "name"
	memberTitle   = "title" // read as name where there is none
	memberDeleted = "deletedAt"
	memberURL     = "url"
	memberType    = "type"
	memberBinary  = "binaryFields"

	// escape stands before the name of an unknown member of an item that would
	// have another meaning in an entry.
	escape = "keyhold:"
)

// urlNames are the spellings of url, the one that is written first.
var urlNames = []string{memberURL, "website", "uri"}

// written are the names of types that are written, by those of the item's plaintext.
var written = map[string]string{"secure_note": "note", "credit_card": "card"}

const timeLayout = "2006-01-02T15:04:05.000Z07:00"

var (
	errNoObject = errors.New("the entry is no JSON object, or has a member twice")
	errNoID     = errors.New("the entry has no id")
)

// instant reads a time as this format writes it, or as milliseconds since 1970.
func instant(v jsontext.Value) (time.Time, bool) {
	if v.Kind() == '0' {
		ms, err := strconv.ParseInt(string(v), 10, 64)
		return time.UnixMilli(ms).UTC(), err == nil && ms > 0 && ms < 1e14
	}
	s, ok := text(v)
	t, err := time.Parse(time.RFC3339Nano, s)
	t = t.UTC().Truncate(time.Millisecond)
	return t, ok && err == nil && t.Year() > 1 && t.Year() < 9999
}

// headOf reads what a list needs of an entry.
func headOf(raw jsontext.Value) Head {
	list, ok := members(raw)
	if !ok {
		return Head{Err: &vault.DamagedError{Err: errNoObject}}
	}
	var h Head
	h.Name = nameOf(list)
	h.ID, _ = textOf(list, memberID)
	if h.ID == "" || len(h.ID) > maxID {
		return Head{Entry: vault.Entry{Name: h.Name}, Err: &vault.DamagedError{Name: h.Name, Err: errNoID}}
	}
	h.Type = typeOf(list).Name
	for name, t := range map[string]*time.Time{"createdAt": &h.Created, "updatedAt": &h.Updated, memberDeleted: &h.Deleted} {
		if v, ok := find(list, name); ok {
			if at, ok := instant(v); ok {
				*t = at
			}
		}
	}
	return h
}

func nameOf(list []member) string {
	name, ok := textOf(list, memberName)
	if !ok {
		name, _ = textOf(list, memberTitle)
	}
	return name
}

// typeOf returns the type of an entry; without one it is a login.
func typeOf(list []member) vault.Type {
	t, ok := textOf(list, memberType)
	if !ok {
		t = "login"
	}
	return vault.TypeOf(vault.Item{Type: vault.UserType(t)})
}

// urlMember returns the name that url has in the plaintext of an item.
func urlMember(t vault.Type) string {
	for _, f := range t.Fields {
		if f.Name == "url" {
			return f.JSON
		}
	}
	return ""
}

// A meaning says which members of an entry are what in the item's plaintext.
type meaning struct {
	url    string // the name that url has there; empty: the type has none
	urlIs  string // the member of the entry that is url; empty: none
	nameIs string // name, title, or empty
}

func meaningOf(list []member) meaning {
	m := meaning{url: urlMember(typeOf(list))}
	m.nameIs = firstText(list, memberName, memberTitle)
	if m.url != "" {
		m.urlIs = firstText(list, append(slices.Clone(urlNames), m.url)...)
	}
	return m
}

func (m meaning) isName(name string) bool { return name != "" && name == m.nameIs }
func (m meaning) isURL(name string) bool  { return name != "" && name == m.urlIs }

// firstText returns the first of the names whose member is a string.
func firstText(list []member, names ...string) string {
	for _, name := range names {
		if _, ok := textOf(list, name); ok {
			return name
		}
	}
	return ""
}

// reserved reports whether a member of that name is never an unknown one.
func (m meaning) reserved(name string) bool {
	switch {
	case name == memberID, name == memberName, name == memberDeleted:
		return true
	}
	if rest, ok := strings.CutPrefix(name, escape); ok {
		return m.reserved(rest)
	}
	return m.url != "" && name != m.url && slices.Contains(urlNames, name)
}

// item returns the item that an entry is.
func (e entry) item() (vault.Item, error) {
	list, ok := members(e.raw)
	if !ok {
		return vault.Item{}, errNoObject
	}
	plain, _ := plainOf(list)
	it, err := vault.UnmarshalItem(secret.Of(object(plain)))
	if err != nil {
		return vault.Item{}, err
	}
	it.ID, it.Name, it.Deleted = e.head.ID, e.head.Name, e.head.Deleted
	return it, nil
}

// plainOf returns the members of the item's plaintext, and the names of those
// that have no place there, because another one has their name: they are only kept.
func plainOf(list []member) (plain []member, hidden map[string]bool) {
	m := meaningOf(list)
	used := make(map[string]bool)
	hidden = make(map[string]bool)
	add := func(name string, value jsontext.Value) {
		used[name] = true
		plain = append(plain, member{name, quote(name), value})
	}
	var escaped []member
	for _, f := range list {
		_, isTime := instant(f.valueOf)
		rest, hasEscape := strings.CutPrefix(f.name, escape)
		switch {
		case f.name == memberID, m.isName(f.name), f.name == memberDeleted && isTime:
		case m.isURL(f.name):
			add(m.url, f.valueOf)
		case m.urlIs != "" && f.name == m.url:
			hidden[f.name] = true
		case f.name == memberBinary && m.urlIs != "":
			add(f.name, renamed(f.valueOf, m.urlIs, m.url))
		case hasEscape && m.reserved(rest):
			escaped = append(escaped, member{name: rest, quoted: f.quoted, valueOf: f.valueOf})
		default:
			add(f.name, f.valueOf)
		}
	}
	for _, f := range escaped {
		if used[f.name] {
			hidden[escape+f.name] = true
			continue
		}
		add(f.name, f.valueOf)
	}
	return plain, hidden
}

// write returns the entry of an item. What it has of old is as it stands there.
func write(it vault.Item, old jsontext.Value) (jsontext.Value, error) {
	plain, err := vault.MarshalItem(it)
	if err != nil {
		return nil, err
	}
	list, ok := members(plain.Reveal())
	before, wasObject := members(old)
	if !ok || old != nil && !wasObject {
		return nil, vault.ErrInvalid
	}
	return object(patch(before, entryOf(it, list, before))), nil
}

// entryOf returns the members of an entry: those of the plaintext, under the
// names that they have here, and what stands outside of it.
func entryOf(it vault.Item, plain, before []member) []member {
	m := meaning{url: urlMember(vault.TypeOf(it))}
	hasURL := slices.ContainsFunc(it.Fields, func(f vault.Field) bool {
		return f.Name == "url" && (f.Kind == vault.Plain || f.Kind == vault.Secret)
	}) && m.url != ""
	var out []member
	taken := make(map[string]bool)
	add := func(name string, value jsontext.Value) {
		taken[name] = true
		out = append(out, member{name, quote(name), value})
	}
	add(memberID, quote(it.ID))
	if v, ok := find(before, memberName); it.Name != "" || !ok || v.Kind() == '"' {
		add(memberName, quote(it.Name))
	}
	if !it.Deleted.IsZero() {
		add(memberDeleted, quote(it.Deleted.UTC().Format(timeLayout)))
	}
	var unknown []member
	for _, f := range plain {
		switch {
		case f.name == memberType:
			add(f.name, typeWritten(f.valueOf))
		case hasURL && f.name == m.url:
			add(memberURL, f.valueOf)
		case hasURL && f.name == memberBinary:
			add(f.name, renamed(f.valueOf, m.url, memberURL))
		case m.reserved(f.name):
			unknown = append(unknown, f)
		default:
			add(f.name, f.valueOf)
		}
	}
	for _, f := range unknown {
		_, isText := text(f.valueOf)
		_, isTime := instant(f.valueOf)
		misread := taken[f.name] || strings.HasPrefix(f.name, escape)
		switch f.name {
		case memberDeleted:
			misread = misread || isTime
		case memberName:
			misread = misread || isText
		default:
			misread = misread || !hasURL && isText
		}
		if misread {
			f.name = escape + f.name
		}
		add(f.name, f.valueOf)
	}
	return out
}

func typeWritten(v jsontext.Value) jsontext.Value {
	if s, ok := text(v); ok {
		if name, ok := written[s]; ok {
			return quote(name)
		}
	}
	return v
}

// patch returns now in the order of before, with the bytes of before where the
// value is the same, and the hidden members of before.
func patch(before, now []member) []member {
	m := meaningOf(before)
	_, hidden := plainOf(before)
	left := make(map[string]member, len(now))
	for _, f := range now {
		left[f.name] = f
	}
	var out []member
	for _, f := range before {
		name := f.name
		switch {
		case m.isName(name):
			name = memberName
		case m.isURL(name):
			name = memberURL
		}
		g, ok := left[name]
		switch {
		case ok:
			delete(left, name)
			if same(f.valueOf, g.valueOf) {
				g.valueOf = f.valueOf
			}
			if name == f.name {
				g.quoted = f.quoted
			}
			out = append(out, g)
		case hidden[f.name]:
			out = append(out, f)
		}
	}
	for _, f := range now {
		if _, ok := left[f.name]; ok {
			out = append(out, f)
		}
	}
	return out
}
