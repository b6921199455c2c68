package local

import (
	"context"
	"errors"
	"fmt"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/service/accounts"
	"github.com/keyhold/keyhold/internal/service/vaults"
)

// ChangePassword puts another master password in place of the one that Ask
// gives. The keys of the vaults stay, so that sessions do too.
func (a *account) ChangePassword(ctx context.Context, next secret.String) error {
	err := a.asOwner(ctx, func(o owner) error {
		n, err := o.with(a.d.Rand, next)
		if err != nil {
			return err
		}
		defer n.stretched.Wipe()
		return o.replaceBy(ctx, a.d.Store, n)
	})
	if err != nil {
		return err
	}
	return scrub(ctx, a.d)
}

// replaceBy seals in one transaction under the password of n what is sealed
// under that of o. A vault that does not open keeps everything as it is: its
// key would be lost for ever.
func (o owner) replaceBy(ctx context.Context, db kv.DB, n owner) error {
	return db.Update(ctx, func(tx kv.Tx) error {
		if err := o.current(tx); err != nil {
			return err
		}
		for _, v := range vaults.All(tx, o.ID) {
			if err := o.rewrap(tx, v, n); err != nil {
				return fmt.Errorf("the key of vault %s: %w", v.ID, translate(err))
			}
		}
		return errors.Join(accounts.Replace(tx, n.Account), scrubDue(tx))
	})
}

// rewrap wraps the key of a vault for n.
func (o owner) rewrap(tx kv.Tx, v vaults.Vault, n owner) error {
	e, err := o.unwrap(v)
	if err != nil {
		return err
	}
	defer e.Key.Wipe()
	wrap, sig, err := n.wrap(e)
	if err != nil {
		return err
	}
	return vaults.Rewrap(tx, o.ID, v.ID, v.KeyVersion, wrap, sig)
}
