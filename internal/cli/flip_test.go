//go:build unix

package cli_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Bits of the store are flipped at random: vault check ends well or lists what
// is wrong, and never in any other way; no value is ever wrong; and an item that
// does not open but is still listed is among what check lists.
func TestFlipped(t *testing.T) {
	t.Parallel()
	h := newHome(t, "KEYHOLD_KEYRING=off")
	h.want(0, "of item 0", "put", "item 0", "-", "--password-file", passwordFile(t))
	h = h.session()
	const items = 25
	for i := range items {
		h.want(0, fmt.Sprint("of item ", i), "put", fmt.Sprint("item ", i), "-")
	}
	path := filepath.Join(h.dir(), "local.db")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	runs := 200
	if testing.Short() {
		runs = 40
	}
	seen := map[int]int{}
	for run := range runs {
		file := bytes.Clone(whole)
		var at []int
		for range 1 + run%3 {
			n := rand.N(len(file))
			file[n] ^= 1 << rand.N(8)
			at = append(at, n)
		}
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		status, out, errs := h.status("", "vault", "check")
		seen[status]++
		switch {
		case status == 0 && out == "", status == 10 && out != "", status == 10 && strings.Contains(errs, "the store is damaged"):
		case status == 1 && strings.Contains(errs, "needs a newer keyhold") || strings.Contains(errs, "or newer"): // in the number of the format
			continue
		default:
			t.Fatalf("bits flipped at %d: vault check: status %d: %s%s", at, status, out, errs)
		}
		for _, i := range []int{rand.N(items), rand.N(items)} {
			name := fmt.Sprint("item ", i)
			code, got, e := h.status("", "get", name)
			switch {
			case code == 0 && got != "of "+name+"\n", code != 0 && code != 5 && code != 10:
				t.Fatalf("bits flipped at %d: get: status %d, %q, %s", at, code, got, e)
			case code != 0 && status == 0:
				t.Errorf("bits flipped at %d: check finds nothing, but get of %q has status %d: %s", at, name, code, e)
			}
		}
		if code, _, e := h.status("", "ls"); code != 0 && code != 10 || code != 0 && status == 0 {
			t.Errorf("bits flipped at %d: check has status %d, ls %d: %s", at, status, code, e)
		}
		_ = os.Remove(path + ".damaged")
	}
	t.Logf("status: %v", seen)
	if seen[10] == 0 {
		t.Error("nothing was ever found")
	}
}
