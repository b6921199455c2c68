package vaultctl

import (
	"context"
	"net/http"
)

// A RekeyRequest puts another key in place of a vault's: the key for every
// member, every item sealed under it, those in the trash too.
type RekeyRequest struct {
	NewKeys []MemberKey  `json:"newKeys"`
	Items   []SealedItem `json:"items"`
	// KeyVersion and Revision are the vault's as they were read. If it has
	// others by now nothing changes and the error is client.ErrConflict. They
	// are an addition; 0 sends none.
	KeyVersion uint64 `json:"keyVersion,omitzero"`
	Revision   uint64 `json:"revision,omitzero"`
}

// A MemberKey is a vault key, wrapped for one member.
type MemberKey struct {
	UserID            string `json:"userId"`
	EncryptedVaultKey []byte `json:"encryptedVaultKey"`
	WrapSignature     []byte `json:"wrapSignature"`
}

// A SealedItem is an item under the new key.
type SealedItem struct {
	ItemID        string `json:"itemId"`
	EncryptedData []byte `json:"encryptedData"`
	EncryptedName []byte `json:"encryptedName"`
}

// Rekey is POST /vaults/{v}/rekey and, where that is 404 or 405, PUT, as the
// released server has it. That server checks nothing, stops half-way if it
// fails, makes every member a mere member, and forgets folders; read the vault
// again afterwards. The body may have 64 MiB.
func (s *VaultsService) Rekey(ctx context.Context, vault string, req RekeyRequest) error {
	r := send(http.MethodPost, req, "vaults", vault, "rekey")
	r.Timeout = bigTimeout
	err := s.c.Do(ctx, r, nil)
	if !unrouted(err) {
		return err
	}
	r.Method = http.MethodPut
	return s.c.Do(ctx, r, nil)
}
