package vaults

import (
	"fmt"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/record"
	"github.com/keyhold/keyhold/internal/seal"
)

// The versions of records. A vault that needs a new key has one of its own, so
// that those who do not know of that do not write to it.
const (
	version      = 1
	versionRekey = 2
)

func join(prefix string, ids ...seal.ID) []byte {
	k := make([]byte, 0, len(prefix)+len(ids)*len(seal.ID{}))
	k = append(k, prefix...)
	for _, id := range ids {
		k = append(k, id[:]...)
	}
	return k
}

func vaultKey(id seal.ID) []byte           { return join("v/", id) }
func memberPrefix(vault seal.ID) []byte    { return join("m/", vault) }
func memberKey(vault, user seal.ID) []byte { return join("m/", vault, user) }
func userPrefix(user seal.ID) []byte       { return join("u/", user) }
func userKey(user, vault seal.ID) []byte   { return join("u/", user, vault) }

func putVault(tx kv.Tx, v Vault) error {
	w := record.New(version)
	if v.RekeyRequired {
		w = record.New(versionRekey)
	}
	w.Bytes([]byte(v.Name))
	w.Bytes([]byte(v.Type))
	w.Uint(v.KeyVersion)
	w.Uint(v.Revision)
	w.Time(v.Created)
	w.Time(v.Updated)
	return tx.Put(vaultKey(v.ID), w.Record())
}

func parseVault(id seal.ID, b []byte) (Vault, error) {
	ver := byte(version)
	if len(b) > 0 && b[0] == versionRekey {
		ver = versionRekey
	}
	r := record.Read(b, ver)
	v := Vault{ID: id, Name: string(r.Bytes()), Type: Type(r.Bytes()), KeyVersion: r.Uint(), Revision: r.Uint()}
	v.RekeyRequired = ver == versionRekey
	v.Created, v.Updated = r.Time(), r.Time()
	known := v.Type == Personal || v.Type == Shared
	if r.Done() != nil || !known || v.KeyVersion == 0 || v.Revision == 0 {
		return Vault{}, fmt.Errorf("vault %s: %w", id, ErrDamaged)
	}
	return v, nil
}

func putMember(tx kv.Tx, vault, user seal.ID, m Membership) error {
	w := record.New(version)
	w.Bytes([]byte(m.Role))
	w.Fixed(m.Sender[:])
	w.Time(m.Added)
	w.Bytes(m.Wrap)
	w.Bytes(m.Signature)
	if err := tx.Put(memberKey(vault, user), w.Record()); err != nil {
		return err
	}
	return tx.Put(userKey(user, vault), nil)
}

// members returns every member of a vault.
func members(tx kv.Tx, id seal.ID) (map[seal.ID]Membership, error) {
	all := map[seal.ID]Membership{}
	prefix := memberPrefix(id)
	for k, b := range tx.Scan(prefix) {
		m, err := parseMember(id, b)
		if err != nil {
			return nil, err
		}
		if len(k) != len(prefix)+len(seal.ID{}) {
			return nil, fmt.Errorf("member of vault %s: %w", id, ErrDamaged)
		}
		all[seal.ID(k[len(prefix):])] = m
	}
	return all, nil
}

func parseMember(vault seal.ID, b []byte) (Membership, error) {
	r := record.Read(b, version)
	m := Membership{Role: Role(r.Bytes())}
	r.Fixed(m.Sender[:])
	m.Added = r.Time()
	m.Wrap, m.Signature = r.Bytes(), r.Bytes()
	known := m.Role == Owner || m.Role == Admin || m.Role == Member
	if r.Done() != nil || !known {
		return Membership{}, fmt.Errorf("member of vault %s: %w", vault, ErrDamaged)
	}
	return m, nil
}
