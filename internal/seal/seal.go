// Package seal holds the cryptography of accounts and vaults: key derivation,
// the keys, and the sealed formats that FORMAT.md specifies.
//
// It is pure: no files, no network, no clock; randomness comes as an
// io.Reader, which has to be a cryptographic one outside tests. Everything may
// be used from several goroutines as long as nobody wipes a key in use. A key
// that is empty or was wiped is refused wherever it is used.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
)

var (
	// ErrDamaged reports a sealed value that does not parse or does not open:
	// it was damaged or forged, or belongs to another key, vault or item.
	ErrDamaged = errors.New("sealed value is damaged or forged")
	// ErrUnsupported reports a value whose version, algorithm or type byte is
	// none that this version opens. It is refused as ErrDamaged is, but a newer
	// program may be able to open it.
	ErrUnsupported = errors.New("sealed value has an unsupported format")
	// ErrSuite reports parameters of a key derivation that are not on the
	// list: unknown numbers, an unknown name, a salt of a wrong length.
	ErrSuite = errors.New("key derivation parameters are not on the list")
)

// Sizes of the parts of an envelope, in bytes.
const (
	headSize  = 2 // version, algorithm
	nonceSize = 12
	tagSize   = 16
	bodyAt    = headSize + nonceSize
)

// Second byte of every envelope.
const (
	algGCM  = 1
	algOAEP = 2
	algKW   = 3
)

func damaged(why string) error     { return fmt.Errorf("%w: %s", ErrDamaged, why) }
func unsupported(why string) error { return fmt.Errorf("%w: %s", ErrUnsupported, why) }

// checkHead checks the two bytes in front of every envelope. A known version
// or algorithm in the wrong place is damage, an unknown one unsupported.
func checkHead(b []byte, k Kind, alg byte) error {
	got, err := KindOf(b)
	switch {
	case err != nil:
		return err
	case got != k:
		return damaged("it is of the other envelope version")
	case len(b) < headSize:
		return damaged("it is too short")
	case b[1] == alg:
		return nil
	case b[1] == algGCM || b[1] == algOAEP || b[1] == algKW:
		return damaged("its algorithm is not one for this use")
	default:
		return unsupported("unknown algorithm")
	}
}

// sealGCM returns the envelope of text followed by padding.
func sealGCM(aead cipher.AEAD, rand io.Reader, k Kind, text, padding, aad []byte) ([]byte, error) {
	n := len(text) + len(padding)
	out := make([]byte, bodyAt, bodyAt+n+tagSize)
	out[0], out[1] = byte(k), algGCM
	nonce := out[headSize:bodyAt]
	if err := read(rand, nonce); err != nil {
		return nil, err
	}
	// Sealing in place leaves no second copy of the plaintext behind.
	body := append(append(out[bodyAt:], text...), padding...)
	return aead.Seal(out, nonce, body, aad), nil
}

// openGCM appends the plaintext of blob, padding included, to dst.
func openGCM(aead cipher.AEAD, dst []byte, k Kind, blob, aad []byte) ([]byte, error) {
	if err := checkHead(blob, k, algGCM); err != nil {
		return nil, err
	}
	if len(blob) <= bodyAt+tagSize {
		return nil, damaged("it is too short")
	}
	text, err := aead.Open(dst, blob[headSize:bodyAt], blob[bodyAt:], aad)
	if err != nil {
		return nil, damaged("it does not open")
	}
	return text, nil
}

// newGCM returns AES-256-GCM under key, which is 32 bytes long.
func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// expand derives 32 bytes by HKDF-SHA-256 with an empty salt.
func expand(key []byte, info string) ([]byte, error) {
	return hkdf.Key(sha256.New, key, nil, info, KeySize)
}

// read fills b with randomness.
func read(rand io.Reader, b []byte) error {
	if _, err := io.ReadFull(rand, b); err != nil {
		return fmt.Errorf("read randomness: %w", err)
	}
	return nil
}
