package generate_test

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/keyhold/keyhold/internal/generate"
)

// oneOf says which characters a class has.
var oneOf = map[rune]func(rune) bool{
	'l': func(c rune) bool { return 'a' <= c && c <= 'z' },
	'u': func(c rune) bool { return 'A' <= c && c <= 'Z' },
	'd': func(c rune) bool { return '0' <= c && c <= '9' },
	's': func(c rune) bool {
		return c > ' ' && c < 0x7f && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
	},
}

const lookalikes = "0Oo1lI|'\"`.,:;"

// alphabet returns the characters of one class.
func alphabet(class rune, noLookalikes bool) string {
	var chars strings.Builder
	for c := range rune(0x100) {
		if oneOf[class](c) && (!noLookalikes || !strings.ContainsRune(lookalikes, c)) {
			chars.WriteRune(c)
		}
	}
	return chars.String()
}

func TestCheck(t *testing.T) {
	t.Parallel()
	tests := []struct {
		recipe generate.Recipe
		want   string
	}{
		{generate.Default(), ""},
		{generate.Recipe{Length: 1, Classes: "s"}, ""},
		{generate.Recipe{Length: 1024, Classes: "dslu", NoLookalikes: true}, ""},
		{generate.Recipe{Words: 1}, ""},
		{generate.Recipe{Words: 64}, ""},
		{generate.Recipe{}, "a password needs at least one class of characters: l, u, d or s"},
		{generate.Recipe{Length: 8}, "a password needs at least one class of characters: l, u, d or s"},
		{generate.Recipe{Length: 8, Classes: "lx"}, "'x' is no class of characters; those are l, u, d and s"},
		{generate.Recipe{Length: 8, Classes: "L"}, "'L' is no class of characters; those are l, u, d and s"},
		{generate.Recipe{Length: 8, Classes: "l\xff"}, "'�' is no class of characters; those are l, u, d and s"},
		{generate.Recipe{Length: 8, Classes: "lul"}, "the class l is named twice"},
		{generate.Recipe{Classes: "l"}, "a password has 1 to 1024 characters, not 0"},
		{generate.Recipe{Length: -1, Classes: "l"}, "a password has 1 to 1024 characters, not -1"},
		{generate.Recipe{Length: 1025, Classes: "l"}, "a password has 1 to 1024 characters, not 1025"},
		{generate.Recipe{Length: 1, Classes: "lu"}, "1 character has no room for a character of each of 2 classes"},
		{generate.Recipe{Length: 3, Classes: "luds"}, "3 characters have no room for a character of each of 4 classes"},
		{generate.Recipe{Words: -1}, "a passphrase has 1 to 64 words, not -1"},
		{generate.Recipe{Words: 65}, "a passphrase has 1 to 64 words, not 65"},
		{generate.Recipe{Words: 6, Length: 24}, "a passphrase has no length, classes or lookalikes to choose"},
		{generate.Recipe{Words: 6, Classes: "l"}, "a passphrase has no length, classes or lookalikes to choose"},
		{generate.Recipe{Words: 6, NoLookalikes: true}, "a passphrase has no length, classes or lookalikes to choose"},
	}
	for _, tt := range tests {
		got := ""
		if err := tt.recipe.Check(); err != nil {
			got = err.Error()
			if v, err := tt.recipe.Make(source(1)); err == nil || v.Len() != 0 {
				t.Errorf("%+v makes %d bytes, error %v", tt.recipe, v.Len(), err)
			}
			if b := tt.recipe.Bits(); b != 0 {
				t.Errorf("%+v has %v bits", tt.recipe, b)
			}
		}
		if got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.recipe, got, tt.want)
		}
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	tests := []struct {
		recipe generate.Recipe
		want   string
	}{
		{generate.Default(), "24 characters, 143 bits"},
		{generate.Recipe{Length: 24, Classes: "luds"}, "24 characters, 157 bits"},
		{generate.Recipe{Length: 24, Classes: "lud", NoLookalikes: true}, "24 characters, 139 bits"},
		{generate.Recipe{Length: 1, Classes: "d"}, "1 character, 3 bits"},
		{generate.Recipe{Length: 1024, Classes: "luds"}, "1024 characters, 6712 bits"},
		{generate.Recipe{Words: 1}, "1 word, 13 bits"},
		{generate.Recipe{Words: 6}, "6 words, 78 bits"},
		{generate.Recipe{}, "0 characters, 0 bits"},
	}
	for _, tt := range tests {
		if got := tt.recipe.Describe(); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.recipe, got, tt.want)
		}
	}
}

