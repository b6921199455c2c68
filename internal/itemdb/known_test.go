package itemdb_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/kv"
)

func TestKnown(t *testing.T) {
	engines(t, func(t *testing.T, update func(func(kv.Tx) error)) {
		one, two := record(1, 7), record(2, 8)
		lone := itemdb.ID{7, 15: 3}
		update(func(tx kv.Tx) error {
			return errors.Join(
				itemdb.Put(tx, vaultA, one, nil, nil), itemdb.Put(tx, vaultA, two, nil, []byte("tags")),
				itemdb.Put(tx, vaultB, record(3, 9), nil, nil),
				tx.Put(rawKey("in", vaultA, append(one.ID[:], 'x')...), nil), // of no item
				tx.Put(rawKey("id", vaultA), nil), tx.Put(rawKey("ix", vaultA, one.ID[:]...), nil),
				tx.Put(rawKey("id", vaultA, lone[:]...), nil),
			)
		})
		update(func(tx kv.Tx) error {
			parts := itemdb.Parts()
			for _, tt := range []struct {
				part  int
				first []byte
				want  []itemdb.ID
			}{
				{0, nil, []itemdb.ID{one.ID, two.ID}},
				{1, nil, []itemdb.ID{one.ID, two.ID, lone}},
				{1, []byte{7}, []itemdb.ID{lone}},
				{2, nil, []itemdb.ID{one.ID, two.ID}},
				{2, []byte{1}, nil},
				{3, nil, []itemdb.ID{two.ID}},
			} {
				if got := slices.Collect(itemdb.Known(tx, vaultA, parts[tt.part], tt.first...)); !slices.Equal(got, tt.want) {
					t.Errorf("part %d, %v: %v, want %v", tt.part, tt.first, got, tt.want)
				}
			}
			for range itemdb.Known(tx, vaultA, itemdb.Names()) {
				break
			}
			return nil
		})
	})
}

func TestStrayTags(t *testing.T) {
	engines(t, func(t *testing.T, update func(func(kv.Tx) error)) {
		id := itemdb.ID{1}
		update(func(tx kv.Tx) error {
			return errors.Join(tx.Put(rawKey("it", vaultA, id[:]...), []byte("tags")), tx.Put(rawKey("it", vaultA, 5), nil))
		})
		update(func(tx kv.Tx) error {
			want := []itemdb.Problem{{Item: id, Fault: itemdb.StrayTags}, {Fault: itemdb.UnknownKey}}
			if got := itemdb.Check(tx, vaultA); !slices.Equal(got, want) {
				t.Errorf("Check = %v, want %v", got, want)
			}
			if want[0].Fault.String() == itemdb.UnknownKey.String() {
				t.Error("a fault has no name")
			}
			return nil
		})
	})
}
