package vaultctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/backend/mirror"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/vault"
	"github.com/keyhold/keyhold/pkg/client"
	api "github.com/keyhold/keyhold/pkg/client/vaultctl"
)

// An owner is an account with the keys that its master password gives. It
// lives no longer than it takes to open or make something.
type owner struct {
	device.Login

	suite     seal.Suite
	auth      seal.AuthHash
	stretched seal.StretchedKey
	identity  seal.Identity
	rsa       seal.RSAKey
}

// wipe forgets what the password gave. The keys of the account stay: a session
// shares them.
func (o owner) wipe() {
	o.auth.Wipe()
	o.stretched.Wipe()
}

func (v driver) stretch(suite seal.Suite, password secret.String, salt []byte) (seal.AuthHash, seal.StretchedKey, error) {
	master, err := v.derive(suite, password, salt)
	if err != nil {
		return seal.AuthHash{}, seal.StretchedKey{}, err
	}
	defer master.Wipe()
	return master.Split()
}

// makeOwner makes the keys of a new account.
func (v driver) makeOwner(rand io.Reader, password secret.String) (o owner, err error) {
	if o.identity, err = seal.MakeIdentity(rand); err != nil {
		return owner{}, err
	}
	if o.Identity, err = o.identity.Public(); err != nil {
		return owner{}, err
	}
	if o.rsa, err = v.makeRSA(rand); err != nil {
		return owner{}, err
	}
	public, err := o.rsa.Public()
	if err != nil {
		return owner{}, err
	}
	o.RSA = public.SPKI()
	salt, err := seal.MakeSalt(rand)
	if err != nil {
		return owner{}, err
	}
	return v.with(rand, o, password, seal.Default(), salt)
}

// with returns o with another master password. The two share the account's keys.
func (v driver) with(rand io.Reader, o owner, password secret.String, suite seal.Suite, salt []byte) (owner, error) {
	var err error
	o.suite, o.Suite, o.Salt = suite, suite.Name(), salt
	if o.auth, o.stretched, err = v.stretch(suite, password, salt); err != nil {
		return owner{}, err
	}
	if o.SealedIdentity, err = o.stretched.SealIdentity(rand, o.identity); err == nil {
		o.SealedRSA, err = o.stretched.SealRSA(rand, o.rsa)
	}
	if err != nil {
		o.wipe()
		return owner{}, err
	}
	return o, nil
}

// signRSA returns the signature of the RSA key by the identity.
func (o owner) signRSA() ([]byte, error) {
	public, err := o.rsa.Public()
	if err != nil {
		return nil, err
	}
	return o.identity.SignRSA(public)
}

// openLogin opens an account by its login answer.
func (v driver) openLogin(l device.Login, password secret.String) (owner, error) {
	suite, err := seal.SuiteNamed(l.Suite)
	if err != nil {
		return owner{}, fmt.Errorf("account: %w: %w", vault.ErrDamaged, err)
	}
	o := owner{Login: l, suite: suite}
	if o.auth, o.stretched, err = v.stretch(suite, password, l.Salt); err != nil {
		return owner{}, fmt.Errorf("account: %w: %w", vault.ErrDamaged, err)
	}
	if err := o.openKeys(); err != nil {
		o.wipe()
		return owner{}, err
	}
	return o, nil
}

// openKeys opens the private keys and compares them with the public ones.
func (o *owner) openKeys() (err error) {
	o.identity, err = o.stretched.OpenIdentity(o.SealedIdentity)
	switch {
	case errors.Is(err, seal.ErrUnsupported): // no password makes that of it
		return fmt.Errorf("account: %w: %w", vault.ErrDamaged, err)
	case err != nil:
		return vault.ErrWrongPassword
	}
	if o.rsa, err = o.stretched.OpenRSA(o.SealedRSA); err != nil {
		return forged("the RSA key of the account does not open", err)
	}
	if pub, err := o.identity.Public(); err != nil || pub != o.Identity {
		return forged("the identity key of the account is not the one that is sealed", err)
	}
	if pub, err := o.rsa.Public(); err != nil || string(pub.SPKI()) != string(o.RSA) {
		return forged("the RSA key of the account is not the one that is sealed", err)
	}
	return nil
}

// signIn logs in and keeps the tokens and the login answer.
func (s *service) signIn(ctx context.Context, password secret.String) (owner, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.signInLocked(ctx, password)
}

