package accounts_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/bolt"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/service/accounts"
)

func sample(n byte) accounts.Account {
	return accounts.Account{
		ID: seal.ID{15: n}, Suite: "argon2id-64m", Salt: bytes.Repeat([]byte{n}, 16), Identity: bytes.Repeat([]byte{0x1d}, 32),
		SealedIdentity: []byte("sealed"), Created: time.Date(2026, 3, 4, 5, 6, 7, 8e6, time.UTC),
	}
}

func update(t *testing.T, db kv.DB, fn func(kv.Tx) error) error {
	t.Helper()
	return db.Update(t.Context(), fn)
}

func create(t *testing.T, db kv.DB, a accounts.Account) error {
	t.Helper()
	return update(t, db, func(tx kv.Tx) error { return accounts.Create(tx, a) })
}

func get(t *testing.T, db kv.DB, id seal.ID) (a accounts.Account, err error) {
	t.Helper()
	err = db.View(t.Context(), func(tx kv.Tx) error {
		a, err = accounts.Get(tx, id)
		return err
	})
	return a, err
}

// all returns the ids of the accounts that All yields, 0 for an error.
func all(t *testing.T, db kv.DB) (ids []byte) {
	t.Helper()
	err := db.View(t.Context(), func(tx kv.Tx) error {
		for a, err := range accounts.All(tx) {
			if err != nil && !errors.Is(err, accounts.ErrDamaged) {
				t.Errorf("All: %v, want ErrDamaged", err)
			}
			ids = append(ids, a.ID[15])
		}
		for range accounts.All(tx) {
			break
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	for name, db := range map[string]kv.DB{"memory": memory.New(), "bolt": bolt.New(filepath.Join(t.TempDir(), "test.db"))} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			two, one := sample(2), sample(1)
			one.Suite, one.Salt, one.Created = "argon2id-256m", bytes.Repeat([]byte{9}, 64), time.Time{}
			if _, err := get(t, db, one.ID); !errors.Is(err, accounts.ErrNotFound) {
				t.Errorf("Get in an empty store: %v", err)
			}
			for _, a := range []accounts.Account{two, one} {
				if err := create(t, db, a); err != nil {
					t.Fatal(err)
				}
			}
			changed := two
			changed.SealedIdentity = []byte("other")
			if err := create(t, db, changed); !errors.Is(err, accounts.ErrExists) {
				t.Errorf("the second Create: %v, want ErrExists", err)
			}
			for _, want := range []accounts.Account{one, two} {
				got, err := get(t, db, want.ID)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
			}
			if got := all(t, db); !bytes.Equal(got, []byte{1, 2}) {
				t.Errorf("All = %v, want them by id", got)
			}
		})
	}
}

// What Get returns is the caller's own.
func TestCopies(t *testing.T) {
	t.Parallel()
	db := memory.New()
	if err := create(t, db, sample(1)); err != nil {
		t.Fatal(err)
	}
	a, err := get(t, db, sample(1).ID)
	if err != nil {
		t.Fatal(err)
	}
	clear(a.Salt)
	clear(a.Identity)
	clear(a.SealedIdentity)
	if again, err := get(t, db, a.ID); err != nil || !cmp.Equal(sample(1), again) {
		t.Errorf("the store was changed through what Get returned: %v, %v", again, err)
	}
}

func TestInvalid(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		spoil func(*accounts.Account)
	}{
		{"no id", func(a *accounts.Account) { a.ID = seal.ID{} }},
		{"no suite", func(a *accounts.Account) { a.Suite = "" }},
		{"unknown suite", func(a *accounts.Account) { a.Suite = "argon2id-1m" }},
		{"no salt", func(a *accounts.Account) { a.Salt = nil }},
		{"short salt", func(a *accounts.Account) { a.Salt = a.Salt[:15] }},
		{"long salt", func(a *accounts.Account) { a.Salt = make([]byte, 65) }},
		{"short identity", func(a *accounts.Account) { a.Identity = a.Identity[:31] }},
		{"no sealed identity", func(a *accounts.Account) { a.SealedIdentity = nil }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			db, a := memory.New(), sample(1)
			tt.spoil(&a)
			if err := create(t, db, a); !errors.Is(err, accounts.ErrInvalid) {
				t.Errorf("Create: %v, want ErrInvalid", err)
			}
			if err := replace(t, db, a); !errors.Is(err, accounts.ErrInvalid) {
				t.Errorf("Replace: %v, want ErrInvalid", err)
			}
			if got := all(t, db); got != nil {
				t.Errorf("it was stored: %v", got)
			}
		})
	}
}

