package vaultctl

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strconv"

	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/service/vaults"
)

// entries returns the items of a vault that are wanted, the newest change first.
func entries(c *call, v vaults.Vault, wanted func(vaults.Entry) bool) ([]itemBody, error) {
	list := []itemBody{}
	for e, err := range vaults.Entries(c.tx, c.user.ID, v.ID) {
		if err != nil {
			return nil, err
		}
		if wanted(e) {
			list = append(list, itemOf(v, e))
		}
	}
	slices.SortStableFunc(list, func(a, b itemBody) int { return cmp.Compare(b.Revision, a.Revision) })
	return list, nil
}

type itemList struct {
	Items []itemBody `json:"items"`
}

// listItems is GET /vaults/{vault}/items?itemType=&folderId=&favorites=. There
// are no folders: every item is in none.
func (s *door) listItems(c *call) (answer, error) {
	v, err := c.vault()
	if err != nil {
		return answer{}, err
	}
	q := c.r.URL.Query()
	itemType, folder, favorites := typeOf(q.Get("itemType")), q.Get("folderId"), q.Get("favorites") == "true"
	list, err := entries(c, v, func(e vaults.Entry) bool {
		return e.Deleted.IsZero() && (itemType == "" || typeOf(e.Type) == itemType) && (folder == "" || folder == "none") &&
			(!favorites || e.Flags.Favorite)
	})
	return ok(itemList{list}), err
}

// item returns an item of v with all that is kept of it.
func (c *call) item(v vaults.Vault, id seal.ID) (vaults.Entry, error) {
	rec, data, err := vaults.Item(c.tx, c.user.ID, v.ID, id)
	return vaults.Entry{Record: rec, Data: data, Flags: vaults.FlagsOf(c.tx, v.ID, id)}, err
}

// found answers with an item as it is now.
func (c *call) found(status int, vault, id seal.ID) (answer, error) {
	v, err := vaults.Get(c.tx, c.user.ID, vault)
	if err != nil {
		return answer{}, err
	}
	e, err := c.item(v, id)
	return answer{status, itemOf(v, e)}, err
}

// both returns the two ids in the path of an item.
func (c *call) both() (vault, item seal.ID, err error) {
	vault, err = c.id("vault")
	if err == nil {
		item, err = c.id("item")
	}
	return vault, item, err
}

// getItem is GET /vaults/{vault}/items/{item}, which may be in the trash.
func (s *door) getItem(c *call) (answer, error) {
	vault, item, err := c.both()
	if err != nil {
		return answer{}, err
	}
	return c.found(http.StatusOK, vault, item)
}

// A newItem is an item to be written.
type newItem struct {
	ItemID        seal.ID `json:"itemId"`
	ItemType      string  `json:"itemType"`
	EncryptedData []byte  `json:"encryptedData"`
	EncryptedName []byte  `json:"encryptedName"`
	FolderID      string  `json:"folderId"`
	Favorite      bool    `json:"favorite"`
	Reprompt      bool    `json:"reprompt"`
	KeyVersion    uint64  `json:"keyVersion"`
	Revision      uint64  `json:"revision"`
}

// put returns what b puts in place of revision.
func (b newItem) put(id seal.ID, itemType string, revision uint64) (vaults.Put, error) {
	if b.FolderID != "" {
		return vaults.Put{}, invalid("folderId", "there is no such folder")
	}
	return vaults.Put{
		ID: id, Type: typeOf(itemType), Name: b.EncryptedName, Data: b.EncryptedData, Revision: revision,
		Flags: vaults.Flags{Favorite: b.Favorite, Reprompt: b.Reprompt},
	}, nil
}

// create returns the Put of a new item, whose id the client may have chosen.
func (s *door) create(b newItem) (vaults.Put, error) {
	if b.ItemID.IsZero() {
		id, err := seal.MakeID(s.Rand)
		if err != nil {
			return vaults.Put{}, err
		}
		b.ItemID = id
	}
	return b.put(b.ItemID, b.ItemType, 0)
}

// replace returns the Put of an item that is there, whose type stays.
func (b newItem) replace(c *call, vault, id seal.ID) (vaults.Put, error) {
	old, _, err := vaults.Item(c.tx, c.user.ID, vault, id)
	if err != nil && (!errors.Is(err, vaults.ErrDamaged) || old.Type == "") {
		return vaults.Put{}, err
	}
	return b.put(id, old.Type, orAny(b.Revision))
}

