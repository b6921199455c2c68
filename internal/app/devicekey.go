package app

import (
	"context"
	"errors"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/secret"
)

// restoreDeviceKey brings the device key back, which a reboot took from the
// kernel, or warns. That there never was one is no error.
func (a *App) restoreDeviceKey(ctx context.Context, account backend.Account) {
	err := a.withDeviceKey(account, func(key *device.DeviceKey, wrap secret.Bytes) error { return key.Restore(ctx, wrap) })
	if err != nil && !errors.Is(err, device.ErrNoDeviceKey) {
		a.Messages().Warn("device_key", "the tokens of services cannot be read: "+err.Error())
	}
}

// wrapDeviceKey has the password of the account bring the device key back after
// a reboot. Without it the tokens are lost then, and a login makes new ones.
func (a *App) wrapDeviceKey(ctx context.Context, account backend.Account) {
	err := a.withDeviceKey(account, func(key *device.DeviceKey, wrap secret.Bytes) error { return key.Wrap(ctx, wrap) })
	if err != nil {
		a.Verbose("a reboot takes the tokens of services: " + err.Error())
	}
}

func (a *App) withDeviceKey(account backend.Account, do func(*device.DeviceKey, secret.Bytes) error) error {
	w, ok := account.(backend.DeviceWrapper)
	if !ok {
		return nil
	}
	key, err := a.deviceKey()
	if err != nil {
		return err
	}
	wrap, err := w.DeviceWrapKey()
	if err != nil {
		return err
	}
	defer wrap.Wipe()
	return do(key, wrap)
}
