package bolt_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	bbolt "go.etcd.io/bbolt"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/bolt"
)

func TestMissing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "home")
	db := bolt.New(filepath.Join(dir, "test.db"))
	runs := 0
	err := db.View(t.Context(), func(tx kv.Tx) error {
		runs++
		if tx.Delete([]byte("a")) == nil {
			t.Error("Delete in a View is no error")
		}
		return nil
	})
	if err != nil || runs != 1 {
		t.Errorf("View = %v, %d runs", err, runs)
	}
	if err := errors.Join(db.Check(t.Context()), db.Scrub(t.Context())); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("reading makes the directory: %v", err)
	}
	if err := db.Update(t.Context(), func(kv.Tx) error { return errors.New("no") }); err == nil {
		t.Error("the error of fn is lost")
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 0 {
		t.Errorf("an Update that failed leaves %v, %v", list, err)
	}
	if err := db.Update(t.Context(), func(kv.Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]fs.FileMode{dir: 0o700, filepath.Join(dir, "test.db"): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has the mode %v, %v", path, info.Mode(), err)
		}
	}
}

// An old mark beside no store is for a store that is gone.
func TestMissingMarked(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	put := func(tx kv.Tx) error { return tx.Put([]byte("a"), nil) }
	for _, what := range []func(*bolt.DB) error{
		func(db *bolt.DB) error { return db.Check(t.Context()) },
		func(db *bolt.DB) error { return db.Update(t.Context(), put) },
	} {
		if err := os.WriteFile(path+".damaged", nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := what(bolt.New(path)); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(path + ".damaged"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the mark is still there: %v", err)
		}
	}
}

func TestLeftovers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{".test.db.new-1", ".other.db.new-1", "note"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := bolt.New(filepath.Join(dir, "test.db")).Update(t.Context(), func(kv.Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	want := []string{filepath.Join(dir, ".other.db.new-1"), filepath.Join(dir, "note"), filepath.Join(dir, "test.db")}
	if got, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || !slices.Equal(got, want) {
		t.Errorf("there are %q, %v", got, err)
	}
}

// The directory cannot be made, or is none.
func TestNoPlace(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	nothing := func(kv.Tx) error { return nil }
	for _, path := range []string{filepath.Join(file, "test.db"), filepath.Join(file, "a", "test.db"), t.TempDir()} {
		if err := bolt.New(path).Update(t.Context(), nothing); err == nil {
			t.Errorf("Update of %s passes", path)
		}
		if err := bolt.New(path).View(t.Context(), nothing); err == nil {
			t.Errorf("View of %s passes", path)
		}
	}
}

func TestFormat(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		record  []byte
		version string
		format  uint64 // 0: damaged
	}{
		{"newer", append(binary.BigEndian.AppendUint64(nil, 7), "2.3.0"...), "2.3.0", 7},
		{"newer, odd version", append(binary.BigEndian.AppendUint64(nil, 7), "2\x1b[0m"...), "", 7},
		{"zero", binary.BigEndian.AppendUint64(nil, 0), "", 0},
		{"short", []byte{1}, "", 0},
		{"none", nil, "", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "test.db")
			db := fill(t, path)
			b, err := bbolt.Open(path, 0o600, nil)
			if err != nil {
				t.Fatal(err)
			}
			err = b.Update(func(tx *bbolt.Tx) error {
				m := tx.Bucket([]byte("meta"))
				if tt.record == nil {
					return m.Delete([]byte("format"))
				}
				return m.Put([]byte("format"), tt.record)
			})
			if err := errors.Join(err, b.Close()); err != nil {
				t.Fatal(err)
			}
			nothing := func(kv.Tx) error { t.Error("fn runs"); return nil }
			for what, err := range map[string]error{
				"View": db.View(t.Context(), nothing), "Update": db.Update(t.Context(), nothing),
				"Check": db.Check(t.Context()), "Scrub": db.Scrub(t.Context()),
			} {
				fe := (*kv.FormatError)(nil)
				switch {
				case tt.format == 0:
					if !errors.Is(err, kv.ErrDamaged) {
						t.Errorf("%s = %v, want ErrDamaged", what, err)
					}
				case !errors.As(err, &fe) || *fe != kv.FormatError{Path: path, Format: tt.format, Version: tt.version}:
					t.Errorf("%s = %v, want a FormatError", what, err)
				}
			}
		})
	}
}

