// Package vaults has the rules of vaults: who may do what, how revisions move,
// and that a change happens whole or not at all. It holds no user's key: names
// and items come sealed and stay so.
//
// Its functions work inside a transaction of the caller's, so that several of
// them make one. Its records start with "v/", "m/", "u/" and "f/" (FORMAT.md);
// the items are in itemdb.
package vaults

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
)

var (
	// ErrNotFound reports a vault or an item that is not there, or is not the caller's.
	ErrNotFound = errors.New("not found")
	// ErrDenied reports what the caller's role does not allow.
	ErrDenied = errors.New("the role does not allow this")
	// ErrExists reports an id or a name that is taken.
	ErrExists = errors.New("exists already")
	// ErrLastOwner reports the removal of the only owner that a vault has.
	ErrLastOwner = errors.New("the last owner of a vault cannot be removed")
	// ErrRekeyRequired reports items for a vault from which a member was
	// removed, who knows its key: it takes none before it has another one.
	ErrRekeyRequired = errors.New("the vault needs a new key since a member was removed")
	// ErrDamaged reports a record that does not parse.
	ErrDamaged = errors.New("a record of the store is damaged")
)

// Any stands for whatever key version or revision is the current one, where a
// caller does not say which he knows: the last write wins then.
const Any uint64 = math.MaxUint64

// An InvalidError reports a request that breaks a rule.
type InvalidError struct{ Field, Reason string }

func (e *InvalidError) Error() string { return fmt.Sprintf("%s: %s", e.Field, e.Reason) }

// A ConflictError reports a change that was made from an older state. Field is
// "keyVersion", "revision" or "name"; Item is set if the conflict is about one.
type ConflictError struct {
	Field         string
	Item          seal.ID
	Base, Current uint64
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("%s is %d, not %d", e.Field, e.Current, e.Base)
}

// A Type says whether a vault can have several members.
type Type string

// The types of vaults.
const (
	Personal Type = "personal"
	Shared   Type = "shared"
)

// A Role is what a member may do: Owner everything, Admin all but delete the
// vault or change its owner, Member read and write items, and leave.
type Role string

// The roles of members.
const (
	Owner  Role = "owner"
	Admin  Role = "admin"
	Member Role = "member"
)

// A Vault is a vault as one of its members sees it.
type Vault struct {
	ID                   seal.ID
	Name                 string
	Type                 Type
	KeyVersion, Revision uint64 // from 1; +1 for a new key, +1 for any change
	RekeyRequired        bool   // a member was removed and the key is still the old one
	Created, Updated     time.Time

	Membership
}

// A Membership is a member's part of a vault.
type Membership struct {
	Role      Role
	Wrap      []byte // the vault key, sealed for this member
	Sender    seal.ID
	Signature []byte // of Wrap, by Sender's identity key; 64 bytes
	Added     time.Time
}

// A New is a vault to be made. The caller becomes its owner.
type New struct {
	ID              seal.ID // chosen by the client
	Name            string
	Type            Type
	Wrap, Signature []byte
	// UniqueName makes Create return ErrExists if the caller has a vault of
	// this name already.
	UniqueName bool
}

// maxName is how many bytes the name of a vault may have.
const maxName = 255

// Create makes a vault. One whose ID is taken is ErrExists.
func Create(tx kv.Tx, now time.Time, caller seal.ID, n New) (Vault, error) {
	if err := n.check(); err != nil {
		return Vault{}, err
	}
	if n.Type == Shared {
		if err := checkHeader(n.Wrap, seal.Header{KeyVersion: 1, Vault: n.ID, Recipient: caller, Sender: caller}); err != nil {
			return Vault{}, err
		}
	}
	if tx.Get(vaultKey(n.ID)) != nil {
		return Vault{}, fmt.Errorf("vault %s: %w", n.ID, ErrExists)
	}
	if n.UniqueName && taken(tx, caller, n.Name) {
		return Vault{}, fmt.Errorf("a vault of this name: %w", ErrExists)
	}
	now = now.UTC().Truncate(time.Millisecond) // as it is read back
	v := Vault{
		ID: n.ID, Name: n.Name, Type: n.Type, KeyVersion: 1, Revision: 1, Created: now, Updated: now,
		Membership: Membership{Role: Owner, Wrap: n.Wrap, Sender: caller, Signature: n.Signature, Added: now},
	}
	return v, errors.Join(putVault(tx, v), putMember(tx, v.ID, caller, v.Membership))
}

// taken reports whether the caller has a vault of this name.
func taken(tx kv.Tx, caller seal.ID, name string) bool {
	return slices.ContainsFunc(List(tx, caller), func(v Vault) bool { return v.Name == name })
}

func (n New) check() error {
	switch {
	case n.ID.IsZero():
		return &InvalidError{"vaultId", "it is missing"}
	case n.Type != Personal && n.Type != Shared:
		return &InvalidError{"type", "it must be personal or shared"}
	}
	return cmp.Or(checkName(n.Name), checkWrap(n.Wrap, n.Signature, n.Type))
}

func checkName(name string) error {
	if name == "" || len(name) > maxName || !utf8.ValidString(name) {
		return &InvalidError{"name", "it must have 1 to 255 bytes of UTF-8"}
	}
	return nil
}

func checkWrap(wrap, signature []byte, t Type) error {
	switch {
	case !isWrap(wrap, t):
		return &InvalidError{"encryptedVaultKey", "it is not a wrap for this type of vault"}
	case len(signature) != 64:
		return &InvalidError{"wrapSignature", "it must have 64 bytes"}
	}
	return nil
}