func TestDamaged(t *testing.T) {
	t.Parallel()
	whole := stored(t)
	key := append([]byte("a/"), make([]byte, 16)...)
	tests := []struct {
		name       string
		key, value []byte
	}{
		{"cut short", key, whole[:len(whole)-1]},
		{"longer", key, append(bytes.Clone(whole), 0)},
		{"other version", key, append([]byte{2}, whole[1:]...)},
		{"empty", key, nil},
		{"key too short", key[:17], whole},
		{"key too long", append(bytes.Clone(key), 0), whole},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			db := memory.New()
			if err := create(t, db, sample(1)); err != nil {
				t.Fatal(err)
			}
			if err := update(t, db, func(tx kv.Tx) error { return tx.Put(tt.key, tt.value) }); err != nil {
				t.Fatal(err)
			}
			if got := all(t, db); !bytes.Equal(got, []byte{0, 1}) {
				t.Errorf("All = %v, want an error and the whole account", got)
			}
			if len(tt.key) != len(key) {
				return
			}
			if _, err := get(t, db, seal.ID{}); !errors.Is(err, accounts.ErrDamaged) {
				t.Errorf("Get: %v, want ErrDamaged", err)
			}
		})
	}
}

// stored returns the record of an account.
func stored(t testing.TB) (b []byte) {
	db := memory.New()
	err := db.Update(t.Context(), func(tx kv.Tx) error {
		if err := accounts.Create(tx, sample(1)); err != nil {
			return err
		}
		for _, v := range tx.Scan([]byte("a/")) {
			b = bytes.Clone(v)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func FuzzParseAccount(f *testing.F) {
	f.Add(stored(f))
	f.Add([]byte{})
	// One of a service: the fields after those of version 1.
	more := []byte("\x00\x00\x00\x01a\x00\x00\x00\x00\x00\x00\x00\x05owner\x00" + strings.Repeat("\x00\x00\x00\x01x", 4))
	f.Add(append(append([]byte{2}, stored(f)[1:]...), more...))
	f.Fuzz(func(t *testing.T, b []byte) {
		db := memory.New()
		if err := update(t, db, func(tx kv.Tx) error { return tx.Put(append([]byte("a/"), make([]byte, 16)...), b) }); err != nil {
			t.Fatal(err)
		}
		a, err := get(t, db, seal.ID{})
		switch {
		case err != nil && !errors.Is(err, accounts.ErrDamaged):
			t.Errorf("Get: %v, want ErrDamaged", err)
		case err == nil && len(a.Identity) != 32:
			t.Errorf("the identity has %d bytes", len(a.Identity))
		}
	})
}

func replace(t *testing.T, db kv.DB, a accounts.Account) error {
	t.Helper()
	return update(t, db, func(tx kv.Tx) error { return accounts.Replace(tx, a) })
}

func TestReplace(t *testing.T) {
	t.Parallel()
	changed := func(change func(*accounts.Account)) accounts.Account {
		a := sample(1)
		a.Salt, a.SealedIdentity = bytes.Repeat([]byte{7}, 16), []byte("sealed anew")
		change(&a)
		return a
	}
	strong := func(a *accounts.Account) { a.Suite = "argon2id-256m" }
	tests := []struct {
		name string
		old  func(*accounts.Account)
		next accounts.Account
		want error
	}{
		{"another salt", func(*accounts.Account) {}, changed(func(*accounts.Account) {}), nil},
		{"another time", func(*accounts.Account) {}, changed(func(a *accounts.Account) { a.Created = a.Created.AddDate(1, 0, 0) }), nil},
		{"stronger", func(*accounts.Account) {}, changed(strong), nil},
		{"as strong", strong, changed(strong), nil},
		{"weaker", strong, changed(func(*accounts.Account) {}), accounts.ErrInvalid},
		{"another identity", func(*accounts.Account) {}, changed(func(a *accounts.Account) { a.Identity = bytes.Repeat([]byte{2}, 32) }), accounts.ErrInvalid},
		{"another id", func(*accounts.Account) {}, changed(func(a *accounts.Account) { a.ID = seal.ID{15: 2} }), accounts.ErrNotFound},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			db, old := memory.New(), sample(1)
			tt.old(&old)
			if err := create(t, db, old); err != nil {
				t.Fatal(err)
			}
			if err := replace(t, db, tt.next); !errors.Is(err, tt.want) {
				t.Errorf("Replace: %v, want %v", err, tt.want)
			}
			want := old
			if tt.want == nil {
				want = tt.next
				want.Created = old.Created
			}
			if got, err := get(t, db, old.ID); err != nil || !cmp.Equal(want, got) {
				t.Errorf("%v, %s", err, cmp.Diff(want, got))
			}
			if n := len(all(t, db)); n != 1 {
				t.Errorf("there are %d accounts", n)
			}
		})
	}
}