func dump(t *testing.T, db *bolt.DB) (all []string) {
	t.Helper()
	err := db.View(t.Context(), func(tx kv.Tx) error {
		for k, v := range tx.Scan(nil) {
			all = append(all, fmt.Sprintf("%s=%x", k, v))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestScrub(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	db := fill(t, path)
	canary := []byte("a wrapped key that was rotated away")
	large := bytes.Repeat(canary, 1000)
	update := func(fn func(kv.Tx) error) {
		t.Helper()
		if err := db.Update(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
	}
	update(func(tx kv.Tx) error {
		return errors.Join(tx.Put([]byte("0100x"), canary), tx.Put([]byte("0200x"), large), tx.Put([]byte("0300x"), canary))
	})
	update(func(tx kv.Tx) error {
		return errors.Join(tx.Delete([]byte("0100x")), tx.Delete([]byte("0200x")), tx.Put([]byte("0300x"), []byte("new")))
	})
	before := dump(t, db)
	if b, _ := os.ReadFile(path); !bytes.Contains(b, canary) {
		t.Fatal("the canary is gone before Scrub: the test shows nothing")
	}
	if err := db.Scrub(t.Context()); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil || bytes.Contains(b, canary) || bytes.Contains(b, canary[:12]) {
		t.Errorf("the canary is still in the file (%v)", err)
	}
	if after := dump(t, db); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Error("Scrub changed the pairs")
	}
	if err := errors.Join(db.Check(t.Context()), oracle(t, path)); err != nil {
		t.Error(err)
	}
	// Either meta page alone now leads to the same pairs.
	for page := range 2 {
		b := bytes.Clone(b)
		clear(b[page*4096+16 : page*4096+4096])
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := db.Check(t.Context()); !errors.Is(err, bolt.ErrAlone) {
			t.Errorf("without meta page %d: Check = %v", page, err)
		}
		if err := oracle(t, path); err != nil {
			t.Errorf("without meta page %d: %v", page, err)
		}
		if after := dump(t, db); fmt.Sprint(after) != fmt.Sprint(before) {
			t.Errorf("without meta page %d other pairs are there", page)
		}
	}
	update(func(tx kv.Tx) error { return tx.Put([]byte("0100x"), large) })
	if err := errors.Join(db.Scrub(t.Context()), db.Check(t.Context()), oracle(t, path)); err != nil {
		t.Error(err)
	}
}

// The tree grows and shrinks through all depths; our reader and bbolt agree.
func TestChurn(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	db := bolt.New(path)
	r := rand.New(rand.NewPCG(1, 2))
	model := map[string]int{}
	for round := range 25 {
		err := db.Update(t.Context(), func(tx kv.Tx) error {
			for range 400 {
				k := fmt.Sprintf("%0*d", 4+r.IntN(2)*700, r.IntN(3000))
				if r.IntN(10) < 3+round%8 {
					delete(model, k)
					if err := tx.Delete([]byte(k)); err != nil {
						return err
					}
					continue
				}
				model[k] = r.IntN(900)
				if err := tx.Put([]byte(k), make([]byte, model[k])); err != nil {
					return err
				}
			}
			if round%6 == 5 { // nearly everything goes
				var gone []string
				for k := range tx.Scan(nil) {
					gone = append(gone, string(k))
				}
				for _, k := range gone[:len(gone)-1-r.IntN(3)] {
					delete(model, k)
					if err := tx.Delete([]byte(k)); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err := errors.Join(err, db.Check(t.Context()), oracle(t, path)); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if round%4 == 0 {
			if err := db.Scrub(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		n := 0
		err = db.View(t.Context(), func(tx kv.Tx) error {
			for k, v := range tx.Scan(nil) {
				if n++; len(v) != model[string(k)] {
					t.Errorf("round %d: %.10q has %d bytes", round, k, len(v))
				}
			}
			return nil
		})
		if err != nil || n != len(model) {
			t.Fatalf("round %d: %d pairs, want %d (%v)", round, n, len(model), err)
		}
	}
}
