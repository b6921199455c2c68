package pwm

import (
	"errors"
	"net/http"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/service/blobs"
	"github.com/keyhold/keyhold/internal/service/tokens"
)

func (s *server) list(r *http.Request, t tokens.Token) (int, any, error) {
	type entry struct {
		Name      string  `json:"name"`
		Version   uint64  `json:"version"`
		UpdatedAt instant `json:"updatedAt"`
	}
	list := []entry{}
	err := s.Store.View(r.Context(), func(tx kv.Tx) error {
		for _, i := range blobs.List(tx, t.Email) {
			if i.Version == 0 {
				s.Log.Error("a vault of the list is damaged")
				continue // it says so when it is asked for
			}
			list = append(list, entry{i.Name, i.Version, instant(i.Updated)})
		}
		return nil
	})
	return http.StatusOK, map[string]any{"vaults": list}, err
}

// A contentBody is the part of a body that every change has.
type contentBody struct {
	EncryptedData binary `json:"encryptedData"`
	IV            binary `json:"iv"`
}

func (c contentBody) content() blobs.Content {
	return blobs.Content{Data: c.EncryptedData, IV: c.IV}
}

type keyBody struct {
	WrappedVaultKey binary `json:"wrappedVaultKey"`
	VaultKeyIV      binary `json:"vaultKeyIv"`
	VaultKeySalt    binary `json:"vaultKeySalt"`
}

func (k keyBody) key() blobs.Key {
	return blobs.Key{Wrap: k.WrappedVaultKey, IV: k.VaultKeyIV, Salt: k.VaultKeySalt}
}

// given reports whether any of the members was there: then all have to be.
func (k keyBody) given() bool {
	return k.WrappedVaultKey != nil || k.VaultKeyIV != nil || k.VaultKeySalt != nil
}

func (s *server) create(r *http.Request, t tokens.Token) (int, any, error) {
	var in struct {
		Name string `json:"name"`
		contentBody
		keyBody
	}
	if err := read(r, &in); err != nil {
		return 0, nil, err
	}
	var made blobs.Info
	err := s.Store.Update(r.Context(), func(tx kv.Tx) (err error) {
		made, err = blobs.Create(tx, s.Now(), t.Email, in.Name, in.content(), in.key())
		return err
	})
	return http.StatusCreated, map[string]any{"name": made.Name, "version": made.Version, "createdAt": instant(made.Created)}, err
}

func (s *server) get(r *http.Request, t tokens.Token) (int, any, error) {
	name, err := vaultName(r)
	if err != nil {
		return 0, nil, err
	}
	var v blobs.Vault
	err = s.Store.View(r.Context(), func(tx kv.Tx) (err error) {
		v, err = blobs.Get(tx, t.Email, name)
		return err
	})
	return http.StatusOK, map[string]any{
		"encryptedData": v.Content.Data, "iv": v.Content.IV,
		"wrappedVaultKey": v.Key.Wrap, "vaultKeyIv": v.Key.IV, "vaultKeySalt": v.Key.Salt,
		"version": v.Version, "updatedAt": instant(v.Updated),
	}, err
}

// update takes the members of the key too, for another password: an addition
// to what is documented.
func (s *server) update(r *http.Request, t tokens.Token) (int, any, error) {
	name, err := vaultName(r)
	if err != nil {
		return 0, nil, err
	}
	var in struct {
		Version uint64 `json:"version"`
		contentBody
		keyBody
	}
	if err := read(r, &in); err != nil {
		return 0, nil, err
	}
	if in.Version == 0 {
		return 0, nil, &blobs.InvalidError{Field: "version", Reason: "it is missing"}
	}
	var key *blobs.Key
	if in.given() {
		k := in.key()
		key = &k
	}
	var now blobs.Info
	err = s.Store.Update(r.Context(), func(tx kv.Tx) (err error) {
		now, err = blobs.Update(tx, s.Now(), t.Email, name, in.Version, in.content(), key)
		return err
	})
	return http.StatusOK, map[string]any{"version": now.Version, "updatedAt": instant(now.Updated)}, err
}

func (s *server) remove(r *http.Request, t tokens.Token) (int, any, error) {
	name, err := vaultName(r)
	if err != nil {
		return 0, nil, err
	}
	err = s.Store.Update(r.Context(), func(tx kv.Tx) error {
		return blobs.Delete(tx, t.Email, name)
	})
	return http.StatusOK, success, err
}

var success = map[string]bool{"success": true}

func (s *server) begin(r *http.Request) (int, any, error) {
	var session blobs.Session
	err := s.Store.Update(r.Context(), func(tx kv.Tx) (err error) {
		session, err = blobs.Begin(tx, s.Now(), s.Rand)
		return err
	})
	return http.StatusCreated, map[string]any{"sessionId": session.ID.Reveal(), "expiresAt": instant(session.Expires)}, err
}

// poll gives the token of an approved session. It and the end of the session
// are one transaction, so that there is never a second token.
func (s *server) poll(r *http.Request) (int, any, error) {
	id, now := secret.TextOf(r.PathValue("id")), s.Now()
	err := s.Store.View(r.Context(), func(tx kv.Tx) error { return blobs.Peek(tx, now, id) })
	if errors.Is(err, blobs.ErrPending) {
		return http.StatusOK, map[string]any{"status": "pending"}, nil
	}
	if err != nil {
		return 0, nil, err
	}
	var out struct {
		Status string `json:"status"`
		Token  string `json:"token"`
		UserID string `json:"userId"`
		Email  string `json:"email"`
	}
	err = s.Store.Update(r.Context(), func(tx kv.Tx) error {
		owner, err := blobs.Take(tx, now, id)
		if err != nil {
			return err
		}
		t, text, err := tokens.Create(tx, now, s.Rand, tokens.Token{API: API, Email: owner, Note: "CLI session", Expires: now.Add(TokenTime)})
		out.Status, out.Token, out.UserID, out.Email = "complete", text.Reveal(), userID(t), owner
		return err
	})
	return http.StatusOK, out, err
}

func (s *server) status(_ *http.Request, t tokens.Token) (int, any, error) {
	out := map[string]any{"userId": userID(t), "email": t.Email}
	if !t.Expires.IsZero() {
		out["expiresAt"] = instant(t.Expires)
	}
	return http.StatusOK, out, nil
}

func (s *server) logout(r *http.Request, t tokens.Token) (int, any, error) {
	err := s.Store.Update(r.Context(), func(tx kv.Tx) error {
		err := tokens.Revoke(tx, t.ID)
		if errors.Is(err, tokens.ErrNotFound) { // another logout was faster
			return nil
		}
		return err
	})
	return http.StatusOK, success, err
}
