package generate

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/keyhold/keyhold/internal/secret"
)

// text is the list of words: see WORDS.md.
//
//go:embed words.txt
var text string

// words returns the list. No word and a hyphen begin another word and a hyphen,
// so different words never make the same passphrase.
var words = sync.OnceValue(func() []string { return strings.Fields(text) })

// patience is how often something is drawn again. A random source that is worth
// its name needs far fewer.
const patience = 10_000

// errNotRandom reports a source that keeps giving what must be drawn again.
var errNotRandom = errors.New("the random source is not random")

// Make returns a new password. All that r allows are equally likely if the
// bytes of rand are. It fails if r does not pass Check, or if rand does.
func (r Recipe) Make(rand io.Reader) (secret.String, error) {
	if err := r.Check(); err != nil {
		return secret.String{}, err
	}
	d := dice{rand: rand}
	if r.Words != 0 {
		return d.passphrase(r.Words)
	}
	return d.password(r.Length, r.sets())
}

// dice turn random bytes into choices.
type dice struct {
	rand io.Reader
	buf  [2]byte
}

// password returns length characters of sets, at least one of each. A password
// that lacks one is thrown away as a whole: to mend it would make some
// passwords likelier than others.
func (d *dice) password(length int, sets []string) (secret.String, error) {
	alphabet := strings.Join(sets, "")
	pw := make([]byte, length)
	for range patience {
		for i := range pw {
			n, err := d.roll(len(alphabet))
			if err != nil {
				clear(pw)
				return secret.String{}, err
			}
			pw[i] = alphabet[n]
		}
		if hasEach(pw, sets) {
			return secret.Text(pw), nil
		}
	}
	clear(pw)
	return secret.String{}, errNotRandom
}

func hasEach(pw []byte, sets []string) bool {
	for _, set := range sets {
		if !bytes.ContainsAny(pw, set) {
			return false
		}
	}
	return true
}

// passphrase returns n words joined by hyphens.
func (d *dice) passphrase(n int) (secret.String, error) {
	const longest = 9
	list, phrase := words(), make([]byte, 0, n*(longest+1))
	for i := range n {
		k, err := d.roll(len(list))
		if err != nil {
			clear(phrase)
			return secret.String{}, err
		}
		if i > 0 {
			phrase = append(phrase, '-')
		}
		phrase = append(phrase, list[k]...)
	}
	return secret.Text(phrase), nil
}

// roll returns a number from 0 to n-1, where n is at most 65,536: one or two
// bytes, most significant first, modulo n. What lies above the last whole
// multiple of n is drawn again, or else small numbers would be likelier.
func (d *dice) roll(n int) (int, error) {
	size, span := 1, 1<<8
	if n > span {
		size, span = 2, 1<<16
	}
	defer clear(d.buf[:])
	for range patience {
		if _, err := io.ReadFull(d.rand, d.buf[2-size:]); err != nil {
			return 0, fmt.Errorf("read from the random source: %w", err)
		}
		if x := int(d.buf[0])<<8 | int(d.buf[1]); x < span-span%n {
			return x % n, nil
		}
	}
	return 0, errNotRandom
}
