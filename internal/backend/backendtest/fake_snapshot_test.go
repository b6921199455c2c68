package backendtest

import (
	"context"

	"github.com/keyhold/keyhold/internal/vault"
)

// Snapshot gives fn the client itself, but for writing.
func (c *client) Snapshot(ctx context.Context, fn func(vault.Vault) error) error {
	if _, err := c.read(ctx); err != nil {
		return err
	}
	switch c.s.flaw {
	case "writes in snapshots":
		return fn(c)
	case "forgets in snapshots":
		_ = fn(frozen{c})
		return nil
	}
	return fn(frozen{c})
}

// A frozen client only reads.
type frozen struct{ *client }

func (frozen) Commit(context.Context, vault.Change) (vault.Revision, []vault.Item, error) {
	return 0, nil, vault.ErrInvalid
}
