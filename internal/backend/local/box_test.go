package local_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/bolt"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/vault"
)

// first is the id of the first vault.
func (h *home) first() seal.ID { return h.set.Vaults[0].Vault }

// sealer seals as the first vault does.
func (h *home) sealer() seal.Vault {
	h.Helper()
	s, err := h.set.Vaults[0].Open()
	if err != nil {
		h.Fatal(err)
	}
	return s
}

// rewrite changes the record of an item.
func (h *home) rewrite(item seal.ID, fn func(*itemdb.Record)) {
	h.Helper()
	h.update(func(tx kv.Tx) error {
		r, ok, err := itemdb.Get(tx, h.first(), item)
		if err != nil || !ok {
			h.Fatalf("there is no record: %v", err)
		}
		r.Name = bytes.Clone(r.Name)
		fn(&r)
		return itemdb.PutRecord(tx, h.first(), r)
	})
}

func (h *home) damagedItem(what string, err error, id, name string) {
	h.Helper()
	var d *vault.DamagedError
	if !errors.As(err, &d) || !errors.Is(err, vault.ErrDamaged) || d.ID != id || d.Name != name {
		h.Errorf("%s: %#v, want a *vault.DamagedError of item %s, %q", what, err, id, name)
	}
}

// Whatever is wrong with one item, the others are as they were.
func TestDamagedItem(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		damage func(h *home, item seal.ID)
		listed bool // the item's name still opens
	}{
		{"data", func(h *home, item seal.ID) { h.change(key("id", h.first(), item), flip(40)) }, true},
		{"end of data", func(h *home, item seal.ID) { h.change(key("id", h.first(), item), flip(-1)) }, true},
		{"version of data", func(h *home, item seal.ID) { h.change(key("id", h.first(), item), flip(0)) }, true},
		{"empty data", func(h *home, item seal.ID) { h.change(key("id", h.first(), item), func([]byte) []byte { return nil }) }, true},
		{"no data", func(h *home, item seal.ID) {
			h.update(func(tx kv.Tx) error { return tx.Delete(key("id", h.first(), item)) })
		}, true},
		{"data of another item", func(h *home, item seal.ID) {
			h.change(key("id", h.first(), item), func([]byte) []byte {
				b, err := h.sealer().SealData(h.deps.Rand, seal.ID{1}, secret.Of([]byte(`{}`)))
				if err != nil {
					h.Fatal(err)
				}
				return b
			})
		}, true},
		{"data that is not JSON", func(h *home, item seal.ID) {
			h.change(key("id", h.first(), item), func([]byte) []byte {
				b, err := h.sealer().SealData(h.deps.Rand, item, secret.Of([]byte(`{`)))
				if err != nil {
					h.Fatal(err)
				}
				return b
			})
		}, true},
		{"data of version 1", func(h *home, item seal.ID) {
			h.change(key("id", h.first(), item), func([]byte) []byte {
				old, err := seal.Compatible(h.set.Vaults[0].Key)
				if err != nil {
					h.Fatal(err)
				}
				b, err := old.SealData(h.deps.Rand, item, secret.Of([]byte(`{"type":"login","password":"forged"}`)))
				if err != nil {
					h.Fatal(err)
				}
				return b
			})
		}, true},
		{"name", func(h *home, item seal.ID) { h.change(key("in", h.first(), item), flip(-1)) }, false},
		{"record", func(h *home, item seal.ID) { h.change(key("in", h.first(), item), flip(0)) }, false},
		{"empty record", func(h *home, item seal.ID) { h.change(key("in", h.first(), item), func([]byte) []byte { return nil }) }, false},
		{"name of version 1", func(h *home, item seal.ID) {
			old, err := seal.Compatible(h.set.Vaults[0].Key)
			if err != nil {
				h.Fatal(err)
			}
			b, err := old.SealName(h.deps.Rand, item, "bad")
			if err != nil {
				h.Fatal(err)
			}
			h.rewrite(item, func(r *itemdb.Record) { r.Name = b })
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHome(t, memory.New())
			v := h.vault()
			items := h.put(v, "good", "bad", "fine")
			bad := items[1].ID
			tt.damage(h, id(bad))

			name := ""
			if tt.listed {
				name = "bad"
			}
			_, err := v.Item(t.Context(), bad)
			h.damagedItem("Item", err, bad, name)
			found, err := v.Lookup(t.Context(), "bad")
			if tt.listed && (err != nil || len(found) != 1) {
				t.Errorf("Lookup: %v, %v", found, err)
			} else if !tt.listed {
				h.damagedItem("Lookup", err, bad, "")
			}
			var names []string
			for e, err := range v.Entries(t.Context()) {
				if err != nil {
					h.damagedItem("Entries", err, bad, "")
					e.Name = "?"
				}
				names = append(names, e.Name)
			}
			want := []string{"?", "fine", "good"}
			if tt.listed {
				want[0] = "bad"
				slices.Sort(want)
			}
			if slices.Sort(names); !slices.Equal(names, want) {
				t.Errorf("Entries = %q, want %q", names, want)
			}
			for _, it := range []vault.Item{items[0], items[2]} {
				got, err := v.Item(t.Context(), it.ID)
				if f, ok := got.Field("password"); err != nil || !ok || string(f.Value.Reveal()) != "of "+it.Name {
					t.Errorf("Item(%s): %v", it.Name, err)
				}
				if found, err := v.Lookup(t.Context(), it.Name); err != nil || len(found) != 1 || found[0].ID != it.ID {
					t.Errorf("Lookup(%s): %v, %v", it.Name, found, err)
				}
			}
			if found, err := v.Lookup(t.Context(), "missing"); err != nil || len(found) != 0 {
				t.Errorf("Lookup of what is not there: %v, %v", found, err)
			}
			if n, _, err := h.account().(backend.Counter).CountItems(t.Context(), h.first().String()); n != 3 || err != nil {
				t.Errorf("CountItems = %d, %v, want 3", n, err)
			}
			h.put(v, "bad", "new") // the vault can be written to
		})
	}
}

