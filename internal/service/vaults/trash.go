package vaults

import (
	"errors"
	"fmt"
	"time"

	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
)

// Retention is how long an item is kept in the trash of a service.
const Retention = 30 * 24 * time.Hour

// Purge removes items from the trash for good and returns the vault's revision
// after that. An item that is not in the trash is an *InvalidError, one at
// another revision a *ConflictError; then, as after any error, the transaction
// must not be committed.
func Purge(tx kv.Tx, now time.Time, caller, id seal.ID, refs []Ref) (uint64, error) {
	v, err := Get(tx, caller, id)
	if err != nil || len(refs) == 0 {
		return v.Revision, err
	}
	b := batch{tx: tx, vault: id, seen: make(map[seal.ID]bool)}
	for _, r := range refs {
		rec, err := b.find(r)
		if err != nil {
			return 0, err
		}
		if rec.Deleted.IsZero() {
			return 0, &InvalidError{"itemId", "the item is not in the trash"}
		}
		if err := purge(tx, id, r.ID); err != nil {
			return 0, err
		}
	}
	return v.Revision + 1, v.moved(tx, now)
}

// Discard removes items for good that cannot be moved to the trash, because
// their records are damaged or missing, or that are there already: what is left
// of them in any part of the store. It returns the vault's revision after that.
// Any other item is an *InvalidError; one of which nothing is left is
// ErrNotFound; then, as after any error, the transaction must not be committed.
func Discard(tx kv.Tx, now time.Time, caller, id seal.ID, items []seal.ID) (uint64, error) {
	v, err := Get(tx, caller, id)
	if err != nil || len(items) == 0 {
		return v.Revision, err
	}
	for _, item := range items {
		rec, found, err := itemdb.Get(tx, itemdb.ID(id), itemdb.ID(item))
		if err == nil && found && rec.Deleted.IsZero() {
			return 0, &InvalidError{"itemId", "the item can be moved to the trash"}
		}
		there, err := itemdb.Discard(tx, itemdb.ID(id), itemdb.ID(item))
		if err := errors.Join(err, Flags{}.put(tx, id, item)); err != nil {
			return 0, err
		}
		if !there {
			return 0, fmt.Errorf("item %s: %w", item, ErrNotFound)
		}
	}
	return v.Revision + 1, v.moved(tx, now)
}

// purge removes all that is kept of an item.
func purge(tx kv.Tx, id, item seal.ID) error {
	return errors.Join(itemdb.Delete(tx, itemdb.ID(id), itemdb.ID(item)), Flags{}.put(tx, id, item))
}

// PurgeOld removes from one of the caller's vaults the items that have been in
// the trash for Retention, and returns how many they were. Damaged ones stay.
func PurgeOld(tx kv.Tx, now time.Time, caller, id seal.ID) (int, error) {
	v, err := Get(tx, caller, id)
	if err != nil {
		return 0, err
	}
	return v.purgeOld(tx, now)
}

func (v Vault) purgeOld(tx kv.Tx, now time.Time) (int, error) {
	var old []seal.ID
	for r, err := range itemdb.Records(tx, itemdb.ID(v.ID)) {
		if err == nil && !r.Deleted.IsZero() && !now.Before(r.Deleted.Add(Retention)) {
			old = append(old, r.ID)
		}
	}
	for _, item := range old {
		if err := purge(tx, v.ID, item); err != nil {
			return 0, err
		}
	}
	if len(old) == 0 {
		return 0, nil
	}
	return len(old), v.moved(tx, now)
}

// Sweep is PurgeOld for every vault: for a service to call once a day. Damaged
// vaults stay as they are.
func Sweep(tx kv.Tx, now time.Time) error {
	var all []Vault
	for k, b := range tx.Scan([]byte("v/")) {
		if len(k) != len(vaultKey(seal.ID{})) {
			continue
		}
		if v, err := parseVault(seal.ID(k[len("v/"):]), b); err == nil {
			all = append(all, v)
		}
	}
	for _, v := range all {
		if _, err := v.purgeOld(tx, now); err != nil {
			return err
		}
	}
	return nil
}
