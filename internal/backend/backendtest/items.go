package backendtest

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/vault"
)

func (c *check) empty() {
	v := c.client()
	if got := c.entriesOf(v); got != nil {
		c.Errorf("Entries = %v", got)
	}
	c.wantIDs("Lookup", c.found(v, "mail"))
	for _, id := range []string{unknownID, "mail", ""} {
		_, err := v.Item(c.Context(), id)
		c.wantError(fmt.Sprintf("Item(%q)", id), err, vault.ErrNotFound)
	}
}

// items puts one item of every type, with everything that an item can have,
// and reads it through another client.
func (c *check) items() {
	v := c.client()
	var want []vault.Item
	for _, t := range vault.Types() {
		want = append(want, full(t))
	}
	if !c.suite.Released { // that one has a closed list
		want = append(want, full(vault.Type{Name: "of_the_future"}))
	}
	made := c.add(v, want...)
	other := c.client()
	var change vault.Change
	for i, w := range want {
		w.ID, w.Revision = made[i].ID, made[i].Revision
		if !vault.IsID(w.ID) || w.Revision == 0 {
			c.Errorf("%s: the new item has id %q and revision %d", w.Type, w.ID, w.Revision)
		}
		c.same(w.Type+", as Commit returns it", w, made[i])
		c.same(w.Type+", as another client reads it", w, c.item(other, w.ID))
		p, err := edited(w, vault.Field{Name: "my text", Kind: vault.Text, Value: secret.Of([]byte("another"))})
		if err != nil {
			c.Fatalf("edit: %v", err)
		}
		change.Put = append(change.Put, p)
	}
	c.commit(v, change)
	other = c.client()
	for i, p := range change.Put {
		got := c.item(other, made[i].ID)
		if got.Revision <= made[i].Revision {
			c.Errorf("%s: the revision went from %d to %d", got.Type, made[i].Revision, got.Revision)
		}
		p.Item.Revision = got.Revision
		c.same(got.Type+", edited", p.Item, got)
	}
}

var notUTF8 = []byte{0xff, 0x00, 0xfe, '\n', 0x80}

// full is an item of a type with all of its fields and whatever else there is.
func full(t vault.Type) vault.Item {
	it := vault.Item{
		Type: t.Name, Name: "all of " + t.Name, Tags: []string{"one", "zwei 🔑"}, Created: now, Updated: now,
		Extra: map[string]jsontext.Value{"favorite": jsontext.Value("true"), "x-later": jsontext.Value(`{"a":[1,2.50,null]}`)},
	}
	for _, f := range t.Fields {
		kind := vault.Plain
		if f.Secret {
			kind = vault.Secret
		}
		it.Fields = append(it.Fields, vault.Field{Name: f.Name, Kind: kind, Value: secret.Of([]byte("value of " + f.Name))})
	}
	past := vault.Past{At: now, Field: "old", Kind: vault.Hidden, Value: secret.Of([]byte("older"))}
	if n := len(it.Fields); n > 0 {
		it.Fields[n-1].Value = secret.Of(notUTF8)
		past.Field, past.Kind = it.Fields[0].Name, it.Fields[0].Kind
	}
	for _, kind := range []vault.Kind{vault.Text, vault.Hidden, vault.Boolean, vault.URL, vault.Markdown} {
		it.Fields = append(it.Fields, vault.Field{Name: "my " + string(kind), Kind: kind, Value: secret.Of([]byte("true"))})
	}
	it.Fields = append(it.Fields,
		vault.Field{Name: "my key", Kind: vault.Hidden, Value: secret.Of(notUTF8), Extra: map[string]jsontext.Value{"hint": jsontext.Value(`"blue"`)}},
		vault.Field{Kind: vault.Opaque, Value: secret.Of([]byte(`{"name":"link","type":"linked","to":7}`))},
	)
	later := now.Add(time.Millisecond)
	it.History = []vault.Past{
		past,
		{At: now, Field: "my key", Kind: vault.Hidden, Value: secret.Of(notUTF8)},
		{At: later, Kind: vault.ItemName, Value: secret.Of([]byte("former name"))},
		{At: later, Kind: vault.ItemTags, Value: secret.Of([]byte("one\ntwo"))},
		{At: later, Field: "my text", Kind: vault.Text, Absent: true},
	}
	return it
}

func (c *check) values() {
	v := c.client()
	values := [][]byte{
		{}, {0}, []byte("\n"), notUTF8, []byte(`"\u0000"` + "\u2028"),
		bytes.Repeat([]byte("0123456789abcdef"), 1<<16), bytes.Repeat([]byte{0xff, 0xfe, 0, 1}, 1<<18), // 1 MiB
	}
	if c.suite.Released {
		values = values[:5] // a body may have less
	}
	var ids []string
	for i, value := range values {
		ids = append(ids, c.one(v, login(fmt.Sprint("item ", i), string(value))).ID)
	}
	other := c.client()
	for i, value := range values {
		if got := password(c.item(other, ids[i])); got != string(value) {
			c.Errorf("value %d: %d bytes came back as %d other ones", i, len(value), len(got))
		}
	}
}

