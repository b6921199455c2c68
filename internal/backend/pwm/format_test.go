package pwm_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/backend/pwm"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/vault"
)

var epoch = time.Date(2026, 3, 4, 5, 6, 7, 8e6, time.UTC)

func plain(s string) secret.Bytes { return secret.Of([]byte(s)) }

func parse(t testing.TB, s string) *pwm.Blob {
	t.Helper()
	b, err := pwm.ParseBlob(plain(s))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func bytesOf(t testing.TB, b *pwm.Blob) string {
	t.Helper()
	out, err := b.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return string(out.Reveal())
}

func item(t testing.TB, b *pwm.Blob, id string) vault.Item {
	t.Helper()
	it, err := b.Item(id)
	if err != nil {
		t.Fatal(err)
	}
	return it
}

func put(t testing.TB, b *pwm.Blob, it vault.Item) {
	t.Helper()
	if err := b.Put(it); err != nil {
		t.Fatal(err)
	}
}

// edit changes an entry of b.
func edit(t testing.TB, b *pwm.Blob, id string, e vault.Edit) {
	t.Helper()
	it, err := e.Apply(item(t, b, id), epoch)
	if err != nil {
		t.Fatal(err)
	}
	put(t, b, it)
}

func valueOf(it vault.Item, field string) string {
	f, ok := it.Field(field)
	if !ok {
		return "(absent)"
	}
	return string(f.Value.Reveal())
}

func set(name string, kind vault.Kind, value string) vault.Edit {
	return vault.Edit{Set: []vault.Field{{Name: name, Kind: kind, Value: plain(value)}}}
}

// foreign is what another program may have written.
const foreign = `{ "schema" : 3.0, "entries":[
  {"x-\u0061":[ 1, 2.50 ],"id":"e1","title":"mail","website":"https://a.example", "password":"one","folder": {"a" : null},"passwordHistory":[ {"password":"zero"} ],
   "customFields":[{"name":"pin","value":"1","type":"hidden","hint":"h"}],"deletedAt":1741064767008},
  {"id":"e2","type":"secure_note","name":"n","content":"c"},
  7,
  {"name":"no id"},
  {"id":"e2","name":"again"}
 ], "tail":"\u00e9" }`

func TestReads(t *testing.T) {
	t.Parallel()
	b := parse(t, foreign)
	it := item(t, b, "e1")
	if it.Name != "mail" || it.Type != "login" || valueOf(it, "url") != "https://a.example" || valueOf(it, "password") != "one" || valueOf(it, "pin") != "1" {
		t.Errorf("%+v", it)
	}
	if want := time.UnixMilli(1741064767008); !it.Deleted.Equal(want) {
		t.Errorf("deleted %v, want %v", it.Deleted, want)
	}
	if string(it.Extra["folder"]) != `{"a":null}` || string(it.Extra["x-a"]) != "[1,2.50]" {
		t.Errorf("members: %q", it.Extra)
	}
	if it := item(t, b, "e2"); it.Type != "note" || valueOf(it, "content") != "c" || it.Name != "n" {
		t.Errorf("%+v", it)
	}
	var got []string
	for _, h := range b.Heads() {
		got = append(got, fmt.Sprintf("%s %s %s %t %t", h.ID, h.Name, h.Type, !h.Deleted.IsZero(), errors.Is(h.Err, vault.ErrDamaged)))
	}
	want := []string{"e1 mail login true false", "e2 n note false false", "   false true", " no id  false true", "e2 again note false true"}
	want[4] = "e2 again login false true"
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if _, err := b.Item("e3"); !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
}

// TestKeeps changes one value of an entry: all others stay byte for byte.
func TestKeeps(t *testing.T) {
	t.Parallel()
	b := parse(t, foreign)
	edit(t, b, "e1", set("password", vault.Secret, "two"))
	got := bytesOf(t, b)
	for _, part := range []string{
		`{ "schema" : 3.0, "entries":[{"x-\u0061":[ 1, 2.50 ],"id":"e1","name":"mail","url":"https://a.example","password":"two","folder":{"a" : null},"passwordHistory":[ {"password":"zero"} ],`,
		`"hint":"h"`, `,{"id":"e2","type":"secure_note","name":"n","content":"c"},7,{"name":"no id"},{"id":"e2","name":"again"}], "tail":"\u00e9" }`,
		`"history":[{"at":"2026-03-04T05:06:07.008Z","field":"password","value":"one"}]`, `"type":"login"`,
	} {
		if !strings.Contains(got, part) {
			t.Errorf("%s\nis not in\n%s", part, got)
		}
	}
	if it := item(t, parse(t, got), "e1"); valueOf(it, "password") != "two" || it.Name != "mail" || it.Deleted.IsZero() {
		t.Errorf("read again: %+v", it)
	}
}

func TestWrites(t *testing.T) {
	t.Parallel()
	b := pwm.NewBlob()
	if got := bytesOf(t, b); got != `{"entries":[]}` {
		t.Errorf("new: %s", got)
	}
	it := vault.Item{ID: "e1", Name: "card", Type: "card", Updated: epoch, Fields: []vault.Field{{Name: "number", Kind: vault.Secret, Value: plain("4")}}}
	put(t, b, it)
	put(t, b, vault.Item{ID: "e2", Name: "site", Type: "login", Deleted: epoch, Fields: []vault.Field{{Name: "url", Value: plain("\xff")}}})
	want := `{"entries":[{"id":"e1","name":"card","type":"card","number":"4","updatedAt":"2026-03-04T05:06:07.008Z"},` +
		`{"id":"e2","name":"site","deletedAt":"2026-03-04T05:06:07.008Z","type":"login","url":"/w==","binaryFields":["url"]}]}`
	if got := bytesOf(t, b); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if it := item(t, b, "e2"); valueOf(it, "url") != "\xff" {
		t.Errorf("url = %q", valueOf(it, "url"))
	}
	restored := item(t, b, "e2")
	restored.Deleted = time.Time{}
	put(t, b, restored)
	if got := bytesOf(t, b); strings.Contains(got, "deletedAt") || strings.Count(got, `"e2"`) != 1 {
		t.Errorf("restored: %s", got)
	}
	if err := b.Remove("e1"); err != nil {
		t.Error(err)
	}
	if err := b.Remove("e1"); !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
	edit(t, b, "e2", set("password", vault.Secret, "p"))
	if got := bytesOf(t, b); strings.Contains(got, `"e1"`) || strings.Count(got, `"e2"`) != 1 {
		t.Errorf("after a removal: %s", got)
	}
	for _, bad := range []vault.Item{{Name: "no id", Type: "login"}, {ID: strings.Repeat("x", 256), Type: "login"}, {ID: "\xff", Type: "login"}} {
		if err := b.Put(bad); !errors.Is(err, vault.ErrInvalid) {
			t.Errorf("%q: %v", bad.ID, err)
		}
	}
}

// TestDialects has entries with members that claim the same place, and items
// with unknown members that would mean something in an entry.
func TestDialects(t *testing.T) {
	t.Parallel()
	tests := []struct{ entry, field, value, written string }{
		{`{"id":"e","name":"n","title":"t","uri":"u"}`, "url", "u", `{"id":"e","name":"n","title":"t","url":"u","password":"p","type":"login","updatedAt":"T","history":H}`},
		{`{"id":"e","url":"a","website":"b","uri":"c"}`, "url", "a", `{"id":"e","url":"a","website":"b","uri":"c","name":"","type":"login","password":"p","updatedAt":"T","history":H}`},
		{`{"id":"e","name":5,"url":7,"website":"b"}`, "url", "b", `{"id":"e","name":5,"keyhold:url":7,"url":"b","type":"login","password":"p","updatedAt":"T","history":H}`},
		{`{"id":"e","name":"n","keyhold:url":"x"}`, "url", "(absent)", `{"id":"e","name":"n","keyhold:url":"x","type":"login","password":"p","updatedAt":"T","history":H}`},
		{`{"id":"e","name":"n","deletedAt":"never","":1}`, "url", "(absent)", `{"id":"e","name":"n","deletedAt":"never","":1,"type":"login","password":"p","updatedAt":"T","history":H}`},
		{`{"id":"e","name":"n","keyhold:other":1,"keyhold:id":2}`, "url", "(absent)", `{"id":"e","name":"n","keyhold:id":2}`},
	}
	for _, tt := range tests {
		b := parse(t, `{"entries":[`+tt.entry+`]}`)
		it := item(t, b, "e")
		if valueOf(it, tt.field) != tt.value {
			t.Errorf("%s: %s = %q, want %q", tt.entry, tt.field, valueOf(it, tt.field), tt.value)
		}
		edit(t, b, "e", set("password", vault.Secret, "p"))
		again := item(t, parse(t, bytesOf(t, b)), "e")
		if d := cmp.Diff(it.Extra, again.Extra); d != "" {
			t.Errorf("%s: members (-before +after):\n%s\n%s", tt.entry, d, bytesOf(t, b))
		}
		if valueOf(again, tt.field) != tt.value || again.Name != it.Name || valueOf(again, "password") != "p" {
			t.Errorf("%s: became %s", tt.entry, bytesOf(t, b))
		}
		if !strings.Contains(tt.written, "H") {
			continue
		}
		want := strings.NewReplacer(`"T"`, `"2026-03-04T05:06:07.008Z"`, `H}`, `[{"at":"2026-03-04T05:06:07.008Z","field":"password","value":null}]}`).Replace(tt.written)
		var a, c map[string]any
		got := strings.TrimSuffix(strings.TrimPrefix(bytesOf(t, b), `{"entries":[`), `]}`)
		if errors.Join(json.Unmarshal([]byte(got), &a), json.Unmarshal([]byte(want), &c)) != nil || !cmp.Equal(a, c) {
			t.Errorf("wrote %s\nwant  %s", got, want)
		}
	}
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		``, `null`, `[]`, `{}`, `{"entries":{}}`, `{"entries":null}`, `{"entries":[],"entries":[]}`, `{"entries":[]} x`, `{"entries":[]`, `{"entries":[1,]}`,
		`{"Entries":[]}`, `{"entries":[{]}`, `"entries"`, strings.Repeat("[", 20000), `{"entries":[` + strings.Repeat("[", 20000),
	} {
		if _, err := pwm.ParseBlob(plain(s)); !errors.Is(err, vault.ErrDamaged) {
			t.Errorf("%.40q: %v", s, err)
		}
	}
	b := parse(t, `{"entries":[{"id":"a","id":"b"},{"id":"c","x":"`+"\xff"+`"},{"id":""},{"id":5},{"id":"d","password":1,"password":2},[],{"id":"ok"}]}`)
	for i, h := range b.Heads() {
		if (h.Err == nil) != (i == 6) {
			t.Errorf("entry %d: %v", i, h.Err)
		}
	}
	if it := item(t, b, "ok"); it.ID != "ok" {
		t.Error("the entry behind them is not read")
	}
	put(t, b, vault.Item{ID: "big", Type: "login", Fields: []vault.Field{{Name: "notes", Value: plain(strings.Repeat("n", 4<<20-200))}}})
	for i := range 6 {
		it := item(t, b, "big")
		it.ID = fmt.Sprint("big", i)
		put(t, b, it)
	}
	if _, err := b.Bytes(); !errors.Is(err, vault.ErrInvalid) {
		t.Errorf("more than 25 MiB: %v", err)
	}
}