// isWrap reports whether b looks like the envelope of a vault key: version 1
// or 2, then the algorithm that the type asks for.
func isWrap(b []byte, t Type) bool {
	const rsaOAEP, aesKW = 2, 3
	alg := byte(rsaOAEP)
	if t == Personal {
		alg = aesKW
	}
	return len(b) >= 42 && len(b) <= 4096 && (b[0] == 1 || b[0] == 2) && b[1] == alg
}

// checkHeader checks that a version 2 wrap was made for what it is put to. One
// of another key version is a *ConflictError: the vault was rekeyed meanwhile.
func checkHeader(wrap []byte, want seal.Header) error {
	if wrap[0] != byte(seal.KindBound) {
		return nil
	}
	w, err := seal.ParseWrap(wrap)
	other := w.Header
	other.KeyVersion = want.KeyVersion
	switch {
	case err != nil:
		return &InvalidError{"encryptedVaultKey", "it is not a wrap"}
	case other != want:
		return &InvalidError{"encryptedVaultKey", "it was made for another vault or user"}
	case w.KeyVersion != want.KeyVersion:
		return &ConflictError{Field: "keyVersion", Base: w.KeyVersion, Current: want.KeyVersion}
	}
	return nil
}

// List returns the caller's vaults, oldest first. One whose records are damaged
// does not hide the others: it comes last and has its ID alone, no role.
func List(tx kv.Tx, caller seal.ID) []Vault { return list(tx, caller, listed(tx, caller)) }

// All is List with those vaults too that the list lacks because it is damaged.
// It looks at the memberships of all users, so it is for a store of few.
func All(tx kv.Tx, caller seal.ID) []Vault {
	ids := listed(tx, caller)
	for k := range tx.Scan(join("m/")) {
		rest := k[2:]
		if len(rest) != 2*len(caller) || seal.ID(rest[len(caller):]) != caller {
			continue
		}
		id := seal.ID(rest[:len(caller)])
		if !slices.Contains(ids, id) && tx.Get(vaultKey(id)) != nil {
			ids = append(ids, id)
		}
	}
	return list(tx, caller, ids)
}

// listed returns the ids of the caller's vaults.
func listed(tx kv.Tx, caller seal.ID) (ids []seal.ID) {
	prefix := userPrefix(caller)
	for k := range tx.Scan(prefix) {
		if len(k) == len(prefix)+len(caller) {
			ids = append(ids, seal.ID(k[len(prefix):]))
		}
	}
	return ids
}

func list(tx kv.Tx, caller seal.ID, ids []seal.ID) []Vault {
	var list, damaged []Vault
	for _, id := range ids {
		if v, err := Get(tx, caller, id); err == nil {
			list = append(list, v)
		} else { // even if it is not found: it would not be listed if it had not been there
			damaged = append(damaged, Vault{ID: id})
		}
	}
	slices.SortFunc(list, func(a, b Vault) int {
		return cmp.Or(a.Created.Compare(b.Created), slices.Compare(a.ID[:], b.ID[:]))
	})
	return append(list, damaged...)
}

// Get returns one of the caller's vaults, or ErrNotFound.
func Get(tx kv.Tx, caller, id seal.ID) (Vault, error) {
	m := tx.Get(memberKey(id, caller))
	b := tx.Get(vaultKey(id))
	if m == nil || b == nil {
		return Vault{}, fmt.Errorf("vault %s: %w", id, ErrNotFound)
	}
	v, err := parseVault(id, b)
	if err != nil {
		return Vault{}, err
	}
	v.Membership, err = parseMember(id, m)
	return v, err
}

// Rename gives a vault another name and returns its revision after that. Owners
// and admins may. With unique it is ErrExists if the caller has another vault of
// this name. The name that it has already changes nothing.
func Rename(tx kv.Tx, now time.Time, caller, id seal.ID, name string, unique bool) (uint64, error) {
	v, err := Get(tx, caller, id)
	switch {
	case err != nil:
		return 0, err
	case !v.manages():
		return 0, ErrDenied
	case v.Name == name:
		return v.Revision, nil
	case unique && taken(tx, caller, name):
		return 0, fmt.Errorf("a vault of this name: %w", ErrExists)
	}
	if err := checkName(name); err != nil {
		return 0, err
	}
	v.Name = name
	return v.Revision + 1, v.moved(tx, now)
}

// manages reports whether the caller may do more than read and write items.
func (v Vault) manages() bool { return v.Role == Owner || v.Role == Admin }

// moved keeps v at its next revision.
func (v Vault) moved(tx kv.Tx, now time.Time) error {
	v.Revision++
	v.Updated = now.UTC().Truncate(time.Millisecond)
	return putVault(tx, v)
}

// Delete removes a vault with everything in it, for good. Only an owner may.
// It asks the caller's membership alone, so that a damaged vault can go too.
func Delete(tx kv.Tx, caller, id seal.ID) error {
	b := tx.Get(memberKey(id, caller))
	if b == nil {
		return fmt.Errorf("vault %s: %w", id, ErrNotFound)
	}
	m, err := parseMember(id, b)
	if err != nil {
		return err
	}
	if m.Role != Owner {
		return ErrDenied
	}
	if err := itemdb.DeleteVault(tx, itemdb.ID(id)); err != nil {
		return err
	}
	var gone [][]byte
	for k := range tx.Scan(memberPrefix(id)) {
		var user seal.ID
		copy(user[:], k[len(memberPrefix(id)):])
		gone = append(gone, slices.Clone(k), userKey(user, id))
	}
	for k := range tx.Scan(join("f/", id)) {
		gone = append(gone, slices.Clone(k))
	}
	for _, k := range gone {
		if err := tx.Delete(k); err != nil {
			return err
		}
	}
	return tx.Delete(vaultKey(id))
}
