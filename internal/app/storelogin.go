package app

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"strings"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/config"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/keyring"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/pkg/client"
	"github.com/keyhold/keyhold/pkg/client/secretsstore"
)

// A StoreLogin is a login at the Secrets Store. Empty members are found out.
type StoreLogin struct {
	URL, Account string
	CA           string // file with the certificate authorities to believe; empty: the system's
	InsecureHTTP bool   // plain HTTP to other machines too
	Token        secret.String
}

// LoginStore keeps a token for the Secrets Store, and which account it is for.
// Whether it is good is asked where that can be asked; that it could not be found
// out is a warning. It returns what was kept.
func (a *App) LoginStore(ctx context.Context, l StoreLogin) (StoreLogin, error) {
	if config.IsProfileFile(a.Settings.Profile) {
		return l, Usagef("a profile from a file keeps no login: use CLOUDFLARE_API_TOKEN")
	}
	l.URL = strings.TrimSuffix(cmp.Or(l.URL, a.Getenv("CLOUDFLARE_API_BASE_URL"), secretsstore.BaseURL), "/")
	l.Account = cmp.Or(l.Account, a.Getenv("CLOUDFLARE_ACCOUNT_ID"))
	if l.Account != "" && !isHexID(l.Account) {
		return l, Usagef("the id of an account is 32 hex digits, not %s", Quote(l.Account))
	}
	p, err := l.profile()
	if err != nil {
		return l, err
	}
	if err := a.checkAddress(config.Profile{URL: l.URL, InsecureHTTP: p.StoreInsecureHTTP}); err != nil {
		return l, err
	}
	origin, err := originOf(l.URL)
	if err != nil {
		return l, Usagef("--url: %v", err)
	}
	c, err := a.storeClient(caller{l.URL, l.Account, client.Token(client.NewSecret(l.Token.Reveal())), p.StoreCA, l.InsecureHTTP})
	if err != nil {
		return l, err
	}
	unchecked, err := a.checkStoreLogin(ctx, c, &l)
	if err != nil {
		return l, err
	}
	home, err := a.Home()
	if err != nil {
		return l, err
	}
	tokens, err := a.tokens(home)
	if err != nil {
		return l, err
	}
	a.Signals.Catch()
	if err := tokens.Set(ctx, a.Settings.Profile, StoreService, device.Token{Origin: origin, Secret: l.Token.Bytes()}); err != nil {
		return l, err
	}
	if unchecked != nil {
		a.Messages().Warn("not_checked", "the token is kept, but it could not be checked: "+unchecked.Error())
	}
	p.Store = l.Account
	return l, a.setStore(p)
}

// profile returns what the configuration says of a profile with this login.
func (l StoreLogin) profile() (config.Profile, error) {
	p := config.Profile{StoreURL: l.URL}
	if p.StoreURL == secretsstore.BaseURL {
		p.StoreURL = ""
	}
	if l.InsecureHTTP {
		p.StoreInsecureHTTP = "true"
	}
	if l.CA != "" {
		abs, err := filepath.Abs(l.CA)
		if err != nil {
			return p, err
		}
		p.StoreCA = abs
	}
	return p, nil
}

// checkStoreLogin asks the service about a token, and for its account. It returns
// why that could not be found out.
func (a *App) checkStoreLogin(ctx context.Context, c *secretsstore.Client, l *StoreLogin) (unchecked, err error) {
	if a.Settings.Offline {
		return backend.ErrOffline, nil
	}
	if l.Account == "" {
		l.Account, err = a.findStoreAccount(ctx, c, "keyhold login store --account %s")
	} else {
		_, err = c.Account(l.Account).Stores.List(ctx, secretsstore.ListOptions{PerPage: 1})
	}
	var several *ChoiceError
	if errors.As(err, &several) || ctx.Err() != nil {
		return nil, err
	}
	return err, nil
}

// setStore keeps which account of the Secrets Store the profile is logged in to,
// and where; what is empty in p is none.
func (a *App) setStore(p config.Profile) error {
	file, err := a.Config()
	if err != nil {
		return err
	}
	name := a.Settings.Profile
	return file.Update(func(e *config.Edit) error {
		if _, ok := file.Profile(name); !ok && name != config.DefaultProfile {
			if err := e.AddProfile(name, config.Profile{Backend: config.LocalBackend}); err != nil {
				return err
			}
		}
		for _, m := range []struct{ name, value string }{
			{"store", p.Store}, {"store_url", p.StoreURL}, {"store_ca", p.StoreCA}, {"store_insecure_http", p.StoreInsecureHTTP},
		} {
			member := "profiles." + name + "." + m.name
			err := e.Unset(member)
			if m.value != "" {
				err = e.Set(member, m.value)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// LogoutStore forgets the token of the Secrets Store and, with forget, which
// account it was for. The service is not asked: it has no call for that.
func (a *App) LogoutStore(ctx context.Context, forget bool) error {
	if err := a.CheckProfile(a.Settings.Profile); err != nil {
		return err
	}
	home, err := a.Home()
	if err != nil {
		return err
	}
	tokens, err := a.tokens(home)
	if err != nil {
		return err
	}
	if err := tokens.Delete(ctx, a.Settings.Profile, StoreService); err != nil || !forget {
		return err
	}
	return a.setStore(config.Profile{})
}

// forgetTokens deletes the tokens of a profile that goes. That they cannot be
// reached now is no reason to keep the profile.
func (a *App) forgetTokens(ctx context.Context, profile string) error {
	home, err := a.Home()
	if err != nil {
		return err
	}
	tokens, err := a.tokens(home)
	if err != nil {
		return err
	}
	err = tokens.DeleteProfile(ctx, profile)
	if errors.Is(err, keyring.ErrUnavailable) {
		a.Messages().Warn("token_left", "a token of the profile "+profile+" is left in the keyring: "+err.Error())
		err = nil
	}
	return err
}

// moveStoreLogin gives the token of the Secrets Store to the profile's new name.
func (a *App) moveStoreLogin(ctx context.Context, from, to string) error {
	origin, err := originOf(boundStore(a.profileOf(from)))
	if err != nil {
		return err
	}
	home, err := a.Home()
	if err != nil {
		return err
	}
	tokens, err := a.tokens(home)
	if err != nil {
		return err
	}
	t, err := tokens.Get(ctx, from, StoreService, origin)
	if err != nil {
		return nil //nolint:nilerr // there is none to be moved
	}
	return tokens.Set(ctx, to, StoreService, t)
}
