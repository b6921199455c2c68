package vaultctl

import (
	"context"
	"fmt"
	"net/http"

	"github.com/keyhold/keyhold/pkg/client"
)

// TrashService has the calls of deleted items.
type TrashService struct{ c *client.Client }

// List is GET /vaults/{v}/trash. The answer may have 128 MiB.
func (s *TrashService) List(ctx context.Context, vault string) ([]Item, error) {
	items, err := readItems(ctx, s.c, list("vaults", vault, "trash"))
	for i := range items {
		items[i].Trashed = true // as every item here, whatever the dialect
	}
	return items, err
}

// Restore is POST /vaults/{v}/trash/{id}/restore. Where the server answers
// without the item it is read with Get; if only that fails, the error says
// that the item is restored.
func (s *TrashService) Restore(ctx context.Context, vault, id string) (*Item, error) {
	var w wireItem
	if err := s.c.Do(ctx, send(http.MethodPost, nil, "vaults", vault, "trash", id, "restore"), &w); err != nil {
		return nil, err
	}
	if it, err := w.read(); err == nil {
		if err := sameItem(it, id); err != nil {
			return nil, err
		}
		return &it, nil
	}
	got, err := readItem(ctx, s.c, get("vaults", vault, "items", id), id)
	if err != nil {
		return nil, fmt.Errorf("the item is restored, but: %w", err)
	}
	return got, nil
}

// Purge is DELETE /vaults/{v}/trash/{id}: for good. It asks for step-up; an
// item that is not in the trash is client.ErrInvalid.
func (s *TrashService) Purge(ctx context.Context, vault, id string) error {
	return s.c.Do(ctx, send(http.MethodDelete, nil, "vaults", vault, "trash", id), nil)
}

// PurgeAll is DELETE /vaults/{v}/trash: what has been in the trash for longer
// than the server keeps it, 30 days on the released one, for good. It asks for
// step-up and returns how many items went.
func (s *TrashService) PurgeAll(ctx context.Context, vault string) (purged int, err error) {
	var w struct {
		Purged int `json:"purged"`
	}
	err = s.c.Do(ctx, send(http.MethodDelete, nil, "vaults", vault, "trash"), &w)
	return w.Purged, err
}
