package vaultctl

import (
	"net/http"

	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/service/vaults"
)

// listTrash is GET /vaults/{vault}/trash.
func (s *door) listTrash(c *call) (answer, error) {
	v, err := c.vault()
	if err != nil {
		return answer{}, err
	}
	list, err := entries(c, v, func(e vaults.Entry) bool { return !e.Deleted.IsZero() })
	return ok(itemList{list}), err
}

// restoreItem is POST /vaults/{vault}/trash/{item}/restore. An item that is not
// in the trash is as it should be.
func (s *door) restoreItem(c *call, _ struct{}) (answer, error) {
	vault, item, err := c.both()
	if err != nil {
		return answer{}, err
	}
	_, err = vaults.Apply(c.tx, c.now, c.user.ID, vault, vaults.Change{
		KeyVersion: vaults.Any, Restore: []vaults.Ref{{ID: item, Revision: vaults.Any}},
	})
	if err != nil {
		return answer{}, err
	}
	return c.found(http.StatusOK, vault, item)
}

// purgeItem is DELETE /vaults/{vault}/trash/{item}.
func (s *door) purgeItem(c *call, _ struct{}) (answer, error) {
	vault, item, err := c.both()
	if err != nil {
		return answer{}, err
	}
	_, err = vaults.Purge(c.tx, c.now, c.user.ID, vault, []vaults.Ref{{ID: item, Revision: vaults.Any}})
	return noContent, err
}

// purgeOld is DELETE /vaults/{vault}/trash.
func (s *door) purgeOld(c *call, _ struct{}) (answer, error) {
	vault, err := c.id("vault")
	if err != nil {
		return answer{}, err
	}
	n, err := vaults.PurgeOld(c.tx, c.now, c.user.ID, vault)
	return ok(struct {
		Purged int `json:"purged"`
	}{n}), err
}

// importItems is POST /import: new items for one vault, all of them or none.
func (s *door) importItems(c *call, b struct {
	VaultID seal.ID   `json:"vaultId"`
	Items   []newItem `json:"items"`
},
) (answer, error) {
	if _, err := vaults.Get(c.tx, c.user.ID, b.VaultID); err != nil {
		return answer{}, err
	}
	ch := vaults.Change{KeyVersion: vaults.Any}
	for _, it := range b.Items {
		p, err := s.create(it)
		if err != nil {
			return answer{}, err
		}
		ch.Put = append(ch.Put, p)
	}
	if _, err := vaults.Apply(c.tx, c.now, c.user.ID, b.VaultID, ch); err != nil {
		return answer{}, taken(err)
	}
	return ok(struct {
		ImportedCount int `json:"importedCount"`
	}{len(ch.Put)}), nil
}

// export is GET /export: every item outside of the trash, sealed as it is.
func (s *door) export(c *call) (answer, error) {
	out := struct {
		Vaults  []vaultBody `json:"vaults"`
		Items   []itemBody  `json:"items"`
		Folders []struct{}  `json:"folders"`
	}{s.listOf(c), []itemBody{}, []struct{}{}}
	for _, b := range out.Vaults {
		v, err := vaults.Get(c.tx, c.user.ID, b.ID)
		if err != nil {
			return answer{}, err
		}
		list, err := entries(c, v, func(e vaults.Entry) bool { return e.Deleted.IsZero() })
		if err != nil {
			return answer{}, err
		}
		out.Items = append(out.Items, list...)
	}
	return ok(out), nil
}
