package seal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"github.com/keyhold/keyhold/internal/secret"
)

// Layout of a marshalled KeySet: version, user, seed, length of the RSA key,
// RSA key, number of vaults, vaults.
const (
	keySetVersion = 1
	setRSALength  = 1 + len(ID{}) + KeySize
	setRSA        = setRSALength + 2
	entrySize     = 1 + len(ID{}) + 8 + KeySize
)

var errKeySet = errors.New("key set is not complete")

// A KeySet is what a session keeps of an account: the user's private keys and
// the keys of the vaults that were opened. No password, auth hash or
// stretched key is in it. All keys in it print as "[redacted]".
type KeySet struct {
	User     ID
	Identity Identity
	RSA      RSAKey       // empty for an account without one; not parsed before it is used
	Vaults   []VaultEntry // in any order, each vault once
}

// A VaultEntry is one vault of a KeySet.
type VaultEntry struct {
	Vault      ID
	Kind       Kind
	KeyVersion uint64 // from 1 for a bound vault, 0 for a compatible one
	Key        VaultKey
}

// Open returns the Vault that seals and opens its items.
func (e VaultEntry) Open() (Vault, error) {
	switch {
	case !e.fits():
		return nil, errKeySet
	case e.Kind == KindBound:
		return Bound(e.Vault, e.KeyVersion, e.Key)
	default:
		return Compatible(e.Key)
	}
}

// fits reports whether kind and key version go together.
func (e VaultEntry) fits() bool {
	return e.Kind == KindBound && e.KeyVersion != 0 || e.Kind == KindCompatible && e.KeyVersion == 0
}

// Vault returns the entry of a vault and whether there is one.
func (s KeySet) Vault(id ID) (VaultEntry, bool) {
	for _, e := range s.Vaults {
		if e.Vault == id {
			return e, true
		}
	}
	return VaultEntry{}, false
}

// With returns s with these entries in place of those of the same vaults. The
// two sets share the memory of their keys.
func (s KeySet) With(entries ...VaultEntry) KeySet {
	for _, e := range entries {
		s = s.Without(e.Vault)
		s.Vaults = append(s.Vaults, e)
	}
	return s
}

// Without returns s without that vault, which need not be in it. The two sets
// share the memory of their keys.
func (s KeySet) Without(id ID) KeySet {
	kept := make([]VaultEntry, 0, len(s.Vaults)+1)
	for _, e := range s.Vaults {
		if e.Vault != id {
			kept = append(kept, e)
		}
	}
	s.Vaults = kept
	return s
}

// Wipe forgets all keys in s.
func (s KeySet) Wipe() {
	s.Identity.Wipe()
	s.RSA.Wipe()
	for _, e := range s.Vaults {
		e.Key.Wipe()
	}
}

// Marshal returns s in the layout of FORMAT.md, in the clear: it has to be
// sealed. The same set always gives the same bytes, whatever the order of its
// vaults. A set with a missing key, a vault twice, or a part that is too large
// for the layout is an error.
func (s KeySet) Marshal() (secret.Bytes, error) {
	seed, err := raw(s.Identity.Bytes)
	if err != nil {
		return secret.Bytes{}, err
	}
	if s.RSA.Len() > math.MaxUint16 || len(s.Vaults) > math.MaxUint16 {
		return secret.Bytes{}, errKeySet
	}
	b := make([]byte, 0, setRSA+s.RSA.Len()+2+len(s.Vaults)*entrySize)
	b = append(b, keySetVersion)
	b = append(b, s.User[:]...)
	b = append(b, seed...)
	b = binary.BigEndian.AppendUint16(b, uint16(s.RSA.Len())) //nolint:gosec // checked above
	b = append(b, s.RSA.Reveal()...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(s.Vaults))) //nolint:gosec // checked above
	sorted := slices.SortedFunc(slices.Values(s.Vaults), byVault)
	for i, e := range sorted {
		key, err := raw(e.Key.Bytes)
		if err != nil || !e.fits() || i > 0 && sorted[i-1].Vault == e.Vault {
			clear(b)
			return secret.Bytes{}, errKeySet
		}
		b = append(b, byte(e.Kind))
		b = append(b, e.Vault[:]...)
		b = binary.BigEndian.AppendUint64(b, e.KeyVersion)
		b = append(b, key...)
	}
	return secret.Of(b), nil
}

// ParseKeySet reads what Marshal made; the keys are copies, so b may be wiped
// afterwards. Anything that Marshal cannot have made is ErrDamaged, another
// version ErrUnsupported.
func ParseKeySet(b []byte) (KeySet, error) {
	if len(b) > 0 && b[0] != keySetVersion {
		return KeySet{}, unsupported("unknown version of a key set")
	}
	if len(b) < setRSA+2 {
		return KeySet{}, damaged("it is too short")
	}
	identity, err := NewIdentity(bytes.Clone(b[1+len(ID{}) : setRSALength]))
	if err != nil {
		return KeySet{}, err
	}
	s := KeySet{User: ID(b[1:]), Identity: identity}
	n := int(binary.BigEndian.Uint16(b[setRSALength:]))
	if len(b) < setRSA+n+2 {
		return KeySet{}, damaged("it is too short")
	}
	s.RSA = RSAKey{secret.Of(bytes.Clone(b[setRSA : setRSA+n]))}
	b = b[setRSA+n:]
	n, b = int(binary.BigEndian.Uint16(b)), b[2:]
	if len(b) != n*entrySize {
		return KeySet{}, damaged("its length does not fit its number of vaults")
	}
	s.Vaults = make([]VaultEntry, 0, n)
	for ; len(b) > 0; b = b[entrySize:] {
		e, err := parseEntry(b[:entrySize])
		if err != nil {
			return KeySet{}, err
		}
		if n := len(s.Vaults); n > 0 && byVault(s.Vaults[n-1], e) >= 0 {
			return KeySet{}, damaged("its vaults are not in order")
		}
		s.Vaults = append(s.Vaults, e)
	}
	return s, nil
}

func parseEntry(b []byte) (VaultEntry, error) {
	e := VaultEntry{
		Kind:       Kind(b[0]),
		Vault:      ID(b[1:]),
		KeyVersion: binary.BigEndian.Uint64(b[1+len(ID{}):]),
	}
	if !e.fits() {
		return VaultEntry{}, damaged("kind and key version of a vault do not fit")
	}
	var err error
	e.Key, err = NewVaultKey(bytes.Clone(b[entrySize-KeySize:]))
	return e, err
}

func byVault(a, b VaultEntry) int { return bytes.Compare(a.Vault[:], b.Vault[:]) }