func (c *check) names() {
	v := c.client()
	names := []string{
		strings.Repeat("🔑é", 500), strings.Repeat("x", vault.MaxName), "a/b/c", "/", "../up", "-f", " spaces ", "tab\tand\nnewline\r",
		"\x1b[31mred\x1b[0m", "\u202egnp.exe", "\u200b", "%s", `"quoted" \ 'name'`, "name@vault", "x=y", unknownID,
		strings.Repeat("n", 31), strings.Repeat("n", 32), strings.Repeat("n", 33), "\ufeffmark", "\x7f\u0085",
	}
	var items []vault.Item
	for _, name := range names {
		items = append(items, login(name, "of "+name))
	}
	ids := map[string]string{}
	for i, it := range c.add(v, items...) {
		ids[names[i]] = it.ID
	}
	other := c.client()
	listed := map[string]string{}
	for _, e := range c.entriesOf(other) {
		listed[e.Name] = e.ID
	}
	for _, name := range names {
		c.wantIDs(fmt.Sprintf("Lookup(%q)", name), c.found(other, name), ids[name])
		if listed[name] != ids[name] {
			c.Errorf("%q is not listed, or as another item", name)
		}
		if it := c.item(other, ids[name]); it.Name != name || password(it) != "of "+name {
			c.Errorf("%q came back as %q", name, it.Name)
		}
	}
}

func (c *check) badNames() {
	v := c.client()
	for _, name := range []string{"", ".", "..", "a\x00b", "\xff", strings.Repeat("x", vault.MaxName+1)} {
		_, _, err := v.Commit(c.Context(), vault.Change{Put: []vault.Put{{Item: login("good", "1")}, {Item: login(name, "2")}}})
		c.wantError(fmt.Sprintf("an item named %.20q", name), err, vault.ErrInvalid)
	}
	c.wantIDs("Entries", sortedIDs(c.entriesOf(c.client())))
}

func (c *check) lookup() {
	v := c.client()
	made := c.add(v, login("caf\u00e9", "x"), login("the\u0301", "x"), login("MAIL", "x"), login("mail", "x"), login("mail", "x"))
	composed, decomposed, upper, double, double2 := made[0].ID, made[1].ID, made[2].ID, made[3].ID, made[4].ID
	for _, v := range []vault.Vault{v, c.client()} {
		for name, want := range map[string][]string{
			"caf\u00e9": {composed}, "cafe\u0301": {composed}, "th\u00e9": {decomposed}, "the\u0301": {decomposed},
			"MAIL": {upper}, "mail": {double, double2}, "Mail": nil, "mai": nil, "mail ": nil, "cafe": nil, "": nil,
		} {
			c.wantIDs(fmt.Sprintf("Lookup(%q)", name), c.found(v, name), want...)
		}
	}
	renamed := c.item(v, upper)
	was := renamed
	renamed.Name = "post"
	c.commit(v, vault.Change{Put: []vault.Put{{Item: renamed, Was: &was}}})
	other := c.client()
	c.wantIDs("the old name", c.found(other, "MAIL"))
	c.wantIDs("the new name", c.found(other, "post"), upper)
}

// entries compares what is listed with what Item and Lookup say.
func (c *check) entries() {
	v := c.client()
	items := []vault.Item{login("an item", "x")}
	for _, t := range vault.Types() {
		it := full(t)
		it.Name = "an item"
		items = append(items, it)
	}
	made := c.add(v, items...)
	var want []string
	for _, it := range made[1:] {
		want = append(want, it.ID)
	}
	gone := made[0]
	c.commit(v, vault.Change{Delete: []vault.Ref{{ID: gone.ID, Revision: gone.Revision}}})
	other := c.client()
	all := c.entriesOf(other)
	c.wantIDs("Entries", sortedIDs(all), want...)
	c.wantIDs("Lookup", c.found(other, "an item"), want...)
	for _, e := range all {
		if it := c.item(other, e.ID); e.Name != it.Name || e.Type != it.Type || e.Revision != it.Revision {
			c.Errorf("the entry %+v is of the item %q, a %s at revision %d", e, it.Name, it.Type, it.Revision)
		}
	}
	n := 0
	for range other.Entries(c.Context()) {
		n++
		break
	}
	if n != 1 {
		c.Errorf("Entries cannot be left early: %d", n)
	}
}

// copies wipes what it gave and got: neither is the vault's own.
func (c *check) copies() {
	v := c.client()
	given := login("mail", "hunter2")
	made := c.one(v, given)
	given.Fields[0].Value.Wipe()
	made.Fields[0].Value.Wipe()
	got := c.item(v, made.ID)
	if password(got) != "hunter2" {
		c.Errorf("the value changed with the one that was put: %q", password(got))
	}
	got.Fields[0].Value.Wipe()
	if again := c.item(v, made.ID); password(again) != "hunter2" {
		c.Errorf("the value changed with one that was read: %q", password(again))
	}
}
