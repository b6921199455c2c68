package seal

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"io"
	"strings"

	"github.com/keyhold/keyhold/internal/secret"
)

// An Identity is the Ed25519 private key with which a user signs the vault
// keys that he wraps; its bytes are the 32-byte seed. It prints as
// "[redacted]"; Wipe forgets it.
type Identity struct{ secret.Bytes }

// A PublicKey is the public half of an Identity: the 32 bytes of RFC 8032.
type PublicKey [ed25519.PublicKeySize]byte

// The DER of PKCS#8 around the seed (RFC 5958, RFC 8410). The short form is
// what everybody writes; the long one also carries the public key. The bytes
// are fixed, and encoding/asn1 with crypto/x509 would cost every start.
const (
	pkcs8Short = "\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20"
	pkcs8Long  = "\x30\x51\x02\x01\x01\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20"
	pkcs8Pub   = "\x81\x21\x00"
	seedEnd    = len(pkcs8Short) + ed25519.SeedSize
	pubAt      = seedEnd + len(pkcs8Pub)
	longEnd    = pubAt + ed25519.PublicKeySize
)

// MakeIdentity returns a new random Identity.
func MakeIdentity(rand io.Reader) (Identity, error) {
	k, err := makeKey(rand)
	return Identity{k}, err
}

// NewIdentity returns the Identity with that 32-byte seed, which it owns from
// now on. ErrDamaged if seed has another length or is all zero.
func NewIdentity(seed []byte) (Identity, error) {
	k, err := newKey(seed)
	return Identity{k}, err
}

// ParseIdentity reads a PKCS#8 private key in DER, of which it keeps a copy.
// Version 1 and version 2 with a public key that fits are accepted, attributes
// and anything else are ErrDamaged.
func ParseIdentity(der []byte) (Identity, error) {
	short := len(der) == seedEnd && string(der[:len(pkcs8Short)]) == pkcs8Short
	long := len(der) == longEnd && string(der[:len(pkcs8Long)]) == pkcs8Long &&
		string(der[seedEnd:pubAt]) == pkcs8Pub
	if !short && !long {
		return Identity{}, damaged("it is no Ed25519 key in PKCS#8")
	}
	id, err := NewIdentity(bytes.Clone(der[len(pkcs8Short):seedEnd]))
	if err != nil || short {
		return id, err
	}
	if pub, err := id.Public(); err != nil || string(pub[:]) != string(der[pubAt:]) {
		return Identity{}, damaged("its public key is another one's")
	}
	return id, nil
}

// PKCS8 returns the key as PKCS#8 in DER: version 1, 48 bytes.
func (id Identity) PKCS8() (secret.Bytes, error) {
	seed, err := raw(id.Bytes)
	if err != nil {
		return secret.Bytes{}, err
	}
	return secret.Of(append([]byte(pkcs8Short), seed...)), nil
}

// Public returns the public key.
func (id Identity) Public() (PublicKey, error) {
	key, err := id.private()
	if err != nil {
		return PublicKey{}, err
	}
	return PublicKey(key[ed25519.SeedSize:]), nil
}

// Sign returns the 64-byte Ed25519 signature of message. A wrapped vault key
// of either version is signed as it is, all its bytes; so is the DER of the
// user's RSA public key. Nothing else may be signed with an Identity.
func (id Identity) Sign(message []byte) ([]byte, error) {
	key, err := id.private()
	if err != nil {
		return nil, err
	}
	return ed25519.Sign(key, message), nil
}

