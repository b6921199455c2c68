package local

import (
	"context"
	"slices"

	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/vault"
)

var _ vault.Tagger = (*box)(nil)

// Tags opens the copies of the tags that stand beside the items.
func (b *box) Tags(ctx context.Context) (map[string][]string, error) {
	k, err := b.key()
	if err != nil {
		return nil, err
	}
	sealed := map[seal.ID][]byte{}
	err = b.d.Store.View(ctx, func(tx kv.Tx) error {
		clear(sealed)
		for id, blob := range itemdb.AllTags(tx, itemdb.ID(b.id)) {
			sealed[seal.ID(id)] = slices.Clone(blob)
		}
		return nil
	})
	if err != nil {
		return nil, translate(err)
	}
	tags := make(map[string][]string, len(sealed))
	for id, blob := range sealed {
		list, err := openTags(k, id, blob)
		if err != nil {
			it, err := b.Item(ctx, id.String())
			if err != nil {
				continue
			}
			list = it.Tags
		}
		tags[id.String()] = list
	}
	return tags, nil
}
