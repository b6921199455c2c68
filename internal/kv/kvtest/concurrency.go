package kvtest

import (
	"encoding/binary"
	"sync"
	"testing"

	"github.com/keyhold/keyhold/internal/kv"
)

func testIsolation(t *testing.T, db kv.DB) {
	put(t, db, "a", "0", "b", "0")
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() {
		defer close(stop)
		for i := range 50 {
			v := string(rune('1' + i%9))
			put(t, db, "a", v, "b", v)
		}
	})
	for range 3 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				view(t, db, func(tx kv.Tx) {
					a := string(tx.Get([]byte("a")))
					if b, again := string(tx.Get([]byte("b"))), string(tx.Get([]byte("a"))); a != b || a != again {
						t.Errorf("a View sees %q, %q, %q", a, b, again)
					}
				})
			}
		})
	}
	wg.Wait()
}

// Increment adds one to the counter under key.
func Increment(tx kv.Tx, key []byte) error {
	var n uint64
	if v := tx.Get(key); v != nil {
		n = binary.BigEndian.Uint64(v)
	}
	return tx.Put(key, binary.BigEndian.AppendUint64(nil, n+1))
}

func testConcurrency(t *testing.T, db kv.DB) {
	const workers, each = 8, 25
	key := []byte("counter")
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range each {
				update(t, db, func(tx kv.Tx) error { return Increment(tx, key) })
			}
		})
	}
	wg.Wait()
	view(t, db, func(tx kv.Tx) {
		if n := binary.BigEndian.Uint64(tx.Get(key)); n != workers*each {
			t.Errorf("%d of %d increments are there", n, workers*each)
		}
	})
}
