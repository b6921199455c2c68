package local

import (
	"context"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/vault"
)

var _ vault.Snapshotter = (*box)(nil)

// Snapshot reads in one transaction.
func (b *box) Snapshot(ctx context.Context, fn func(vault.Vault) error) error {
	k, err := b.key()
	if err != nil {
		return err
	}
	return translate(b.d.Store.View(ctx, func(tx kv.Tx) error {
		within := &box{d: b.d, user: b.user, id: b.id, keyVersion: b.keyVersion}
		within.d.Store = transaction{tx}
		within.open.Store(k)
		return fn(within)
	}))
}

// A transaction is a store for as long as tx is open.
type transaction struct{ tx kv.Tx }

// View implements kv.DB.
func (t transaction) View(_ context.Context, fn func(kv.Tx) error) error { return fn(t.tx) }

// Update implements kv.DB.
func (t transaction) Update(context.Context, func(kv.Tx) error) error { return kv.ErrReadOnly }
