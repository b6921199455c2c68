package pwm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/vault"
	"github.com/keyhold/keyhold/pkg/client"
	api "github.com/keyhold/keyhold/pkg/client/pwm"
)

// ChangePassword puts another master password in place of the one that Ask
// gives, vault by vault: the service changes no two of them at once. One that
// has the new password already was changed by an earlier call that was
// interrupted; one that neither opens has a password of its own and keeps it.
func (a *account) ChangePassword(ctx context.Context, next secret.String) error {
	if a.d.Service.Offline {
		return backend.ErrOffline
	}
	old, err := a.d.Ask(ctx)
	if err != nil {
		return err
	}
	if err := a.syncList(ctx, nil); err != nil {
		return err
	}
	list, err := a.list(ctx)
	if err != nil {
		return err
	}
	var changed, other []string
	for _, v := range list {
		err := a.changeOne(ctx, v, old, next)
		switch {
		case err == nil:
			changed = append(changed, fmt.Sprintf("%q", v.Name))
		case errors.Is(err, vault.ErrWrongPassword):
			other = append(other, fmt.Sprintf("%q", v.Name))
		case len(changed) > 0:
			return fmt.Errorf("the password of %s is changed, that of %q is not; the same command goes on: %w", strings.Join(changed, ", "), v.Name, translate(err))
		default:
			return fmt.Errorf("the password of vault %q: %w", v.Name, translate(err))
		}
	}
	if len(changed) == 0 && len(list) > 0 {
		return vault.ErrWrongPassword
	}
	if len(other) > 0 {
		a.warn("other_password", "these vaults have another master password and keep it: "+strings.Join(other, ", "))
	}
	return nil
}

// changeOne changes the password of one vault, and reads it back.
func (a *account) changeOne(ctx context.Context, v device.Vault, old, next secret.String) error {
	b := a.newBox(v.ID, v.Name)
	return b.turn(ctx, func() error {
		for range commits {
			done, err := b.rewrap(ctx, v, old, next)
			if err != nil || done {
				return err
			}
		}
		return b.conflict(ctx, 0)
	})
}

// rewrap reports false if the vault changed meanwhile.
func (b *box) rewrap(ctx context.Context, v device.Vault, old, next secret.String) (bool, error) {
	if err := b.a.fault(b.id); err != nil {
		return false, err
	}
	f, err := b.a.fetch(ctx, b.name)
	if err != nil {
		return false, err
	}
	key, err := b.a.unwrap(f.key, old)
	if errors.Is(err, vault.ErrWrongPassword) {
		if _, e := b.a.unwrap(f.key, next); e == nil {
			return true, nil
		}
	}
	if err != nil {
		return false, err
	}
	if err := b.a.opened(ctx, v, key); err != nil {
		return false, err
	}
	k, err := openKey(b.id, key)
	if err != nil {
		return false, err
	}
	b.open.Store(&k)
	if err := b.store(ctx, &k, f, false); err != nil {
		return false, err
	}
	content, err := OpenBlob(key, f.blob.IV, f.blob.Data)
	if err != nil {
		return false, err
	}
	w, err := b.a.wrapNew(next, key)
	if err != nil {
		return false, err
	}
	iv, data, err := content.Seal(b.a.d.Rand, key)
	if err != nil {
		return false, err
	}
	wire := w.request()
	if err := b.markStale(ctx); err != nil {
		return false, err
	}
	_, err = b.a.api.Vaults.Update(ctx, b.name, api.UpdateRequest{Version: f.blob.Version, Content: api.Content{EncryptedData: data, IV: iv}, Key: &wire})
	switch {
	case errors.Is(err, client.ErrConflict):
		return false, nil //nolint:nilerr // it is tried again
	case err != nil && (unsent(err) || ctx.Err() != nil):
		return false, err
	}
	return b.readBack(ctx, &k, f, w, iv, err)
}

// readBack compares what the service has with what was sent, before the change
// is called done.
func (b *box) readBack(ctx context.Context, k *opened, was fetched, w wrapped, iv []byte, lost error) (bool, error) {
	now, err := b.a.fetch(ctx, b.name)
	if err != nil {
		return false, fmt.Errorf("it is not known whether it was done: %w", errors.Join(lost, err))
	}
	switch same := bytes.Equal(now.key.bytes(), w.bytes()); {
	case same:
		return true, b.store(context.WithoutCancel(ctx), k, now, bytes.Equal(now.blob.IV, iv))
	case now.blob.Version == was.blob.Version && lost != nil:
		return false, lost
	case !bytes.Equal(now.key.bytes(), was.key.bytes()):
		return false, nil // somebody else changed it
	case !bytes.Equal(now.blob.IV, iv) && lost != nil:
		return false, nil //nolint:nilerr // it is tried again
	}
	if err := b.store(context.WithoutCancel(ctx), k, now, true); err != nil {
		return false, err
	}
	return false, fmt.Errorf("the service keeps the old password of vault %q: it takes no other key for a vault that is there: %w", b.name, errors.ErrUnsupported)
}

// Purge removes items from the trash for good.
func (b *box) Purge(ctx context.Context, list []vault.Ref) error {
	if _, err := b.key(); err != nil {
		return err
	}
	if b.a.d.Service.Offline {
		return backend.ErrOffline
	}
	if len(list) == 0 {
		return b.scrub(ctx)
	}
	return b.remove(ctx, change{purge: list})
}
