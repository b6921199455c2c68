package pwm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/backend/mirror"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/vault"
)

// openAll opens every vault that the password opens. One that has another
// password stays closed, and that is said; if none opens it is
// vault.ErrWrongPassword.
func (a *account) openAll(ctx context.Context, password secret.String) error {
	list, err := a.list(ctx)
	if err != nil {
		return err
	}
	var closed []string
	var failed error
	for _, v := range list {
		switch err := a.openOne(ctx, v, password); {
		case err == nil:
		case errors.Is(err, vault.ErrWrongPassword):
			closed = append(closed, fmt.Sprintf("%q", v.Name))
		case errors.Is(translate(err), backend.ErrSignedOut), errors.Is(err, backend.ErrOffline), mirror.Unreachable(err):
			failed = err // it was never fetched
		case errors.Is(err, vault.ErrDamaged), errors.Is(err, vault.ErrNotFound):
			failed = err
			a.warn("vault_refused", err.Error())
		default:
			return translate(err)
		}
	}
	if len(a.keySet().of) > 0 || len(list) == 0 {
		if len(closed) > 0 {
			slices.Sort(closed)
			a.warn("vault_closed", "another master password keeps these vaults closed: "+strings.Join(closed, ", "))
		}
		return nil
	}
	if len(closed) > 0 {
		return vault.ErrWrongPassword
	}
	return translate(failed)
}

func (a *account) list(ctx context.Context) (list []device.Vault, err error) {
	err = a.state().View(ctx, func(tx kv.Tx) error {
		list, err = a.place.Vaults(tx)
		return err
	})
	return list, translate(err)
}

// openOne opens a vault with the wrap that is here or, if that is not there or
// does not open, with the one at the service.
func (a *account) openOne(ctx context.Context, v device.Vault, password secret.String) error {
	if err := a.fault(v.ID); err != nil {
		return err
	}
	w, there := parseWrapped(v.Wrap)
	if there {
		key, err := a.unwrap(w, password)
		if err == nil {
			return a.opened(ctx, v, key)
		}
		if a.d.Service.Offline || a.GaveUp() {
			return err
		}
	}
	got, err := a.fetch(ctx, v.Name)
	if err != nil {
		if there && mirror.Unreachable(err) {
			return vault.ErrWrongPassword
		}
		return err
	}
	if there && string(got.key.bytes()) == string(v.Wrap) {
		return vault.ErrWrongPassword
	}
	key, err := a.unwrap(got.key, password)
	if err != nil {
		return err
	}
	if err := a.opened(ctx, v, key); err != nil {
		return err
	}
	k, err := openKey(v.ID, key)
	if err != nil {
		return err
	}
	b := a.newBox(v.ID, v.Name)
	b.open.Store(&k)
	return b.turn(ctx, func() error { return b.store(ctx, &k, got, false) })
}

// unwrap opens the key of a vault, or is vault.ErrWrongPassword.
func (a *account) unwrap(w wrapped, password secret.String) (seal.VaultKey, error) {
	if err := w.check(); err != nil {
		return seal.VaultKey{}, err
	}
	kek, err := a.derive(password, w.salt)
	if err != nil {
		return seal.VaultKey{}, err
	}
	defer kek.Wipe()
	key, err := kek.Unwrap(w.iv, w.wrap)
	if errors.Is(err, seal.ErrDamaged) {
		err = vault.ErrWrongPassword
	}
	return key, err
}

// opened keeps a key that the password gave, if it is the one that is pinned.
func (a *account) opened(ctx context.Context, v device.Vault, key seal.VaultKey) error {
	k, err := openKey(v.ID, key)
	if err != nil {
		return err
	}
	err = a.state().View(ctx, func(tx kv.Tx) error {
		pin, known, err := a.place.Pin(tx, v.ID)
		if err == nil && known && pin.Check != k.check {
			err = older(backend.ChangedKey, v.Name, "the service shows another key than this machine has seen")
		}
		return err
	})
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.keys = a.keys.with(v.ID, key)
	return nil
}
