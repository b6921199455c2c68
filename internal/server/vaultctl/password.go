package vaultctl

import (
	"errors"
	"net/http"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/service/accounts"
	"github.com/keyhold/keyhold/internal/service/vaults"
)

// checkPassword checks the password of who is logged in, outside of every
// transaction.
func (s *door) checkPassword(r *http.Request, token secret.String, n need, authHash func() []byte) (*accounts.Check, error) {
	var check *accounts.Check
	err := s.Store.View(r.Context(), func(tx kv.Tx) error {
		c, err := s.authenticate(tx, r, token, n)
		if err != nil {
			return err
		}
		check, err = accounts.BeginUser(tx, c.now, s.Keys, c.user.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	return check, s.try(r, check, authHash())
}

// stepUpToken is POST /auth/step-up.
func (s *door) stepUpToken(w http.ResponseWriter, r *http.Request) {
	var b struct {
		AuthHash []byte `json:"authHash"`
	}
	token, err := s.bearer(r)
	if err == nil {
		err = decode(w, r, maxBody, &b)
	}
	var check *accounts.Check
	if err == nil {
		check, err = s.checkPassword(r, token, plain, func() []byte { return b.AuthHash })
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	var out result
	out.err = accounts.Update(r.Context(), s.Store, func(tx kv.Tx) error {
		c, err := s.authenticate(tx, r, token, plain)
		if err != nil {
			return err
		}
		claims, err := accounts.StepUp(tx, c.now, check, c.claims, s.AccessTime)
		if err != nil {
			return err
		}
		up, err := s.Keys.Token(claims)
		return out.of(ok(struct {
			AccessToken string `json:"accessToken"`
		}{up.Reveal()}), err)
	})
	s.write(w, r, out)
}

type newPassword struct {
	kdf

	OldAuthHash                 []byte `json:"oldAuthHash"`
	NewAuthHash                 []byte `json:"newAuthHash"`
	EncryptedPrivateKey         []byte `json:"encryptedPrivateKey"`
	EncryptedIdentityPrivateKey []byte `json:"encryptedIdentityPrivateKey"`
	VaultKeys                   []struct {
		VaultID           seal.ID `json:"vaultId"`
		EncryptedVaultKey []byte  `json:"encryptedVaultKey"`
		WrapSignature     []byte  `json:"wrapSignature"`
	} `json:"vaultKeys"`
}

// change returns what b makes of an account, and of its personal vaults.
func (b newPassword) change(v accounts.Verifier, device string) (accounts.PasswordChange, []vaults.VaultWrap) {
	p := accounts.PasswordChange{
		Verifier: v, SealedIdentity: b.EncryptedIdentityPrivateKey, SealedRSA: b.EncryptedPrivateKey, Salt: b.Salt, Device: device,
	}
	if b.KDFIterations != 0 || b.KDFMemoryKB != 0 || b.KDFParallelism != 0 {
		p.Suite = b.suite()
	}
	wraps := make([]vaults.VaultWrap, len(b.VaultKeys))
	for i, k := range b.VaultKeys {
		wraps[i] = vaults.VaultWrap{Vault: k.VaultID, Wrap: k.EncryptedVaultKey, Signature: k.WrapSignature}
	}
	return p, wraps
}

// changePassword is POST /auth/password/change. The device goes on under a new
// session.
func (s *door) changePassword(w http.ResponseWriter, r *http.Request) {
	var b newPassword
	token, err := s.bearer(r)
	if err == nil {
		err = decode(w, r, maxBody, &b)
	}
	var check *accounts.Check
	if err == nil {
		check, err = s.checkPassword(r, token, steppedUp, func() []byte { return b.OldAuthHash })
	}
	var verifier accounts.Verifier
	if err == nil {
		verifier, err = s.verifier(r, b.NewAuthHash)
		if err != nil {
			err = renamed(err, "newAuthHash")
		}
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	var out result
	out.err = accounts.Update(r.Context(), s.Store, func(tx kv.Tx) error {
		c, err := s.authenticate(tx, r, token, steppedUp)
		if err != nil {
			return err
		}
		p, wraps := b.change(verifier, c.device())
		g, err := accounts.ChangePassword(tx, c.now, s.Keys, s.Rand, check, p)
		if err != nil {
			return err
		}
		if err := vaults.RewrapPersonal(tx, c.user.ID, wraps); err != nil {
			return err
		}
		t, err := s.tokens(c, g)
		return out.of(ok(t), err)
	})
	s.write(w, r, out)
}

// device returns the name of the device that a call comes from.
func (c *call) device() string {
	list, err := accounts.Sessions(c.tx, c.user.ID)
	if err != nil {
		return ""
	}
	for _, s := range list {
		if s.ID == c.claims.Session {
			return s.Device
		}
	}
	return ""
}

// renamed gives the member that is wrong the name it has in this request.
func renamed(err error, field string) error {
	if e := (*accounts.InvalidError)(nil); errors.As(err, &e) {
		return &accounts.InvalidError{Field: field, Reason: e.Reason}
	}
	return err
}
