package accounts

import (
	"crypto/subtle"
	"encoding/base64"
	"io"
	"strings"

	"golang.org/x/crypto/argon2"

	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
)

// A Verifier is what a service keeps to check an auth hash: a PHC string of
// Argon2id. It opens nothing, but it should not be shown either.
type Verifier string

// The one set of parameters that verifiers have. The auth hash is no password
// but a key that was derived at greater cost, so this is cheaper than a suite.
const (
	phcHead     = "$argon2id$v=19$m=19456,t=2,p=1$"
	phcTime     = 2
	phcMemory   = 19456 // KiB
	phcThreads  = 1
	phcSaltSize = 16
	phcHashSize = 32
)

// nobody is the verifier of an account that does not exist: to check it costs
// what checking another costs, and no auth hash fits.
const nobody Verifier = phcHead + "AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// MakeVerifier returns the verifier of an auth hash. It takes 19 MiB and some
// ten milliseconds, so it does not belong into a transaction. An auth hash
// that has not 32 bytes is an *InvalidError.
func MakeVerifier(rand io.Reader, authHash secret.Bytes) (Verifier, error) {
	if authHash.Len() != seal.KeySize {
		return "", &InvalidError{"authHash", "it must have 32 bytes"}
	}
	salt := make([]byte, phcSaltSize)
	if _, err := io.ReadFull(rand, salt); err != nil {
		return "", err
	}
	enc := base64.RawStdEncoding
	return Verifier(phcHead + enc.EncodeToString(salt) + "$" + enc.EncodeToString(phc(authHash, salt))), nil
}

func phc(authHash secret.Bytes, salt []byte) []byte {
	return argon2.IDKey(authHash.Reveal(), salt, phcTime, phcMemory, phcThreads, phcHashSize)
}

// split returns the salt and the hash of v, and whether it is a verifier.
func (v Verifier) split() (salt, hash []byte, ok bool) {
	rest, ok := strings.CutPrefix(string(v), phcHead)
	if !ok {
		return nil, nil, false
	}
	s, h, _ := strings.Cut(rest, "$")
	enc := base64.RawStdEncoding.Strict()
	salt, err := enc.DecodeString(s)
	if err != nil {
		return nil, nil, false
	}
	hash, err = enc.DecodeString(h)
	return salt, hash, err == nil && len(salt) == phcSaltSize && len(hash) == phcHashSize
}

// Verify reports whether v is of that auth hash. It costs what MakeVerifier
// does, whatever the answer; a v that is no verifier fits nothing.
func (v Verifier) Verify(authHash secret.Bytes) bool {
	salt, hash, ok := v.split()
	if !ok {
		salt, hash, _ = nobody.split()
	}
	same := subtle.ConstantTimeCompare(phc(authHash, salt), hash) == 1
	return same && ok
}
