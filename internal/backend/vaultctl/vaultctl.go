// Package vaultctl keeps vaults at a service that has the vaultctl "Vaults
// API", with a copy of what it last saw, the mirror, on this machine.
//
// The service is believed in nothing that its users sealed or signed: wraps are
// verified, keys pinned, numbers only grow. What a service can still do is in
// FORMAT.md of internal/seal and in SECURITY.md.
//
// On a service without key versions and revisions the last write wins: the
// driver reads again just before it writes, and what is written between the two
// is lost. On one without the call for several changes at once a change of
// several items is not atomic.
package vaultctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/backend/mirror"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/vault"
	"github.com/keyhold/keyhold/pkg/client"
	api "github.com/keyhold/keyhold/pkg/client/vaultctl"
)

// A driver has what takes seconds, so that tests can have it quicker.
type driver struct {
	makeRSA func(io.Reader) (seal.RSAKey, error)
	derive  func(seal.Suite, secret.String, []byte) (seal.MasterKey, error)
	// patience is how long a read waits for the service where it has a copy.
	patience time.Duration
}

// Driver returns the driver of the vaults at a service.
func Driver() backend.Driver {
	return driver{makeRSA: seal.MakeRSAKey, derive: seal.Suite.Derive, patience: 2 * time.Second}.backend()
}

func (v driver) backend() backend.Driver {
	return backend.Driver{
		Name:     "vaultctl",
		Summary:  "vaults at a vaultctl service, such as keyhold-server",
		Describe: v.describe,
		Unlock:   v.unlock,
		Create:   v.create,
		Open:     v.open,
		Login:    v.login,
		Logout:   v.logout,
	}
}

// loginOf returns the login answer of the profile, or backend.ErrNoAccount.
func loginOf(ctx context.Context, d backend.Deps) (device.Login, error) {
	l, err := d.Device.ReadLogin(ctx)
	return l, translate(err)
}

func (driver) describe(ctx context.Context, d backend.Deps) (backend.Description, error) {
	l, err := loginOf(ctx, d)
	if err != nil {
		return backend.Description{}, err
	}
	return backend.Description{ID: l.User.String(), Fingerprint: l.Identity.Fingerprint(), Suite: l.Suite, Created: l.At}, nil
}

// unlock opens the account with what is on this machine. The list of vaults is
// brought up to date before if that is due and the service answers in time. If
// the password does not open the account, but the service says that it was
// changed, it is tried there.
func (v driver) unlock(ctx context.Context, d backend.Deps, password secret.String) (secret.Bytes, error) {
	l, err := loginOf(ctx, d)
	if err != nil {
		return secret.Bytes{}, err
	}
	if len(l.SealedIdentity) == 0 { // only pinned: a profile from a file
		return v.login(ctx, d, password)
	}
	o, err := v.openLogin(l, password)
	if errors.Is(err, vault.ErrWrongPassword) && v.changedElsewhere(ctx, d, l) {
		return v.login(ctx, d, password)
	}
	if err != nil {
		return secret.Bytes{}, err
	}
	return v.keysOf(ctx, d, o, false)
}

// changedElsewhere reports whether the service derives from another salt than
// this machine: the password was changed on another device.
func (v driver) changedElsewhere(ctx context.Context, d backend.Deps, l device.Login) bool {
	s, err := v.dial(d, l.Origin)
	if err != nil || d.Service.Offline {
		return false
	}
	kdf, err := s.api.Auth.Prelogin(ctx, l.Email)
	return err == nil && string(kdf.Salt) != string(l.Salt)
}

// keysOf opens the vaults of an account that is open, which it wipes. After a
// login the list is asked for, however new the one that is here is.
func (v driver) keysOf(ctx context.Context, d backend.Deps, o owner, login bool) (secret.Bytes, error) {
	defer o.wipe()
	set := seal.KeySet{User: o.User, Identity: o.identity, RSA: o.rsa}
	a, err := v.account(d, o.Login, set)
	if err != nil {
		return secret.Bytes{}, err
	}
	if login {
		err = a.syncList(ctx, nil)
	} else if err = a.refreshList(ctx); errors.Is(err, backend.ErrSignedOut) || errors.Is(err, backend.ErrOffline) {
		err = nil // what is here can be opened
	}
	if err != nil {
		return secret.Bytes{}, err
	}
	if err := a.openAll(ctx, &o); err != nil {
		return secret.Bytes{}, err
	}
	return a.keySet().Marshal()
}

func (v driver) login(ctx context.Context, d backend.Deps, password secret.String) (secret.Bytes, error) {
	s, err := v.dial(d, "")
	if err != nil {
		return secret.Bytes{}, err
	}
	o, err := s.signIn(ctx, password)
	if err != nil {
		return secret.Bytes{}, err
	}
	return v.keysOf(ctx, d, o, true)
}

