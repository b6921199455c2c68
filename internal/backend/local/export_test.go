package local

import (
	"context"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/service/accounts"
	"github.com/keyhold/keyhold/internal/service/vaults"
)

const Batch = batch

// An Owner does what a master password is for without deriving anything.
type Owner struct{ owner }

func NewOwner(a accounts.Account, stretched seal.StretchedKey) (Owner, error) {
	o, err := openWith(a, stretched)
	return Owner{o}, err
}

func (o Owner) ReplaceBy(ctx context.Context, db kv.DB, n Owner) error {
	return o.replaceBy(ctx, db, n.owner)
}

func (o Owner) Rekey(ctx context.Context, d backend.Deps, id seal.ID) error {
	_, err := o.rekey(ctx, d, id, nil)
	return err
}

func (o Owner) KeySet(list []vaults.Vault) (seal.KeySet, error) {
	set := seal.KeySet{User: o.ID, Identity: o.identity}
	for _, v := range list {
		e, err := o.unwrap(v)
		if err != nil {
			return seal.KeySet{}, err
		}
		set.Vaults = append(set.Vaults, e)
	}
	return set, nil
}
