package seal

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"io"
	"math"

	"github.com/keyhold/keyhold/internal/secret"
)

// The length of the modulus of an RSA key, in bits: the shortest and longest
// that are accepted, and that of a new one.
const (
	minRSABits = 2048
	maxRSABits = 8192
	newRSABits = 4096
)

// An RSAKey is the private key with which a user opens the keys of the vaults
// that are shared with him; its bytes are PKCS#8 in DER, which is only parsed
// when the key is used. It prints as "[redacted]"; Wipe forgets it.
type RSAKey struct{ secret.Bytes }

// An RSAPublicKey is the public half of an RSAKey. The zero value is none:
// every use of it is an error. RSAPublicKeys can be compared with ==.
type RSAPublicKey struct{ spki string }

// MakeRSAKey returns a new RSAKey of 4096 bits. That takes seconds. It may draw
// from the system's own source in place of rand, because crypto/rsa does.
func MakeRSAKey(rand io.Reader) (RSAKey, error) {
	key, err := rsa.GenerateKey(rand, newRSABits)
	if err != nil {
		return RSAKey{}, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return RSAKey{secret.Of(der)}, err
}

// ParseRSAKey returns the private key in der, PKCS#8, which it owns from now
// on. Another sort of key, one that is not consistent, and one of less than
// 2048 or more than 8192 bits are ErrDamaged.
func ParseRSAKey(der []byte) (RSAKey, error) {
	if len(der) == 0 {
		return RSAKey{}, damaged("it is no RSA key in PKCS#8")
	}
	k := RSAKey{secret.Of(der)}
	if _, err := k.private(); err != nil {
		return RSAKey{}, err
	}
	return k, nil
}

func (k RSAKey) private() (*rsa.PrivateKey, error) {
	if k.Len() == 0 {
		return nil, errKey
	}
	// x509 would pass over what follows the key.
	if rest, err := asn1.Unmarshal(k.Reveal(), new(asn1.RawValue)); err != nil || len(rest) > 0 {
		return nil, damaged("it is no RSA key in PKCS#8")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(k.Reveal())
	key, ok := parsed.(*rsa.PrivateKey)
	if err != nil || !ok {
		return nil, damaged("it is no RSA key in PKCS#8")
	}
	return key, checkRSA(&key.PublicKey)
}

func checkRSA(key *rsa.PublicKey) error {
	switch n := key.N.BitLen(); {
	case n < minRSABits || n > maxRSABits:
		return damaged("the RSA key does not have 2048 to 8192 bits")
	case key.N.Bit(0) == 0 || key.E < 3 || key.E > math.MaxInt32 || key.E%2 == 0:
		return damaged("it is no RSA key")
	}
	return nil
}

// Public returns the public key.
func (k RSAKey) Public() (RSAPublicKey, error) {
	key, err := k.private()
	if err != nil {
		return RSAPublicKey{}, err
	}
	return publicOf(&key.PublicKey)
}

func publicOf(key *rsa.PublicKey) (RSAPublicKey, error) {
	if err := checkRSA(key); err != nil {
		return RSAPublicKey{}, err
	}
	der, err := x509.MarshalPKIXPublicKey(key)
	return RSAPublicKey{string(der)}, err
}

// ParseRSAPublicKey reads a public key in DER: SPKI, which is what we write, or
// PKCS#1, which one documentation asks for. Anything else, and a key of less
// than 2048 or more than 8192 bits, is ErrDamaged.
func ParseRSAPublicKey(der []byte) (RSAPublicKey, error) {
	key, err := x509.ParsePKCS1PublicKey(der)
	if err != nil {
		parsed, err := x509.ParsePKIXPublicKey(der)
		spki, ok := parsed.(*rsa.PublicKey)
		if err != nil || !ok {
			return RSAPublicKey{}, damaged("it is no RSA public key")
		}
		key = spki
	}
	return publicOf(key)
}

// SPKI returns the key as SubjectPublicKeyInfo in DER: what is stored, sent and
// signed. It is empty for the zero RSAPublicKey.
func (p RSAPublicKey) SPKI() []byte { return []byte(p.spki) }

// Bits returns the length of the modulus; 0 for the zero RSAPublicKey.
func (p RSAPublicKey) Bits() int {
	key, err := p.public()
	if err != nil {
		return 0
	}
	return key.N.BitLen()
}

func (p RSAPublicKey) public() (*rsa.PublicKey, error) {
	parsed, err := x509.ParsePKIXPublicKey([]byte(p.spki))
	key, ok := parsed.(*rsa.PublicKey)
	if err != nil || !ok {
		return nil, errKey
	}
	return key, nil
}

// SignRSA returns the signature by which id says that p is its user's key: 64
// bytes, over the SPKI.
func (id Identity) SignRSA(p RSAPublicKey) ([]byte, error) {
	if _, err := p.public(); err != nil {
		return nil, err
	}
	return id.Sign(p.SPKI())
}

// VerifyRSA returns nil if signature says that key is the RSA key of p's user,
// else ErrDamaged. A vault key must not be wrapped for an RSA key without it.
func (p PublicKey) VerifyRSA(key RSAPublicKey, signature []byte) error {
	if key == (RSAPublicKey{}) {
		return damaged("there is no RSA key")
	}
	return p.Verify(key.SPKI(), signature)
}

// SealRSA seals k in a version 1 blob.
func (k StretchedKey) SealRSA(rand io.Reader, key RSAKey) ([]byte, error) {
	return k.Seal(rand, key.Bytes)
}

// OpenRSA opens what SealRSA made. Compare its public key with the one that is
// known: whoever has the stretched key can have sealed it.
func (k StretchedKey) OpenRSA(blob []byte) (RSAKey, error) {
	der, err := k.Open(blob)
	if err != nil {
		return RSAKey{}, err
	}
	return ParseRSAKey(der.Reveal())
}

// oaep encrypts key by RSA-OAEP with SHA-256, for MGF1 too.
func (p RSAPublicKey) oaep(rand io.Reader, key VaultKey, label []byte) ([]byte, error) {
	public, err := p.public()
	if err != nil {
		return nil, err
	}
	plain, err := raw(key.Bytes)
	if err != nil {
		return nil, err
	}
	return rsa.EncryptOAEP(sha256.New(), rand, public, plain, label)
}

// unoaep undoes oaep. It does not change body.
func (k RSAKey) unoaep(body, label []byte) (VaultKey, error) {
	private, err := k.private()
	if err != nil {
		return VaultKey{}, err
	}
	if len(body) != private.Size() {
		return VaultKey{}, damaged("it was made for an RSA key of another length")
	}
	plain, err := rsa.DecryptOAEP(sha256.New(), nil, private, body, label)
	if err != nil {
		return VaultKey{}, damaged("the key does not unwrap")
	}
	return NewVaultKey(plain)
}

// WrapV1 wraps the key of a compatible vault for the owner of p: two bytes and
// as many as the modulus has, envelope version 1.
func (p RSAPublicKey) WrapV1(rand io.Reader, key VaultKey) ([]byte, error) {
	body, err := p.oaep(rand, key, nil)
	if err != nil {
		return nil, err
	}
	return append([]byte{byte(KindCompatible), algOAEP}, body...), nil
}

// UnwrapV1 opens what WrapV1 made. Anything else is ErrDamaged, or
// ErrUnsupported if it is of an unknown version or algorithm.
func (k RSAKey) UnwrapV1(envelope []byte) (VaultKey, error) {
	if err := checkHead(envelope, KindCompatible, algOAEP); err != nil {
		return VaultKey{}, err
	}
	return k.unoaep(envelope[headSize:], nil)
}

// Wrap wraps the key of a bound vault with members for the owner of p, who is
// h.Recipient. Key version zero is an error.
func (p RSAPublicKey) Wrap(rand io.Reader, h Header, key VaultKey) (Wrap, error) {
	w, err := newWrap(algOAEP, h, key)
	if err != nil {
		return Wrap{}, err
	}
	body, err := p.oaep(rand, key, w.label())
	if err != nil {
		return Wrap{}, err
	}
	w.body = string(body)
	return w, nil
}
