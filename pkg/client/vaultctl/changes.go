package vaultctl

import (
	"context"
	"net/http"
)

// A ChangeRequest is several changes of items that happen together or not at
// all.
type ChangeRequest struct {
	KeyVersion uint64        `json:"keyVersion"` // of the vault
	Put        []ItemRequest `json:"put"`        // with ID; Revision 0 for a new item, which has a Type too
	Delete     []ItemRef     `json:"delete"`     // into the trash
}

// An ItemRef is an item at a revision.
type ItemRef struct {
	ItemID   string `json:"itemId"`
	Revision uint64 `json:"revision"`
}

// A ChangeResult is the answer to Changes.
type ChangeResult struct {
	Revision uint64 // of the vault, and of every item that changed; 0: not given
	Items    []Item // that were put; none if the server does not say
}

// Changes is POST /vaults/{v}/changes, an addition: errors.ErrUnsupported
// where the server answers 404 or 405, which may mean as well that there is no
// such vault. Then go item by item; that is not atomic. A number that is not
// the current one is client.ErrConflict.
func (s *ItemsService) Changes(ctx context.Context, vault string, req ChangeRequest) (*ChangeResult, error) {
	r := send(http.MethodPost, req, "vaults", vault, "changes")
	r.Timeout, r.MaxBody = bigTimeout, maxList
	var w struct {
		Revision uint64                 `json:"revision"`
		Items    listOf[wireItem, Item] `json:"items"`
	}
	w.Items.max, w.Items.items = maxItems, []Item{}
	if err := s.c.Do(ctx, r, &w); err != nil {
		return nil, addition(err)
	}
	return &ChangeResult{w.Revision, w.Items.items}, nil
}
