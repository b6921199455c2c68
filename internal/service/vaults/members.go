package vaults

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/service/accounts"
)

// A VaultMember is one of the members of a vault.
type VaultMember struct {
	User seal.ID

	Membership
}

// Members returns the members of one of the caller's vaults, in the order in
// which they were added. Every member may see them.
func Members(tx kv.Tx, caller, id seal.ID) ([]VaultMember, error) {
	if tx.Get(memberKey(id, caller)) == nil {
		return nil, fmt.Errorf("vault %s: %w", id, ErrNotFound)
	}
	all, err := members(tx, id)
	if err != nil {
		return nil, err
	}
	return sorted(all), nil
}

func sorted(all map[seal.ID]Membership) []VaultMember {
	list := make([]VaultMember, 0, len(all))
	for user, m := range all {
		list = append(list, VaultMember{user, m})
	}
	slices.SortFunc(list, func(a, b VaultMember) int {
		return cmp.Or(a.Added.Compare(b.Added), slices.Compare(a.User[:], b.User[:]))
	})
	return list
}

// A NewMember is a user to whom a vault is to be shared, or a member who is to
// have another role or wrap.
type NewMember struct {
	MemberKey

	Role Role // Admin or Member
}

// PutMember shares a vault with a user and returns the vault's revision after
// that. Owners and admins may. A user who is a member already gets the role and
// the wrap in place of his own; the owner keeps his: ErrDenied. A user who has
// no account that vaults can be shared with is ErrNotFound, a role that cannot
// be given and a vault that cannot be shared an *InvalidError, and a wrap of
// another key version than the vault's a *ConflictError.
func PutMember(tx kv.Tx, now time.Time, caller, id seal.ID, n NewMember) (uint64, error) {
	v, err := Get(tx, caller, id)
	switch {
	case err != nil:
		return 0, err
	case n.Role != Admin && n.Role != Member:
		return 0, &InvalidError{"role", "it must be admin or member"}
	case !v.manages():
		return 0, ErrDenied
	case v.Type != Shared:
		return 0, &InvalidError{"vaultId", "a personal vault cannot be shared"}
	}
	if err := checkRecipient(tx, n.User); err != nil {
		return 0, err
	}
	m := Membership{Added: now.UTC().Truncate(time.Millisecond)}
	if b := tx.Get(memberKey(id, n.User)); b != nil {
		if m, err = parseMember(id, b); err != nil {
			return 0, err
		}
	}
	if m.Role == Owner {
		return 0, ErrDenied
	}
	if err := v.checkKey(n.MemberKey, caller, v.KeyVersion); err != nil {
		return 0, err
	}
	m.Role, m.Wrap, m.Sender, m.Signature = n.Role, n.Wrap, caller, n.Signature
	if err := putMember(tx, id, n.User, m); err != nil {
		return 0, err
	}
	return v.Revision + 1, v.moved(tx, now)
}

// checkRecipient checks that a vault can be shared with a user.
func checkRecipient(tx kv.Tx, user seal.ID) error {
	a, err := accounts.Get(tx, user)
	switch {
	case errors.Is(err, accounts.ErrNotFound), err == nil && (a.IsLocal() || a.Disabled):
		return fmt.Errorf("user %s: %w", user, ErrNotFound)
	case errors.Is(err, accounts.ErrDamaged):
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}

// A Removed is a vault from which a member was removed.
type Removed struct {
	Revision      uint64 // of the vault after that
	RekeyRequired bool   // always: who was removed knows the key
	Remaining     []VaultMember
}

// RemoveMember takes a vault from one of its members. Owners and admins may,
// and who is no owner may leave. From then on the vault takes no items before it
// has another key. The last owner stays: ErrLastOwner. A user who is no member
// is ErrNotFound.
func RemoveMember(tx kv.Tx, now time.Time, caller, id, user seal.ID) (Removed, error) {
	v, err := Get(tx, caller, id)
	if err != nil {
		return Removed{}, err
	}
	if caller != user && !v.manages() {
		return Removed{}, ErrDenied
	}
	all, err := members(tx, id)
	if err != nil {
		return Removed{}, err
	}
	m, ok := all[user]
	if !ok {
		return Removed{}, fmt.Errorf("member %s: %w", user, ErrNotFound)
	}
	if m.Role == Owner && owners(all) == 1 {
		return Removed{}, ErrLastOwner
	}
	if m.Role == Owner && v.Role != Owner {
		return Removed{}, ErrDenied
	}
	delete(all, user)
	if err := errors.Join(tx.Delete(memberKey(id, user)), tx.Delete(userKey(user, id))); err != nil {
		return Removed{}, err
	}
	v.RekeyRequired = true
	return Removed{v.Revision + 1, true, sorted(all)}, v.moved(tx, now)
}

func owners(all map[seal.ID]Membership) (n int) {
	for _, m := range all {
		if m.Role == Owner {
			n++
		}
	}
	return n
}
