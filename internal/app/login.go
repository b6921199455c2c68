package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/config"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/vault"
)

// A Place is an account of a service that has vaults.
type Place struct {
	Backend, URL, Email string
	CA                  string // a file; empty: the system's authorities
	InsecureHTTP        bool
	Token               secret.String // to log in with, where the service takes one
}

// A LoggedIn is what Login and Signup did.
type LoggedIn struct {
	Profile    string
	New        bool // the profile was made for it
	Locked     bool // no password was at hand: nothing is open
	URL, Email string
	Vaults     []backend.Info
}

// Login binds a profile to an account and opens it. It is the chosen profile if
// that has no vaults yet or is of this account already, else a new one.
func (a *App) Login(ctx context.Context, p Place) (LoggedIn, error) {
	return a.join(ctx, p, func(d backend.Driver, deps backend.Deps, profile string) (secret.Bytes, error) {
		if d.Login == nil {
			return secret.Bytes{}, fmt.Errorf("vaults of the kind %s have no login: %w", d.Name, errors.ErrUnsupported)
		}
		if p.Token.Len() > 0 && !a.HasSource() && !a.CanAsk() {
			return d.Login(ctx, deps, secret.String{})
		}
		a.Signals.Catch()
		login := d.Login
		return a.loginKeys(ctx, profile, func(pw secret.String) (secret.Bytes, error) {
			keys, err := login(ctx, deps, pw)
			if d.LoginStands {
				login = d.Unlock
			}
			return keys, err
		})
	})
}

// loginKeys logs in by the password source, else by asking a few times at most.
func (a *App) loginKeys(ctx context.Context, profile string, login func(secret.String) (secret.Bytes, error)) (secret.Bytes, error) {
	pw, err := a.Password(ctx, profile)
	for try := 1; err == nil; try++ {
		var keys secret.Bytes
		if keys, err = login(pw); !errors.Is(err, vault.ErrWrongPassword) {
			return keys, err
		}
		if a.HasSource() || try == tries {
			return secret.Bytes{}, &WrongPasswordError{}
		}
		if pw, err = a.Prompt.Secret(ctx, "Wrong password. "+masterPrompt(profile)); err != nil {
			err = a.promptError(err)
		}
		a.remember(profile, pw)
	}
	return secret.Bytes{}, err
}

// Signup makes an account of a service, with the vault personal, and binds a
// profile to it as Login does.
func (a *App) Signup(ctx context.Context, p Place, s backend.Signup) (LoggedIn, error) {
	s.Vault = FirstVault
	return a.join(ctx, p, func(d backend.Driver, deps backend.Deps, profile string) (secret.Bytes, error) {
		if d.Create == nil || d.Login == nil {
			return secret.Bytes{}, fmt.Errorf("accounts of the kind %s are not made here: %w", d.Name, errors.ErrUnsupported)
		}
		pw, err := a.NewPassword(ctx, profile, fmt.Sprintf("This makes an account for %s at %s, sealed under a master\n"+
			"password that only you know and nobody can recover.\n", p.Email, p.URL))
		if err != nil {
			return secret.Bytes{}, err
		}
		a.Signals.Catch()
		return d.Create(ctx, deps, pw, s)
	})
}

// join has an account opened for a profile and, if that works, keeps what the
// profile is bound to and a session.
func (a *App) join(ctx context.Context, p Place, enter func(backend.Driver, backend.Deps, string) (secret.Bytes, error)) (LoggedIn, error) {
	fail := func(err error) (LoggedIn, error) { return LoggedIn{}, err }
	if a.Settings.Offline {
		return fail(backend.ErrOffline)
	}
	if err := a.keepsThings(a.Settings.Profile); err != nil {
		return fail(err)
	}
	file, err := a.Config()
	if err != nil {
		return fail(err)
	}
	bound, err := p.profile()
	if err != nil {
		return fail(err)
	}
	if err := a.checkAddress(bound); err != nil {
		return fail(err)
	}
	out := LoggedIn{URL: bound.URL, Email: bound.Email}
	if out.Profile, err = a.profileFor(ctx, file, bound); err != nil {
		return fail(err)
	}
	_, exists := file.Profile(out.Profile)
	out.New = !exists
	home, err := a.Home()
	if err != nil {
		return fail(err)
	}
	if _, err := home.Make(a.Rand); err != nil {
		return fail(err)
	}
	driver, err := a.Backends.Driver(bound.Backend)
	if err != nil {
		return fail(err)
	}
	deps, err := a.serviceDeps(a.baseDeps(out.Profile), out.Profile, bound)
	if err != nil {
		return fail(err)
	}
	deps.Service.Token, deps.Visit = p.Token, func(v backend.Visit) { a.visit(ctx, v) }
	keys, err := enter(driver, deps, out.Profile)
	if err != nil {
		return fail(err)
	}
	if bound.Email, err = emailOf(ctx, deps, bound.Email); err != nil {
		return fail(err)
	}
	out.Email = bound.Email
	if err := a.bind(file, out, bound); err != nil {
		return fail(fmt.Errorf("logged in, but the profile is not kept: %w", err))
	}
	if out.Locked = keys.Len() == 0; out.Locked {
		return out, nil
	}
	a.markUnlocked(home, out.Profile)
	out.Vaults, err = a.enter(ctx, out.Profile, keys)
	return out, err
}

// visit shows where a login is completed.
func (a *App) visit(ctx context.Context, v backend.Visit) {
	text := "to complete the login, have whoever runs the server run: keyhold-server token approve " + Quote(v.Session) + " --email ADDRESS"
	if v.URL != "" {
		text = "to complete the login, open " + v.URL
	}
	a.Messages().Warn("login_waits", text)
	if v.URL != "" {
		a.browse(ctx, v.URL)
	}
}

