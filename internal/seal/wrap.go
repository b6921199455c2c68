package seal

import (
	"crypto/sha256"
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

// A Wrap is a parsed version 2 wrap: the key of a vault, wrapped for one user.
// Wraps can be compared with ==.
type Wrap struct {
	Header
	// Check is a value of the vault key, the vault and the key version that
	// can be remembered to recognise the key again, and from which nobody can compute it.
	Check [32]byte
	alg   byte
	body  string
}

// ParseWrap reads the bytes of a version 2 wrap. It checks the form only: what
// it says is not to be believed before the sender's signature has been
// verified (PublicKey.Verify, over b) and Open or OpenRSA has succeeded. Errors
// are ErrDamaged, or ErrUnsupported for what another version made.
func ParseWrap(b []byte) (Wrap, error) {
	if err := checkWrapHead(b); err != nil {
		return Wrap{}, err
	}
	least, most := kwSize, kwSize
	if b[1] == algOAEP {
		least, most = minRSABits/8, maxRSABits/8
	}
	if len(b) < wrapBody+least || len(b) > wrapBody+most {
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
		alg:   b[1],
		body:  string(b[wrapBody:]),
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
	}
	return nil
}

// Shared reports whether the wrap is that of a vault with members, which
// OpenRSA opens, and not of a personal one, which Open does.
func (w Wrap) Shared() bool { return w.alg == algOAEP }

// Marshal returns the bytes of the wrap: what is stored, sent and signed. Those
// of a personal vault are 131.
func (w Wrap) Marshal() []byte { return append(w.head(), w.body...) }

// head returns the bytes before the body.
func (w Wrap) head() []byte {
	typ := byte(typePersonal)
	if w.Shared() {
		typ = typeMembers
	}
	b := make([]byte, 0, wrapBody+len(w.body))
	b = append(b, byte(KindBound), w.alg, typ)
	b = binary.BigEndian.AppendUint64(b, w.KeyVersion)
	b = append(b, w.Vault[:]...)
	b = append(b, w.Recipient[:]...)
	b = append(b, w.Sender[:]...)
	return append(b, w.Check[:]...)
}

// label returns what binds the body of an RSA wrap to its head.
func (w Wrap) label() []byte {
	sum := sha256.Sum256(w.head())
	return sum[:]
}

// Open unwraps the key of a personal vault under k. Want is what the caller
// knows from elsewhere: a wrap with another header is ErrDamaged, as is one that
// does not unwrap, or whose key does not fit its check value. Open proves the
// key, the vault and the key version; recipient and sender are proved by the
// signature alone.
func (w Wrap) Open(k StretchedKey, want Header) (VaultKey, error) {
	switch {
	case w.Header != want:
		return VaultKey{}, errOther
	case w.alg != algKW:
		return VaultKey{}, damaged("it is not one of a personal vault")
	}
	key, err := k.unkw([]byte(w.body))
	if err != nil {
		return VaultKey{}, err
	}
	return w.checked(key)
}

// OpenRSA is Open for a vault with members.
func (w Wrap) OpenRSA(k RSAKey, want Header) (VaultKey, error) {
	switch {
	case w.Header != want:
		return VaultKey{}, errOther
	case w.alg != algOAEP:
		return VaultKey{}, damaged("it is not one of a vault with members")
	}
	key, err := k.unoaep([]byte(w.body), w.label())
	if err != nil {
		return VaultKey{}, err
	}
	return w.checked(key)
}

var errOther = damaged("it was made for another vault, key version or user")

// checked returns the unwrapped key if it fits the check value.
func (w Wrap) checked(key VaultKey) (VaultKey, error) {
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
	w, err := newWrap(algKW, h, key)
	if err != nil {
		return Wrap{}, err
	}
	body, err := k.kw(key)
	if err != nil {
		return Wrap{}, err
	}
	w.body = string(body)
	return w, nil
}

// newWrap returns a wrap without its body.
func newWrap(alg byte, h Header, key VaultKey) (Wrap, error) {
	if h.KeyVersion == 0 {
		return Wrap{}, errKeyVersion
	}
	check, err := key.Check(h.Vault, h.KeyVersion)
	return Wrap{Header: h, Check: check, alg: alg}, err
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
