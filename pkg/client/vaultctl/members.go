package vaultctl

import (
	"context"
	"net/http"
	"time"

	"github.com/keyhold/keyhold/pkg/client"
)

// MembersService has the calls of the members of shared vaults.
type MembersService struct{ c *client.Client }

// A Member is a member of a vault, with the vault key wrapped for them.
type Member struct {
	UserID            string    `json:"userId"` // "": not given
	Role              string    `json:"role"`   // owner, admin or member
	EncryptedVaultKey []byte    `json:"encryptedVaultKey"`
	SenderID          string    `json:"senderId"`
	WrapSignature     []byte    `json:"wrapSignature"`
	AddedAt           time.Time `json:"addedAt"`
}

type wireMember struct{ Member }

func (w wireMember) read() (Member, error) {
	if w.UserID == "" {
		return Member{}, badAnswer("a member has no id")
	}
	return w.Member, nil
}

// List is GET /vaults/{v}/members, an addition: errors.ErrUnsupported where
// the server answers 404 or 405, which may mean as well that there is no such
// vault.
func (s *MembersService) List(ctx context.Context, vault string) ([]Member, error) {
	l := listOf[wireMember, Member]{name: "members"}
	if err := s.c.Do(ctx, get("vaults", vault, "members"), &l); err != nil {
		return nil, addition(err)
	}
	return l.items, nil
}

// An AddMemberRequest shares a vault with somebody.
type AddMemberRequest struct {
	UserID            string `json:"recipientUserId"`
	EncryptedVaultKey []byte `json:"encryptedVaultKey"` // an envelope by RSA-OAEP
	WrapSignature     []byte `json:"wrapSignature"`     // 64 bytes
	Role              string `json:"role"`              // admin or member
}

// Add is POST /vaults/{v}/members. For who is a member already it replaces role
// and key, but not an owner's. An unknown user is client.ErrNotFound, from the
// released server client.ErrUnavailable with status 500.
func (s *MembersService) Add(ctx context.Context, vault string, req AddMemberRequest) error {
	return s.c.Do(ctx, send(http.MethodPost, req, "vaults", vault, "members"), nil)
}

// A RemoveResult is the answer to Remove.
type RemoveResult struct {
	RekeyRequired bool
	// Remaining are those who need the next key. The released server gives
	// them without UserID.
	Remaining []Member
}

// Remove is DELETE /vaults/{v}/members/{u}. Who was removed still knows the
// key: rekey the vault. The last owner is client.ErrInvalid.
func (s *MembersService) Remove(ctx context.Context, vault, user string) (*RemoveResult, error) {
	var w struct {
		RekeyRequired bool     `json:"rekeyRequired"`
		Remaining     []Member `json:"remainingMembers"`
	}
	w.RekeyRequired = true // unless the server says otherwise
	if err := s.c.Do(ctx, send(http.MethodDelete, nil, "vaults", vault, "members", user), &w); err != nil {
		return nil, err
	}
	return &RemoveResult{w.RekeyRequired, w.Remaining}, nil
}
