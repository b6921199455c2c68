package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/config"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
)

// IsBound reports whether the vaults of a profile are at a service.
func (a *App) IsBound(profile string) bool { return a.BackendOf(profile) != config.LocalBackend }

// Bound returns the account that the chosen profile is bound to; the zero Place
// if its vaults are on this machine.
func (a *App) Bound() Place {
	p := a.profileOf(a.Settings.Profile)
	if p.Backend == config.LocalBackend {
		return Place{}
	}
	return Place{Backend: p.Backend, URL: p.URL, Email: p.Email, CA: p.CA, InsecureHTTP: p.InsecureHTTP == "true"}
}

// accountName names the account of a bound profile in messages.
func (a *App) accountName(profile string) string {
	p := a.profileOf(profile)
	if p.Email == "" {
		return p.URL
	}
	return p.Email + " at " + p.URL
}

// signedOut reports a bound profile that is logged in nowhere.
func (a *App) signedOut(profile string) error {
	return fmt.Errorf("the profile %s, %s: %w", profile, a.accountName(profile), backend.ErrSignedOut)
}

// Reach returns an error if a change of a vault at a service would not arrive
// there now, so that nothing is asked or made up for it. On this machine it
// always arrives.
func (a *App) Reach(ctx context.Context, info backend.Info) error {
	profile := a.chosen().profile
	if !a.IsBound(profile) {
		return nil
	}
	account, err := a.AccountOf(ctx, profile)
	if err != nil {
		return err
	}
	return a.ReachIn(ctx, account, info)
}

// ReachIn is Reach for a vault of that account.
func (a *App) ReachIn(ctx context.Context, account backend.Account, info backend.Info) error {
	s, ok := account.(backend.Syncer)
	switch {
	case !ok:
		return nil
	case a.Settings.Offline:
		return backend.ErrOffline
	}
	return s.Sync(ctx, info.ID, false)
}

// SignedIn reports whether this device has tokens of the service of a bound
// profile. Whether the service still takes them is not asked.
func (a *App) SignedIn(ctx context.Context, profile string) (bool, error) {
	_, deps, err := a.driver(profile)
	if err != nil {
		return false, err
	}
	login, err := deps.Device.ReadLogin(ctx)
	if err == nil {
		var t device.Token
		t, err = deps.Device.Token(ctx, vaultService, login.Origin)
		t.Secret.Wipe()
	}
	if errors.Is(err, device.ErrNoLogin) || errors.Is(err, device.ErrNoToken) {
		return false, nil
	}
	return err == nil, err
}

// NeedRekey returns the names of the vaults of a bound profile that need a new
// key since a member was removed, as far as this machine knows.
func (a *App) NeedRekey(ctx context.Context, profile string) (names []string, err error) {
	err = a.remembered(ctx, profile, func(tx kv.Tx, at device.Place) error {
		list, err := at.Vaults(tx)
		names = nil
		for _, v := range list {
			if v.RekeyRequired {
				names = append(names, v.Name)
			}
		}
		return err
	})
	return names, err
}

// Peers returns the addresses of those whom this machine trusts in the chosen
// profile.
func (a *App) Peers(ctx context.Context) (emails []string, err error) {
	err = a.remembered(ctx, a.chosen().profile, func(tx kv.Tx, at device.Place) error {
		emails = nil
		for _, p := range at.Peers(tx) {
			if p.Email != "" {
				emails = append(emails, p.Email)
			}
		}
		return nil
	})
	return emails, err
}

// remembered calls fn with what this machine remembers of the account of a
// bound profile, unless it is signed out.
func (a *App) remembered(ctx context.Context, profile string, fn func(kv.Tx, device.Place) error) error {
	_, deps, err := a.driver(profile)
	if err != nil || deps.Device == nil {
		return err
	}
	err = deps.Device.State().View(ctx, func(tx kv.Tx) error {
		login, err := deps.Device.Login(tx)
		if err != nil {
			return err
		}
		return fn(tx, login.Place())
	})
	if errors.Is(err, device.ErrNoLogin) {
		return nil
	}
	return err
}

// vaultService is what the tokens of vaults are kept under.
const vaultService = "vault"

// renameAccount has the account of a bound profile stand under another profile:
// the new records are there before the old ones, which it returns, go.
func (a *App) renameAccount(ctx context.Context, name, to string) (*device.Account, error) {
	_, from, err := a.driver(name)
	if err != nil {
		return nil, err
	}
	dest, err := a.serviceDeps(a.baseDeps(to), to, a.profileOf(name))
	if err != nil {
		return nil, err
	}
	login, err := from.Device.ReadLogin(ctx)
	if errors.Is(err, device.ErrNoLogin) {
		return from.Device, nil
	}
	if err != nil {
		return nil, err
	}
	t, err := from.Device.Token(ctx, vaultService, login.Origin)
	if err == nil {
		err = dest.Device.SetToken(ctx, vaultService, t)
		t.Secret.Wipe()
	} else if errors.Is(err, device.ErrNoToken) {
		err = nil
	}
	if err != nil {
		return nil, err
	}
	return from.Device, from.Device.State().Update(ctx, func(tx kv.Tx) error { return dest.Device.PutLogin(tx, login) })
}

// deleteAccount logs a bound profile out, if the service can be reached, and
// forgets everything of its account.
func (a *App) deleteAccount(ctx context.Context, profile string) error {
	driver, deps, err := a.driver(profile)
	if err != nil {
		return err
	}
	login, err := deps.Device.ReadLogin(ctx)
	if errors.Is(err, device.ErrNoLogin) {
		return nil
	}
	if err == nil {
		err = a.forgetAccount(ctx, deps.Device, login, true)
	}
	if err == nil && driver.Logout != nil {
		err = driver.Logout(ctx, deps)
	}
	return err
}

// dropAccount forgets the login and the tokens of a profile without telling the
// service.
func (a *App) dropAccount(ctx context.Context, d *device.Account) error {
	if err := d.DeleteToken(ctx, vaultService); err != nil {
		return err
	}
	return d.State().Update(ctx, d.DeleteLogin)
}

// forgetAccount deletes what this machine has of an account: its mirrors and,
// with pins, whom and what it trusts there. Another profile that is bound to it
// keeps all of that.
func (a *App) forgetAccount(ctx context.Context, d *device.Account, login device.Login, pins bool) error {
	file, err := a.Config()
	if err != nil {
		return err
	}
	at := login.Place()
	return d.State().Update(ctx, func(tx kv.Tx) error {
		for _, other := range file.Profiles() {
			l, err := device.NewTransientAccount(nil, other).Login(tx)
			if err == nil && l.Place() == at && other != d.Profile() {
				return nil
			}
		}
		var ids []seal.ID
		for id := range at.Pins(tx) { // of vaults that are listed no more, too
			ids = append(ids, id)
		}
		for _, id := range ids {
			if err := dropMirror(tx, at, id); err != nil {
				return err
			}
		}
		if !pins {
			return nil
		}
		return at.Forget(tx)
	})
}

func dropMirror(tx kv.Tx, at device.Place, id seal.ID) error {
	return errors.Join(itemdb.DeleteVault(tx, at.Mirror(id)), at.DeleteMark(tx, id), at.DeleteBlob(tx, id, false))
}
