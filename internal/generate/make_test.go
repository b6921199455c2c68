package generate_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/keyhold/keyhold/internal/generate"
)

// source returns a good random source that always gives the same bytes.
func source(seed byte) io.Reader { return rand.NewChaCha8([32]byte{seed}) }

// upward returns the bytes 0, 1, 2 and so on.
func upward() []byte {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

func TestMakeVectors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		recipe generate.Recipe
		random []byte
		want   string
		left   int // bytes of random that are not used
	}{
		{"the first two lack a class", generate.Default(), upward(), "WXYZ0123456789abcdefghij", 256 - 72},
		{"the order of classes does not count", generate.Recipe{Length: 24, Classes: "dlu"}, upward(), "WXYZ0123456789abcdefghij", 256 - 72},
		{"bytes above the last multiple are skipped", generate.Recipe{Length: 4, Classes: "d"}, []byte{249, 250, 255, 9, 10, 251, 0}, "9900", 0},
		{"every symbol", generate.Recipe{Length: 32, Classes: "s"}, upward(), "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", 256 - 32},
		{"no lookalikes", generate.Recipe{Length: 24, Classes: "l", NoLookalikes: true}, upward(), "abcdefghijkmnpqrstuvwxyz", 256 - 24},
		{"all classes", generate.Recipe{Length: 4, Classes: "luds"}, []byte{25, 51, 61, 93}, "zZ9~", 0},
		{"first and last word", generate.Recipe{Words: 4}, []byte{0, 0, 0xf2, 0xff, 0xf3, 0x00, 0xff, 0xff, 0x1e, 0x5f, 0x1e, 0x60}, "abacus-zoom-zoom-abacus", 0},
		{"a word with a hyphen", generate.Recipe{Words: 2}, []byte{0x1e, 0x43, 0x1e, 0x43}, "yo-yo-yo-yo", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			random := bytes.NewReader(tt.random)
			got, err := tt.recipe.Make(random)
			if err != nil {
				t.Fatal(err)
			}
			if got.Reveal() != tt.want || random.Len() != tt.left {
				t.Errorf("%q and %d bytes left, want %q and %d", got.Reveal(), random.Len(), tt.want, tt.left)
			}
		})
	}
}

func TestBadSource(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	tests := []struct {
		name   string
		recipe generate.Recipe
		random io.Reader
		want   error
	}{
		{"empty", generate.Default(), new(bytes.Buffer), io.EOF},
		{"ends in the first password", generate.Default(), bytes.NewReader(make([]byte, 23)), io.EOF},
		{"ends in a later password", generate.Default(), bytes.NewReader(upward()[:71]), io.EOF},
		{"ends between words", generate.Recipe{Words: 2}, bytes.NewReader(make([]byte, 2)), io.EOF},
		{"ends in a word", generate.Recipe{Words: 2}, bytes.NewReader(make([]byte, 3)), io.ErrUnexpectedEOF},
		{"broken", generate.Default(), iotest.ErrReader(broken), broken},
		{"all zeros", generate.Default(), always(0), nil},
		{"all ones", generate.Default(), always(255), nil},
		{"all ones for words", generate.Recipe{Words: 1}, always(255), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v, err := tt.recipe.Make(tt.random)
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			if v.Len() != 0 {
				t.Errorf("it made %d bytes all the same", v.Len())
			}
		})
	}
}

// always is a source of one byte again and again.
type always byte

func (a always) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(a)
	}
	return len(p), nil
}

