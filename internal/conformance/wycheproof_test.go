package conformance

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/c2sp/wycheproof"
	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/seal"
)

// Results that a vector can ask for.
const (
	valid      = "valid"
	acceptable = "acceptable" // legal, but a careful implementation may refuse it
	invalid    = "invalid"
)

// A vector is what every case of Wycheproof has.
type vector struct {
	ID     int      `json:"tcId"`
	Flags  []string `json:"flags"`
	Result string   `json:"result"`
}

func (v vector) String() string { return fmt.Sprintf("case %d %v, %s", v.ID, v.Flags, v.Result) }

// hexBytes are bytes that the files spell in hex.
type hexBytes []byte

func (b *hexBytes) UnmarshalText(text []byte) (err error) {
	*b, err = hex.DecodeString(string(text))
	return err
}

// load returns the groups of a file, whose cases have to be as many as it says.
func load[G any](t *testing.T, name string, size func(G) int) []G {
	t.Helper()
	text, err := fs.ReadFile(wycheproof.TestVectors, name)
	if err != nil {
		t.Fatal(err)
	}
	var f struct {
		NumberOfTests int
		TestGroups    []G
	}
	if err := json.Unmarshal(text, &f); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	n := 0
	for _, g := range f.TestGroups {
		n += size(g)
	}
	if n == 0 || n != f.NumberOfTests {
		t.Fatalf("%s: %d cases were read, it has %d", name, n, f.NumberOfTests)
	}
	return f.TestGroups
}

// A tally counts the cases of one file.
type tally struct {
	Valid, Acceptable, Invalid int            // of those that fit
	Seal                       int            // of those that fit: what package seal itself seals, opens or verifies
	Left                       map[string]int // those that do not fit, by reason
}

// fit counts a case that fits.
func (n *tally) fit(t *testing.T, v vector) {
	switch v.Result {
	case valid:
		n.Valid++
	case acceptable:
		n.Acceptable++
	case invalid:
		n.Invalid++
	default:
		t.Errorf("%v: unknown result", v)
	}
}

// leave counts a case that does not fit.
func (n *tally) leave(why string) {
	if n.Left == nil {
		n.Left = map[string]int{}
	}
	n.Left[why]++
}

// row returns what README.md says about the file.
func (n *tally) row(set, file string) string {
	left, why := 0, []string{}
	for _, k := range slices.Sorted(maps.Keys(n.Left)) {
		left += n.Left[k]
		why = append(why, fmt.Sprintf("%d %s", n.Left[k], k))
	}
	fit := n.Valid + n.Acceptable + n.Invalid
	return fmt.Sprintf("| %s | `%s` | %d | %d | %d / %d / %d | %d | %s |",
		set, file, fit+left, fit, n.Valid, n.Acceptable, n.Invalid, n.Seal, strings.Join(why, ", "))
}

// check logs n and compares it with what is wanted and with README.md. The
// version of the vectors is pinned, so that any difference means that a case
// was lost or a new version was not looked at.
func (n *tally) check(t *testing.T, set, file string, want tally) {
	t.Helper()
	row := n.row(set, file)
	t.Log(row)
	if diff := cmp.Diff(want, *n); diff != "" {
		t.Errorf("other cases than expected (-want +got):\n%s", diff)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(strings.Split(string(readme), "\n"), row) {
		t.Errorf("README.md lacks the line\n%s", row)
	}
}

// zero reports whether a key is all zeros: seal refuses such keys by design.
func zero(key []byte) bool { return len(bytes.Trim(key, "\x00")) == 0 }

// opened checks what came out of seal: want, or if that is nil nothing and
// ErrDamaged.
func opened(t *testing.T, v vector, how string, got []byte, err error, want []byte) {
	t.Helper()
	switch {
	case want == nil && !errors.Is(err, seal.ErrDamaged):
		t.Errorf("%v: %s: error = %v, want ErrDamaged", v, how, err)
	case want == nil && len(got) != 0:
		t.Errorf("%v: %s: an error, but also %d bytes", v, how, len(got))
	case want != nil && err != nil:
		t.Errorf("%v: %s: %v", v, how, err)
	case !bytes.Equal(got, want):
		t.Errorf("%v: %s = %x, want %x", v, how, got, want)
	}
}

// made checks what a function makes of valid input.
func made(t *testing.T, v vector, how string, got []byte, err error, want []byte) {
	t.Helper()
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%v: %s = %x, %v, want %x", v, how, got, err, want)
	}
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