// createItem is POST /vaults/{vault}/items.
func (s *door) createItem(c *call, b newItem) (answer, error) {
	vault, err := c.id("vault")
	if err != nil {
		return answer{}, err
	}
	p, err := s.create(b)
	if err != nil {
		return answer{}, err
	}
	if err := c.apply(vault, b.KeyVersion, p); err != nil {
		return answer{}, taken(err)
	}
	return c.found(http.StatusCreated, vault, p.ID)
}

// taken says of a new item that is there already that its id is taken.
func taken(err error) error {
	if moved := (*vaults.ConflictError)(nil); errors.As(err, &moved) && moved.Field == "revision" {
		return conflict("itemId", "the id is taken")
	}
	return err
}

func (c *call) apply(vault seal.ID, keyVersion uint64, p vaults.Put) error {
	_, err := vaults.Apply(c.tx, c.now, c.user.ID, vault, vaults.Change{KeyVersion: orAny(keyVersion), Put: []vaults.Put{p}})
	return err
}

// putItem is PUT /vaults/{vault}/items/{item}.
func (s *door) putItem(c *call, b newItem) (answer, error) {
	vault, item, err := c.both()
	if err != nil {
		return answer{}, err
	}
	p, err := b.replace(c, vault, item)
	if err != nil {
		return answer{}, err
	}
	if err := c.apply(vault, b.KeyVersion, p); err != nil {
		return answer{}, err
	}
	return c.found(http.StatusOK, vault, item)
}

// trashItem is DELETE /vaults/{vault}/items/{item}?revision=.
func (s *door) trashItem(c *call, _ struct{}) (answer, error) {
	vault, item, err := c.both()
	if err != nil {
		return answer{}, err
	}
	ref := vaults.Ref{ID: item, Revision: vaults.Any}
	if text := c.r.URL.Query().Get("revision"); text != "" {
		if ref.Revision, err = strconv.ParseUint(text, 10, 64); err != nil {
			return answer{}, invalid("revision", "it must be a number")
		}
	}
	_, err = vaults.Apply(c.tx, c.now, c.user.ID, vault, vaults.Change{KeyVersion: vaults.Any, Delete: []vaults.Ref{ref}})
	return noContent, err
}

// changes is POST /vaults/{vault}/changes: all of them or none.
func (s *door) changes(c *call, b struct {
	KeyVersion uint64    `json:"keyVersion"`
	Put        []newItem `json:"put"`
	Delete     []struct {
		ItemID   seal.ID `json:"itemId"`
		Revision uint64  `json:"revision"`
	} `json:"delete"`
},
) (answer, error) {
	vault, err := c.id("vault")
	if err != nil {
		return answer{}, err
	}
	if _, err := vaults.Get(c.tx, c.user.ID, vault); err != nil {
		return answer{}, err
	}
	ch := vaults.Change{KeyVersion: orAny(b.KeyVersion)}
	for _, it := range b.Put {
		var p vaults.Put
		if it.Revision == 0 {
			p, err = s.create(it)
		} else {
			p, err = it.replace(c, vault, it.ItemID)
		}
		if err != nil {
			return answer{}, err
		}
		ch.Put = append(ch.Put, p)
	}
	for _, d := range b.Delete {
		ch.Delete = append(ch.Delete, vaults.Ref{ID: d.ItemID, Revision: orAny(d.Revision)})
	}
	return c.change(vault, ch)
}

// change applies a change and answers with what it has put.
func (c *call) change(vault seal.ID, ch vaults.Change) (answer, error) {
	revision, err := vaults.Apply(c.tx, c.now, c.user.ID, vault, ch)
	if err != nil {
		return answer{}, err
	}
	v, err := vaults.Get(c.tx, c.user.ID, vault)
	if err != nil {
		return answer{}, err
	}
	list := []itemBody{}
	for _, p := range ch.Put {
		e, err := c.item(v, p.ID)
		if err != nil {
			return answer{}, err
		}
		list = append(list, itemOf(v, e))
	}
	return ok(struct {
		Revision   uint64     `json:"revision"`
		KeyVersion uint64     `json:"keyVersion"`
		Items      []itemBody `json:"items"`
	}{revision, v.KeyVersion, list}), nil
}
