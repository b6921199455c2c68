// Package kvtest is the conformance test of kv engines. Only tests import it.
package kvtest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/keyhold/keyhold/internal/kv"
)

// Run tests the engine of which open makes a new, empty store for t.
func Run(t *testing.T, open func(t *testing.T) kv.DB) {
	for _, tt := range []struct {
		name string
		run  func(*testing.T, kv.DB)
	}{
		{"empty", testEmpty},
		{"values", testValues},
		{"keys", testKeys},
		{"scan", testScan},
		{"rollback", testRollback},
		{"read only", testReadOnly},
		{"isolation", testIsolation},
		{"concurrency", testConcurrency},
		{"slices", testSlices},
		{"large", testLarge},
		{"cancelled", testCancelled},
		{"panic", testPanic},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.run(t, open(t))
		})
	}
	t.Run("model", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(rt *rapid.T) { testModel(rt, open(t)) })
	})
}

// tb is what *testing.T and *rapid.T have in common.
type tb interface {
	Helper()
	Fatalf(string, ...any)
	Errorf(string, ...any)
}

func update(t tb, db kv.DB, fn func(kv.Tx) error) {
	t.Helper()
	if err := db.Update(context.Background(), fn); err != nil {
		t.Fatalf("Update: %v", err)
	}
}

func view(t tb, db kv.DB, fn func(kv.Tx)) {
	t.Helper()
	if err := db.View(context.Background(), func(tx kv.Tx) error { fn(tx); return nil }); err != nil {
		t.Fatalf("View: %v", err)
	}
}

// put puts pairs of key and value.
func put(t tb, db kv.DB, pairs ...string) {
	t.Helper()
	update(t, db, func(tx kv.Tx) error {
		for p := range slices.Chunk(pairs, 2) {
			if err := tx.Put([]byte(p[0]), []byte(p[1])); err != nil {
				return err
			}
		}
		return nil
	})
}

// dump returns what a Scan yields, as "key=value".
func dump(tx kv.Tx, prefix string) []string {
	var out []string
	for k, v := range tx.Scan([]byte(prefix)) {
		out = append(out, string(k)+"="+string(v))
	}
	return out
}

func testEmpty(t *testing.T, db kv.DB) {
	view(t, db, func(tx kv.Tx) {
		if v := tx.Get([]byte("a")); v != nil {
			t.Errorf("Get = %q in an empty store", v)
		}
		if got := dump(tx, ""); got != nil {
			t.Errorf("Scan = %q in an empty store", got)
		}
		if err := tx.Put([]byte("a"), nil); !errors.Is(err, kv.ErrReadOnly) {
			t.Errorf("Put in a View = %v, want ErrReadOnly", err)
		}
	})
	update(t, db, func(kv.Tx) error { return nil })
	view(t, db, func(tx kv.Tx) {
		if got := dump(tx, ""); got != nil {
			t.Errorf("Scan = %q after an Update of nothing", got)
		}
	})
}

func testValues(t *testing.T, db kv.DB) {
	put(t, db, "a", "1", "b", "", "a", "2")
	check := func(tx kv.Tx) {
		if got := string(tx.Get([]byte("a"))); got != "2" {
			t.Errorf("Get(a) = %q, want 2", got)
		}
		if got := tx.Get([]byte("b")); got == nil || len(got) != 0 {
			t.Errorf("Get(b) = %#v, want an empty slice that is not nil", got)
		}
		for k, v := range tx.Scan([]byte("b")) {
			if v == nil {
				t.Errorf("Scan yields nil for %q", k)
			}
		}
		if got := tx.Get([]byte("c")); got != nil {
			t.Errorf("Get(c) = %q, want nil", got)
		}
	}
	view(t, db, check)
	update(t, db, func(tx kv.Tx) error {
		check(tx)
		if err := tx.Put([]byte("n"), nil); err != nil {
			return err
		}
		if tx.Get([]byte("n")) == nil {
			t.Error("a nil value reads as nil in its own transaction")
		}
		return errors.Join(tx.Delete([]byte("a")), tx.Delete([]byte("a")), tx.Delete([]byte("never")))
	})
	view(t, db, func(tx kv.Tx) {
		if diff := cmp.Diff([]string{"b=", "n="}, dump(tx, "")); diff != "" {
			t.Error(diff)
		}
	})
}