// deleteIndex deletes the index of a vault.
func (h *home) deleteIndex() {
	h.Helper()
	h.update(func(tx kv.Tx) error {
		var keys [][]byte
		for k := range tx.Scan(key("ix", h.first())) {
			keys = append(keys, bytes.Clone(k))
		}
		for _, k := range keys {
			if err := tx.Delete(k); err != nil {
				return err
			}
		}
		return nil
	})
}

// Neither a damaged index nor a forged one decides what is found.
func TestIndex(t *testing.T) {
	t.Parallel()
	lost := [32]byte{1, 2, 3}
	tests := []struct {
		name   string
		damage func(h *home, mail, bank seal.ID)
	}{
		{"whole", func(*home, seal.ID, seal.ID) {}},
		{"deleted", func(h *home, _, _ seal.ID) { h.deleteIndex() }},
		{"under another value", func(h *home, mail, _ seal.ID) { h.rewrite(mail, func(r *itemdb.Record) { r.Index = lost }) }},
		{"none in the record", func(h *home, mail, _ seal.ID) { h.rewrite(mail, func(r *itemdb.Record) { r.Index = [32]byte{} }) }},
		{"pointing at another item", func(h *home, mail, bank seal.ID) {
			index := h.sealer().NameIndex("mail")
			h.rewrite(mail, func(r *itemdb.Record) { r.Index = lost })
			h.rewrite(bank, func(r *itemdb.Record) { r.Index = index })
		}},
		{"pointing at another item and nothing else", func(h *home, _, bank seal.ID) {
			index := h.sealer().NameIndex("mail")
			h.update(func(tx kv.Tx) error {
				return tx.Put(append(key("ix", h.first()), append(index[:], bank[:]...)...), nil)
			})
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHome(t, memory.New())
			v := h.vault()
			items := h.put(v, "mail", "bank", "gone")
			gone := vault.Change{Delete: []vault.Ref{{ID: items[2].ID, Revision: items[2].Revision}}}
			if _, _, err := v.Commit(t.Context(), gone); err != nil {
				t.Fatal(err)
			}
			tt.damage(h, id(items[0].ID), id(items[1].ID))
			for name, want := range map[string]string{"mail": items[0].ID, "bank": items[1].ID, "gone": "", "none": ""} {
				found, err := v.Lookup(t.Context(), name)
				if err != nil || len(found) > 1 || (len(found) == 1) != (want != "") || want != "" && found[0].ID != want {
					t.Errorf("Lookup(%s) = %v, %v, want %s", name, found, err, want)
				}
			}
		})
	}
}

