package vaultctl

import (
	"time"

	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/service/vaults"
)

// A stamp is a time as the API writes it: in UTC, in whole seconds.
type stamp time.Time

// MarshalText implements encoding.TextMarshaler.
func (s stamp) MarshalText() ([]byte, error) {
	return time.Time(s).UTC().AppendFormat(nil, time.RFC3339), nil
}

// IsZero is for omitzero.
func (s stamp) IsZero() bool { return time.Time(s).IsZero() }

// A vaultBody is a vault as one of its members sees it, by both names of what
// has two.
type vaultBody struct {
	VaultID           seal.ID     `json:"vaultId"`
	ID                seal.ID     `json:"id"`
	VaultName         string      `json:"vaultName"`
	Name              string      `json:"name"`
	VaultType         vaults.Type `json:"vaultType"`
	Type              vaults.Type `json:"type"`
	EncryptedVaultKey []byte      `json:"encryptedVaultKey"`
	SenderID          seal.ID     `json:"senderId"`
	WrapSignature     []byte      `json:"wrapSignature"`
	Role              vaults.Role `json:"role"`
	KeyVersion        uint64      `json:"keyVersion"`
	Revision          uint64      `json:"revision"`
	RekeyRequired     bool        `json:"rekeyRequired"`
	CreatedAt         stamp       `json:"createdAt"`
	UpdatedAt         stamp       `json:"updatedAt"`
}

func bodyOf(v vaults.Vault) vaultBody {
	return vaultBody{
		VaultID: v.ID, ID: v.ID, VaultName: v.Name, Name: v.Name, VaultType: v.Type, Type: v.Type,
		EncryptedVaultKey: v.Wrap, SenderID: v.Sender, WrapSignature: v.Signature, Role: v.Role,
		KeyVersion: v.KeyVersion, Revision: v.Revision, RekeyRequired: v.RekeyRequired,
		CreatedAt: stamp(v.Created), UpdatedAt: stamp(v.Updated),
	}
}

// A memberBody is a member of a vault. The documented answer to a removal has
// the members with the vault's name and type and without their ids.
type memberBody struct {
	UserID            seal.ID     `json:"userId"`
	VaultID           seal.ID     `json:"vaultId"`
	VaultName         string      `json:"vaultName"`
	VaultType         vaults.Type `json:"vaultType"`
	Role              vaults.Role `json:"role"`
	EncryptedVaultKey []byte      `json:"encryptedVaultKey"`
	SenderID          seal.ID     `json:"senderId"`
	WrapSignature     []byte      `json:"wrapSignature"`
	KeyVersion        uint64      `json:"keyVersion"`
	Revision          uint64      `json:"revision"`
	AddedAt           stamp       `json:"addedAt"`
}

func membersOf(v vaults.Vault, list []vaults.VaultMember) []memberBody {
	bodies := make([]memberBody, len(list))
	for i, m := range list {
		bodies[i] = memberBody{
			UserID: m.User, VaultID: v.ID, VaultName: v.Name, VaultType: v.Type, Role: m.Role, EncryptedVaultKey: m.Wrap,
			SenderID: m.Sender, WrapSignature: m.Signature, KeyVersion: v.KeyVersion, Revision: v.Revision, AddedAt: stamp(m.Added),
		}
	}
	return bodies
}

// An itemBody is an item.
type itemBody struct {
	ItemID        seal.ID `json:"itemId"`
	ID            seal.ID `json:"id"`
	VaultID       seal.ID `json:"vaultId"`
	ItemType      string  `json:"itemType"`
	EncryptedData []byte  `json:"encryptedData"`
	EncryptedName []byte  `json:"encryptedName"`
	Favorite      bool    `json:"favorite"`
	Reprompt      bool    `json:"reprompt"`
	Trashed       bool    `json:"trashed"`
	TrashedAt     stamp   `json:"trashedAt,omitzero"`
	KeyVersion    uint64  `json:"keyVersion"`
	Revision      uint64  `json:"revision"`
	CreatedAt     stamp   `json:"createdAt"`
	UpdatedAt     stamp   `json:"updatedAt"`
}

func itemOf(v vaults.Vault, e vaults.Entry) itemBody {
	id := seal.ID(e.ID)
	return itemBody{
		ItemID: id, ID: id, VaultID: v.ID, ItemType: e.Type, EncryptedData: e.Data, EncryptedName: e.Name,
		Favorite: e.Flags.Favorite, Reprompt: e.Flags.Reprompt, Trashed: !e.Deleted.IsZero(), TrashedAt: stamp(e.Deleted),
		KeyVersion: v.KeyVersion, Revision: e.Revision, CreatedAt: stamp(e.Created), UpdatedAt: stamp(e.Updated),
	}
}

// typeOf returns the name by which a type is stored: the released server's.
func typeOf(name string) string {
	switch name {
	case "note":
		return "secure_note"
	case "card":
		return "credit_card"
	}
	return name
}

// orAny is a number that a client may leave out.
func orAny(n uint64) uint64 {
	if n == 0 {
		return vaults.Any
	}
	return n
}
