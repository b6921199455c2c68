package seal

import (
	"crypto/subtle"
	"encoding/binary"
)

// Offsets of the parts of a version 2 wrap.
const (
	wrapType      = headSize
	wrapVersion   = wrapType + 1
	wrapVault     = wrapVersion + 8
	wrapRecipient = wrapVault + len(ID{})
	wrapSender    = wrapRecipient + len(ID{})
	wrapCheck     = wrapSender + len(ID{})
	wrapBody      = wrapCheck + KeySize
	wrap2Size     = wrapBody + kwSize // of a personal vault
)

const (
	typePersonal = 1
	typeMembers  = 2
)

// A Header says what a version 2 wrap is for. Headers can be compared with ==.
type Header struct {
	KeyVersion uint64 // of the vault key, counts from 1
	Vault      ID
	Recipient  ID // the user for whom the key is wrapped
	Sender     ID // the user who wrapped and signed it
}

// A Wrap is a parsed version 2 wrap: the key of a personal vault, wrapped for
// its owner.
type Wrap struct {
	Header
	// Check is a value of the vault key, the vault and the key version that
	// can be remembered to recognise the key again, and from which nobody can compute it.
	Check [32]byte
	body  [kwSize]byte
}

// ParseWrap reads the bytes of a version 2 wrap. It checks the form only: what
// it says is not to be believed before the sender's signature has been
// verified (PublicKey.Verify, over b) and Open has succeeded. Errors are
// ErrDamaged, or ErrUnsupported for what another version made and for RSA
// wraps.
func ParseWrap(b []byte) (Wrap, error) {
	if err := checkWrapHead(b); err != nil {
		return Wrap{}, err
	}
	if len(b) != wrap2Size {
		return Wrap{}, damaged("it has a wrong length")
	}
	w := Wrap{
		Header: Header{
			KeyVersion: binary.BigEndian.Uint64(b[wrapVersion:]),
			Vault:      ID(b[wrapVault:wrapRecipient]),
			Recipient:  ID(b[wrapRecipient:wrapSender]),
			Sender:     ID(b[wrapSender:wrapCheck]),
		},
		Check: [32]byte(b[wrapCheck:wrapBody]),
		body:  [kwSize]byte(b[wrapBody:]),
	}
	if w.KeyVersion == 0 {
		return Wrap{}, damaged("its key version is zero")
	}
	return w, nil
}

func checkWrapHead(b []byte) error {
	alg := byte(algKW)
	if len(b) >= headSize && b[1] == algOAEP {
		alg = algOAEP
	}
	if err := checkHead(b, KindBound, alg); err != nil {
		return err
	}
	if len(b) <= wrapType {
		return damaged("it is too short")
	}
	switch typ := b[wrapType]; {
	case typ != typePersonal && typ != typeMembers:
		return unsupported("unknown type of wrap")
	case (typ == typeMembers) != (alg == algOAEP):
		return damaged("its algorithm is not one for its type")
	case typ == typeMembers:
		return unsupported("RSA wraps cannot be opened yet")
	}
	return nil
}

// Marshal returns the bytes of the wrap, 131 of them: what is stored, sent and
// signed.
func (w Wrap) Marshal() []byte {
	b := make([]byte, 0, wrap2Size)
	b = append(b, byte(KindBound), algKW, typePersonal)
	b = binary.BigEndian.AppendUint64(b, w.KeyVersion)
	b = append(b, w.Vault[:]...)
	b = append(b, w.Recipient[:]...)
	b = append(b, w.Sender[:]...)
	b = append(b, w.Check[:]...)
	return append(b, w.body[:]...)
}

// Open unwraps the vault key under k. Want is what the caller knows from
// elsewhere: a wrap with another header is ErrDamaged, as is one that does not
// unwrap, or whose key does not fit its check value. Open proves the key, the
// vault and the key version; recipient and sender are proved by the signature
// alone.
func (w Wrap) Open(k StretchedKey, want Header) (VaultKey, error) {
	if w.Header != want {
		return VaultKey{}, damaged("it was made for another vault, key version or user")
	}
	key, err := k.unkw(w.body[:])
	if err != nil {
		return VaultKey{}, err
	}
	check, err := key.Check(w.Vault, w.KeyVersion)
	if err != nil {
		return VaultKey{}, err
	}
	if subtle.ConstantTimeCompare(check[:], w.Check[:]) != 1 {
		key.Wipe()
		return VaultKey{}, damaged("the key does not fit its check value")
	}
	return key, nil
}

// Wrap wraps the key of a bound personal vault. The same input always gives
// the same bytes. Key version zero is an error.
func (k StretchedKey) Wrap(h Header, key VaultKey) (Wrap, error) {
	if h.KeyVersion == 0 {
		return Wrap{}, errKeyVersion
	}
	body, err := k.kw(key)
	if err != nil {
		return Wrap{}, err
	}
	check, err := key.Check(h.Vault, h.KeyVersion)
	if err != nil {
		return Wrap{}, err
	}
	return Wrap{Header: h, Check: check, body: [kwSize]byte(body)}, nil
}

// Check returns the check value of k as the key of that vault and version: 32
// bytes by HKDF-SHA-256, safe to store in the clear.
func (k VaultKey) Check(vault ID, keyVersion uint64) ([32]byte, error) {
	key, err := raw(k.Bytes)
	if err != nil {
		return [32]byte{}, err
	}
	info := append([]byte("keyhold/check/2"), vault[:]...)
	info = binary.BigEndian.AppendUint64(info, keyVersion)
	check, err := expand(key, string(info))
	if err != nil {
		return [32]byte{}, err
	}
	return [32]byte(check), nil
}
