package hostile

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"

	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
)

// A forger has keys of its own, for what the server says is somebody else's.
type forger struct {
	identity seal.Identity
	rsa      seal.RSAKey
	vault    seal.VaultKey
}

func newForger() (f forger, err error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return f, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return f, err
	}
	if f.rsa, err = seal.ParseRSAKey(der); err != nil {
		return f, err
	}
	if f.identity, err = seal.MakeIdentity(rand.Reader); err != nil {
		return f, err
	}
	f.vault, err = seal.MakeVaultKey(rand.Reader)
	return f, err
}

// user shows the forger's keys as those of a user, one vouching for the other.
func (f forger) user(m map[string]any) {
	public, err := f.rsa.Public()
	signature, err1 := f.identity.SignRSA(public)
	id, err2 := f.identity.Public()
	if errors.Join(err, err1, err2) == nil {
		m["publicKey"], m["publicKeySignature"], m["identityPublicKey"] = text(public.SPKI()), text(signature), text(id[:])
	}
}

// sign signs the wrap of a vault anew, as the forger.
func (f forger) sign(v map[string]any) {
	if signature, err := f.identity.Sign(blob(v, "encryptedVaultKey")); err == nil {
		v["wrapSignature"] = text(signature)
	}
}

// wrap puts the forger's vault key in place of the one in v, for the same
// recipient, whose RSA key is given. A change makes its head another one.
func (f forger) wrap(v map[string]any, recipient []byte, change func(*seal.Header)) {
	public, err := seal.ParseRSAPublicKey(recipient)
	if err != nil {
		return
	}
	old, err := wrapOf(v)
	if err != nil {
		return
	}
	h := old.Header
	change(&h)
	if w, err := public.Wrap(rand.Reader, h, f.vault); err == nil {
		v["encryptedVaultKey"] = text(w.Marshal())
	}
}

// wrapV1 is wrap in version 1.
func (f forger) wrapV1(v map[string]any, recipient []byte) {
	public, err := seal.ParseRSAPublicKey(recipient)
	if err != nil {
		return
	}
	if w, err := public.WrapV1(rand.Reader, f.vault); err == nil {
		v["encryptedVaultKey"] = text(w)
	}
}

func wrapOf(v map[string]any) (seal.Wrap, error) { return seal.ParseWrap(blob(v, "encryptedVaultKey")) }

// blob returns a member that is base64.
func blob(m map[string]any, name string) []byte {
	s, _ := m[name].(string)
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil
	}
	return b
}

func text(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// Opens opens what somebody sealed under the key that the server gave him.
func (s *Server) Opens(vault seal.ID, keyVersion uint64, item seal.ID, data []byte) (secret.Bytes, error) {
	v, err := seal.Bound(vault, keyVersion, s.forger.vault)
	if err != nil {
		return secret.Bytes{}, err
	}
	return v.OpenData(item, data)
}

// Unwraps opens a vault key that somebody wrapped for the key that the server
// showed as a user's.
func (s *Server) Unwraps(wrap []byte) (seal.VaultKey, error) {
	w, err := seal.ParseWrap(wrap)
	if err != nil {
		return seal.VaultKey{}, err
	}
	return w.OpenRSA(s.forger.rsa, w.Header)
}
