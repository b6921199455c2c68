package pwm_test

import (
	"crypto/rand"
	"fmt"
	"testing"

	"github.com/keyhold/keyhold/internal/backend/pwm"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/service/blobs"
	"github.com/keyhold/keyhold/internal/vault"
)

// filled is a vault of n entries under the usual password. The last one has an
// id that is no UUID, and a member that nobody here knows.
func filled(t testing.TB, n int) blobs.Vault {
	t.Helper()
	v := ownVault(t, master)
	kek, err := quick(secret.TextOf(master), v.Key.Salt)
	if err != nil {
		t.Fatal(err)
	}
	key, err := kek.Unwrap(v.Key.IV, v.Key.Wrap)
	if err != nil {
		t.Fatal(err)
	}
	text := []byte(`{"entries":[`)
	for i := range n - 1 {
		id, err := seal.MakeID(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		text = fmt.Appendf(text, `{"id":%q,"type":"login","name":"item %d","username":"ann","password":"hunter%d"},`, id, i, i)
	}
	text = append(text, `{"id":"last one","name":"last","password":"x","later":{"a":[1,2.50]}}],"more":{"b":1.0}}`...)
	content, err := pwm.ParseBlob(secret.Of(text))
	if err != nil {
		t.Fatal(err)
	}
	if v.Content.IV, v.Content.Data, err = content.Seal(rand.Reader, key); err != nil {
		t.Fatal(err)
	}
	return v
}

// add has the server keep a vault.
func (w *world) add(name string, v blobs.Vault) {
	w.Helper()
	err := w.db.Update(w.Context(), func(tx kv.Tx) error {
		_, err := blobs.Create(tx, w.now(), email, name, v.Content, v.Key)
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
}

func TestManyEntries(t *testing.T) {
	t.Parallel()
	n := 100_000
	if testing.Short() {
		n = 5_000
	}
	w := newWorld(t)
	w.add("big", filled(t, n))
	h := w.home(t).login()
	v := h.open(h.account(), "big")
	h.want(v, fmt.Sprint("item ", n/2), fmt.Sprint("hunter", n/2))
	it := h.put(v, "new", "1")
	last, err := vault.Find(t.Context(), v, "last")
	if err != nil || !vault.IsID(last.ID) {
		t.Fatalf("the entry whose id is no UUID: %+v, %v", last, err)
	}
	_, _, err = v.Commit(t.Context(), vault.Change{Put: []vault.Put{edited(last, "2")}, Delete: []vault.Ref{{ID: it.ID, Revision: it.Revision}}})
	if err != nil {
		t.Fatal(err)
	}
	v = h.open(h.fresh(), "big")
	h.want(v, "last", "2")
	last, err = vault.Find(t.Context(), v, "last")
	if err != nil || string(last.Extra["later"]) != `{"a":[1,2.50]}` {
		t.Errorf("a member that is not known here: %q, %v", last.Extra["later"], err)
	}
	count := 0
	for _, err := range v.Entries(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		count++
	}
	if count != n {
		t.Errorf("%d entries, want %d", count, n)
	}
}

// TestUnreadable has entries that are only kept.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := ownVault(t, master)
	kek, err := quick(secret.TextOf(master), v.Key.Salt)
	if err != nil {
		t.Fatal(err)
	}
	key, err := kek.Unwrap(v.Key.IV, v.Key.Wrap)
	if err != nil {
		t.Fatal(err)
	}
	text := `{"entries":[{"name":"no id"},7,7,{"id":"a","name":"good","password":"1"},{"id":"a","name":"twin"}]}`
	content, err := pwm.ParseBlob(secret.TextOf(text).Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if v.Content.IV, v.Content.Data, err = content.Seal(rand.Reader, key); err != nil {
		t.Fatal(err)
	}
	w.add("odd", v)
	h := w.home(t).login()
	odd := h.open(h.account(), "odd")
	h.want(odd, "good", "1")
	h.put(odd, "new", "2")
	damaged := 0
	for _, err := range h.open(h.fresh(), "odd").Entries(t.Context()) {
		if err != nil {
			damaged++
		}
	}
	if damaged != 4 {
		t.Errorf("%d entries are damaged, want 4", damaged)
	}
	problems, err := odd.(vault.Checker).Check(t.Context(), nil)
	if err != nil || len(problems) != 4 {
		t.Errorf("Check = %+v, %v", problems, err)
	}
	after, err := pwm.OpenBlob(key, w.stored("odd").Content.IV, w.stored("odd").Content.Data)
	if err != nil || len(after.Heads()) != 6 {
		t.Errorf("the blob has %d entries afterwards, %v", len(after.Heads()), err)
	}
}
