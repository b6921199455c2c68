package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"io"
	"unicode/utf8"

	josecipher "github.com/go-jose/go-jose/v4/cipher"

	"github.com/keyhold/keyhold/internal/secret"
)

const (
	pkcs7Step = 32
	icvSize   = 8 // the integrity check value of RFC 3394
	kwSize    = icvSize + KeySize
	wrap1Size = headSize + kwSize
)

// compatible seals in envelope version 1, directly under the vault key.
type compatible struct {
	local
	aead cipher.AEAD
	scratches
}

// Compatible returns the Vault that seals in envelope version 1 under key. It
// ignores item ids, because version 1 does, and refuses version 2 blobs.
func Compatible(key VaultKey) (Vault, error) {
	k, err := raw(key.Bytes)
	if err != nil {
		return nil, err
	}
	l, err := newLocal(k)
	if err != nil {
		return nil, err
	}
	aead, err := newGCM(k)
	if err != nil {
		return nil, err
	}
	return &compatible{local: l, aead: aead}, nil
}

func (v *compatible) SealName(rand io.Reader, _ ID, name string) ([]byte, error) {
	if !utf8.ValidString(name) {
		return nil, errName
	}
	return sealGCM(v.aead, rand, KindCompatible, []byte(name), pkcs7(len(name)), nil)
}

func (v *compatible) SealData(rand io.Reader, _ ID, data secret.Bytes) ([]byte, error) {
	if data.Len() == 0 {
		return nil, errEmpty
	}
	return sealGCM(v.aead, rand, KindCompatible, data.Reveal(), nil, nil)
}

func (v *compatible) OpenName(_ ID, blob []byte) (string, error) {
	s := v.take()
	defer v.give(s)
	text, err := openGCM(v.aead, s.text[:0], KindCompatible, blob, nil)
	if err != nil {
		return "", err
	}
	s.text = text
	if text, err = unpadPKCS7(text); err != nil {
		return "", err
	}
	return nameOf(text)
}

func (v *compatible) OpenData(_ ID, blob []byte) (secret.Bytes, error) {
	text, err := openGCM(v.aead, nil, KindCompatible, blob, nil)
	if err != nil {
		return secret.Bytes{}, err
	}
	return secret.Of(text), nil
}

// WrapV1 wraps the key of a compatible vault: 42 bytes, envelope version 1.
// The same keys always give the same bytes.
func (k StretchedKey) WrapV1(key VaultKey) ([]byte, error) {
	body, err := k.kw(key)
	if err != nil {
		return nil, err
	}
	out := append(make([]byte, 0, wrap1Size), byte(KindCompatible), algKW)
	out = append(out, body[icvSize:]...)
	return append(out, body[:icvSize]...), nil
}

// UnwrapV1 opens a version 1 wrap. It reads the order in which released
// clients store the parts, check value last, and that of RFC 3394. Anything else
// is ErrDamaged, or ErrUnsupported if it is of an unknown version or algorithm.
func (k StretchedKey) UnwrapV1(envelope []byte) (VaultKey, error) {
	if err := checkHead(envelope, KindCompatible, algKW); err != nil {
		return VaultKey{}, err
	}
	if len(envelope) != wrap1Size {
		return VaultKey{}, damaged("it has a wrong length")
	}
	body := envelope[headSize:]
	key, err := k.unkw(append(bytes.Clone(body[KeySize:]), body[:KeySize]...))
	if err != nil {
		return k.unkw(body)
	}
	return key, nil
}

// kw returns the RFC 3394 wrap of key: the check value, then four blocks.
func (k StretchedKey) kw(key VaultKey) ([]byte, error) {
	block, err := k.block()
	if err != nil {
		return nil, err
	}
	plain, err := raw(key.Bytes)
	if err != nil {
		return nil, err
	}
	return josecipher.KeyWrap(block, plain)
}

// unkw undoes kw. It does not change body.
func (k StretchedKey) unkw(body []byte) (VaultKey, error) {
	block, err := k.block()
	if err != nil {
		return VaultKey{}, err
	}
	plain, err := josecipher.KeyUnwrap(block, body)
	if err != nil {
		return VaultKey{}, damaged("the key does not unwrap")
	}
	return NewVaultKey(plain)
}

func (k StretchedKey) block() (cipher.Block, error) {
	key, err := raw(k.Bytes)
	if err != nil {
		return nil, err
	}
	return aes.NewCipher(key)
}

// pkcs7 returns the padding of a text of n bytes: 1 to 32 bytes.
func pkcs7(n int) []byte {
	p := pkcs7Step - n%pkcs7Step
	return bytes.Repeat([]byte{byte(p)}, p)
}

func unpadPKCS7(b []byte) ([]byte, error) {
	if len(b) == 0 || len(b)%pkcs7Step != 0 {
		return nil, damaged("its length is not a whole number of blocks")
	}
	p := int(b[len(b)-1])
	if p == 0 || p > pkcs7Step {
		return nil, damaged("its padding is wrong")
	}
	text, padding := b[:len(b)-p], b[len(b)-p:]
	for _, c := range padding {
		if int(c) != p {
			return nil, damaged("its padding is wrong")
		}
	}
	return text, nil
}