func TestCommitRefused(t *testing.T) {
	t.Parallel()
	h := newHome(t, memory.New())
	v := h.vault()
	it := h.put(v, "mail")[0]
	if _, _, err := v.Commit(t.Context(), vault.Change{Delete: []vault.Ref{{ID: it.ID, Revision: it.Revision}}}); err != nil {
		t.Fatal(err)
	}
	gone, err := v.Item(t.Context(), it.ID)
	if err != nil {
		t.Fatal(err)
	}
	login := func(spoil func(*vault.Item)) []vault.Put {
		it := vault.Item{Type: "login", Name: "new"}
		spoil(&it)
		return []vault.Put{{Item: it}}
	}
	before := h.dump()
	for name, tt := range map[string]struct {
		c    vault.Change
		want error
	}{
		"in the trash":      {vault.Change{Put: []vault.Put{{Item: gone, Was: &gone}}}, vault.ErrInvalid},
		"no type":           {vault.Change{Put: login(func(it *vault.Item) { it.Type = "" })}, vault.ErrInvalid},
		"long type":         {vault.Change{Put: login(func(it *vault.Item) { it.Type = strings.Repeat("t", 65) })}, vault.ErrInvalid},
		"id that is none":   {vault.Change{Put: login(func(it *vault.Item) { it.ID = "mail" })}, vault.ErrNotFound},
		"put of no item":    {vault.Change{Put: []vault.Put{{Item: vault.Item{ID: seal.ID{9}.String(), Type: "login", Name: "x"}, Was: &gone}}}, vault.ErrNotFound},
		"delete of no id":   {vault.Change{Delete: []vault.Ref{{ID: "mail"}}}, vault.ErrNotFound},
		"restore of no id":  {vault.Change{Restore: []vault.Ref{{ID: ""}}}, vault.ErrNotFound},
		"delete of no item": {vault.Change{Delete: []vault.Ref{{ID: seal.ID{9}.String(), Revision: 1}}}, vault.ErrNotFound},
		"too large": {vault.Change{Put: login(func(it *vault.Item) {
			it.Fields = []vault.Field{{Name: "password", Value: secret.Of(bytes.Repeat([]byte{'x'}, vault.MaxPlaintext))}}
		})}, vault.ErrInvalid},
	} {
		if _, _, err := v.Commit(t.Context(), tt.c); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	for n := range 16 + 12 + 12 { // an id, and the nonces of name and data
		h.deps.Rand = io.LimitReader(rand.Reader, int64(n))
		if _, _, err := h.vault().Commit(t.Context(), vault.Change{Put: login(func(*vault.Item) {})}); err == nil {
			t.Errorf("an item was sealed with %d random bytes", n)
		}
	}
	if diff := cmp.Diff(before, h.dump()); diff != "" {
		t.Errorf("the store changed: %s", diff)
	}
}

// An item is stored under the id that its writer chose, in either case, and in
// the type's own spelling.
func TestChosen(t *testing.T) {
	t.Parallel()
	h := newHome(t, memory.New())
	v := h.vault()
	const chosen = "6F1C9A52-7D43-4C58-9A0E-D2B1F0A3C4E5"
	_, items, err := v.Commit(t.Context(), vault.Change{Put: []vault.Put{{Item: vault.Item{ID: chosen, Type: "secure_note", Name: "n", Deleted: at}}}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := v.Item(t.Context(), chosen)
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range []vault.Item{items[0], got} {
		if it.ID != strings.ToLower(chosen) || it.Type != "note" || !it.Deleted.IsZero() || it.Revision != 2 {
			t.Errorf("the item is %+v", it)
		}
	}
}

// Once the vault has another key, the session has to be opened anew.
func TestOlderKey(t *testing.T) {
	t.Parallel()
	h := newHome(t, memory.New())
	v := h.vault()
	h.change(key("v/", h.first()), func(b []byte) []byte { // name, type, then the key version
		n := 1 + 4 + len("personal") + 4 + len("personal") + 8
		b[n-1]++
		return b
	})
	if infos := h.infos(h.account()); infos[0].Open || infos[0].KeyVersion != 2 {
		t.Errorf("Vaults = %+v, want it not open", infos)
	}
	_, _, err := v.Commit(t.Context(), vault.Change{Put: []vault.Put{{Item: vault.Item{Type: "login", Name: "x"}}}})
	var conflict *vault.ConflictError
	if !errors.Is(err, vault.ErrLocked) || errors.As(err, &conflict) {
		t.Errorf("Commit: %v, want ErrLocked", err)
	}
}

// spellings are the ways in which a secret could stand in a file.
func spellings(s string) (all [][]byte) {
	all = append(all, []byte(s), []byte(hex.EncodeToString([]byte(s))), []byte(strings.ToUpper(hex.EncodeToString([]byte(s)))))
	for shift := range 3 { // base64 of a text that the secret stands in
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			e := enc.EncodeToString(append(make([]byte, shift), s...))
			all = append(all, []byte(e[4*min(shift, 1):len(e)-3]))
		}
	}
	var le, be []byte
	for _, u := range utf16.Encode([]rune(s)) {
		le, be = append(le, byte(u), byte(u>>8)), append(be, byte(u>>8), byte(u))
	}
	return append(all, le, be)
}

// TestCanary stores unmistakable secrets and looks for them in the file.
func TestCanary(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "local.db")
	h := newHome(t, bolt.New(path))
	v := h.vault()
	canaries := map[string]string{"the master password": password}
	canary := func(what string) string {
		canaries[what] = "canary-" + strings.ToUpper(what) + "-0123456789"
		return canaries[what]
	}
	for _, typ := range vault.Types() {
		it := vault.Item{Type: typ.Name, Name: canary("name of a " + typ.Name), Tags: []string{canary("tag of a " + typ.Name)}}
		for _, f := range typ.Fields {
			it.Fields = append(it.Fields, vault.Field{Name: f.Name, Value: secret.Of([]byte(canary(f.Name + " of a " + typ.Name)))})
		}
		it.Fields = append(it.Fields, vault.Field{Name: canary("field of a " + typ.Name), Kind: vault.Text, Value: secret.Of([]byte(canary("custom value of a " + typ.Name)))})
		_, items, err := v.Commit(t.Context(), vault.Change{Put: []vault.Put{{Item: it}}})
		if err != nil {
			t.Fatal(err)
		}
		next, err := vault.Edit{Name: "renamed", Remove: []string{"notes"}}.Apply(items[0], at)
		if err != nil {
			t.Fatal(err)
		}
		if _, items, err = v.Commit(t.Context(), vault.Change{Put: []vault.Put{{Item: next, Was: &items[0]}}}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := v.Commit(t.Context(), vault.Change{Delete: []vault.Ref{{ID: items[0].ID, Revision: items[0].Revision}}}); err != nil {
			t.Fatal(err)
		}
	}
	canaries["the key of the vault"] = string(h.set.Vaults[0].Key.Reveal())
	canaries["the identity"] = string(h.set.Identity.Reveal())
	canaries["the stretched key"] = string(h.stretched.Reveal())

	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(file, []byte("personal")) {
		t.Fatal("not even the vault's name is there: this is the wrong file")
	}
	for what, c := range canaries {
		for _, s := range spellings(c) {
			if bytes.Contains(file, s) {
				t.Errorf("%s is in the file, as %q", what, s)
			}
		}
	}
	probe := "xx" + canaries["the master password"] + "yy"
	for i, s := range []string{probe, hex.EncodeToString([]byte(probe)), base64.StdEncoding.EncodeToString([]byte(probe)), base64.URLEncoding.EncodeToString([]byte(probe[1:]))} {
		if !slices.ContainsFunc(spellings(password), func(c []byte) bool { return strings.Contains(s, string(c)) }) {
			t.Errorf("the search would not find spelling %d", i)
		}
	}
}
