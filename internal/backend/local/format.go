package local

import (
	"fmt"
	"io"
	"time"

	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/service/vaults"
	"github.com/keyhold/keyhold/internal/vault"
)

// sealItem seals p.Item, under a new id if it has none. It returns the item as
// it will be read.
func sealItem(k seal.Vault, rand io.Reader, p vault.Put) (vault.Item, vaults.Put, error) {
	it := p.Item
	fail := func(err error) (vault.Item, vaults.Put, error) { return vault.Item{}, vaults.Put{}, err }
	if err := vault.CheckName(it.Name); err != nil {
		return fail(err)
	}
	var id seal.ID
	var err error
	if it.ID == "" {
		id, err = seal.MakeID(rand)
	} else if id, err = seal.ParseID(it.ID); err != nil {
		err = fmt.Errorf("item %s: %w", it.ID, vault.ErrNotFound)
	}
	if err != nil {
		return fail(err)
	}
	it.ID = id.String()
	plain, err := vault.MarshalItem(it)
	if err != nil {
		return fail(err)
	}
	defer plain.Wipe()
	stored := vault.StoredType(it.Type)
	it.Type, it.Deleted = vault.UserType(stored), time.Time{}
	put := vaults.Put{ID: id, Type: stored, Index: k.NameIndex(it.Name), Unique: p.Unique}
	if p.Was != nil {
		put.Revision = p.Was.Revision
	}
	if put.Name, err = k.SealName(rand, id, it.Name); err != nil {
		return fail(err)
	}
	if put.Tags, err = sealTags(k, rand, id, it.Tags); err != nil {
		return fail(err)
	}
	put.Data, err = k.SealData(rand, id, plain)
	return it, put, err
}

// sealTags returns nil if there are none.
func sealTags(k seal.Vault, rand io.Reader, id seal.ID, tags []string) ([]byte, error) {
	if len(tags) == 0 {
		return nil, nil
	}
	return k.SealTags(rand, id, tags)
}

// openTags opens what sealTags made.
func openTags(k seal.Vault, id seal.ID, blob []byte) ([]string, error) {
	if len(blob) == 0 {
		return nil, nil
	}
	return k.OpenTags(id, blob)
}

// openItem opens what sealItem sealed. damage is what is wrong with the item
// already; then it only finds out the name. Every error is a *vault.DamagedError.
func openItem(k seal.Vault, rec itemdb.Record, data []byte, damage error) (vault.Item, error) {
	id := seal.ID(rec.ID)
	name, err := k.OpenName(id, rec.Name)
	var it vault.Item
	switch {
	case damage != nil:
		err = damage
	case err == nil:
		it, err = openData(k, id, data)
	}
	if err != nil {
		return vault.Item{}, &vault.DamagedError{ID: id.String(), Name: name, Err: err}
	}
	it.ID, it.Name, it.Revision, it.Deleted = id.String(), name, rec.Revision, rec.Deleted
	return it, nil
}

func openData(k seal.Vault, id seal.ID, data []byte) (vault.Item, error) {
	plain, err := k.OpenData(id, data)
	if err != nil {
		return vault.Item{}, err
	}
	defer plain.Wipe()
	return vault.UnmarshalItem(plain)
}
