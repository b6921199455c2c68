// Package generate makes passwords and passphrases, from a random source that
// is passed in.
package generate

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"strings"
)

// The most of each that a Recipe may ask for.
const (
	MaxLength = 1024
	MaxWords  = 64
)

// A Recipe says what to make: a password of Length characters, or, if Words is
// not 0, a passphrase of that many words joined by hyphens. The zero Recipe
// makes nothing; start from Default.
type Recipe struct {
	Length int
	// Classes are letters of "luds", in any order: lower case, upper case,
	// digits, symbols. Each of these classes occurs in the password.
	Classes string
	// NoLookalikes leaves out what is easily taken for something else.
	NoLookalikes bool
	Words        int
}

// Default returns the recipe to be used when nobody asks for another: letters
// and digits, which every site, shell and file format takes.
func Default() Recipe { return Recipe{Length: 24, Classes: "lud"} }

// classes are the characters of each class. Which bytes of the random source
// become which password depends on this order.
var classes = [...]struct {
	letter rune
	chars  string
}{
	{'l', "abcdefghijklmnopqrstuvwxyz"},
	{'u', "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
	{'d', "0123456789"},
	{'s', "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"},
}

// lookalikes are the characters that NoLookalikes leaves out.
const lookalikes = "0Oo" + "1lI|" + "'`\"" + ".,:;"

// Check returns an error that says what is wrong with r, if anything is.
func (r Recipe) Check() error {
	if r.Words != 0 {
		switch {
		case r.Words < 0 || r.Words > MaxWords:
			return fmt.Errorf("a passphrase has 1 to %d words, not %d", MaxWords, r.Words)
		case r.Length != 0 || r.Classes != "" || r.NoLookalikes:
			return errors.New("a passphrase has no length, classes or lookalikes to choose")
		}
		return nil
	}
	if r.Classes == "" {
		return errors.New("a password needs at least one class of characters: l, u, d or s")
	}
	for i, letter := range r.Classes {
		switch {
		case !strings.ContainsRune("luds", letter):
			return fmt.Errorf("%q is no class of characters; those are l, u, d and s", letter)
		case strings.ContainsRune(r.Classes[:i], letter):
			return fmt.Errorf("the class %c is named twice", letter)
		}
	}
	switch n := len(r.Classes); {
	case r.Length < 1 || r.Length > MaxLength:
		return fmt.Errorf("a password has 1 to %d characters, not %d", MaxLength, r.Length)
	case r.Length < n:
		return fmt.Errorf("%s no room for a character of each of %d classes", has(r.Length, "character"), n)
	}
	return nil
}

// has returns "1 character has", "2 characters have".
func has(n int, noun string) string {
	if n == 1 {
		return count(n, noun) + " has"
	}
	return count(n, noun) + " have"
}

// count returns "1 word", "2 words".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// sets returns the characters of each chosen class.
func (r Recipe) sets() []string {
	var sets []string
	for _, c := range classes {
		if !strings.ContainsRune(r.Classes, c.letter) {
			continue
		}
		chars := c.chars
		if r.NoLookalikes {
			chars = strings.Map(func(r rune) rune {
				if strings.ContainsRune(lookalikes, r) {
					return -1
				}
				return r
			}, chars)
		}
		sets = append(sets, chars)
	}
	return sets
}

// Bits returns the strength of what r makes: the base-2 logarithm of how many
// passwords there are, each as likely as any other. It is 0 for a recipe that
// does not pass Check.
func (r Recipe) Bits() float64 {
	switch {
	case r.Check() != nil:
		return 0
	case r.Words != 0:
		return float64(r.Words) * math.Log2(float64(len(words())))
	}
	return log2(r.possible())
}

// Describe returns the size and strength of what r makes, to be shown in its
// place: "24 characters, 143 bits".
func (r Recipe) Describe() string {
	size := count(r.Length, "character")
	if r.Words != 0 {
		size = count(r.Words, "word")
	}
	return size + ", " + count(int(math.Round(r.Bits())), "bit")
}

// possible returns how many passwords of r.Length characters have one of each
// class, by inclusion and exclusion: all, less those that lack a class, plus
// those that lack two, and so on.
func (r Recipe) possible() *big.Int {
	sets, length := r.sets(), big.NewInt(int64(r.Length))
	total := new(big.Int)
	for lacking := range uint(1) << len(sets) {
		alphabet := 0
		for i, set := range sets {
			if lacking>>i&1 == 0 {
				alphabet += len(set)
			}
		}
		n := new(big.Int).Exp(big.NewInt(int64(alphabet)), length, nil)
		if bits.OnesCount(lacking)%2 == 1 {
			n.Neg(n)
		}
		total.Add(total, n)
	}
	return total
}

// log2 returns the base-2 logarithm of n, which is positive.
func log2(n *big.Int) float64 {
	mantissa := new(big.Float)
	exponent := new(big.Float).SetInt(n).MantExp(mantissa)
	m, _ := mantissa.Float64()
	return math.Log2(m) + float64(exponent)
}
