package vaultctl

import (
	"cmp"
	"encoding/base64"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/keyhold/keyhold/pkg/client"
)

// The most elements that a list may have. Each takes more memory than text, so
// that a limit of the text alone is none.
const (
	maxItems = 1 << 20
	maxOther = 10_000
)

// A listOf is a list in either dialect: bare, or under its name in an object.
// The released server says null where a list is empty. Each element is
// converted as it comes, so that a wrong one ends the reading.
type listOf[W wire[T], T any] struct {
	name  string
	max   int // 0: maxOther
	items []T
}

// A wire is something as it is sent, read as what is returned.
type wire[T any] interface{ read() (T, error) }

// UnmarshalJSONFrom reads the list.
func (l *listOf[W, T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() != '{' {
		return l.elements(dec)
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	found := false
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return err
		}
		if name.String() != l.name {
			if err := dec.SkipValue(); err != nil {
				return err
			}
			continue
		}
		found = true
		if err := l.elements(dec); err != nil {
			return err
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	if !found {
		return badAnswer("the list is missing")
	}
	return nil
}

// elements reads the elements.
func (l *listOf[W, T]) elements(dec *jsontext.Decoder) error {
	l.items = []T{}
	begin, err := dec.ReadToken()
	if err != nil {
		return err
	}
	switch begin.Kind() {
	case 'n':
		return nil
	case '[':
	default:
		return badAnswer("the list is none")
	}
	for dec.PeekKind() != ']' {
		if len(l.items) >= cmp.Or(l.max, maxOther) {
			return badAnswer("the list is too long")
		}
		var w W
		if err := json.UnmarshalDecode(dec, &w); err != nil {
			return err
		}
		t, err := w.read()
		if err != nil {
			return err
		}
		l.items = append(l.items, t)
	}
	_, err = dec.ReadToken()
	return err
}

// base64Of returns the text in which the bytes of a secret are sent.
func base64Of(s client.Secret) client.Secret {
	return client.NewSecret(base64.StdEncoding.EncodeToString([]byte(s.Reveal())))
}

type wireVault struct {
	VaultID           string    `json:"vaultId"`
	ID                string    `json:"id"`
	VaultName         string    `json:"vaultName"`
	Name              string    `json:"name"`
	VaultType         string    `json:"vaultType"`
	Type              string    `json:"type"`
	OrgID             string    `json:"orgId"`
	Role              string    `json:"role"`
	EncryptedVaultKey []byte    `json:"encryptedVaultKey"`
	SenderID          string    `json:"senderId"`
	WrapSignature     []byte    `json:"wrapSignature"`
	KeyVersion        uint64    `json:"keyVersion"`
	Revision          uint64    `json:"revision"`
	RekeyRequired     bool      `json:"rekeyRequired"`
	CreatedAt         time.Time `json:"createdAt"`
	UpdatedAt         time.Time `json:"updatedAt"`
}

func (w wireVault) read() (Vault, error) {
	v := Vault{
		ID: cmp.Or(w.VaultID, w.ID), Name: cmp.Or(w.VaultName, w.Name), Type: cmp.Or(w.VaultType, w.Type),
		OrgID: w.OrgID, Role: w.Role, EncryptedVaultKey: w.EncryptedVaultKey, SenderID: w.SenderID,
		WrapSignature: w.WrapSignature, KeyVersion: w.KeyVersion, Revision: w.Revision,
		RekeyRequired: w.RekeyRequired, CreatedAt: w.CreatedAt, UpdatedAt: w.UpdatedAt,
	}
	if v.ID == "" {
		return Vault{}, badAnswer("a vault has no id")
	}
	return v, nil
}

type wireItem struct {
	ItemID        string    `json:"itemId"`
	ID            string    `json:"id"`
	VaultID       string    `json:"vaultId"`
	FolderID      string    `json:"folderId"`
	ItemType      string    `json:"itemType"`
	EncryptedData []byte    `json:"encryptedData"`
	EncryptedName []byte    `json:"encryptedName"`
	Favorite      bool      `json:"favorite"`
	Reprompt      bool      `json:"reprompt"`
	Trashed       bool      `json:"trashed"`
	TrashedAt     time.Time `json:"trashedAt"`
	KeyVersion    uint64    `json:"keyVersion"`
	Revision      uint64    `json:"revision"`
	CreatedAt     time.Time `json:"createdAt"`
	UpdatedAt     time.Time `json:"updatedAt"`
}

func (w wireItem) read() (Item, error) {
	it := Item{
		ID: cmp.Or(w.ItemID, w.ID), VaultID: w.VaultID, FolderID: w.FolderID, Type: typeRead(w.ItemType),
		EncryptedData: w.EncryptedData, EncryptedName: w.EncryptedName, Favorite: w.Favorite, Reprompt: w.Reprompt,
		Trashed: w.Trashed || !w.TrashedAt.IsZero(), TrashedAt: w.TrashedAt,
		KeyVersion: w.KeyVersion, Revision: w.Revision, CreatedAt: w.CreatedAt, UpdatedAt: w.UpdatedAt,
	}
	if it.ID == "" {
		return Item{}, badAnswer("an item has no id")
	}
	return it, nil
}

// documented are the names of types in the documentation, by those used here.
var documented = map[string]string{"secure_note": "note", "credit_card": "card"}

func typeRead(name string) string {
	for ours, theirs := range documented {
		if name == theirs {
			return ours
		}
	}
	return name
}
