package kvtest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/keyhold/keyhold/internal/kv"
)

// testModel does the same to the engine and to a map.
func testModel(t *rapid.T, db kv.DB) {
	model := map[string]string{}
	keys := rapid.Custom(func(t *rapid.T) string {
		n := rapid.SampledFrom([]int{0, 0, 0, 40, 900}).Draw(t, "pad")
		return rapid.StringOfN(rapid.SampledFrom([]rune("ab\x00\u00ff")), 1, 4, -1).Draw(t, "key") + strings.Repeat("p", n)
	})
	values := rapid.SampledFrom([]int{0, 1, 30, 400, 3000, 20000})
	same := func(tx kv.Tx, m map[string]string) {
		prefix := rapid.SampledFrom([]string{"", "a", "ab", "b", "\x00"}).Draw(t, "prefix")
		var want []string
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if strings.HasPrefix(k, prefix) {
				want = append(want, k+"="+m[k])
			}
		}
		if diff := cmp.Diff(want, dump(tx, prefix)); diff != "" {
			t.Fatalf("Scan(%q): %s", prefix, diff)
		}
		k := keys.Draw(t, "look")
		if v := tx.Get([]byte(k)); (v != nil) != has(m, k) || string(v) != m[k] {
			t.Fatalf("Get(%q) = %d bytes, want %d", k, len(v), len(m[k]))
		}
	}
	for range rapid.IntRange(1, 6).Draw(t, "transactions") {
		fail := rapid.IntRange(0, 4).Draw(t, "fail") == 0
		next := map[string]string{}
		err := db.Update(context.Background(), func(tx kv.Tx) error {
			next = maps.Clone(model)
			for range rapid.IntRange(0, 40).Draw(t, "writes") {
				k := keys.Draw(t, "key")
				if rapid.IntRange(0, 2).Draw(t, "delete") == 0 {
					delete(next, k)
					if err := tx.Delete([]byte(k)); err != nil {
						return err
					}
					continue
				}
				next[k] = strings.Repeat("v", values.Draw(t, "size"))
				if err := tx.Put([]byte(k), []byte(next[k])); err != nil {
					return err
				}
			}
			same(tx, next)
			if fail {
				return errTest
			}
			return nil
		})
		switch {
		case fail && !errors.Is(err, errTest), !fail && err != nil:
			t.Fatalf("Update: %v", err)
		case !fail:
			model = next
		}
		view(t, db, func(tx kv.Tx) { same(tx, model) })
	}
}

func has(m map[string]string, k string) bool { _, ok := m[k]; return ok }
