package vaultctl

import (
	"fmt"
	"io"
	"time"

	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/vault"
)

// A sealedItem is an item that is to be written.
type sealedItem struct {
	id         seal.ID
	stored     string // type
	name, data []byte
	index      [32]byte
	tags       []byte
	revision   uint64 // that it replaces; 0: a new one
	plain      vault.Item
}

// sealPut seals p.Item, under a new id if it has none. plain is the item as it
// will be read.
func sealPut(k seal.Vault, rand io.Reader, p vault.Put) (s sealedItem, err error) {
	it := p.Item
	if err := vault.CheckName(it.Name); err != nil {
		return s, err
	}
	if it.ID == "" {
		s.id, err = seal.MakeID(rand)
	} else if s.id, err = seal.ParseID(it.ID); err != nil {
		err = notFound("item", it.ID)
	}
	if err != nil {
		return s, err
	}
	if p.Was != nil {
		s.revision = p.Was.Revision
	}
	it.ID = s.id.String()
	plain, err := vault.MarshalItem(it)
	if err != nil {
		return s, err
	}
	defer plain.Wipe()
	s.stored = vault.StoredType(it.Type)
	it.Type, it.Deleted = vault.UserType(s.stored), time.Time{}
	s.plain, s.index = it, k.NameIndex(it.Name)
	if s.name, err = k.SealName(rand, s.id, it.Name); err != nil {
		return s, err
	}
	if s.tags, err = sealTags(k, rand, s.id, it.Tags); err != nil {
		return s, err
	}
	s.data, err = k.SealData(rand, s.id, plain)
	return s, err
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

// openItem opens a sealed item. damage is what is wrong with it already; then it
// only finds out the name. Every error is a *vault.DamagedError.
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
	it, err := vault.UnmarshalItem(plain)
	if err != nil {
		return vault.Item{}, fmt.Errorf("its data: %w", err)
	}
	return it, nil
}
