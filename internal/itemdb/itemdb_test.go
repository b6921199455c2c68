package itemdb_test

import (
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/bolt"
	"github.com/keyhold/keyhold/internal/kv/memory"
)

var (
	vaultA = itemdb.ID{0xa}
	vaultB = itemdb.ID{0xb}
	at     = time.Date(2026, 3, 4, 5, 6, 7, 8e6, time.UTC)
)

func index(n byte) [32]byte { return [32]byte{31: n} }

func record(n byte, ix byte) itemdb.Record {
	return itemdb.Record{
		ID: itemdb.ID{15: n}, Type: "login", Revision: uint64(n), Created: at, Updated: at.Add(time.Hour),
		Index: index(ix), Name: []byte{'n', n},
	}
}

// engines runs a test over both engines.
func engines(t *testing.T, run func(t *testing.T, update func(func(kv.Tx) error))) {
	t.Parallel()
	for name, db := range map[string]kv.DB{"memory": memory.New(), "bolt": bolt.New(filepath.Join(t.TempDir(), "test.db"))} {
		t.Run(name, func(t *testing.T) {
			run(t, func(fn func(kv.Tx) error) {
				t.Helper()
				if err := db.Update(t.Context(), fn); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

func collect(t *testing.T, seq iter.Seq2[itemdb.Record, error]) (out []itemdb.Record) {
	t.Helper()
	for r, err := range seq {
		if err != nil {
			t.Error(err)
		}
		out = append(out, r)
	}
	return out
}

func TestPut(t *testing.T) {
	engines(t, func(t *testing.T, update func(func(kv.Tx) error)) {
		one, two := record(1, 7), record(2, 7)
		two.Deleted = at.Add(2 * time.Hour)
		other := record(1, 0)
		other.Type, other.Name = strings.Repeat("t", 255), nil
		update(func(tx kv.Tx) error {
			return errors.Join(
				itemdb.Put(tx, vaultA, two, []byte("data two"), []byte("tags two")),
				itemdb.Put(tx, vaultA, one, []byte("data one"), nil),
				itemdb.Put(tx, vaultB, other, nil, nil),
				tx.Put([]byte("j"), nil), tx.Put([]byte("h"), nil),
			)
		})
		update(func(tx kv.Tx) error {
			if diff := cmp.Diff([]itemdb.Record{one, two}, collect(t, itemdb.Records(tx, vaultA))); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff([]itemdb.Record{one, two}, collect(t, itemdb.Lookup(tx, vaultA, index(7)))); diff != "" {
				t.Error(diff)
			}
			other.Name = []byte{}
			if diff := cmp.Diff([]itemdb.Record{other}, collect(t, itemdb.Records(tx, vaultB))); diff != "" {
				t.Error(diff)
			}
			if got := collect(t, itemdb.Lookup(tx, vaultB, index(0))); got != nil {
				t.Errorf("a zero index finds %v", got)
			}
			if got, ok, err := itemdb.Get(tx, vaultA, two.ID); !ok || err != nil || !cmp.Equal(got, two) {
				t.Errorf("Get = %v, %v, %v", got, ok, err)
			}
			if _, ok, err := itemdb.Get(tx, vaultB, two.ID); ok || err != nil {
				t.Errorf("Get of another vault = %v, %v", ok, err)
			}
			if got, ok, err := itemdb.Data(tx, vaultA, one.ID); !ok || err != nil || string(got) != "data one" {
				t.Errorf("Data = %q, %v, %v", got, ok, err)
			}
			for id, tags := range itemdb.AllTags(tx, vaultA) {
				if id != two.ID || string(tags) != "tags two" {
					t.Errorf("tags of %v: %q", id, tags)
				}
				break
			}
			if a, b := itemdb.Tags(tx, vaultA, two.ID), itemdb.Tags(tx, vaultA, one.ID); string(a) != "tags two" || b != nil {
				t.Errorf("Tags = %q, %q", a, b)
			}
			if _, ok, err := itemdb.Data(tx, vaultB, two.ID); ok || err != nil {
				t.Errorf("Data of another vault = %v, %v", ok, err)
			}
			for range itemdb.Records(tx, vaultA) {
				break
			}
			for range itemdb.Lookup(tx, vaultA, index(7)) {
				break
			}
			if got := itemdb.Check(tx, vaultA); got != nil {
				t.Errorf("Check = %v", got)
			}
			return nil
		})
	})
}

func TestReplace(t *testing.T) {
	engines(t, func(t *testing.T, update func(func(kv.Tx) error)) {
		r := record(1, 7)
		renamed, trashed := r, r
		renamed.Index, renamed.Name = index(8), []byte("new name")
		trashed.Deleted, trashed.Index = at, index(0)
		put := func(r itemdb.Record, data string) {
			t.Helper()
			update(func(tx kv.Tx) error {
				if data == "" {
					return itemdb.PutRecord(tx, vaultA, r)
				}
				return itemdb.Put(tx, vaultA, r, []byte(data), []byte(strings.TrimPrefix(data, "three")))
			})
			update(func(tx kv.Tx) error {
				if got := itemdb.Check(tx, vaultA); got != nil {
					t.Errorf("Check = %v", got)
				}
				for _, ix := range []byte{7, 8} {
					if n := len(collect(t, itemdb.Lookup(tx, vaultA, index(ix)))); (n == 1) != (r.Index == index(ix)) {
						t.Errorf("index %d finds %d of a record with the index %d", ix, n, r.Index[31])
					}
				}
				if got, _, err := itemdb.Get(tx, vaultA, r.ID); err != nil || !cmp.Equal(got, r) {
					t.Errorf("Get = %v, %v", got, err)
				}
				return nil
			})
		}
		put(r, "one")
		put(r, "two")
		put(renamed, "three")
		put(trashed, "")
		put(renamed, "")
		put(r, "")
		update(func(tx kv.Tx) error {
			if got, _, _ := itemdb.Data(tx, vaultA, r.ID); string(got) != "three" {
				t.Errorf("PutRecord changed the data to %q", got)
			}
			if got := itemdb.Tags(tx, vaultA, r.ID); got != nil {
				t.Errorf("the tags %q are left", got)
			}
			return itemdb.Delete(tx, vaultA, r.ID)
		})
		update(func(tx kv.Tx) error {
			for k := range tx.Scan(nil) {
				t.Errorf("%q is left after Delete", k)
			}
			return itemdb.Delete(tx, vaultA, r.ID)
		})
	})
}

func TestDeleteVault(t *testing.T) {
	engines(t, func(t *testing.T, update func(func(kv.Tx) error)) {
		update(func(tx kv.Tx) error {
			for i := range byte(200) {
				for _, v := range []itemdb.ID{vaultA, vaultB} {
					if err := itemdb.Put(tx, v, record(i, i), make([]byte, 300), nil); err != nil {
						return err
					}
				}
			}
			return nil
		})
		update(func(tx kv.Tx) error { return itemdb.DeleteVault(tx, vaultA) })
		update(func(tx kv.Tx) error {
			a, b := collect(t, itemdb.Records(tx, vaultA)), collect(t, itemdb.Records(tx, vaultB))
			if len(a) != 0 || len(b) != 200 || itemdb.Check(tx, vaultA) != nil || itemdb.Check(tx, vaultB) != nil {
				t.Errorf("%d and %d records are left", len(a), len(b))
			}
			n := 0
			for range tx.Scan(nil) {
				n++
			}
			if n != 599 { // one record has no index
				t.Errorf("%d keys are left", n)
			}
			return nil
		})
	})
}

func rawKey(kind string, vault itemdb.ID, rest ...byte) []byte {
	return append(append([]byte(kind), vault[:]...), rest...)
}

func TestDamaged(t *testing.T) {
	engines(t, func(t *testing.T, update func(func(kv.Tx) error)) {
		good, bad := record(1, 7), record(2, 7)
		id := bad.ID
		update(func(tx kv.Tx) error {
			return errors.Join(itemdb.Put(tx, vaultA, good, nil, nil), itemdb.Put(tx, vaultA, bad, nil, nil),
				tx.Put(rawKey("in", vaultA, id[:]...), []byte{1, 2, 3}))
		})
		update(func(tx kv.Tx) error {
			_, ok, err := itemdb.Get(tx, vaultA, id)
			if ok || !errors.Is(err, itemdb.ErrDamaged) || !strings.Contains(err.Error(), "00000000-0000-0000-0000-000000000002") {
				t.Errorf("Get = %v, %v, want ErrDamaged and the id", ok, err)
			}
			for name, seq := range map[string]iter.Seq2[itemdb.Record, error]{
				"Records": itemdb.Records(tx, vaultA), "Lookup": itemdb.Lookup(tx, vaultA, index(7)),
			} {
				var got []string
				for r, err := range seq {
					got = append(got, fmt.Sprint(r.ID[15], errors.Is(err, itemdb.ErrDamaged)))
				}
				if name == "Records" {
					if diff := cmp.Diff([]string{"1 false", "2 true"}, got); diff != "" {
						t.Errorf("%s: %s", name, diff)
					}
				} else if len(got) != 2 {
					t.Errorf("%s yields %q", name, got)
				}
			}
			return nil
		})
		update(func(tx kv.Tx) error { // is repaired by putting it again
			bad.Index = index(9)
			return itemdb.Put(tx, vaultA, bad, nil, nil)
		})
		update(func(tx kv.Tx) error {
			if got := itemdb.Check(tx, vaultA); got != nil {
				t.Errorf("Check after Put over a damaged record = %v", got)
			}
			return errors.Join(tx.Put(rawKey("in", vaultA, id[:]...), []byte{9}), itemdb.Delete(tx, vaultA, id))
		})
		update(func(tx kv.Tx) error {
			if got := itemdb.Check(tx, vaultA); got != nil {
				t.Errorf("Check after Delete of a damaged record = %v", got)
			}
			return nil
		})
	})
}

func TestCheck(t *testing.T) {
	engines(t, func(t *testing.T, update func(func(kv.Tx) error)) {
		ids := make([]itemdb.ID, 8)
		update(func(tx kv.Tx) error {
			for i := range ids {
				r := record(byte(i), byte(i+1))
				if ids[i] = r.ID; i == 7 {
					continue
				}
				if err := itemdb.Put(tx, vaultA, r, nil, nil); err != nil {
					return err
				}
			}
			ix := index(3)
			stray := index(99)
			return errors.Join(
				tx.Put(rawKey("in", vaultA, ids[0][:]...), []byte("x")),
				tx.Delete(rawKey("id", vaultA, ids[1][:]...)),
				tx.Delete(rawKey("ix", vaultA, append(ix[:], ids[2][:]...)...)),
				tx.Put(rawKey("id", vaultA, ids[7][:]...), nil),
				tx.Put(rawKey("ix", vaultA, append(stray[:], ids[4][:]...)...), nil),
				tx.Put(rawKey("ix", vaultA, append(stray[:], ids[7][:]...)...), nil),
				tx.Put(rawKey("in", vaultA, 1), nil),
				tx.Put(rawKey("id", vaultA, 1), nil),
				tx.Put(rawKey("ix", vaultA, append(stray[:], 1)...), nil),
			)
		})
		update(func(tx kv.Tx) error {
			want := []itemdb.Problem{
				{ids[0], itemdb.BadRecord}, {ids[1], itemdb.NoData}, {ids[2], itemdb.NoIndex}, {itemdb.ID{}, itemdb.UnknownKey},
				{ids[7], itemdb.NoRecord}, {itemdb.ID{}, itemdb.UnknownKey},
				{ids[4], itemdb.StrayIndex}, {ids[7], itemdb.StrayIndex}, {itemdb.ID{}, itemdb.UnknownKey},
			}
			if diff := cmp.Diff(want, itemdb.Check(tx, vaultA)); diff != "" {
				t.Error(diff)
			}
			if got := collect(t, itemdb.Lookup(tx, vaultA, index(99))); got != nil {
				t.Errorf("stray entries of the index find %v", got)
			}
			n := 0
			for range itemdb.Records(tx, vaultA) {
				n++
			}
			if n != 7 {
				t.Errorf("Records yields %d", n)
			}
			return nil
		})
	})
	for f := itemdb.Fault(0); f <= itemdb.UnknownKey; f++ {
		if f.String() == "" {
			t.Errorf("fault %d says nothing", int(f))
		}
	}
}

// Errors of the transaction come out, and a type that is too long changes nothing.
func TestErrors(t *testing.T) {
	t.Parallel()
	db := memory.New()
	r := record(1, 7)
	if err := db.Update(t.Context(), func(tx kv.Tx) error { return itemdb.Put(tx, vaultA, r, nil, nil) }); err != nil {
		t.Fatal(err)
	}
	renamed, long := record(1, 8), record(1, 7)
	long.Type = strings.Repeat("t", 256)
	err := db.View(t.Context(), func(tx kv.Tx) error {
		for name, err := range map[string]error{
			"Put": itemdb.Put(tx, vaultA, r, nil, nil), "PutRecord": itemdb.PutRecord(tx, vaultA, renamed),
			"Delete": itemdb.Delete(tx, vaultA, r.ID), "Delete of nothing": itemdb.Delete(tx, vaultB, r.ID),
			"DeleteVault": itemdb.DeleteVault(tx, vaultA),
		} {
			if !errors.Is(err, kv.ErrReadOnly) {
				t.Errorf("%s = %v, want ErrReadOnly", name, err)
			}
		}
		if err := itemdb.Put(tx, vaultA, long, nil, nil); !errors.Is(err, itemdb.ErrType) {
			t.Errorf("Put of a long type = %v, want ErrType", err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func BenchmarkRecords(b *testing.B) {
	for name, db := range map[string]kv.DB{"memory": memory.New(), "bolt": bolt.New(filepath.Join(b.TempDir(), "test.db"))} {
		err := db.Update(b.Context(), func(tx kv.Tx) error {
			for i := range 10000 {
				r := record(byte(i), byte(i))
				r.ID[0], r.ID[1], r.Name = byte(i*7), byte(i>>8), make([]byte, 94)
				if err := itemdb.Put(tx, vaultA, r, make([]byte, 400), nil); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				err := db.View(b.Context(), func(tx kv.Tx) error {
					for _, err := range itemdb.Records(tx, vaultA) {
						if err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