func (s *service) signInLocked(ctx context.Context, password secret.String) (owner, error) {
	if s.d.Service.Offline {
		return owner{}, backend.ErrOffline
	}
	was, err := loginOf(ctx, s.d)
	if err != nil && !errors.Is(err, backend.ErrNoAccount) {
		return owner{}, err
	}
	known := err == nil && sameAccount(was, s.origin, s.d.Service.Email)
	kdf, err := s.api.Auth.Prelogin(ctx, s.d.Service.Email)
	if err != nil {
		return owner{}, translate(err)
	}
	suite, err := acceptSuite(*kdf, was, known)
	if err != nil {
		return owner{}, err
	}
	auth, stretched, err := s.stretch(suite, password, kdf.Salt)
	if err != nil {
		return owner{}, &backend.AlarmError{Code: backend.WeakKDF, What: "the service names a salt that is refused", Err: err}
	}
	o := owner{suite: suite, auth: auth, stretched: stretched}
	session, err := s.api.Auth.Login(ctx, api.LoginRequest{
		Email: s.d.Service.Email, AuthHash: client.NewSecret(string(auth.Reveal())), DeviceName: s.d.Service.Device,
	})
	if err == nil {
		o.Login, err = s.answer(*session, suite, kdf.Salt)
	} else if errors.Is(err, client.ErrUnauthenticated) && !errors.Is(err, api.ErrAccountLocked) && !errors.Is(err, api.ErrTOTP) {
		err = mirror.As(vault.ErrWrongPassword, err)
	}
	if err == nil {
		err = o.openSession(was, known)
	}
	if err == nil {
		_, err = s.take(ctx, session.Tokens)
	}
	if err == nil {
		err = s.d.Device.State().Update(ctx, func(tx kv.Tx) error { return s.d.Device.PutLogin(tx, o.Login) })
	}
	if err != nil {
		o.wipe()
		return owner{}, translate(err)
	}
	return o, nil
}

// sameAccount reports whether a login answer is of the account with this address.
func sameAccount(l device.Login, origin, email string) bool {
	return l.Origin == origin && strings.EqualFold(strings.TrimSpace(l.Email), strings.TrimSpace(email))
}

// acceptSuite returns the suite that the service names by its numbers, if it is
// on the list and not below the one that the account had before.
func acceptSuite(kdf api.KDF, was device.Login, known bool) (seal.Suite, error) {
	weak := func(what string, err error) (seal.Suite, error) {
		return seal.Suite{}, &backend.AlarmError{Code: backend.WeakKDF, What: what, Err: err}
	}
	for _, n := range []uint32{kdf.Iterations, kdf.MemoryKB, kdf.Parallelism} {
		if n > math.MaxInt32 {
			return weak("the service names a key derivation that is refused", seal.ErrSuite)
		}
	}
	suite, err := seal.SuiteOf(int(kdf.Iterations), int(kdf.MemoryKB), int(kdf.Parallelism))
	if err != nil {
		return weak("the service names a key derivation that is refused", err)
	}
	if before, err := seal.SuiteNamed(was.Suite); known && err == nil && suite.Weaker(before) {
		return weak(fmt.Sprintf("the service names the key derivation %s, which is weaker than %s, the account's", suite.Name(), before.Name()), nil)
	}
	return suite, nil
}

// answer is what is kept of a login.
func (s *service) answer(session api.Session, suite seal.Suite, salt []byte) (device.Login, error) {
	l := device.Login{
		Origin: s.origin, Email: s.d.Service.Email, Device: s.d.Service.Device, Suite: suite.Name(), Salt: salt,
		SealedIdentity: session.EncryptedIdentityPrivateKey, SealedRSA: session.EncryptedPrivateKey, At: s.d.Now(),
	}
	var err error
	if l.User, err = seal.ParseID(session.UserID); err != nil {
		return l, forged("the service gives the account an id that is none", err)
	}
	if l.Identity, err = seal.ParsePublicKey(session.IdentityPublicKey); err != nil {
		return l, forged("the identity key of the account", err)
	}
	public, err := seal.ParseRSAPublicKey(session.PublicKey)
	if err != nil {
		return l, forged("the RSA key of the account", err)
	}
	l.RSA = public.SPKI()
	if err := l.Identity.VerifyRSA(public, session.PublicKeySignature); err != nil {
		return l, forged("the RSA key of the account is not signed by its identity", err)
	}
	return l, nil
}

// openSession opens the keys of a login answer and compares the account with
// the one that is known. A service that took the password cannot say that it
// is the wrong one: that the keys do not open is forged.
func (o *owner) openSession(was device.Login, known bool) error {
	if known && was.Identity != o.Identity {
		return &backend.AlarmError{Code: backend.ChangedKey, What: "the service shows another identity key for the account than before"}
	}
	if known && was.User != o.User {
		return forged("the service shows another user id for the account than before", nil)
	}
	err := o.openKeys()
	if errors.Is(err, vault.ErrWrongPassword) {
		return forged("the keys of the account do not open under the password that the service took", nil)
	}
	return err
}
