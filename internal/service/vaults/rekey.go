package vaults

import (
	"fmt"
	"maps"
	"time"

	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
)

// A NewKey is another key for a vault, with everything in the vault sealed anew.
type NewKey struct {
	KeyVersion, Revision uint64       // of the vault that it was made from, or Any
	Members              []MemberKey  // each member of the vault, once
	Items                []SealedItem // each item of the vault, the trash too, once
}

// A MemberKey is the new key, sealed for one member by the caller.
type MemberKey struct {
	User            seal.ID
	Wrap, Signature []byte
}

// A SealedItem is an item under the new key. Its type, times and revision stay.
type SealedItem struct {
	ID         seal.ID
	Name, Data []byte // envelopes
	Index      [32]byte
	Tags       []byte // as in Put
}

// Rekey puts another key in place of a vault's, with the next key version, and
// returns the vault's revision after that. Owners and admins may; roles stay. It
// makes good that a member was removed.
// If the vault moved on since n was made it is a *ConflictError, if n lacks a
// member or an item an *InvalidError. A vault in which an item is damaged keeps
// its key: that is ErrDamaged. After an error the transaction must not be
// committed.
func Rekey(tx kv.Tx, now time.Time, caller, id seal.ID, n NewKey) (uint64, error) {
	v, err := Get(tx, caller, id)
	switch {
	case err != nil:
		return 0, err
	case !v.manages():
		return 0, ErrDenied
	case n.KeyVersion != v.KeyVersion && n.KeyVersion != Any:
		return 0, &ConflictError{Field: "keyVersion", Base: n.KeyVersion, Current: v.KeyVersion}
	case n.Revision != v.Revision && n.Revision != Any:
		return 0, &ConflictError{Field: "revision", Base: n.Revision, Current: v.Revision}
	}
	if err := replaceKeys(tx, v, caller, n.Members); err != nil {
		return 0, err
	}
	if err := replaceItems(tx, id, n.Items); err != nil {
		return 0, err
	}
	v.KeyVersion++
	v.RekeyRequired = false
	return v.Revision + 1, v.moved(tx, now)
}

// replaceKeys puts the wraps of keys in place of those of all members.
func replaceKeys(tx kv.Tx, v Vault, sender seal.ID, keys []MemberKey) error {
	members, err := members(tx, v.ID)
	if err != nil {
		return err
	}
	if len(keys) != len(members) {
		return &InvalidError{"newKeys", "it must have every member of the vault once"}
	}
	for _, key := range keys {
		m, ok := members[key.User]
		if !ok {
			return &InvalidError{"newKeys", "it must have every member of the vault once"}
		}
		delete(members, key.User)
		if err := v.checkKey(key, sender, v.KeyVersion+1); err != nil {
			return err
		}
		m.Wrap, m.Sender, m.Signature = key.Wrap, sender, key.Signature
		if err := putMember(tx, v.ID, key.User, m); err != nil {
			return err
		}
	}
	return nil
}

// checkKey checks a wrap for a member of v.
func (v Vault) checkKey(key MemberKey, sender seal.ID, keyVersion uint64) error {
	if err := checkWrap(key.Wrap, key.Signature, v.Type); err != nil || v.Type == Personal {
		return err
	}
	if key.Wrap[0] != v.Wrap[0] {
		return &InvalidError{"encryptedVaultKey", "it is of another version than the vault"}
	}
	return checkHeader(key.Wrap, seal.Header{KeyVersion: keyVersion, Vault: v.ID, Recipient: key.User, Sender: sender})
}

// replaceItems puts items in place of all that the vault has. Everything goes
// and comes anew, so that nothing is left that was made with the old key, such
// as an entry of the index that no item has.
func replaceItems(tx kv.Tx, id seal.ID, items []SealedItem) error {
	for _, p := range itemdb.Check(tx, itemdb.ID(id)) {
		if p.Fault != itemdb.NoIndex && p.Fault != itemdb.StrayIndex && p.Fault != itemdb.StrayTags {
			return fmt.Errorf("item %s: %s: %w", seal.ID(p.Item), p.Fault, ErrDamaged)
		}
	}
	records := map[seal.ID]itemdb.Record{}
	for r, err := range itemdb.Records(tx, itemdb.ID(id)) {
		if err != nil {
			return own(err)
		}
		records[seal.ID(r.ID)] = r
	}
	if len(items) != len(records) {
		return &InvalidError{"items", "it must have every item of the vault once"}
	}
	left := maps.Clone(records)
	for _, it := range items {
		switch _, ok := left[it.ID]; {
		case !ok:
			return &InvalidError{"items", "it must have every item of the vault once"}
		case !isBlob(it.Name, MaxItemName):
			return &InvalidError{"encryptedName", "it is not an envelope, or too long"}
		case !isBlob(it.Data, MaxItemData):
			return &InvalidError{"encryptedData", "it is not an envelope, or too long"}
		}
		delete(left, it.ID)
	}
	if err := itemdb.DeleteVault(tx, itemdb.ID(id)); err != nil {
		return err
	}
	for _, it := range items {
		r := records[it.ID]
		r.Name, r.Index = it.Name, it.Index
		if err := itemdb.Put(tx, itemdb.ID(id), r, it.Data, it.Tags); err != nil {
			return err
		}
	}
	return nil
}

// Rewrap puts another wrap of the same vault key in place of the caller's: for
// another master password. The vault stays at its revision. If it has another
// key by now it is a *ConflictError.
func Rewrap(tx kv.Tx, caller, id seal.ID, keyVersion uint64, wrap, signature []byte) error {
	v, err := Get(tx, caller, id)
	if err != nil {
		return err
	}
	if keyVersion != v.KeyVersion {
		return &ConflictError{Field: "keyVersion", Base: keyVersion, Current: v.KeyVersion}
	}
	if err := checkWrap(wrap, signature, v.Type); err != nil {
		return err
	}
	v.Wrap, v.Sender, v.Signature = wrap, caller, signature
	return putMember(tx, id, caller, v.Membership)
}

// A VaultWrap is the same key of a personal vault, under another password.
type VaultWrap struct {
	Vault           seal.ID
	Wrap, Signature []byte
}

// RewrapPersonal is Rewrap for all of the caller's personal vaults at once. If a
// vault is missing, or one stands there that is none of them, it is an
// *InvalidError: its key would be lost with the old password.
func RewrapPersonal(tx kv.Tx, caller seal.ID, wraps []VaultWrap) error {
	versions := map[seal.ID]uint64{}
	for _, v := range List(tx, caller) {
		switch {
		case v.Role == "":
			return fmt.Errorf("vault %s: %w", v.ID, ErrDamaged)
		case v.Type == Personal:
			versions[v.ID] = v.KeyVersion
		}
	}
	every := &InvalidError{"vaultKeys", "it must have every personal vault once"}
	if len(wraps) != len(versions) {
		return every
	}
	for _, w := range wraps {
		keyVersion, ok := versions[w.Vault]
		if !ok {
			return every
		}
		delete(versions, w.Vault)
		if err := Rewrap(tx, caller, w.Vault, keyVersion, w.Wrap, w.Signature); err != nil {
			return err
		}
		if err := checkHeader(w.Wrap, seal.Header{KeyVersion: keyVersion, Vault: w.Vault, Recipient: caller, Sender: caller}); err != nil {
			return err
		}
	}
	return nil
}
