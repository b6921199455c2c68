package vaultctl

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keyhold/keyhold/pkg/client"
)

// ItemsService has the calls of items.
type ItemsService struct{ c *client.Client }

// An Item is a sealed item.
type Item struct {
	ID       string
	VaultID  string
	FolderID string // "": in none
	// Type is login, secure_note, credit_card, identity, api_key, ssh_key,
	// passkey, gpg_key or what else a server has.
	Type          string
	EncryptedData []byte // an envelope
	EncryptedName []byte // an envelope
	Favorite      bool
	Reprompt      bool
	Trashed       bool
	TrashedAt     time.Time // zero: not given
	KeyVersion    uint64    // of the vault; 0: not given
	Revision      uint64    // of the vault when the item changed last; 0: not given
	CreatedAt     time.Time
	UpdatedAt     time.Time
}

// ListItemsOptions say which items are wanted; zero is all of them.
type ListItemsOptions struct {
	Type      string // compared here: servers spell it in two ways
	FolderID  string
	Favorites bool
}

// List is GET /vaults/{v}/items: those outside the trash, the newest first, all
// at once. The answer may have 128 MiB.
func (s *ItemsService) List(ctx context.Context, vault string, opt ListItemsOptions) ([]Item, error) {
	r := list("vaults", vault, "items")
	r.Query = map[string][]string{}
	if opt.FolderID != "" {
		r.Query.Set("folderId", opt.FolderID)
	}
	if opt.Favorites {
		r.Query.Set("favorites", "true")
	}
	items, err := readItems(ctx, s.c, r)
	if opt.Type != "" {
		items = slices.DeleteFunc(items, func(it Item) bool { return it.Type != typeRead(opt.Type) })
	}
	return items, err
}

func readItems(ctx context.Context, c *client.Client, r client.Request) ([]Item, error) {
	l := listOf[wireItem, Item]{name: "items", max: maxItems}
	if err := c.Do(ctx, r, &l); err != nil {
		return nil, err
	}
	return l.items, nil
}

// Get is GET /vaults/{v}/items/{id}.
func (s *ItemsService) Get(ctx context.Context, vault, id string) (*Item, error) {
	return readItem(ctx, s.c, get("vaults", vault, "items", id), id)
}

// readItem makes a call that answers with the item of this id, or of any if
// id is "".
func readItem(ctx context.Context, c *client.Client, r client.Request, id string) (*Item, error) {
	var w wireItem
	if err := c.Do(ctx, r, &w); err != nil {
		return nil, err
	}
	it, err := w.read()
	if err == nil && id != "" {
		err = sameItem(it, id)
	}
	if err != nil {
		return nil, err
	}
	return &it, nil
}

// sameItem refuses another item than was asked for.
func sameItem(it Item, id string) error {
	if !strings.EqualFold(it.ID, id) {
		return badAnswer("it is another item")
	}
	return nil
}

// An ItemRequest is an item to be written.
type ItemRequest struct {
	// ID is which item to replace. In a new one it is an addition: without it,
	// or on other servers, the server chooses.
	ID            string `json:"itemId,omitzero"`
	Type          string `json:"itemType,omitzero"` // of a new item; for good
	EncryptedData []byte `json:"encryptedData"`     // an envelope; bodies have at most 1 MiB on the released server
	EncryptedName []byte `json:"encryptedName"`     // an envelope
	FolderID      string `json:"folderId,omitzero"`
	Favorite      bool   `json:"favorite"`
	Reprompt      bool   `json:"reprompt"`
	// KeyVersion is the vault's that the item is sealed under, Revision that of
	// the item that is replaced. If one is not the current one nothing changes
	// and the error is client.ErrConflict, with the field. They are an
	// addition; 0 sends none.
	KeyVersion uint64 `json:"keyVersion,omitzero"`
	Revision   uint64 `json:"revision,omitzero"`
}

// Create is POST /vaults/{v}/items. A type that has two spellings and is
// refused with 400 or 500 is tried in the other one. An ID that is taken is
// client.ErrConflict; a vault that waits for a rekey is ErrRekeyRequired.
func (s *ItemsService) Create(ctx context.Context, vault string, req ItemRequest) (*Item, error) {
	req.Type = typeRead(req.Type)
	it, err := readItem(ctx, s.c, send(http.MethodPost, req, "vaults", vault, "items"), "")
	other := documented[req.Type]
	if err == nil || other == "" || !aboutType(err) {
		return it, err
	}
	req.Type = other
	if it, again := readItem(ctx, s.c, send(http.MethodPost, req, "vaults", vault, "items"), ""); again == nil {
		return it, nil
	}
	return nil, err
}

// aboutType reports whether a server may have refused a type that it knows by
// another name.
func aboutType(err error) bool {
	e, ok := errors.AsType[*client.Error](err)
	if !ok {
		return false
	}
	switch e.Status {
	case http.StatusBadRequest:
		return e.Field == "" || e.Field == "itemType" || e.Field == "item_type"
	case http.StatusInternalServerError:
		return true
	}
	return false
}

// Put is PUT /vaults/{v}/items/{id}, the id that of req. It replaces the whole
// item, but for its type: what req does not have is cleared. An item in the
// trash is client.ErrInvalid. As with every PUT and DELETE, an answer may get
// lost and the request be sent again; then the second one finds the revision
// that the first has made, which is a conflict with oneself.
func (s *ItemsService) Put(ctx context.Context, vault string, req ItemRequest) (*Item, error) {
	id := req.ID
	req.ID, req.Type = "", ""
	return readItem(ctx, s.c, send(http.MethodPut, req, "vaults", vault, "items", id), id)
}

// Delete is DELETE /vaults/{v}/items/{id}: into the trash, where it may be
// already. revision is the item's, sent as a parameter, an addition: if
// it is another by now the error is client.ErrConflict. 0 sends none.
func (s *ItemsService) Delete(ctx context.Context, vault, id string, revision uint64) error {
	r := send(http.MethodDelete, nil, "vaults", vault, "items", id)
	if revision != 0 {
		r.Query = query("revision", strconv.FormatUint(revision, 10))
	}
	return s.c.Do(ctx, r, nil)
}
