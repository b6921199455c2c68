package vaultctl

import (
	"context"
	"errors"
	"fmt"

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

// ChangePassword puts another master password in place of the one that Ask
// gives. The keys of personal vaults, which are under the old one, go with it in
// the same request; the service ends every session and starts one for this device.
func (a *account) ChangePassword(ctx context.Context, next secret.String) error {
	if a.d.Service.Offline {
		return backend.ErrOffline
	}
	return a.asOwner(ctx, func(o *owner) error {
		if err := a.syncList(ctx, nil); err != nil {
			return err
		}
		salt, err := seal.MakeSalt(a.d.Rand)
		if err != nil {
			return err
		}
		suite := seal.Default()
		if suite.Weaker(o.suite) {
			suite = o.suite
		}
		n, err := a.with(a.d.Rand, *o, next, suite, salt)
		if err != nil {
			return err
		}
		defer n.wipe()
		return a.replaceBy(ctx, o, &n)
	})
}

// replaceBy changes the password from that of o to that of n.
func (a *account) replaceBy(ctx context.Context, o, n *owner) error {
	wraps, entries, err := a.rewraps(ctx, o, n)
	if err != nil {
		return err
	}
	defer func() {
		for _, e := range entries {
			e.Key.Wipe()
		}
	}()
	if err := a.stepUpAs(ctx, o); err != nil {
		return err
	}
	iterations, memory, lanes := n.suite.Params()
	req := api.PasswordRequest{
		OldAuthHash: client.NewSecret(string(o.auth.Reveal())), NewAuthHash: client.NewSecret(string(n.auth.Reveal())),
		EncryptedPrivateKey: n.SealedRSA, EncryptedIdentityPrivateKey: n.SealedIdentity,
		KDF: &api.PasswordKDF{
			Salt: n.Salt, KDFIterations: uint32(iterations), KDFMemoryKB: uint32(memory), KDFParallelism: uint32(lanes), //nolint:gosec // small numbers of a list
		},
		VaultKeys: wraps,
	}
	var got *api.Tokens
	err = a.raw(ctx, func(c *api.Client) (err error) {
		got, err = c.Auth.ChangePassword(ctx, req)
		return err
	})
	a.mu.Lock()
	a.listed = false
	a.mu.Unlock()
	a.service.mu.Lock()
	defer a.service.mu.Unlock()
	a.stepped = client.Secret{}
	if err != nil {
		if !mirror.Unreachable(err) || unsent(err) {
			return err
		}
		if got, err = a.changedAnyway(ctx, n, err); err != nil {
			return err
		}
	}
	// It is done: whatever ends ctx, this device knows it.
	ctx = context.WithoutCancel(ctx)
	if _, err := a.take(ctx, *got); err != nil {
		return fmt.Errorf("the password is changed, but: %w", err)
	}
	return a.rewrapped(ctx, n, wraps)
}

// rewraps wraps the keys of all personal vaults for n. One that does not open
// keeps everything as it is: its key would be lost.
func (a *account) rewraps(ctx context.Context, o, n *owner) ([]api.VaultWrap, []seal.VaultEntry, error) {
	var list []device.Vault
	err := a.state().View(ctx, func(tx kv.Tx) error {
		all, err := a.place.Vaults(tx)
		list = nil
		for _, v := range all {
			if v.Type != personal {
				continue
			}
			if v.Revision == 0 {
				return fmt.Errorf("the service cannot change the password together with the keys of its vaults: %w", errors.ErrUnsupported)
			}
			if _, err := a.judge(tx, v); err != nil {
				return err
			}
			list = append(list, v)
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	wraps := []api.VaultWrap{}
	var entries []seal.VaultEntry
	for _, v := range list {
		e, err := a.unwrap(v, o)
		if err != nil {
			return nil, nil, fmt.Errorf("the password stays as it is: %w", err)
		}
		w := api.VaultWrap{VaultID: v.ID.String()}
		if w.EncryptedVaultKey, w.WrapSignature, err = a.wrapSelf(n, e); err != nil {
			return nil, nil, err
		}
		wraps, entries = append(wraps, w), append(entries, e)
	}
	return wraps, entries, nil
}

// changedAnyway finds out whether a change was made of which the answer was
// lost: then the new password logs in.
func (a *account) changedAnyway(ctx context.Context, n *owner, lost error) (*api.Tokens, error) {
	kdf, err := a.api.Auth.Prelogin(ctx, a.d.Service.Email)
	if err != nil {
		return nil, errors.Join(lost, err)
	}
	if string(kdf.Salt) != string(n.Salt) {
		return nil, lost
	}
	s, err := a.api.Auth.Login(ctx, api.LoginRequest{
		Email: a.d.Service.Email, AuthHash: client.NewSecret(string(n.auth.Reveal())), DeviceName: a.login.Device,
	})
	if err != nil {
		return nil, errors.Join(lost, err)
	}
	return &s.Tokens, nil
}

// rewrapped keeps the new login answer and the new wraps.
func (a *account) rewrapped(ctx context.Context, n *owner, wraps []api.VaultWrap) error {
	return a.state().Update(ctx, func(tx kv.Tx) error {
		for _, w := range wraps {
			id, err := seal.ParseID(w.VaultID)
			if err != nil {
				return err
			}
			v, err := a.vaultOf(tx, id)
			if errors.Is(err, vault.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			v.Wrap, v.Signature = w.EncryptedVaultKey, w.WrapSignature
			if err := a.place.PutVault(tx, v); err != nil {
				return err
			}
		}
		l := n.Login
		l.At = a.d.Now()
		return a.d.Device.PutLogin(tx, l)
	})
}
