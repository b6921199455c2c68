package local

import (
	"fmt"

	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/service/vaults"
	"github.com/keyhold/keyhold/internal/vault"
)

// sealItem seals p.Item, under a new id if it has none.
func (b *box) sealItem(p vault.Put) (vault.Item, vaults.Put, error) {
	it := p.Item
	fail := func(err error) (vault.Item, vaults.Put, error) { return vault.Item{}, vaults.Put{}, err }
	if err := vault.CheckName(it.Name); err != nil {
		return fail(err)
	}
	var id seal.ID
	var err error
	if it.ID == "" {
		id, err = seal.MakeID(b.d.Rand)
		it.ID = id.String()
	} else if id, err = seal.ParseID(it.ID); err != nil {
		err = fmt.Errorf("item %s: %w", it.ID, vault.ErrNotFound)
	}
	if err != nil {
		return fail(err)
	}
	plain, err := vault.MarshalItem(it)
	if err != nil {
		return fail(err)
	}
	defer plain.Wipe()
	put := vaults.Put{ID: id, Type: vault.StoredType(it.Type), Index: b.seal.NameIndex(it.Name), Unique: p.Unique}
	if p.Was != nil {
		put.Revision = p.Was.Revision
	}
	if put.Name, err = b.seal.SealName(b.d.Rand, id, it.Name); err != nil {
		return fail(err)
	}
	put.Data, err = b.seal.SealData(b.d.Rand, id, plain)
	return it, put, err
}

// openItem opens what sealItem sealed.
func (b *box) openItem(rec itemdb.Record, data []byte) (vault.Item, error) {
	e, err := b.entry(rec)
	if err != nil {
		return vault.Item{}, err
	}
	damaged := func(err error) (vault.Item, error) {
		return vault.Item{}, &vault.DamagedError{ID: e.ID, Name: e.Name, Err: err}
	}
	plain, err := b.seal.OpenData(seal.ID(rec.ID), data)
	if err != nil {
		return damaged(err)
	}
	defer plain.Wipe()
	it, err := vault.UnmarshalItem(plain)
	if err != nil {
		return damaged(err)
	}
	it.ID, it.Name, it.Revision, it.Deleted = e.ID, e.Name, rec.Revision, rec.Deleted
	return it, nil
}