func testKeys(t *testing.T, db kv.DB) {
	long := strings.Repeat("k", kv.MaxKey)
	put(t, db, long, "long", "\x00", "short")
	update(t, db, func(tx kv.Tx) error {
		for _, key := range []string{"", long + "k"} {
			if err := tx.Put([]byte(key), []byte("x")); !errors.Is(err, kv.ErrKey) {
				t.Errorf("Put under a key of %d bytes = %v, want ErrKey", len(key), err)
			}
			if err := tx.Delete([]byte(key)); err != nil {
				t.Errorf("Delete of a key of %d bytes = %v", len(key), err)
			}
		}
		return nil
	})
	view(t, db, func(tx kv.Tx) {
		if got := tx.Get(nil); got != nil {
			t.Errorf("Get(nil) = %q", got)
		}
		if got := tx.Get([]byte(long + "k")); got != nil {
			t.Errorf("Get of a key that is too long = %q", got)
		}
		if diff := cmp.Diff([]string{"\x00=short", long + "=long"}, dump(tx, "")); diff != "" {
			t.Error(diff)
		}
	})
}

func testScan(t *testing.T, db kv.DB) {
	put(t, db, "b", "", "a\xff", "", "a\xff\xff", "", "a", "", "\xff\xff\x00", "", "\xff", "", "ab", "", "\xff\xff", "", "a\x00", "")
	all := []string{"a=", "a\x00=", "ab=", "a\xff=", "a\xff\xff=", "b=", "\xff=", "\xff\xff=", "\xff\xff\x00="}
	tests := []struct {
		prefix string
		want   []string
	}{
		{"", all},
		{"a", all[0:5]},
		{"a\xff", all[3:5]},
		{"a\xff\xff\xff", nil},
		{"b", all[5:6]},
		{"c", nil},
		{"\xff", all[6:]},
		{"\xff\xff", all[7:]},
	}
	check := func(tx kv.Tx) {
		for _, tt := range tests {
			if diff := cmp.Diff(tt.want, dump(tx, tt.prefix)); diff != "" {
				t.Errorf("Scan(%q): %s", tt.prefix, diff)
			}
		}
		s := tx.Scan([]byte("a"))
		for range 2 { // a sequence can be used again, and left early
			for k := range s {
				if string(k) != "a" {
					t.Errorf("Scan begins with %q", k)
				}
				break
			}
		}
		for k := range tx.Scan([]byte("a")) { // reads inside of a Scan
			if tx.Get(k) == nil || len(dump(tx, string(k))) == 0 {
				t.Errorf("%q cannot be read inside of a Scan", k)
			}
		}
	}
	view(t, db, check)
	update(t, db, func(tx kv.Tx) error { check(tx); return nil })
}

var errTest = errors.New("test")

func testRollback(t *testing.T, db kv.DB) {
	fail := func() {
		err := db.Update(t.Context(), func(tx kv.Tx) error {
			if err := errors.Join(tx.Put([]byte("a"), []byte("2")), tx.Put([]byte("c"), []byte("3")), tx.Delete([]byte("b"))); err != nil {
				t.Error(err)
			}
			return errTest
		})
		if !errors.Is(err, errTest) {
			t.Errorf("Update = %v, want the error of fn", err)
		}
	}
	fail()
	view(t, db, func(tx kv.Tx) {
		if got := dump(tx, ""); got != nil {
			t.Errorf("%q is left of the first Update, which failed", got)
		}
	})
	put(t, db, "a", "1", "b", "1")
	fail()
	view(t, db, func(tx kv.Tx) {
		if diff := cmp.Diff([]string{"a=1", "b=1"}, dump(tx, "")); diff != "" {
			t.Error(diff)
		}
	})
	if err := db.View(t.Context(), func(kv.Tx) error { return errTest }); !errors.Is(err, errTest) {
		t.Errorf("View = %v, want the error of fn", err)
	}
}