func (id Identity) private() (ed25519.PrivateKey, error) {
	seed, err := raw(id.Bytes)
	if err != nil {
		return nil, err
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// SealIdentity seals id, as PKCS#8, in a version 1 blob.
func (k StretchedKey) SealIdentity(rand io.Reader, id Identity) ([]byte, error) {
	der, err := id.PKCS8()
	if err != nil {
		return nil, err
	}
	defer der.Wipe()
	return k.Seal(rand, der)
}

// OpenIdentity opens what SealIdentity made. Compare its public key with the
// one that is known: whoever has the stretched key can have sealed it.
func (k StretchedKey) OpenIdentity(blob []byte) (Identity, error) {
	der, err := k.Open(blob)
	if err != nil {
		return Identity{}, err
	}
	defer der.Wipe()
	return ParseIdentity(der.Reveal())
}

// ParsePublicKey returns the public key with those 32 bytes; ErrDamaged if
// they are not 32.
func ParsePublicKey(b []byte) (PublicKey, error) {
	if len(b) != len(PublicKey{}) {
		return PublicKey{}, damaged("it is no public key of 32 bytes")
	}
	return PublicKey(b), nil
}

// Verify returns nil if signature is p's of message, else ErrDamaged.
func (p PublicKey) Verify(message, signature []byte) error {
	if len(signature) != ed25519.SignatureSize || !ed25519.Verify(p[:], message, signature) {
		return damaged("the signature is not valid")
	}
	return nil
}

const fingerprintDigits = 60

// Fingerprint returns the safety number of p for people to compare: 60 digits
// as twelve groups of five, joined by spaces.
func (p PublicKey) Fingerprint() string {
	sum := sha256.Sum256(p[:])
	digits := make([]byte, 0, fingerprintDigits)
	for _, b := range sum[:30] {
		digits = append(digits, '0'+b%100/10, '0'+b%10)
	}
	return grouped(string(digits))
}

// grouped puts a blank after every five digits but the last ones.
func grouped(digits string) string {
	groups := make([]string, 0, 12)
	for i := 0; i < len(digits); i += 5 {
		groups = append(groups, digits[i:i+5])
	}
	return strings.Join(groups, " ")
}

// ParseFingerprint returns a fingerprint as Fingerprint writes it, so that the
// two can be compared with ==, from what a person typed: 60 digits, with blanks
// wherever he likes. Anything else is ErrDamaged.
func ParseFingerprint(s string) (string, error) {
	digits := strings.Join(strings.Fields(s), "")
	if len(digits) != fingerprintDigits || strings.Trim(digits, "0123456789") != "" {
		return "", damaged("a fingerprint has 60 digits")
	}
	return grouped(digits), nil
}

// A Form is a way of signing a version 1 wrap.
type Form uint8

const (
	// FormPlain signs the envelope alone. It is the documented form and the
	// one we write; it does not say for which vault or member the wrap is.
	FormPlain Form = 1
	// FormBound signs the text forms of the vault's and the recipient's id and
	// then the envelope; released clients write it when they share a vault.
	FormBound Form = 2
)

// VerifyV1 checks the signature of a version 1 wrap, which may be of either
// Form, and returns which it is. A signature that is valid in neither form is
// ErrDamaged. Version 2 wraps are refused: they are for Verify.
func (p PublicKey) VerifyV1(envelope, signature []byte, vault, recipient ID) (Form, error) {
	switch k, err := KindOf(envelope); {
	case err != nil:
		return 0, err
	case k != KindCompatible:
		return 0, damaged("it is of the other envelope version")
	}
	if p.Verify(envelope, signature) == nil {
		return FormPlain, nil
	}
	message := append([]byte(vault.String()+recipient.String()), envelope...)
	if err := p.Verify(message, signature); err != nil {
		return 0, err
	}
	return FormBound, nil
}

// DeviceWrapKey returns the key under which this account keeps the key of a
// device: HKDF-SHA-256 of the seed, info "keyhold/device/1", 32 bytes.
func (id Identity) DeviceWrapKey() (secret.Bytes, error) {
	seed := id.Reveal()
	if len(seed) != ed25519.SeedSize {
		return secret.Bytes{}, ErrDamaged
	}
	key, err := hkdf.Key(sha256.New, seed, nil, "keyhold/device/1", KeySize)
	return secret.Of(key), err
}