func TestMany(t *testing.T) {
	t.Parallel()
	const n = 100_000
	var buf bytes.Buffer
	buf.WriteString(`{"entries":[`)
	for i := range n {
		if i > 0 {
			buf.WriteByte(',')
		}
		fmt.Fprintf(&buf, `{"id":"e%d","name":"site %d","password":"p%d"}`, i, i, i)
	}
	buf.WriteString(`]}`)
	b := parse(t, buf.String())
	edit(t, b, "e99999", set("password", vault.Secret, "new"))
	again := parse(t, bytesOf(t, b))
	if heads := again.Heads(); len(heads) != n || heads[n-1].ID != "e99999" || valueOf(item(t, again, "e99999"), "password") != "new" || valueOf(item(t, again, "e5"), "password") != "p5" {
		t.Error("an entry is lost")
	}
}

func b64(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func count(first byte, n int) (b []byte) {
	for i := range n {
		b = append(b, first+byte(i))
	}
	return b
}

// TestSealed has the published blob, both ways.
func TestSealed(t *testing.T) {
	t.Parallel()
	key, err := seal.NewVaultKey(count(0x40, 32))
	if err != nil {
		t.Fatal(err)
	}
	iv, data := b64(t, "sLGys7S1tre4ubq7"), b64(t, "eCLl67U4gvxIzB2jsIsbjGf8n4G2Gn9UQIPGx8qD")
	b, err := pwm.OpenBlob(key, iv, data)
	if err != nil || len(b.Heads()) != 0 {
		t.Fatal(err)
	}
	gotIV, got, err := b.Seal(bytes.NewReader(count(0xb0, 12)), key)
	if err != nil || !slices.Equal(gotIV, iv) || !slices.Equal(got, data) {
		t.Errorf("%x %x %v", gotIV, got, err)
	}
	for name, bad := range map[string][2][]byte{"iv": {iv[:11], data}, "data": {iv, data[:20]}, "nothing": {nil, nil}} {
		if _, err := pwm.OpenBlob(key, bad[0], bad[1]); !errors.Is(err, vault.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
