package pwm

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/keyhold/keyhold/pkg/client"
)

// VaultsService has the calls of vaults. The name of a vault is what it is
// kept under, may have any character and is not sealed. "", "." and ".." cannot
// be asked for: they are client.ErrInvalid, and nothing is sent.
type VaultsService struct{ c *client.Client }

// An Info is what the list says of a vault.
type Info struct {
	Name      string
	Version   uint64
	CreatedAt time.Time // zero: not given
	UpdatedAt time.Time // zero: not given
}

// A Key is a vault key, wrapped under a key that is derived from a password.
type Key struct {
	WrappedVaultKey []byte `json:"wrappedVaultKey"` // 48 bytes: the sealed key of 32, and a tag
	VaultKeyIV      []byte `json:"vaultKeyIv"`      // 12 bytes
	VaultKeySalt    []byte `json:"vaultKeySalt"`    // 16 bytes
}

// Content is what is sealed under the vault key.
type Content struct {
	EncryptedData []byte `json:"encryptedData"` // ciphertext and a tag of 16 bytes; at most 25 MiB
	IV            []byte `json:"iv"`            // 12 bytes, never those of another Content
}

// A Vault is one vault with all that it holds. The sizes of its parts are as
// the server sent them: check them.
type Vault struct {
	Info
	Content
	Key
}

// List is GET /vault: the caller's own vaults, without what they hold.
func (s *VaultsService) List(ctx context.Context) ([]Info, error) {
	var w struct {
		Vaults *[]wireInfo `json:"vaults"`
	}
	if err := s.c.Do(ctx, get("vault"), &w); err != nil {
		return nil, err
	}
	if w.Vaults == nil {
		return nil, badAnswer("the list is missing")
	}
	list := make([]Info, 0, len(*w.Vaults))
	for _, v := range *w.Vaults {
		if v.Name == "" {
			return nil, badAnswer("a vault has no name")
		}
		i, err := v.info(v.Name)
		if err != nil {
			return nil, err
		}
		list = append(list, i)
	}
	return list, nil
}

type wireInfo struct {
	Name      string  `json:"name"`
	Version   uint64  `json:"version"`
	CreatedAt instant `json:"createdAt"`
	UpdatedAt instant `json:"updatedAt"`
}

// info refuses a vault without a version: no change could be made from it.
func (w wireInfo) info(name string) (Info, error) {
	if w.Version == 0 {
		return Info{}, badAnswer("a vault has no version")
	}
	return Info{name, w.Version, w.CreatedAt.Time, w.UpdatedAt.Time}, nil
}

// A CreateRequest is a new vault.
type CreateRequest struct {
	Name string `json:"name"`
	Content
	Key
}

// Create is POST /vault. A name that is taken is ErrExists. It is not sent
// again when the answer is lost: then Get tells whether there is the vault, and
// its EncryptedData whether it is this one.
func (s *VaultsService) Create(ctx context.Context, req CreateRequest) (*Info, error) {
	if req.Name == "" || req.Name == "." || req.Name == ".." {
		return nil, fmt.Errorf("no vault can be named %q: %w", req.Name, client.ErrInvalid)
	}
	var w wireInfo
	if err := s.c.Do(ctx, big(http.MethodPost, req, "vault"), &w); err != nil {
		return nil, err
	}
	if w.Name != "" && w.Name != req.Name {
		return nil, badAnswer("it is another vault")
	}
	i, err := w.info(req.Name)
	if err != nil {
		return nil, err
	}
	return &i, nil
}

// Get is GET /vault/{name}. The answer may have 36 MiB.
func (s *VaultsService) Get(ctx context.Context, name string) (*Vault, error) {
	var w struct {
		wireInfo

		EncryptedData   binary `json:"encryptedData"`
		IV              binary `json:"iv"`
		WrappedVaultKey binary `json:"wrappedVaultKey"`
		VaultKeyIV      binary `json:"vaultKeyIv"`
		VaultKeySalt    binary `json:"vaultKeySalt"`
	}
	if err := s.c.Do(ctx, big(http.MethodGet, nil, "vault", name), &w); err != nil {
		return nil, err
	}
	if w.Name != "" && w.Name != name {
		return nil, badAnswer("it is another vault")
	}
	i, err := w.info(name)
	if err != nil {
		return nil, err
	}
	return &Vault{i, Content{w.EncryptedData, w.IV}, Key{w.WrappedVaultKey, w.VaultKeyIV, w.VaultKeySalt}}, nil
}

// An UpdateRequest is new content for a vault.
type UpdateRequest struct {
	Content
	Version uint64 `json:"version"` // that the content was made from
	// Key takes the place of the one before, for another password. It is an
	// addition: a server that does not know it leaves the old one and says
	// nothing, so Get and compare before you call it done.
	*Key
}

// Update is PUT /vault/{name}, and returns the new version. If the vault has
// another version than req.Version nothing changes and the error is a
// *VersionError, a client.ErrConflict: Get, merge, try again.
//
// It is sent once, but for 429: were it sent again after a lost answer, the
// first one could make a conflict of the second. So after any error that is
// not a refusal (client.ErrUnavailable, client.ErrBadAnswer, or the end of ctx)
// the vault may have changed or not: Get it before going on. If its version is
// req.Version+1 and its IV and EncryptedData are those of req, it was this
// call. If the version is still req.Version, try again with the same req, at
// once or later: at most one of the two can have an effect.
func (s *VaultsService) Update(ctx context.Context, name string, req UpdateRequest) (*Info, error) {
	r := big(http.MethodPut, req, "vault", name)
	r.Once = true
	var w wireInfo
	if err := s.c.Do(ctx, r, &w); err != nil {
		return nil, err
	}
	if w.Version != req.Version+1 {
		return nil, badAnswer("the version is not the next one")
	}
	return &Info{name, w.Version, w.CreatedAt.Time, w.UpdatedAt.Time}, nil
}

// Delete is DELETE /vault/{name}: the vault with all that it holds, for good.
// The one named "default" cannot be deleted: client.ErrDenied. It is sent again
// when an answer is lost; then client.ErrNotFound can mean that it is done.
func (s *VaultsService) Delete(ctx context.Context, name string) error {
	var w struct{} // the answer is read, since it can still refuse
	return s.c.Do(ctx, client.Request{Method: http.MethodDelete, Path: []string{"vault", name}}, &w)
}
