package accounts

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"github.com/keyhold/keyhold/internal/secret"
)

// Keys are what a service derives from its own key: the peppers under which it
// looks up tokens, codes and addresses that fail, and the key that signs access
// tokens. They print as "[redacted]".
type Keys struct {
	pepper, token secret.Bytes
	kid           string
}

// NewKeys derives the Keys of a service from its key, which has at least 32
// bytes and should have been drawn at random. With another key every session
// and invite has ended.
func NewKeys(server secret.Bytes) (Keys, error) {
	if server.Len() < 32 {
		return Keys{}, errors.New("the key of the server is shorter than 32 bytes")
	}
	var out [3][]byte
	for i, info := range []string{"keyhold/accounts/pepper/1", "keyhold/accounts/token/1", "keyhold/accounts/kid/1"} {
		key, err := hkdf.Key(sha256.New, server.Reveal(), nil, info, 32)
		if err != nil {
			return Keys{}, err
		}
		out[i] = key
	}
	return Keys{secret.Of(out[0]), secret.Of(out[1]), hex.EncodeToString(out[2][:8])}, nil
}

// mac returns what stands for b in the store.
func (k Keys) mac(purpose string, b []byte) [32]byte {
	h := hmac.New(sha256.New, k.pepper.Reveal())
	h.Write([]byte(purpose + "\x00"))
	h.Write(b)
	return [32]byte(h.Sum(nil))
}
