package device_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/seal"
)

// A blob stands in pieces: all of it comes back, and nothing of a longer one
// that was there before.
func TestBlob_pieces(t *testing.T) {
	t.Parallel()
	db := memory.New()
	place, id := device.Place{1}, seal.ID{2}
	do := func(fn func(kv.Tx) error) {
		t.Helper()
		if err := db.Update(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
	}
	other := device.Blob{Version: 1, IV: []byte("iv"), Data: []byte("other")}
	do(func(tx kv.Tx) error { return place.PutBlob(tx, seal.ID{3}, other) })
	for _, size := range []int{0, 1, 100, 16<<10 - 40, 16 << 10, 100_000, 32 << 10, 5} {
		want := device.Blob{Version: 7, IV: []byte("123456789012"), Data: bytes.Repeat([]byte{byte(size), 1, 2}, size)[:size]}
		do(func(tx kv.Tx) error { return place.PutBlob(tx, id, want) })
		do(func(tx kv.Tx) error {
			got, ok := place.Blob(tx, id)
			if !ok || !bytes.Equal(got.Data, want.Data) || got.Version != 7 || !bytes.Equal(got.IV, want.IV) {
				t.Errorf("%d bytes: %d bytes came back, %v", size, len(got.Data), ok)
			}
			return nil
		})
	}
	do(func(tx kv.Tx) error {
		return place.PutBlob(tx, id, device.Blob{Version: 8, Data: make([]byte, 50_000)})
	})
	for _, at := range []byte{0, 1, 3} { // the first, one in the middle, the last
		do(func(tx kv.Tx) error {
			key := append(append([]byte("b/"), place[:]...), id[:]...)
			key = append(key, 0, 0, 0, at)
			piece := bytes.Clone(tx.Get(key))
			if piece == nil {
				t.Fatalf("there is no piece %d", at)
			}
			if err := tx.Delete(key); err != nil {
				return err
			}
			if _, ok := place.Blob(tx, id); ok {
				t.Errorf("a blob came back without its piece %d", at)
			}
			return tx.Put(key, piece)
		})
	}
	do(func(tx kv.Tx) error { return place.DeleteBlob(tx, id, false) })
	do(func(tx kv.Tx) error {
		if _, ok := place.Blob(tx, id); ok {
			t.Error("a blob is left")
		}
		got, _ := place.Blob(tx, seal.ID{3})
		if diff := cmp.Diff(other, got); diff != "" {
			t.Error("another vault's: " + diff)
		}
		return nil
	})
}
