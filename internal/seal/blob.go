package seal

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"fmt"
	"io"

	"github.com/keyhold/keyhold/internal/secret"
)

// BlobSuite is the name of the one suite by which DeriveBlobKEK derives. Its
// numbers are part of the format: no service names them.
const BlobSuite = "pbkdf2-sha256-600k"

const blobIterations = 600_000

// The sizes of what stands beside a blob, in bytes.
const (
	BlobIVSize   = nonceSize
	BlobWrapSize = KeySize + tagSize
)

// A BlobKEK wraps the key of a vault that is kept as one blob. It prints as
// "[redacted]"; Wipe forgets it.
type BlobKEK struct{ secret.Bytes }

// NewBlobKEK returns b as a BlobKEK, which owns b from now on. ErrDamaged if b
// is not 32 bytes long or all zero.
func NewBlobKEK(b []byte) (BlobKEK, error) {
	k, err := newKey(b)
	return BlobKEK{k}, err
}

// DeriveBlobKEK derives from the bytes of the password, which it does not
// normalise, by PBKDF2-HMAC-SHA-256 with 600,000 iterations. It takes some
// tenths of a second. A salt that is not 16 bytes long is ErrSuite.
func DeriveBlobKEK(password secret.String, salt []byte) (BlobKEK, error) {
	if len(salt) != SaltSize {
		return BlobKEK{}, fmt.Errorf("%w: salt of %d bytes", ErrSuite, len(salt))
	}
	// The password becomes a Go string for the call, which nothing can wipe.
	key, err := pbkdf2.Key(sha256.New, password.Reveal(), salt, blobIterations, KeySize)
	if err != nil {
		return BlobKEK{}, err
	}
	return BlobKEK{secret.Of(key)}, nil
}

// Wrap returns a new iv and the key wrapped with it, in BlobWrapSize bytes.
func (k BlobKEK) Wrap(rand io.Reader, key VaultKey) (iv, wrap []byte, err error) {
	plain, err := raw(key.Bytes)
	if err != nil {
		return nil, nil, err
	}
	return sealBare(k.Bytes, rand, plain)
}

// Unwrap opens what Wrap made. ErrDamaged is also what a wrong password looks
// like, but not only: see the size of wrap and iv first, if that matters.
func (k BlobKEK) Unwrap(iv, wrap []byte) (VaultKey, error) {
	if len(wrap) != BlobWrapSize {
		return VaultKey{}, damaged("the wrapped key has not 48 bytes")
	}
	plain, err := openBare(k.Bytes, iv, wrap)
	if err != nil {
		return VaultKey{}, err
	}
	return NewVaultKey(plain)
}

// SealBlob returns a new iv and the plaintext of a whole vault sealed with it:
// ciphertext and tag, without an envelope and without additional data. The
// plaintext must not be empty.
func (k VaultKey) SealBlob(rand io.Reader, plaintext secret.Bytes) (iv, blob []byte, err error) {
	if plaintext.Len() == 0 {
		return nil, nil, errEmpty
	}
	return sealBare(k.Bytes, rand, plaintext.Reveal())
}

// OpenBlob opens what SealBlob made, or is ErrDamaged.
func (k VaultKey) OpenBlob(iv, blob []byte) (secret.Bytes, error) {
	plain, err := openBare(k.Bytes, iv, blob)
	return secret.Of(plain), err
}

func sealBare(k secret.Bytes, rand io.Reader, plain []byte) (iv, out []byte, err error) {
	key, err := raw(k)
	if err != nil {
		return nil, nil, err
	}
	aead, err := newGCM(key)
	if err != nil {
		return nil, nil, err
	}
	iv = make([]byte, nonceSize)
	if err := read(rand, iv); err != nil {
		return nil, nil, err
	}
	return iv, aead.Seal(nil, iv, plain, nil), nil
}

func openBare(k secret.Bytes, iv, sealed []byte) ([]byte, error) {
	key, err := raw(k)
	if err != nil {
		return nil, err
	}
	switch {
	case len(iv) != nonceSize:
		return nil, damaged("the iv has not 12 bytes")
	case len(sealed) <= tagSize:
		return nil, damaged("it is too short")
	}
	aead, err := newGCM(key)
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, iv, sealed, nil)
	if err != nil {
		return nil, damaged("it does not open")
	}
	return plain, nil
}

// The uses of the keys that are derived from that of a blob's vault.
const (
	infoMirror    = "keyhold/mirror-key/1"
	infoBlobCheck = "keyhold/blob-check/1"
)

// MirrorKey returns the key under which the entries of a blob are sealed one by
// one on this machine.
func (k VaultKey) MirrorKey() (VaultKey, error) {
	key, err := raw(k.Bytes)
	if err != nil {
		return VaultKey{}, err
	}
	derived, err := expand(key, infoMirror)
	if err != nil {
		return VaultKey{}, err
	}
	return NewVaultKey(derived)
}

// BlobCheck returns what tells the key of a blob's vault from any other, and
// nothing more about it.
func (k VaultKey) BlobCheck() (check [32]byte, err error) {
	key, err := raw(k.Bytes)
	if err != nil {
		return check, err
	}
	sum, err := expand(key, infoBlobCheck)
	if err != nil {
		return check, err
	}
	return [32]byte(sum), nil
}
