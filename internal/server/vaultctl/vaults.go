package vaultctl

import (
	"net/http"

	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/service/vaults"
)

// listOf returns the vaults of who is logged in. What is damaged is left out
// and logged: a client could do nothing with it.
func (s *door) listOf(c *call) []vaultBody {
	bodies := []vaultBody{}
	for _, v := range vaults.List(c.tx, c.user.ID) {
		if v.Role == "" {
			s.Log.ErrorContext(c.r.Context(), "damaged vault", "vault", v.ID.String())
			continue
		}
		bodies = append(bodies, bodyOf(v))
	}
	return bodies
}

// listVaults is GET /vaults.
func (s *door) listVaults(c *call) (answer, error) {
	return ok(struct {
		Vaults []vaultBody `json:"vaults"`
	}{s.listOf(c)}), nil
}

type newVault struct {
	VaultID           seal.ID     `json:"vaultId"`
	Name              string      `json:"name"`
	Type              vaults.Type `json:"type"`
	EncryptedVaultKey []byte      `json:"encryptedVaultKey"`
	WrapSignature     []byte      `json:"wrapSignature"`
}

// createVault is POST /vaults. An orgId is left alone.
func (s *door) createVault(c *call, b newVault) (answer, error) {
	var err error
	if b.VaultID.IsZero() {
		if b.VaultID, err = seal.MakeID(s.Rand); err != nil {
			return answer{}, err
		}
	}
	v, err := vaults.Create(c.tx, c.now, c.user.ID, vaults.New{
		ID: b.VaultID, Name: b.Name, Type: b.Type, Wrap: b.EncryptedVaultKey, Signature: b.WrapSignature,
	})
	return answer{http.StatusCreated, bodyOf(v)}, err
}

type newName struct {
	Name string `json:"name"`
}

// renameVault is PATCH /vaults/{vault}.
func (s *door) renameVault(c *call, b newName) (answer, error) {
	id, err := c.id("vault")
	if err != nil {
		return answer{}, err
	}
	if _, err := vaults.Rename(c.tx, c.now, c.user.ID, id, b.Name, false); err != nil {
		return answer{}, err
	}
	v, err := vaults.Get(c.tx, c.user.ID, id)
	return ok(bodyOf(v)), err
}

// deleteVault is DELETE /vaults/{vault}. The last vault stays.
func (s *door) deleteVault(c *call, _ struct{}) (answer, error) {
	id, err := c.id("vault")
	if err != nil {
		return answer{}, err
	}
	only := len(vaults.List(c.tx, c.user.ID)) == 1
	if err := vaults.Delete(c.tx, c.user.ID, id); err != nil {
		return answer{}, err
	}
	if only {
		return answer{}, invalid("vaultId", "the last vault cannot be deleted")
	}
	return noContent, nil
}

type newKey struct {
	NewKeys []struct {
		UserID            seal.ID `json:"userId"`
		EncryptedVaultKey []byte  `json:"encryptedVaultKey"`
		WrapSignature     []byte  `json:"wrapSignature"`
	} `json:"newKeys"`
	Items []struct {
		ItemID        seal.ID `json:"itemId"`
		EncryptedData []byte  `json:"encryptedData"`
		EncryptedName []byte  `json:"encryptedName"`
	} `json:"items"`
	Folders     []struct{} `json:"folders"`
	Attachments []struct{} `json:"attachments"`
	KeyVersion  uint64     `json:"keyVersion"`
	Revision    uint64     `json:"revision"`
}

// rekey is POST and PUT /vaults/{vault}/rekey.
func (s *door) rekey(c *call, b newKey) (answer, error) {
	id, err := c.id("vault")
	if err != nil {
		return answer{}, err
	}
	n := vaults.NewKey{KeyVersion: orAny(b.KeyVersion), Revision: orAny(b.Revision)}
	for _, k := range b.NewKeys {
		n.Members = append(n.Members, vaults.MemberKey{User: k.UserID, Wrap: k.EncryptedVaultKey, Signature: k.WrapSignature})
	}
	for _, it := range b.Items {
		n.Items = append(n.Items, vaults.SealedItem{ID: it.ItemID, Name: it.EncryptedName, Data: it.EncryptedData})
	}
	if _, err := vaults.Rekey(c.tx, c.now, c.user.ID, id, n); err != nil {
		return answer{}, err
	}
	switch {
	case len(b.Folders) > 0:
		return answer{}, invalid("folders", "the vault has no folders")
	case len(b.Attachments) > 0:
		return answer{}, invalid("attachments", "the vault has no attachments")
	}
	return noContent, nil
}