// TestNoBias tries every random value: each choice comes from equally many.
func TestNoBias(t *testing.T) {
	t.Parallel()
	check := func(r generate.Recipe, size, choices int) {
		seen := map[string]int{}
		values := 1 << (8 * size)
		for x := range values {
			random := []byte{byte(x >> 8), byte(x)}[2-size:]
			v, err := r.Make(bytes.NewReader(random))
			if errors.Is(err, io.EOF) { // to be drawn again
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			seen[v.Reveal()]++
		}
		for v, n := range seen {
			if n != values/choices {
				t.Errorf("%+v makes %q from %d of %d values, want %d", r, v, n, values, values/choices)
			}
		}
		if len(seen) != choices {
			t.Errorf("%+v makes %d different ones, want %d", r, len(seen), choices)
		}
	}
	for class := range oneOf {
		for _, noLookalikes := range []bool{false, true} {
			check(generate.Recipe{Length: 1, Classes: string(class), NoLookalikes: noLookalikes}, 1, len(alphabet(class, noLookalikes)))
		}
	}
	check(generate.Recipe{Words: 1}, 2, 7776)
}

// TestUniform looks at many passwords: no valid one is likelier than another.
// The source always gives the same bytes, so the test cannot fail by chance.
func TestUniform(t *testing.T) {
	t.Parallel()
	tests := []struct {
		recipe    generate.Recipe
		all, each int // how many there are; how often each is expected
	}{
		{generate.Recipe{Length: 1, Classes: "l"}, 26, 100},
		{generate.Recipe{Length: 2, Classes: "ds"}, 2 * 10 * 32, 30},
		{generate.Recipe{Length: 2, Classes: "du", NoLookalikes: true}, 2 * 8 * 24, 30},
		{generate.Recipe{Length: 3, Classes: "d"}, 1000, 30},
		{generate.Recipe{Length: 3, Classes: "ds", NoLookalikes: true}, 3 * (8*8*24 + 8*24*24), 5},
		{generate.Recipe{Words: 1}, 7776, 10},
	}
	for i, tt := range tests {
		t.Run(fmt.Sprintf("%+v", tt.recipe), func(t *testing.T) {
			t.Parallel()
			random, seen := source(byte(i)), map[string]int{}
			for range tt.each * tt.all {
				v, err := tt.recipe.Make(random)
				if err != nil {
					t.Fatal(err)
				}
				seen[v.Reveal()]++
			}
			each := float64(tt.each)
			chiSquare := float64(tt.all-len(seen)) * each // of those that never came
			for _, n := range seen {
				chiSquare += (float64(n) - each) * (float64(n) - each) / each
			}
			freedom := float64(tt.all - 1)
			if deviation := (chiSquare - freedom) / math.Sqrt(2*freedom); math.Abs(deviation) > 4 {
				t.Errorf("chi square is %.0f, %.1f standard deviations from the expected %.0f", chiSquare, deviation, freedom)
			}
			if len(seen) > tt.all || math.Abs(tt.recipe.Bits()-math.Log2(float64(tt.all))) > 1e-9 {
				t.Errorf("%d different ones, %v bits; want at most %d", len(seen), tt.recipe.Bits(), tt.all)
			}
		})
	}
}

// TestWords checks that the list is what WORDS.md says, and that a passphrase
// can be taken apart again in one way only, although some words have hyphens.
func TestWords(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("words.txt")
	if err != nil {
		t.Fatal(err)
	}
	notes, err := os.ReadFile("WORDS.md")
	if err != nil {
		t.Fatal(err)
	}
	if sum := fmt.Sprintf("%x", sha256.Sum256(text)); !strings.Contains(string(notes), sum) {
		t.Errorf("WORDS.md does not name the SHA-256 of the list, %s", sum)
	}
	words := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if len(words) != 7776 || !slices.IsSorted(words) {
		t.Errorf("%d words, in order: %v", len(words), slices.IsSorted(words))
	}
	known := map[string]bool{}
	for _, w := range words {
		if known[w] || len(w) < 3 || len(w) > 9 || strings.Trim(w, "abcdefghijklmnopqrstuvwxyz-") != "" {
			t.Errorf("%q is there twice or no word", w)
		}
		known[w] = true
	}
	for _, w := range words {
		for i := range len(w) {
			if w[i] == '-' && known[w[:i]] {
				t.Errorf("%q begins like the word %q and a hyphen", w, w[:i])
			}
		}
	}
}

func BenchmarkMake(b *testing.B) {
	random := source(0)
	for _, r := range []generate.Recipe{generate.Default(), {Words: 6}} {
		b.Run(r.Describe(), func(b *testing.B) {
			for b.Loop() {
				if _, err := r.Make(random); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