func testReadOnly(t *testing.T, db kv.DB) {
	put(t, db, "a", "1")
	view(t, db, func(tx kv.Tx) {
		if err := tx.Put([]byte("a"), []byte("2")); !errors.Is(err, kv.ErrReadOnly) {
			t.Errorf("Put = %v, want ErrReadOnly", err)
		}
		if err := tx.Delete([]byte("a")); !errors.Is(err, kv.ErrReadOnly) {
			t.Errorf("Delete = %v, want ErrReadOnly", err)
		}
		if got := string(tx.Get([]byte("a"))); got != "1" {
			t.Errorf("Get = %q, want 1", got)
		}
	})
}

func testSlices(t *testing.T, db kv.DB) {
	update(t, db, func(tx kv.Tx) error {
		for i := range byte(50) {
			k, v := []byte{'k', i}, []byte{'v', i}
			if err := tx.Put(k, v); err != nil {
				return err
			}
			clear(k)
			clear(v)
		}
		p := []byte("k")
		s := tx.Scan(p)
		clear(p)
		n := 0
		for range s {
			n++
		}
		if n != 50 {
			t.Errorf("Scan yields %d of 50 after its prefix was overwritten", n)
		}
		return nil
	})
	view(t, db, func(tx kv.Tx) {
		var keys, values [][]byte
		for k, v := range tx.Scan([]byte("k")) {
			keys, values = append(keys, k), append(values, v)
		}
		for i := range byte(50) { // all of them are valid until the end
			if !bytes.Equal(keys[i], []byte{'k', i}) || !bytes.Equal(values[i], []byte{'v', i}) {
				t.Errorf("pair %d is %q, %q", i, keys[i], values[i])
			}
			_, _ = append(keys[i], 0), append(values[i], 0) // and have no room for more
		}
	})
}

func testLarge(t *testing.T, db kv.DB) {
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB
	for _, key := range []string{"a", "b", "c"} {
		put(t, db, key, key+string(big), key+"2", "small")
	}
	put(t, db, "b", "now small")
	view(t, db, func(tx kv.Tx) {
		if got := tx.Get([]byte("c")); string(got) != "c"+string(big) {
			t.Errorf("a large value comes back as %d bytes", len(got))
		}
		if got := string(tx.Get([]byte("b"))); got != "now small" {
			t.Errorf("Get(b) has %d bytes", len(got))
		}
		if n := len(dump(tx, "")); n != 6 {
			t.Errorf("Scan yields %d pairs", n)
		}
	})
}

func testCancelled(t *testing.T, db kv.DB) {
	put(t, db, "a", "1")
	ctx, cancel := context.WithCancel(t.Context())
	err := db.Update(ctx, func(tx kv.Tx) error {
		cancel()
		return tx.Put([]byte("a"), []byte("2"))
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Update = %v, cancelled while it ran", err)
	}
	never := func(kv.Tx) error { t.Error("fn runs"); return nil }
	if err := db.Update(ctx, never); !errors.Is(err, context.Canceled) {
		t.Errorf("Update = %v", err)
	}
	if err := db.View(ctx, never); !errors.Is(err, context.Canceled) {
		t.Errorf("View = %v", err)
	}
	view(t, db, func(tx kv.Tx) {
		if got := string(tx.Get([]byte("a"))); got != "1" {
			t.Errorf("a = %q after a cancelled Update", got)
		}
	})
}

func testPanic(t *testing.T, db kv.DB) {
	put(t, db, "a", "1")
	caught := func(run func()) (p any) {
		defer func() { p = recover() }()
		run()
		return nil
	}
	if p := caught(func() {
		_ = db.Update(t.Context(), func(tx kv.Tx) error {
			_ = tx.Put([]byte("a"), []byte("2"))
			panic("a bug")
		})
	}); p != "a bug" {
		t.Errorf("a panic comes out of Update as %v", p)
	}
	if p := caught(func() {
		_ = db.View(t.Context(), func(tx kv.Tx) error {
			for range tx.Scan(nil) {
				panic("a bug")
			}
			return nil
		})
	}); p != "a bug" {
		t.Errorf("a panic comes out of View as %v", p)
	}
	put(t, db, "b", "1")
	view(t, db, func(tx kv.Tx) {
		if diff := cmp.Diff([]string{"a=1", "b=1"}, dump(tx, "")); diff != "" {
			t.Error(diff)
		}
	})
}
