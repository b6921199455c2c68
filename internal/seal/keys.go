package seal

import (
	"crypto/cipher"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"

	"github.com/keyhold/keyhold/internal/secret"
)

// KeySize is the length of every key here, in bytes.
const KeySize = 32

var errKey = errors.New("key is empty or was wiped")

// A MasterKey is what the key derivation makes of the master password. It only
// lives until it is split. It prints as "[redacted]"; Wipe forgets it.
type MasterKey struct{ secret.Bytes }

// An AuthHash proves to a service that one knows the master password. It opens
// nothing. It prints as "[redacted]"; Reveal gives the 32 bytes to send.
type AuthHash struct{ secret.Bytes }

// A StretchedKey opens the private keys and the personal vaults of an account
// and never leaves this machine. It prints as "[redacted]"; Wipe forgets it.
type StretchedKey struct{ secret.Bytes }

// A VaultKey is the key of one version of one vault: 32 random bytes. Items
// are sealed under it or under a key derived from it. It prints as
// "[redacted]"; Wipe forgets it.
type VaultKey struct{ secret.Bytes }

// NewMasterKey returns b as a MasterKey, which owns b from now on. ErrDamaged
// if b is not 32 bytes long or all zero.
func NewMasterKey(b []byte) (MasterKey, error) {
	k, err := newKey(b)
	return MasterKey{k}, err
}

// NewStretchedKey returns b as a StretchedKey, which owns b from now on.
// ErrDamaged if b is not 32 bytes long or all zero.
func NewStretchedKey(b []byte) (StretchedKey, error) {
	k, err := newKey(b)
	return StretchedKey{k}, err
}

// NewVaultKey returns b as a VaultKey, which owns b from now on. ErrDamaged if
// b is not 32 bytes long or all zero.
func NewVaultKey(b []byte) (VaultKey, error) {
	k, err := newKey(b)
	return VaultKey{k}, err
}

// MakeVaultKey returns a new random VaultKey.
func MakeVaultKey(rand io.Reader) (VaultKey, error) {
	k, err := makeKey(rand)
	return VaultKey{k}, err
}

// Split derives the two keys of an account by HKDF-SHA-256 (info "auth" and
// "enc"). Wipe k afterwards: nothing else needs it.
func (k MasterKey) Split() (AuthHash, StretchedKey, error) {
	master, err := raw(k.Bytes)
	if err != nil {
		return AuthHash{}, StretchedKey{}, err
	}
	auth, err := expand(master, "auth")
	if err != nil {
		return AuthHash{}, StretchedKey{}, err
	}
	enc, err := expand(master, "enc")
	if err != nil {
		return AuthHash{}, StretchedKey{}, err
	}
	return AuthHash{secret.Of(auth)}, StretchedKey{secret.Of(enc)}, nil
}

// Seal seals plaintext as a version 1 blob without additional data: how an
// account keeps its private keys. Plaintext must not be empty.
func (k StretchedKey) Seal(rand io.Reader, plaintext secret.Bytes) ([]byte, error) {
	if plaintext.Len() == 0 {
		return nil, errEmpty
	}
	aead, err := k.gcm()
	if err != nil {
		return nil, err
	}
	return sealGCM(aead, rand, KindCompatible, plaintext.Reveal(), nil, nil)
}

// Open opens a blob that Seal made. ErrDamaged is also what a wrong master
// password looks like.
func (k StretchedKey) Open(blob []byte) (secret.Bytes, error) {
	aead, err := k.gcm()
	if err != nil {
		return secret.Bytes{}, err
	}
	text, err := openGCM(aead, nil, KindCompatible, blob, nil)
	if err != nil {
		return secret.Bytes{}, err
	}
	return secret.Of(text), nil
}

func (k StretchedKey) gcm() (cipher.AEAD, error) {
	key, err := raw(k.Bytes)
	if err != nil {
		return nil, err
	}
	return newGCM(key)
}

// raw returns the bytes of a key that can be used. Zeros are what Wipe leaves;
// to go on with them would seal under a key that everybody knows.
func raw(k secret.Bytes) ([]byte, error) {
	b := k.Reveal()
	var wiped [KeySize]byte
	if len(b) != KeySize || subtle.ConstantTimeCompare(b, wiped[:]) == 1 {
		return nil, errKey
	}
	return b, nil
}

func newKey(b []byte) (secret.Bytes, error) {
	k := secret.Of(b)
	if _, err := raw(k); err != nil {
		return secret.Bytes{}, damaged("it holds no key of 32 bytes")
	}
	return k, nil
}

func makeKey(rand io.Reader) (secret.Bytes, error) {
	b := make([]byte, KeySize)
	if err := read(rand, b); err != nil {
		return secret.Bytes{}, err
	}
	k := secret.Of(b)
	if _, err := raw(k); err != nil {
		return secret.Bytes{}, fmt.Errorf("make a key: %w", err)
	}
	return k, nil
}
