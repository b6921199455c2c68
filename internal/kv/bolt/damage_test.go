package bolt_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bbolt "go.etcd.io/bbolt"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/bolt"
)

// fill makes a store of three levels with a free list and a large value.
func fill(t *testing.T, path string) *bolt.DB {
	t.Helper()
	db := bolt.New(path)
	for round := range 3 {
		err := db.Update(t.Context(), func(tx kv.Tx) error {
			for i := range 300 {
				k := fmt.Appendf(nil, "%04d%s", i, strings.Repeat("k", 150))
				if round == 2 && i%5 == 0 {
					if err := tx.Delete(k); err != nil {
						return err
					}
					continue
				}
				if err := tx.Put(k, bytes.Repeat([]byte{byte(round)}, 20+i)); err != nil {
					return err
				}
			}
			return tx.Put([]byte("large"), make([]byte, 30000))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return db
}

// oracle is bbolt's own check.
func oracle(t *testing.T, path string) error {
	t.Helper()
	b, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = b.Close() }()
	var all []error
	err = b.View(func(tx *bbolt.Tx) error {
		for err := range tx.Check() {
			all = append(all, err)
		}
		return nil
	})
	return errors.Join(append(all, err)...)
}

// allowed reports whether an operation on a broken file may end like this.
func allowed(err error) bool {
	var fe *kv.FormatError
	return err == nil || errors.Is(err, kv.ErrDamaged) || errors.As(err, &fe)
}

// attacks are the operations on a broken file besides Check.
func attacks(t *testing.T, db *bolt.DB, read func(kv.Tx) error) map[string]func() error {
	return map[string]func() error{
		"scan in Update": func() error { return db.Update(t.Context(), read) },
		"Put": func() error {
			return db.Update(t.Context(), func(tx kv.Tx) error {
				for i := range 40 {
					if err := tx.Put(fmt.Appendf(nil, "%04d", rand.N(350)), make([]byte, i*100)); err != nil {
						return err
					}
				}
				return nil
			})
		},
		"Delete": func() error {
			return db.Update(t.Context(), func(tx kv.Tx) error {
				for i := range 600 {
					if err := tx.Delete(fmt.Appendf(nil, "%04d%s", i, strings.Repeat("k", 150))); err != nil {
						return err
					}
				}
				return nil
			})
		},
		"Scrub": func() error { return db.Scrub(t.Context()) },
		"View":  func() error { return db.View(t.Context(), read) },
	}
}

// attack does everything to a broken file: each must end, without a panic.
func attack(t *testing.T, what, path string) (checked error) {
	t.Helper()
	db := bolt.New(path)
	read := func(tx kv.Tx) error {
		for k, v := range tx.Scan(nil) {
			_, _ = tx.Get(k), bytes.Count(v, []byte("x"))
		}
		return nil
	}
	checked = db.Check(t.Context())
	viewed := db.View(t.Context(), read)
	if checked == nil && viewed != nil {
		t.Errorf("%s: Check passes, and View = %v", what, viewed)
	}
	if checked == nil {
		if err := oracle(t, path); err != nil {
			t.Errorf("%s: Check passes, and bbolt says %v", what, err)
		}
	}
	if errors.Is(checked, kv.ErrDamaged) {
		if err := db.Update(t.Context(), read); !allowed(err) || (err == nil) != errors.Is(checked, bolt.ErrAlone) {
			t.Errorf("%s: Update after damage was seen = %v", what, err)
		}
		if !strings.Contains(checked.Error(), path) {
			t.Errorf("%s: %v does not name the file", what, checked)
		}
	}
	ops := attacks(t, db, read)
	unmark := func() {
		if err := os.Remove(path + ".damaged"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	}
	for _, name := range []string{"scan in Update", "Put", "Scrub", "Delete", "View"} {
		unmark()
		if err := ops[name](); !allowed(err) {
			t.Errorf("%s: %s = %v", what, name, err)
		} else if err != nil && checked == nil {
			t.Errorf("%s: Check passes, and %s = %v", what, name, err)
		}
	}
	return checked
}

func TestFlippedBytes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	db := fill(t, path)
	if err := errors.Join(db.Check(t.Context()), oracle(t, path), db.Scrub(t.Context())); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const seed, places = 1, 200
	r := rand.New(rand.NewPCG(seed, seed))
	found := 0
	dir := t.TempDir()
	for i := 0; i < places; {
		at := r.IntN(len(whole))
		if i%2 == 1 { // most bytes are values; the head of a page matters more
			at = at&^4095 | r.IntN(16+20*16)
		}
		if i%20 == 19 { // meta pages
			at &= 4096 | 127
		}
		if page := whole[at&^4095 : at|4095]; at&4095 < 16 && at < 8192 || len(bytes.Trim(page, "\x00")) == 0 {
			continue // free pages, and what nobody looks at in a meta page
		}
		i++
		b := bytes.Clone(whole)
		b[at] ^= byte(1 + r.IntN(255))
		copied := filepath.Join(dir, fmt.Sprintf("%d.db", i))
		if err := os.WriteFile(copied, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if attack(t, fmt.Sprintf("byte %d (seed %d)", at, seed), copied) != nil {
			found++
		}
		_, _ = os.Remove(copied), os.Remove(copied+".damaged")
	}
	t.Logf("Check noticed %d of %d", found, places)
	if found < places/4 {
		t.Errorf("Check noticed only %d of %d", found, places)
	}
}

func TestTruncated(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	fill(t, path)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1, 79, 80, 1000, 4095, 4096, 4176, 8191, 8192, 12288, 16384, 20000, 65536, 100000} {
		copied := filepath.Join(t.TempDir(), "test.db")
		if err := os.WriteFile(copied, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if err := attack(t, fmt.Sprintf("%d bytes", n), copied); !errors.Is(err, kv.ErrDamaged) {
			t.Errorf("%d bytes: Check = %v, want ErrDamaged", n, err)
		}
		if got, err := os.ReadFile(copied); err != nil || !bytes.Equal(got, whole[:n]) {
			t.Errorf("%d bytes: the file was written to (%v)", n, err)
		}
	}
}

func TestNotBolt(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{"empty": "", "text": strings.Repeat("not a store\n", 1000), "short": "x"} {
		path := filepath.Join(t.TempDir(), "test.db")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		nothing := func(kv.Tx) error { return nil }
		db := bolt.New(path)
		for what, err := range map[string]error{
			"Update": db.Update(t.Context(), nothing), "View": db.View(t.Context(), nothing),
			"Check": db.Check(t.Context()), "Scrub": db.Scrub(t.Context()),
		} {
			if !errors.Is(err, kv.ErrDamaged) || !strings.Contains(err.Error(), path) {
				t.Errorf("%s: %s = %v, want ErrDamaged and the path", name, what, err)
			}
		}
		if got, _ := os.ReadFile(path); string(got) != content {
			t.Errorf("%s: the file was written to", name)
		}
	}
}

// The mark stops writers until Check has passed.
func TestMark(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	db := fill(t, path)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	nothing := func(kv.Tx) error { return nil }
	if err := db.View(t.Context(), nothing); !errors.Is(err, kv.ErrDamaged) {
		t.Errorf("View = %v", err)
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := db.Update(t.Context(), nothing); !errors.Is(err, kv.ErrDamaged) {
		t.Errorf("Update before Check = %v", err)
	}
	if err := db.Scrub(t.Context()); !errors.Is(err, kv.ErrDamaged) {
		t.Errorf("Scrub before Check = %v", err)
	}
	if err := db.View(t.Context(), nothing); err != nil {
		t.Errorf("View before Check = %v", err)
	}
	if info, err := os.Stat(path + ".damaged"); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("the mark: %v, %v", info, err)
	}
	if err := db.Check(t.Context()); err != nil {
		t.Errorf("Check = %v", err)
	}
	if err := db.Update(t.Context(), nothing); err != nil {
		t.Errorf("Update after Check = %v", err)
	}
	// An error of fn that says ErrDamaged is about something else.
	if err := db.Update(t.Context(), func(kv.Tx) error { return kv.ErrDamaged }); !errors.Is(err, kv.ErrDamaged) {
		t.Errorf("Update = %v", err)
	}
	if err := db.Update(t.Context(), nothing); err != nil {
		t.Errorf("Update = %v", err)
	}
}

// A mark that cannot be taken away is no error of Check where the store cannot
// be written to either.
func TestMarkReadOnly(t *testing.T) {
	t.Parallel()
	if os.Geteuid() <= 0 {
		t.Skip("root may write everywhere, and Windows asks nobody's id")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "test.db")
	db := fill(t, path)
	if err := os.WriteFile(path+".damaged", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) }) //nolint:gosec // a directory
	if err := os.Chmod(dir, 0o500); err != nil {   //nolint:gosec // a directory
		t.Fatal(err)
	}
	if err := db.Check(t.Context()); err == nil {
		t.Error("Check says nothing of a mark that keeps Update away")
	}
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	if err := db.Check(t.Context()); err != nil {
		t.Errorf("Check = %v", err)
	}
}
