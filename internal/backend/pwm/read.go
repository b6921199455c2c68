package pwm

import (
	"context"
	"errors"

	"github.com/keyhold/keyhold/internal/backend/mirror"
	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/vault"
)

// newBox makes a vault that is closed yet.
func (a *account) newBox(id seal.ID, name string) *box {
	b := &box{a: a, id: id, name: name}
	b.Reader = mirror.Reader{
		Mirror: a.place.Mirror(b.id),
		View: func(ctx context.Context, fn func(kv.Tx, seal.Vault) error) error {
			return b.view(ctx, func(tx kv.Tx, k *opened) error { return fn(tx, k) })
		},
		EntryOf: listOf,
		Open:    func(tx kv.Tx, k seal.Vault, id seal.ID) (vault.Item, error) { return b.read(tx, k.(*opened), id) },
	}
	return b
}

// listOf opens the name of a record. err is what is wrong with the record
// itself. What does not open is a *vault.DamagedError.
func listOf(k seal.Vault, rec itemdb.Record, err error) (vault.Entry, error) {
	id := seal.ID(rec.ID)
	e := vault.Entry{ID: id.String()}
	if err == nil {
		e.Type, e.Created, e.Updated, e.Revision = rec.Type, rec.Created, rec.Updated, rec.Revision
		e.Name, err = k.OpenName(id, rec.Name)
	}
	if err == nil && rec.Type == damagedType {
		err = errKept
	}
	if err != nil {
		return e, &vault.DamagedError{ID: e.ID, Name: e.Name, Err: err}
	}
	return e, nil
}

// errKept is what is wrong with an entry that is only kept; reading it says more.
var errKept = errors.New("the entry does not read, and is kept as it is")
