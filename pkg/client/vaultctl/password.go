package vaultctl

import (
	"context"
	"net/http"

	"github.com/keyhold/keyhold/pkg/client"
)

// A PasswordRequest is another master password.
type PasswordRequest struct {
	OldAuthHash                 client.Secret `json:"-"`
	NewAuthHash                 client.Secret `json:"-"`
	EncryptedPrivateKey         []byte        `json:"encryptedPrivateKey"`
	EncryptedIdentityPrivateKey []byte        `json:"encryptedIdentityPrivateKey"`

	// What follows is an addition that the released server ignores. There the
	// salt stays, and personal vaults keep a key that only the old password
	// opens until they are rekeyed.
	KDF       *PasswordKDF `json:",embed"`
	VaultKeys []VaultWrap  `json:"vaultKeys,omitzero"` // of every personal vault
}

// PasswordKDF is how the new password is derived from.
type PasswordKDF struct {
	Salt           []byte `json:"salt"`
	KDFIterations  uint32 `json:"kdfIterations"`
	KDFMemoryKB    uint32 `json:"kdfMemoryKB"`
	KDFParallelism uint32 `json:"kdfParallelism"`
}

// A VaultWrap is the key of a personal vault, sealed anew.
type VaultWrap struct {
	VaultID           string `json:"vaultId"`
	EncryptedVaultKey []byte `json:"encryptedVaultKey"`
	WrapSignature     []byte `json:"wrapSignature"`
}

// ChangePassword is POST /auth/password/change. It asks for step-up, ends every
// session and returns the tokens of a new one.
func (s *AuthService) ChangePassword(ctx context.Context, req PasswordRequest) (*Tokens, error) {
	body := struct {
		PasswordRequest

		OldAuthHash client.Secret `json:"oldAuthHash"`
		NewAuthHash client.Secret `json:"newAuthHash"`
	}{req, base64Of(req.OldAuthHash), base64Of(req.NewAuthHash)}
	var t Tokens
	if err := s.c.Do(ctx, send(http.MethodPost, body, "auth", "password", "change"), &t); err != nil {
		return nil, err
	}
	return &t, t.check()
}
