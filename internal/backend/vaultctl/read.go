package vaultctl

import (
	"context"
	"errors"

	"github.com/keyhold/keyhold/internal/backend/mirror"
	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/vault"
)

// box makes an open vault.
func (a *account) box(k opened) *box {
	b := &box{a: a, id: k.entry.Vault}
	b.Reader = mirror.Reader{
		Mirror: a.place.Mirror(b.id),
		View: func(ctx context.Context, fn func(kv.Tx, seal.Vault) error) error {
			return b.view(ctx, func(tx kv.Tx, k *opened) error { return fn(tx, k) })
		},
		EntryOf: entryOf, Open: b.read,
	}
	b.open.Store(&k)
	return b
}

// entryOf opens the name of a record. err is what is wrong with the record
// itself. What does not open is a *vault.DamagedError.
func entryOf(k seal.Vault, rec itemdb.Record, err error) (vault.Entry, error) {
	id := seal.ID(rec.ID)
	e := vault.Entry{ID: id.String()}
	if err == nil {
		e.Type, e.Created, e.Updated, e.Revision = vault.UserType(rec.Type), rec.Created, rec.Updated, rec.Revision
		e.Name, err = k.OpenName(id, rec.Name)
	}
	if err != nil {
		return e, &vault.DamagedError{ID: e.ID, Err: err}
	}
	return e, nil
}

// errNoData is what is wrong with an item of which only the name is there.
var errNoData = errors.New(itemdb.NoData.String())

// read opens an item of the mirror.
func (b *box) read(tx kv.Tx, k seal.Vault, id seal.ID) (vault.Item, error) {
	rec, found, damage := itemdb.Get(tx, b.Mirror, itemdb.ID(id))
	if !found && damage == nil {
		return vault.Item{}, notFound("item", id.String())
	}
	data, ok, err := itemdb.Data(tx, b.Mirror, itemdb.ID(id))
	if err != nil {
		return vault.Item{}, err
	}
	if damage == nil && !ok {
		damage = errNoData
	}
	rec.ID = itemdb.ID(id)
	return openItem(k, rec, data, damage)
}
