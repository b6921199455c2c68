package seal

import (
	"fmt"
	"io"
	"slices"

	"golang.org/x/crypto/argon2"

	"github.com/keyhold/keyhold/internal/secret"
)

// SaltSize is the length of a new salt, in bytes.
const SaltSize = 16

const maxSalt = 64

// A Suite is one named set of parameters of the key derivation function
// (KDF) Argon2id. There are only those on the list in this package; the zero
// Suite is none of them and derives nothing. Suites can be compared with ==.
type Suite struct {
	name         string
	time, memory uint32 // passes, KiB
	threads      uint8
}

// Weakest first. A service or a file may only choose from this list, so
// neither can make the derivation weak or exhaust the memory.
var suites = []Suite{
	{"argon2id-64m", 3, 64 << 10, 4}, // the second choice of RFC 9106
	{"argon2id-256m", 3, 256 << 10, 4},
}

// Default returns the suite for new accounts.
func Default() Suite { return suites[0] }

// SuiteNamed returns the suite with that name, or ErrSuite.
func SuiteNamed(name string) (Suite, error) {
	for _, s := range suites {
		if s.name == name {
			return s, nil
		}
	}
	return Suite{}, fmt.Errorf("%w: unknown name", ErrSuite)
}

// SuiteOf returns the suite with those numbers: passes, memory in KiB, lanes.
// Numbers of no suite are ErrSuite.
func SuiteOf(time, memoryKiB, parallelism int) (Suite, error) {
	for _, s := range suites {
		if t, m, p := s.Params(); t == time && m == memoryKiB && p == parallelism {
			return s, nil
		}
	}
	return Suite{}, fmt.Errorf("%w: time %d, memory %d KiB, parallelism %d", ErrSuite, time, memoryKiB, parallelism)
}

// Name returns the name of the suite; empty for the zero Suite.
func (s Suite) Name() string { return s.name }

// Params returns the numbers of the suite: passes, memory in KiB, lanes.
func (s Suite) Params() (time, memoryKiB, parallelism int) {
	return int(s.time), int(s.memory), int(s.threads)
}

// Weaker reports whether s is cheaper to attack than t. The zero Suite is
// weaker than every other.
func (s Suite) Weaker(t Suite) bool {
	return slices.Index(suites, s) < slices.Index(suites, t)
}

// MakeSalt returns a random salt of SaltSize bytes.
func MakeSalt(rand io.Reader) ([]byte, error) {
	salt := make([]byte, SaltSize)
	if err := read(rand, salt); err != nil {
		return nil, err
	}
	return salt, nil
}

// Derive runs the suite over the bytes of the password, which it does not
// normalise. It takes the memory that the suite names. A salt that is not 16
// to 64 bytes long, and the zero Suite, are ErrSuite.
func (s Suite) Derive(password secret.String, salt []byte) (MasterKey, error) {
	if !slices.Contains(suites, s) {
		return MasterKey{}, fmt.Errorf("%w: no suite was chosen", ErrSuite)
	}
	if len(salt) < SaltSize || len(salt) > maxSalt {
		return MasterKey{}, fmt.Errorf("%w: salt of %d bytes", ErrSuite, len(salt))
	}
	key := argon2.IDKey(password.Bytes().Reveal(), salt, s.time, s.memory, s.threads, KeySize)
	return MasterKey{secret.Of(key)}, nil
}