func (v driver) logout(ctx context.Context, d backend.Deps) error {
	l, err := loginOf(ctx, d)
	if errors.Is(err, backend.ErrNoAccount) {
		return nil
	}
	if err != nil {
		return err
	}
	s, err := v.dial(d, l.Origin)
	if err != nil {
		return err
	}
	if t, err := s.load(ctx); err == nil && !d.Service.Offline {
		if err := s.api.Auth.Logout(ctx, t.refresh); err != nil && !mirror.Unreachable(err) {
			return translate(err)
		}
	}
	if err := d.Device.DeleteToken(ctx, tokenService); err != nil {
		return err
	}
	return translate(d.Device.State().Update(ctx, d.Device.DeleteLogin))
}

// create registers an account, logs in and makes its first vault.
func (v driver) create(ctx context.Context, d backend.Deps, password secret.String, n backend.Signup) (secret.Bytes, error) {
	if err := vault.CheckVaultName(n.Vault); err != nil {
		return secret.Bytes{}, err
	}
	if _, err := loginOf(ctx, d); !errors.Is(err, backend.ErrNoAccount) {
		if err == nil {
			err = vault.ErrExists
		}
		return secret.Bytes{}, err
	}
	s, err := v.dial(d, "")
	if err != nil {
		return secret.Bytes{}, err
	}
	if d.Service.Offline {
		return secret.Bytes{}, backend.ErrOffline
	}
	if err := s.takes(ctx, n); err != nil {
		return secret.Bytes{}, err
	}
	if err := v.register(ctx, s, password, n); err != nil {
		return secret.Bytes{}, err
	}
	o, err := s.signIn(ctx, password)
	if err != nil {
		return secret.Bytes{}, fmt.Errorf("the account is made, but: %w", err)
	}
	defer o.wipe()
	a, err := v.account(d, o.Login, seal.KeySet{User: o.User, Identity: o.identity, RSA: o.rsa})
	if err != nil {
		return secret.Bytes{}, err
	}
	_, err = a.createAs(ctx, &o, backend.NewVault{Name: n.Vault, Compatible: n.Compatible})
	if err != nil {
		return secret.Bytes{}, fmt.Errorf("the account is made, but its first vault is not: %w", err)
	}
	return a.keySet().Marshal()
}

// takes reports whether the service takes new accounts, before the keys of one
// are made.
func (s *service) takes(ctx context.Context, n backend.Signup) error {
	c, err := s.api.Server.Config(ctx)
	switch {
	case errors.Is(err, client.ErrNotFound): // it does not say
		return nil
	case err != nil:
		return translate(err)
	case c.RegistrationMode == "disabled":
		return fmt.Errorf("the service takes no new accounts: %w", vault.ErrDenied)
	case c.RegistrationMode == "invite" && n.Invite.Len() == 0:
		return fmt.Errorf("the service takes new accounts by invite, and none is given: %w", vault.ErrInvalid)
	}
	return nil
}

// register makes the keys of a new account and registers it.
func (v driver) register(ctx context.Context, s *service, password secret.String, n backend.Signup) error {
	o, err := v.makeOwner(s.d.Rand, password)
	if err != nil {
		return err
	}
	defer o.wipe()
	signature, err := o.signRSA()
	if err != nil {
		return err
	}
	preflight, err := randomText(s.d.Rand)
	if err != nil {
		return err
	}
	iterations, memory, lanes := o.suite.Params()
	req := api.RegisterRequest{
		Email: s.d.Service.Email, Name: n.Name, AuthHash: client.NewSecret(string(o.auth.Reveal())), Salt: o.Salt,
		KDFIterations: uint32(iterations), KDFMemoryKB: uint32(memory), KDFParallelism: uint32(lanes), //nolint:gosec // small numbers of a list
		Preflight: preflight, InviteToken: client.NewSecret(n.Invite.Reveal()),
		AccountKeys: api.AccountKeys{
			EncryptedPrivateKey: o.SealedRSA, EncryptedIdentityPrivateKey: o.SealedIdentity,
			PublicKey: o.RSA, PublicKeySignature: signature, IdentityPublicKey: o.Identity[:],
		},
	}
	if req.Name == "" {
		req.Name, _, _ = strings.Cut(req.Email, "@")
	}
	_, err = s.api.Auth.Register(ctx, req)
	if errors.Is(err, client.ErrConflict) {
		return mirror.As(fmt.Errorf("an account with this e-mail %w", vault.ErrExists), err)
	}
	return translate(err)
}

func (v driver) open(ctx context.Context, d backend.Deps, keys secret.Bytes) (backend.Account, error) {
	set, err := seal.ParseKeySet(keys.Reveal())
	if err != nil {
		return nil, fmt.Errorf("session: %w: %w", vault.ErrDamaged, err)
	}
	l, err := loginOf(ctx, d)
	if err != nil {
		return nil, err
	}
	return v.account(d, l, set)
}
