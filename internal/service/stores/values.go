package stores

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/secret"
)

const valueInfo = "keyhold/stores/value/1"

// nonceSize is that of AES-GCM.
const nonceSize = 12

// Keys seal values at rest. They print as a pointer.
type Keys struct{ value func() cipher.AEAD }

// NewKeys derives the Keys of a service from its key, which has at least 32
// bytes and should have been drawn at random. With another key no value opens.
func NewKeys(server secret.Bytes) (Keys, error) {
	if server.Len() < 32 {
		return Keys{}, errors.New("the key of the server is shorter than 32 bytes")
	}
	k, err := hkdf.Key(sha256.New, server.Reveal(), nil, valueInfo, 32)
	if err != nil {
		return Keys{}, err
	}
	defer clear(k)
	block, err := aes.NewCipher(k)
	if err != nil {
		return Keys{}, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return Keys{}, err
	}
	return Keys{func() cipher.AEAD { return aead }}, nil
}

// aad is what a value is bound to, so that none opens in another's place.
func aad(account ID, s Secret) []byte {
	return slices.Concat([]byte(valueInfo), account[:], s.Store[:], s.ID[:])
}

func putValue(tx kv.Tx, rand io.Reader, k Keys, account ID, s Secret, v secret.String) error {
	b := make([]byte, 1+nonceSize, 1+nonceSize+v.Len()+16)
	b[0] = version
	if _, err := io.ReadFull(rand, b[1:]); err != nil {
		return fmt.Errorf("draw a nonce: %w", err)
	}
	b = k.value().Seal(b, b[1:], v.Bytes().Reveal(), aad(account, s))
	return tx.Put(join("sv/", s.Store, s.ID), b)
}

// value opens the value of a secret.
func value(tx kv.Tx, k Keys, account ID, s Secret) (secret.String, error) {
	b := tx.Get(join("sv/", s.Store, s.ID))
	if len(b) <= 1+nonceSize || b[0] != version {
		return secret.String{}, fmt.Errorf("value of secret %s: %w", s.ID, ErrDamaged)
	}
	text, err := k.value().Open(nil, b[1:1+nonceSize], b[1+nonceSize:], aad(account, s))
	if err != nil {
		return secret.String{}, fmt.Errorf("value of secret %s: %w", s.ID, ErrDamaged)
	}
	return secret.Text(text), nil
}

// Reseal seals every value of all accounts under other keys. A value that does
// not open under those it had is ErrDamaged, and none is changed.
func Reseal(tx kv.Tx, rand io.Reader, from, to Keys) error {
	type at struct {
		account ID
		Secret
	}
	var all []at
	for k := range tx.Scan([]byte("sv/")) {
		if len(k) != len("sv/")+2*len(ID{}) {
			return ErrDamaged
		}
		store, id := ID(k[3:19]), ID(k[19:])
		s, err := loadStore(tx, store)
		if err != nil {
			return fmt.Errorf("store %s of a value: %w", store, ErrDamaged)
		}
		all = append(all, at{s.Owner.Account, Secret{ID: id, Store: store}})
	}
	for _, a := range all {
		v, err := value(tx, from, a.account, a.Secret)
		if err != nil {
			return err
		}
		err = putValue(tx, rand, to, a.account, a.Secret, v)
		v.Wipe()
		if err != nil {
			return err
		}
	}
	return nil
}
