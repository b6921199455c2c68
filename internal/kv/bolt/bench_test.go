package bolt_test

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/bolt"
)

func Benchmark(b *testing.B) {
	for _, n := range []uint64{100, 10_000, 100_000} {
		db := bolt.New(filepath.Join(b.TempDir(), "test.db"))
		key := func(kind string, i uint64) []byte {
			h := i * 0x9e3779b97f4a7c15 // as good as a random id
			return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64([]byte(kind+"0123456789abcdef"), h), i)
		}
		for from := uint64(0); from < n; from += 10_000 {
			err := db.Update(b.Context(), func(tx kv.Tx) error {
				for i := from; i < min(n, from+10_000); i++ {
					if err := tx.Put(key("in", i), make([]byte, 160)); err != nil {
						return err
					}
					if err := tx.Put(key("id", i), make([]byte, 400)); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		}
		for name, run := range map[string]func(uint64) error{
			"View": func(i uint64) error {
				return db.View(b.Context(), func(tx kv.Tx) error {
					_, _ = tx.Get(key("in", i%n)), tx.Get(key("id", i%n))
					return nil
				})
			},
			"Update": func(i uint64) error {
				return db.Update(b.Context(), func(tx kv.Tx) error { return tx.Put(key("in", i%n), make([]byte, 160)) })
			},
			"Check": func(uint64) error { return db.Check(b.Context()) },
		} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				i := uint64(0)
				for b.Loop() {
					if err := run(i); err != nil {
						b.Fatal(err)
					}
					i += 7919
				}
			})
		}
	}
}
