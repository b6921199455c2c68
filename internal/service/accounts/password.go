package accounts

import (
	"io"
	"time"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
)

// A PasswordChange is what another master password makes of an account.
type PasswordChange struct {
	Verifier                  Verifier // of the new auth hash
	SealedIdentity, SealedRSA []byte   // under the new stretched key
	Salt                      []byte   // nil: as before
	Suite                     string   // empty: as before; it must not be weaker
	Device                    string   // the name of the device that goes on
}

// ChangePassword puts another master password in place of the one that c is the
// check of, ends every session of the user and starts one for the device. It
// fails as Login does, or with an *InvalidError.
//
// The keys of the user's personal vaults are under the old password: the same
// transaction has to put others in their place (vaults.RewrapPersonal), after
// this. It has to run in Update.
func ChangePassword(tx kv.Tx, now time.Time, k Keys, rand io.Reader, c *Check, p PasswordChange) (Grant, error) {
	if err := checkText("deviceName", p.Device); err != nil {
		return Grant{}, err
	}
	a, err := c.settle(tx, now)
	if err != nil {
		return Grant{}, err
	}
	was := a.Suite
	a.Verifier, a.SealedIdentity, a.SealedRSA = p.Verifier, p.SealedIdentity, p.SealedRSA
	if p.Salt != nil {
		a.Salt = p.Salt
	}
	if p.Suite != "" {
		a.Suite = p.Suite
	}
	suite, err := a.checkSecrets()
	if err != nil {
		return Grant{}, err
	}
	if old, err := seal.SuiteNamed(was); err == nil && suite.Weaker(old) {
		return Grant{}, &InvalidError{"kdfIterations", "the key derivation is weaker than before"}
	}
	if err := tx.Put(key(a.ID), marshal(a)); err != nil {
		return Grant{}, err
	}
	if err := EndSessions(tx, a.ID); err != nil {
		return Grant{}, err
	}
	return newSession(tx, now, k, rand, a, p.Device)
}
