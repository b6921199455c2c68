package accounts

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
)

// ErrRegistration reports that a service takes no new accounts.
var ErrRegistration = errors.New("registration is disabled")

// A Mode says who may register.
type Mode string

// The modes of registration.
const (
	Open       Mode = "open"
	InviteOnly Mode = "invite"
	Closed     Mode = "disabled"
)

// ParseMode returns the mode of that name, or an *InvalidError.
func ParseMode(s string) (Mode, error) {
	switch m := Mode(s); m {
	case Open, InviteOnly, Closed:
		return m, nil
	}
	return "", &InvalidError{"registration", "it must be open, invite or disabled"}
}

// A Registration is what somebody sends to get an account on a service.
type Registration struct {
	Email, Name               string
	Suite                     string // the name of the KDF suite
	Salt                      []byte
	SealedIdentity, SealedRSA []byte
	Identity                  []byte
	RSA                       []byte // SPKI or PKCS#1 in DER
	RSASignature              []byte
	Verifier                  Verifier      // by MakeVerifier, of the auth hash
	Invite                    secret.String // empty: none
}

// maxSealed is how many bytes a sealed private key may have.
const maxSealed = 16 << 10

// Register makes an account, the owner's if it is the first. It returns
// ErrRegistration, ErrInviteRequired, ErrInvite, ErrExists for an address that
// is taken, or an *InvalidError.
func Register(tx kv.Tx, now time.Time, k Keys, rand io.Reader, mode Mode, r Registration) (Account, error) {
	if mode != Open && mode != InviteOnly {
		return Account{}, ErrRegistration
	}
	a, err := r.account()
	if err != nil {
		return Account{}, err
	}
	if r.Invite.Len() > 0 || mode == InviteOnly {
		if err := redeem(tx, now, k, r.Invite, a.Email); err != nil {
			return Account{}, err
		}
	}
	if tx.Get(emailKey(a.Email)) != nil {
		return Account{}, ErrExists
	}
	a.Role = RoleOwner
	for range tx.Scan([]byte("ae/")) {
		a.Role = RoleMember
		break
	}
	if a.ID, err = seal.MakeID(rand); err != nil {
		return Account{}, err
	}
	if tx.Get(key(a.ID)) != nil {
		return Account{}, ErrExists
	}
	a.Created = millis(now)
	return a, errors.Join(tx.Put(emailKey(a.Email), a.ID[:]), tx.Put(key(a.ID), marshal(a)))
}

// account returns what r makes, if all is as it has to be.
func (r Registration) account() (Account, error) {
	a := Account{
		Suite: r.Suite, Salt: r.Salt, Identity: r.Identity, SealedIdentity: r.SealedIdentity,
		Name: r.Name, Verifier: r.Verifier, RSASignature: r.RSASignature, SealedRSA: r.SealedRSA,
	}
	var err error
	if a.Email, err = NormalizeEmail(r.Email); err != nil {
		return Account{}, err
	}
	if err := checkText("name", r.Name); err != nil {
		return Account{}, err
	}
	if a.RSA, err = checkRSA(r.Identity, r.RSA, r.RSASignature); err != nil {
		return Account{}, err
	}
	_, err = a.checkSecrets()
	return a, err
}

// checkSecrets checks what depends on the master password.
func (a Account) checkSecrets() (seal.Suite, error) {
	suite, err := seal.SuiteNamed(a.Suite)
	_, _, verifier := a.Verifier.split()
	switch {
	case err != nil:
		return suite, &InvalidError{"kdfIterations", "the numbers of the key derivation are not on the list"}
	case len(a.Salt) < minSalt || len(a.Salt) > maxSalt:
		return suite, &InvalidError{"salt", fmt.Sprintf("it must have %d to %d bytes", minSalt, maxSalt)}
	case !isSealed(a.SealedIdentity):
		return suite, &InvalidError{"encryptedIdentityPrivateKey", "it is not an envelope, or too long"}
	case !isSealed(a.SealedRSA):
		return suite, &InvalidError{"encryptedPrivateKey", "it is not an envelope, or too long"}
	case !verifier || a.Verifier == nobody:
		return suite, &InvalidError{"authHash", "it must have 32 bytes"}
	}
	return suite, nil
}

// isSealed reports whether b looks like an envelope of version 1 by AES-256-GCM.
func isSealed(b []byte) bool {
	const header, nonce, tag = 2, 12, 16
	return len(b) > header+nonce+tag && len(b) <= maxSealed && b[0] == 1 && b[1] == 1
}

// checkRSA returns the SPKI of an RSA public key that the identity has signed.
func checkRSA(identity, der, signature []byte) ([]byte, error) {
	signer, err := seal.ParsePublicKey(identity)
	if err != nil {
		return nil, &InvalidError{"identityPublicKey", "it must have 32 bytes"}
	}
	public, err := seal.ParseRSAPublicKey(der)
	if err != nil {
		return nil, &InvalidError{"publicKey", "it is no RSA public key of 2048 to 8192 bits"}
	}
	if err := signer.VerifyRSA(public, signature); err != nil {
		return nil, &InvalidError{"publicKeySignature", "it is not the identity's"}
	}
	return public.SPKI(), nil
}

// SetDisabled disables an account, which ends its sessions, or enables it
// again. ErrNotFound is an account that is not there or not one of a service.
func SetDisabled(tx kv.Tx, user seal.ID, disabled bool) error {
	a, err := Get(tx, user)
	if err != nil {
		return err
	}
	if a.IsLocal() {
		return ErrNotFound
	}
	a.Disabled = disabled
	if err := tx.Put(key(user), marshal(a)); err != nil || !disabled {
		return err
	}
	return EndSessions(tx, user)
}