// emailOf returns whose login it became, where that was not said before.
func emailOf(ctx context.Context, d backend.Deps, said string) (string, error) {
	if said != "" {
		return said, nil
	}
	l, err := d.Device.ReadLogin(ctx)
	return strings.ToLower(l.Email), err
}

// enter opens the account of a profile that was just bound, in a session unless
// the password has a source, and returns its vaults.
func (a *App) enter(ctx context.Context, profile string, keys secret.Bytes) ([]backend.Info, error) {
	var session *device.Session
	if !a.HasSource() {
		session = a.tryStart(ctx, profile, keys)
	}
	account, err := a.open(ctx, profile, keys, session)
	if err != nil {
		return nil, err
	}
	a.wrapDeviceKey(ctx, account)
	return account.Vaults(ctx)
}

// profile returns what the configuration says of a profile that is bound to p.
func (p Place) profile() (config.Profile, error) {
	c := config.Profile{Backend: cmp.Or(p.Backend, "vaultctl"), URL: strings.TrimSuffix(p.URL, "/"), Email: strings.ToLower(strings.TrimSpace(p.Email))}
	if p.InsecureHTTP {
		c.InsecureHTTP = "true"
	}
	if p.CA != "" {
		abs, err := filepath.Abs(p.CA)
		if err != nil {
			return c, err
		}
		c.CA = abs
	}
	return c, nil
}

// checkAddress checks the address of a service.
func (a *App) checkAddress(p config.Profile) error {
	u, err := url.Parse(p.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return Usagef("--url takes an address such as https://keys.example.com/api/v1, not %q", p.URL)
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme == "http" && p.InsecureHTTP == "" && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return &UsageError{
			Message: "without TLS everybody on the way reads what is sent to " + u.Host + ", tokens too: use https",
			Try:     a.Again("--insecure-http"),
		}
	}
	return nil
}

// bind keeps what the profile is bound to.
func (a *App) bind(file *config.File, l LoggedIn, p config.Profile) error {
	return file.Update(func(e *config.Edit) error {
		if l.New {
			return e.AddProfile(l.Profile, p)
		}
		for _, m := range []struct{ name, value string }{
			{"backend", p.Backend}, {"url", p.URL}, {"email", p.Email}, {"ca", p.CA}, {"insecure_http", p.InsecureHTTP},
		} {
			name := "profiles." + l.Profile + "." + m.name
			err := e.Unset(name)
			if m.value != "" {
				err = e.Set(name, m.value)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// profileFor returns the profile for an account: the chosen one if it is bound
// to it, or has no vaults; else one that is bound to it, else a new one, named
// after the host.
func (a *App) profileFor(ctx context.Context, file *config.File, p config.Profile) (string, error) {
	chosen := a.Settings.Profile
	same := func(name string) bool {
		q, ok := file.Profile(name)
		return ok && q.Backend == p.Backend && q.URL == p.URL && (q.Email == p.Email || p.Email == "")
	}
	if same(chosen) {
		return chosen, nil
	}
	q, exists := file.Profile(chosen)
	if !exists { // it was named on the command line, for this
		return chosen, nil
	}
	if q.Backend == config.LocalBackend {
		empty, err := a.hasNothing(ctx, chosen)
		if err != nil {
			return "", err
		}
		if empty {
			return chosen, nil
		}
	}
	for _, name := range file.Profiles() {
		if same(name) {
			return name, nil
		}
	}
	u, err := url.Parse(p.URL)
	if err != nil {
		return "", Usagef("--url: %v", err)
	}
	base := profileName(u.Hostname())
	for n := 1; ; n++ {
		name := base
		if n > 1 {
			name = fmt.Sprintf("%s-%d", base, n)
		}
		if _, taken := file.Profile(name); !taken {
			return name, nil
		}
	}
}

// profileName makes the name of a profile of that of a host.
func profileName(host string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '-'
	}, strings.ToLower(host))
	if name = strings.TrimLeft(name, ".-"); name == "" {
		return "service"
	}
	return name[:min(len(name), 60)]
}

// hasNothing reports whether a profile on this machine has no vaults.
func (a *App) hasNothing(_ context.Context, profile string) (bool, error) {
	path, err := a.StorePath(profile)
	if err != nil {
		return false, err
	}
	_, err = os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return true, nil
	}
	return false, err
}

// Logout ends the session of this device at the service of the chosen profile,
// and the session on this machine. With forget the profile is bound to nothing
// afterwards, and the mirrors go; pins stay.
func (a *App) Logout(ctx context.Context, forget bool) error {
	profile := a.Settings.Profile
	if err := a.keepsThings(profile); err != nil {
		return err
	}
	driver, deps, err := a.driver(profile)
	if err != nil {
		return err
	}
	if driver.Logout == nil {
		return &UsageError{
			Message: fmt.Sprintf("the vaults of the profile %s are on this machine: there is nothing to log out of", profile),
			Try:     "keyhold lock",
		}
	}
	login, known := deps.Device.ReadLogin(ctx)
	if err := driver.Logout(ctx, deps); err != nil {
		return err
	}
	if _, err := a.EndSessions(ctx, profile); err != nil {
		return err
	}
	if !forget {
		return nil
	}
	if known == nil {
		if err := a.forgetAccount(ctx, deps.Device, login, false); err != nil {
			return err
		}
	}
	file, err := a.Config()
	if err != nil {
		return err
	}
	return file.Update(func(e *config.Edit) error {
		if profile != config.DefaultProfile {
			return e.RemoveProfile(profile)
		}
		for _, member := range []string{"backend", "url", "email", "ca", "insecure_http", "vault"} {
			if err := e.Unset("profiles." + profile + "." + member); err != nil {
				return err
			}
		}
		return nil
	})
}