// TestBits counts the passwords of small recipes one kind at a time: a kind
// says which class stands at which place.
func TestBits(t *testing.T) {
	t.Parallel()
	for _, chosen := range []string{"l", "u", "d", "s", "lu", "ds", "sl", "lud", "sud", "luds", "sdul"} {
		for _, noLookalikes := range []bool{false, true} {
			for length := len(chosen); length <= 6; length++ {
				r := generate.Recipe{Length: length, Classes: chosen, NoLookalikes: noLookalikes}
				want := math.Log2(kinds(chosen, noLookalikes, length, ""))
				if got := r.Bits(); math.Abs(got-want) > 1e-9 {
					t.Errorf("%+v: %v bits, want %v", r, got, want)
				}
			}
		}
	}
}

// kinds returns how many passwords begin with the kinds of so and have length
// more characters.
func kinds(chosen string, noLookalikes bool, length int, so string) float64 {
	if length == 0 {
		for _, class := range chosen {
			if !strings.ContainsRune(so, class) {
				return 0
			}
		}
		return 1
	}
	var n float64
	for _, class := range chosen {
		n += float64(len(alphabet(class, noLookalikes))) * kinds(chosen, noLookalikes, length-1, so+string(class))
	}
	return n
}

// TestBitsOneByOne counts the passwords of the smallest recipes one at a time.
func TestBitsOneByOne(t *testing.T) {
	t.Parallel()
	for _, r := range []generate.Recipe{
		{Length: 3, Classes: "d"}, {Length: 3, Classes: "ds"}, {Length: 3, Classes: "lud"}, {Length: 2, Classes: "us", NoLookalikes: true},
	} {
		all := ""
		for _, class := range r.Classes {
			all += alphabet(class, r.NoLookalikes)
		}
		n := 0
		pw := make([]byte, r.Length)
		var count func(int)
		count = func(i int) {
			if i < r.Length {
				for j := range len(all) {
					pw[i] = all[j]
					count(i + 1)
				}
				return
			}
			if valid(r, string(pw)) {
				n++
			}
		}
		count(0)
		if got, want := r.Bits(), math.Log2(float64(n)); math.Abs(got-want) > 1e-9 {
			t.Errorf("%+v: %v bits, want %v", r, got, want)
		}
	}
}

// valid reports whether r may make pw.
func valid(r generate.Recipe, pw string) bool {
	for _, class := range r.Classes {
		if !strings.ContainsFunc(pw, oneOf[class]) {
			return false
		}
	}
	for _, c := range pw {
		known := false
		for _, class := range r.Classes {
			known = known || oneOf[class](c)
		}
		if !known || r.NoLookalikes && strings.ContainsRune(lookalikes, c) {
			return false
		}
	}
	return len(pw) == r.Length
}

// recipe draws a recipe for a password that passes Check.
func recipe(t *rapid.T) generate.Recipe {
	classes := rapid.Permutation([]byte("luds")).Draw(t, "classes")[:rapid.IntRange(1, 4).Draw(t, "how many")]
	return generate.Recipe{
		Length:       rapid.IntRange(len(classes), 200).Draw(t, "length"),
		Classes:      string(classes),
		NoLookalikes: rapid.Bool().Draw(t, "no lookalikes"),
	}
}

func TestProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r, seed := recipe(t), rapid.Byte().Draw(t, "seed")
		v, err := r.Make(source(seed))
		if err != nil {
			t.Fatal(err)
		}
		if !valid(r, v.Reveal()) {
			t.Errorf("%+v makes %q", r, v.Reveal())
		}
		if again, err := r.Make(source(seed)); err != nil || !again.Equal(v) {
			t.Errorf("%+v makes %q, then %q from the same bytes", r, v.Reveal(), again.Reveal())
		}
		size := 0
		for _, class := range r.Classes {
			size += len(alphabet(class, r.NoLookalikes))
		}
		bits, most := r.Bits(), float64(r.Length)*math.Log2(float64(size))
		if bits > most+1e-9 || bits <= 0 {
			t.Errorf("%+v has %v bits; any characters have %v", r, bits, most)
		}
		r.Length++
		if r.Bits() <= bits {
			t.Errorf("%+v has %v bits; one less has %v", r, r.Bits(), bits)
		}
	})
}
