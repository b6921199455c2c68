package seal

import (
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"io"
	"unicode/utf8"

	"github.com/keyhold/keyhold/internal/secret"
)

// What the blobs of a bound vault are bound to, their additional authenticated
// data (AAD): itemInfo, field, vault, key version, item.
const (
	itemInfo   = "keyhold/item/2"
	fieldAt    = len(itemInfo)
	aadVault   = fieldAt + 1
	aadVersion = aadVault + len(ID{})
	aadItem    = aadVersion + 8
	aadSize    = aadItem + len(ID{})
)

// The plaintext is padded to whole steps, so that its length says little.
const (
	nameStep = 32
	dataStep = 128
)

type field byte

const (
	fieldName field = 1
	fieldData field = 2
)

var errKeyVersion = errors.New("key versions count from 1")

// bound seals in envelope version 2.
type bound struct {
	local
	aead cipher.AEAD
	aad  [aadSize]byte // with field and item left zero
	scratches
}

// Bound returns the Vault that seals in envelope version 2, for a vault and
// its key of that version, which counts from 1. It refuses version 1 blobs.
func Bound(vault ID, keyVersion uint64, key VaultKey) (Vault, error) {
	if keyVersion == 0 {
		return nil, errKeyVersion
	}
	k, err := raw(key.Bytes)
	if err != nil {
		return nil, err
	}
	l, err := newLocal(k)
	if err != nil {
		return nil, err
	}
	itemKey, err := expand(k, itemInfo)
	if err != nil {
		return nil, err
	}
	defer clear(itemKey)
	aead, err := newGCM(itemKey)
	if err != nil {
		return nil, err
	}
	v := &bound{local: l, aead: aead}
	copy(v.aad[:], itemInfo)
	copy(v.aad[aadVault:], vault[:])
	binary.BigEndian.PutUint64(v.aad[aadVersion:], keyVersion)
	return v, nil
}

func (v *bound) SealName(rand io.Reader, item ID, name string) ([]byte, error) {
	if !utf8.ValidString(name) {
		return nil, errName
	}
	s := v.bind(fieldName, item)
	defer v.give(s)
	return sealGCM(v.aead, rand, KindBound, []byte(name), pad(len(name), nameStep), s.aad[:])
}

func (v *bound) SealData(rand io.Reader, item ID, data secret.Bytes) ([]byte, error) {
	if data.Len() == 0 {
		return nil, errEmpty
	}
	s := v.bind(fieldData, item)
	defer v.give(s)
	return sealGCM(v.aead, rand, KindBound, data.Reveal(), pad(data.Len(), dataStep), s.aad[:])
}

func (v *bound) OpenName(item ID, blob []byte) (string, error) {
	s := v.bind(fieldName, item)
	defer v.give(s)
	text, err := openGCM(v.aead, s.text[:0], KindBound, blob, s.aad[:])
	if err != nil {
		return "", err
	}
	s.text = text
	if text, err = unpad(text, nameStep); err != nil {
		return "", err
	}
	return nameOf(text)
}

func (v *bound) OpenData(item ID, blob []byte) (secret.Bytes, error) {
	s := v.bind(fieldData, item)
	defer v.give(s)
	text, err := openGCM(v.aead, nil, KindBound, blob, s.aad[:])
	if err != nil {
		return secret.Bytes{}, err
	}
	if text, err = unpad(text, dataStep); err != nil {
		return secret.Bytes{}, err
	}
	if len(text) == 0 {
		return secret.Bytes{}, damaged("there is no data in it")
	}
	return secret.Of(text), nil
}

// bind returns a scratch with the AAD of that field of that item.
func (v *bound) bind(f field, item ID) *scratch {
	s := v.take()
	s.aad = v.aad
	s.aad[fieldAt] = byte(f)
	copy(s.aad[aadItem:], item[:])
	return s
}

// pad returns the padding of a text of n bytes: 80 and as many 00 as fill the
// step, 1 to step bytes in all.
func pad(n, step int) []byte {
	p := make([]byte, step-n%step)
	p[0] = 0x80
	return p
}

// unpad undoes pad. It accepts only what pad makes.
func unpad(b []byte, step int) ([]byte, error) {
	if len(b) == 0 || len(b)%step != 0 {
		return nil, damaged("its length is not a whole number of steps")
	}
	for i := len(b) - 1; i >= len(b)-step; i-- {
		switch b[i] {
		case 0x00:
		case 0x80:
			return b[:i], nil
		default:
			return nil, damaged("its padding is wrong")
		}
	}
	return nil, damaged("its padding is wrong")
}
