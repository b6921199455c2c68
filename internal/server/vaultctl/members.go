package vaultctl

import (
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/service/accounts"
	"github.com/keyhold/keyhold/internal/service/vaults"
)

// vault returns the vault that the path names.
func (c *call) vault() (vaults.Vault, error) {
	id, err := c.id("vault")
	if err != nil {
		return vaults.Vault{}, err
	}
	return vaults.Get(c.tx, c.user.ID, id)
}

// listMembers is GET /vaults/{vault}/members.
func (s *door) listMembers(c *call) (answer, error) {
	v, err := c.vault()
	if err != nil {
		return answer{}, err
	}
	list, err := vaults.Members(c.tx, c.user.ID, v.ID)
	return ok(struct {
		Members []memberBody `json:"members"`
	}{membersOf(v, list)}), err
}

type newMember struct {
	RecipientUserID   seal.ID     `json:"recipientUserId"`
	EncryptedVaultKey []byte      `json:"encryptedVaultKey"`
	WrapSignature     []byte      `json:"wrapSignature"`
	Role              vaults.Role `json:"role"`
}

// putMember is POST /vaults/{vault}/members.
func (s *door) putMember(c *call, b newMember) (answer, error) {
	id, err := c.id("vault")
	if err != nil {
		return answer{}, err
	}
	_, err = vaults.PutMember(c.tx, c.now, c.user.ID, id, vaults.NewMember{
		MemberKey: vaults.MemberKey{User: b.RecipientUserID, Wrap: b.EncryptedVaultKey, Signature: b.WrapSignature}, Role: b.Role,
	})
	return noContent, err
}

// removeMember is DELETE /vaults/{vault}/members/{user}.
func (s *door) removeMember(c *call, _ struct{}) (answer, error) {
	v, err := c.vault()
	if err != nil {
		return answer{}, err
	}
	user, err := c.id("user")
	if err != nil {
		return answer{}, err
	}
	gone, err := vaults.RemoveMember(c.tx, c.now, c.user.ID, v.ID, user)
	if err != nil {
		return answer{}, err
	}
	v.Revision = gone.Revision
	return ok(struct {
		RekeyRequired    bool         `json:"rekeyRequired"`
		RemainingMembers []memberBody `json:"remainingMembers"`
		KeyVersion       uint64       `json:"keyVersion"`
		Revision         uint64       `json:"revision"`
	}{gone.RekeyRequired, membersOf(v, gone.Remaining), v.KeyVersion, v.Revision}), nil
}

// userByEmail is GET /users?email=.
func (s *door) userByEmail(c *call) (answer, error) {
	return s.userOf(c, func() (accounts.Account, error) {
		return accounts.ByEmail(c.tx, c.r.URL.Query().Get("email"))
	})
}

// userByID is GET /users/{user}.
func (s *door) userByID(c *call) (answer, error) {
	return s.userOf(c, func() (accounts.Account, error) {
		id, err := c.id("user")
		if err != nil {
			return accounts.Account{}, err
		}
		return accounts.Get(c.tx, id)
	})
}

func (s *door) userOf(c *call, find func() (accounts.Account, error)) (answer, error) {
	if err := allow(s.users, c.user.ID.String()); err != nil {
		return answer{}, err
	}
	a, err := find()
	if err != nil {
		return answer{}, err
	}
	if a.IsLocal() {
		return answer{}, errNotFound
	}
	return ok(struct {
		UserID             seal.ID `json:"userId"`
		Email              string  `json:"email"`
		PublicKey          []byte  `json:"publicKey"`
		PublicKeySignature []byte  `json:"publicKeySignature"`
		IdentityPublicKey  []byte  `json:"identityPublicKey"`
	}{a.ID, a.Email, a.RSA, a.RSASignature, a.Identity}), nil
}

// noOrgs is GET /orgs: this server has none, and vaults need none.
func noOrgs(*call) (answer, error) {
	return ok(struct {
		Orgs []struct{} `json:"orgs"`
	}{[]struct{}{}}), nil
}
