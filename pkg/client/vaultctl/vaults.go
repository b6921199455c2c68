package vaultctl

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/keyhold/keyhold/pkg/client"
)

// VaultsService has the calls of vaults.
type VaultsService struct {
	c    *client.Client
	orgs *OrgsService
}

// A Vault is a vault as one of its members sees it.
type Vault struct {
	ID                string
	Name              string
	Type              string // personal or shared
	OrgID             string // of shared vaults, on some servers
	Role              string // owner, admin or member
	EncryptedVaultKey []byte // an envelope: by AES-KW for personal vaults, RSA-OAEP for shared ones
	SenderID          string // who wrapped the key and signed
	WrapSignature     []byte // 64 bytes
	KeyVersion        uint64 // 0: not given
	Revision          uint64 // 0: not given
	RekeyRequired     bool   // a member was removed, and it takes no items before Rekey; an addition
	CreatedAt         time.Time
	UpdatedAt         time.Time // zero: not given
}

// List is GET /vaults: every vault of the caller's.
func (s *VaultsService) List(ctx context.Context) ([]Vault, error) {
	l := listOf[wireVault, Vault]{name: "vaults"}
	if err := s.c.Do(ctx, get("vaults"), &l); err != nil {
		return nil, err
	}
	return l.items, nil
}

// A CreateVaultRequest is a new vault; its creator is its owner.
type CreateVaultRequest struct {
	ID                string `json:"vaultId,omitzero"` // an addition; without it, or on other servers, the server chooses
	Name              string `json:"name"`             // at most 255 bytes
	Type              string `json:"type"`             // personal or shared
	OrgID             string `json:"orgId,omitzero"`   // of a shared vault; "": Create finds one if the server wants it
	EncryptedVaultKey []byte `json:"encryptedVaultKey"`
	WrapSignature     []byte `json:"wrapSignature"`
}

// Create is POST /vaults. If the server wants an organisation for a shared
// vault and req has none, it is sent again with one of GET /orgs: the first one
// that the caller owns, else the first. Compare the ID of the answer with that
// of req: not every server takes the client's. An ID that is taken is
// client.ErrConflict.
func (s *VaultsService) Create(ctx context.Context, req CreateVaultRequest) (*Vault, error) {
	v, err := s.create(ctx, req)
	if !wantsOrg(err) || req.Type != "shared" || req.OrgID != "" {
		return v, err
	}
	orgs, listErr := s.orgs.List(ctx)
	if listErr != nil || len(orgs) == 0 {
		return nil, errors.Join(err, listErr)
	}
	req.OrgID = orgs[0].ID
	for _, o := range orgs {
		if o.Role == "owner" {
			req.OrgID = o.ID
			break
		}
	}
	return s.create(ctx, req)
}

func (s *VaultsService) create(ctx context.Context, req CreateVaultRequest) (*Vault, error) {
	var w wireVault
	if err := s.c.Do(ctx, send(http.MethodPost, req, "vaults"), &w); err != nil {
		return nil, err
	}
	v, err := w.read()
	return &v, err
}

func wantsOrg(err error) bool {
	e, ok := errors.AsType[*client.Error](err)
	return ok && e.Status == http.StatusBadRequest && (e.Field == "org_id" || e.Field == "orgId")
}

// Rename is PATCH /vaults/{v}, an addition: errors.ErrUnsupported where the
// server answers 404 or 405, which may mean as well that there is no such vault.
func (s *VaultsService) Rename(ctx context.Context, vault, name string) error {
	body := struct {
		Name string `json:"name"`
	}{name}
	return addition(s.c.Do(ctx, send(http.MethodPatch, body, "vaults", vault), nil))
}

// Delete is DELETE /vaults/{v}: the vault and everything in it, for good. It
// asks for step-up, and for the owner; one's last vault is client.ErrInvalid.
func (s *VaultsService) Delete(ctx context.Context, vault string) error {
	return s.c.Do(ctx, send(http.MethodDelete, nil, "vaults", vault), nil)
}
