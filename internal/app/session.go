package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/keyring"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/vault"
)

// A NoKeyringError reports that no keyring can keep a session's key. The
// session can still be had by `unlock --export`.
type NoKeyringError struct{ Reason string }

func (e *NoKeyringError) Error() string { return "no keyring can keep the session: " + e.Reason }

// A NoVaultError reports a profile in which nothing was ever stored.
type NoVaultError struct{ Path string } // its file, or the account

func (e *NoVaultError) Error() string { return "no vault in " + e.Path }

// An opened is an account of this invocation.
type opened struct {
	account backend.Account
	session *device.Session // nil if the password opened it and nothing is kept
}

// tries is how often a wrong password may be typed at the terminal.
const tries = 3

// Account returns the account of the chosen profile. See AccountOf.
func (a *App) Account(ctx context.Context) (backend.Account, error) {
	return a.AccountOf(ctx, a.Settings.Profile)
}

// AccountOf returns the account of a profile with its keys: those of the open
// session, else by the password source, else by asking, which opens a session.
func (a *App) AccountOf(ctx context.Context, profile string) (backend.Account, error) {
	if o, ok := a.opened[profile]; ok {
		return o.account, nil
	}
	driver, deps, err := a.driver(profile)
	if err != nil {
		return nil, err
	}
	if _, isFile := a.files[profile]; isFile {
		return a.openTransient(ctx, profile)
	}
	a.warnOpenHome()
	s, err := a.resume(ctx, profile)
	if err == nil {
		// A home that cannot be written to can still be read from.
		switch err := s.Renew(ctx); {
		case errors.Is(err, device.ErrNoSession): // ended a moment ago
			return nil, err
		case err != nil:
			a.Verbose("the session was not renewed: " + err.Error())
		}
		return a.open(ctx, profile, s.Keys(), s)
	}
	if !errors.Is(err, device.ErrNoSession) {
		return nil, err
	}
	if _, err := driver.Describe(ctx, deps); err != nil {
		return nil, a.explainNoAccount(profile, err)
	}
	if !a.HasSource() && !a.CanAsk() {
		return nil, vault.ErrLocked
	}
	keys, err := a.unlockKeys(ctx, profile)
	if err != nil {
		return nil, err
	}
	s = nil
	if !a.HasSource() {
		s = a.tryStart(ctx, profile, keys)
	}
	account, err := a.open(ctx, profile, keys, s)
	if err == nil && deps.Device != nil {
		a.restoreDeviceKey(ctx, account)
	}
	return account, err
}

// explainNoAccount makes backend.ErrNoAccount a *NoVaultError or, at a service,
// a backend.ErrSignedOut.
func (a *App) explainNoAccount(profile string, err error) error {
	switch {
	case !errors.Is(err, backend.ErrNoAccount):
		return err
	case a.IsBound(profile):
		return a.signedOut(profile)
	}
	return a.noVault(profile)
}

// noVault returns the *NoVaultError of a profile.
func (a *App) noVault(profile string) error {
	if a.IsBound(profile) {
		return &NoVaultError{"the account " + a.accountName(profile)}
	}
	path, err := a.StorePath(profile)
	if err != nil {
		return err
	}
	return &NoVaultError{path}
}

// open makes the account of keys, and remembers it with the session it is from.
func (a *App) open(ctx context.Context, profile string, keys secret.Bytes, s *device.Session) (backend.Account, error) {
	driver, deps, err := a.driver(profile)
	if err != nil {
		return nil, err
	}
	account, err := driver.Open(ctx, deps, keys)
	if err != nil {
		return nil, err
	}
	if a.opened == nil {
		a.opened = make(map[string]opened)
	}
	a.opened[profile] = opened{account, s}
	return account, nil
}

// resume returns the open session of a profile: that of KEYHOLD_SESSION if it
// is set, and then no other.
func (a *App) resume(ctx context.Context, profile string) (*device.Session, error) {
	sessions, err := a.Sessions()
	if err != nil {
		return nil, err
	}
	if token := a.Getenv("KEYHOLD_SESSION"); token != "" {
		s, err := sessions.ResumeToken(ctx, profile, secret.TextOf(token))
		var dead *device.TokenError
		if err != nil && !errors.As(err, &dead) {
			return nil, &device.TokenError{Reason: err.Error()} // whatever it is, nothing else is tried
		}
		return s, err
	}
	return sessions.Resume(ctx, profile)
}

// PeekSession returns the open session of the chosen profile without renewing
// it, or device.ErrNoSession.
func (a *App) PeekSession(ctx context.Context) (*device.Session, error) {
	return a.resume(ctx, a.Settings.Profile)
}

// A WrongPasswordError reports a master password that opens nothing.
type WrongPasswordError struct {
	Worked time.Time // when one did last; zero: never on this machine
}

func (e *WrongPasswordError) Error() string {
	if e.Worked.IsZero() {
		return "wrong password"
	}
	return "wrong password, or the account record is damaged: the last unlock was at " + e.Worked.Format(time.RFC3339)
}

// Unwrap makes every WrongPasswordError a vault.ErrWrongPassword.
func (e *WrongPasswordError) Unwrap() error { return vault.ErrWrongPassword }

// unlockKeys opens the keys by the password source, else by asking.
func (a *App) unlockKeys(ctx context.Context, profile string) (secret.Bytes, error) {
	if !a.HasSource() {
		return a.unlockByAsking(ctx, profile)
	}
	pw, err := a.fromSource(ctx)
	if err != nil {
		return secret.Bytes{}, err
	}
	return a.unlock(ctx, profile, pw)
}

// unlockByAsking asks for the password until it opens, a few times at most.
func (a *App) unlockByAsking(ctx context.Context, profile string) (secret.Bytes, error) {
	if !a.CanAsk() {
		return secret.Bytes{}, fmt.Errorf("the master password is needed: %w", ErrNoAnswer)
	}
	prompt := masterPrompt(profile)
	for try := 1; ; try++ {
		pw, err := a.Prompt.Secret(ctx, prompt)
		if err != nil {
			return secret.Bytes{}, a.promptError(err)
		}
		keys, err := a.unlock(ctx, profile, pw)
		if err == nil {
			a.remember(profile, pw)
			return keys, nil
		}
		if !errors.Is(err, vault.ErrWrongPassword) || try == tries {
			return secret.Bytes{}, err
		}
		prompt = "Wrong password. " + masterPrompt(profile)
	}
}

// masterPrompt asks for the master password and says of what.
func masterPrompt(profile string) string { return "Master password of the profile " + profile + ": " }

// unlock has the driver open the keys and remembers that it worked.
func (a *App) unlock(ctx context.Context, profile string, pw secret.String) (secret.Bytes, error) {
	driver, deps, err := a.driver(profile)
	if err != nil {
		return secret.Bytes{}, err
	}
	home, err := a.Home()
	if err != nil {
		return secret.Bytes{}, err
	}
	keys, err := driver.Unlock(ctx, deps, pw)
	if errors.Is(err, vault.ErrWrongPassword) {
		worked, _ := home.LastUnlocked(profile)
		return secret.Bytes{}, &WrongPasswordError{worked}
	}
	if err == nil {
		a.markUnlocked(home, profile)
	}
	return keys, err
}

// markUnlocked remembers that the master password opened the profile, but not
// in a home that cannot be written to.
func (a *App) markUnlocked(home *device.Home, profile string) {
	if err := home.MarkUnlocked(profile, a.Now()); err != nil {
		a.Verbose("the time of the unlock is not kept: " + err.Error())
	}
}

// tryStart opens a session if some keyring keeps its key. That none does is no
// error here: nobody asked for a session.
func (a *App) tryStart(ctx context.Context, profile string, keys secret.Bytes) *device.Session {
	s, err := a.start(ctx, profile, keys, a.limits())
	if err != nil {
		a.Messages().Notice("no session is kept: " + err.Error())
		return nil
	}
	return s
}

// limits are those of the settings.
func (a *App) limits() device.Limits {
	return device.Limits{Idle: a.Settings.Idle, Absolute: a.Settings.Absolute}
}

// start opens a session of a profile.
func (a *App) start(ctx context.Context, profile string, keys secret.Bytes, l device.Limits) (*device.Session, error) {
	sessions, err := a.Sessions()
	if err != nil {
		return nil, err
	}
	ring, err := a.Keyring()
	if err != nil {
		return nil, err
	}
	if ring == nil {
		return nil, &NoKeyringError{"the setting keyring is off"}
	}
	if ring.Kind() == "file" {
		a.Messages().Warn("key_in_file", "the setting keyring is file: the session's key is kept in a file, which hides it from a glance, not from who can read your files")
	}
	s, err := sessions.Start(ctx, profile, keys, l)
	if errors.Is(err, keyring.ErrUnavailable) {
		return nil, &NoKeyringError{err.Error()}
	}
	return s, err
}

// An Unlocked is what Unlock did.
type Unlocked struct {
	Session *device.Session
	Token   secret.String // only with export
	Vaults  []backend.Info
}

// Unlock opens a session of the chosen profile by the master password,
// whatever is open already. With export its key is in no keyring but in the token.
func (a *App) Unlock(ctx context.Context, l device.Limits, export bool) (Unlocked, error) {
	profile := a.Settings.Profile
	if err := a.keepsThings(profile); err != nil {
		return Unlocked{}, err
	}
	a.sweepScratch()
	if _, err := a.Describe(ctx); err != nil {
		return Unlocked{}, err
	}
	if ring, err := a.Keyring(); err != nil {
		return Unlocked{}, err
	} else if ring == nil && !export {
		return Unlocked{}, &NoKeyringError{"the setting keyring is off"}
	}
	keys, err := a.unlockKeys(ctx, profile)
	if err != nil {
		return Unlocked{}, err
	}
	var u Unlocked
	if export {
		var sessions *device.Sessions
		if sessions, err = a.Sessions(); err == nil {
			u.Token, u.Session, err = sessions.Export(ctx, profile, keys, l)
		}
	} else {
		u.Session, err = a.start(ctx, profile, keys, l)
	}
	if err != nil {
		return Unlocked{}, err
	}
	account, err := a.open(ctx, profile, keys, u.Session)
	if err != nil {
		return Unlocked{}, err
	}
	a.restoreDeviceKey(ctx, account)
	u.Vaults, err = account.Vaults(ctx)
	return u, err
}

// keep puts a change of the account's keys into the open session.
func (a *App) keep(ctx context.Context, profile string, change func(secret.Bytes) (secret.Bytes, error)) error {
	o, ok := a.opened[profile]
	if !ok || o.session == nil {
		return nil
	}
	for {
		keys, err := change(o.session.Keys())
		if err != nil {
			return err
		}
		err = o.session.Reseal(keys)
		if !errors.Is(err, device.ErrResealed) {
			return err
		}
		if o.session, err = a.resume(ctx, profile); err != nil {
			return err
		}
		a.opened[profile] = o
	}
}

// Describe tells about the account of the chosen profile what needs no key. It
// returns a *NoVaultError if there is none, or a backend.ErrSignedOut.
func (a *App) Describe(ctx context.Context) (backend.Description, error) {
	driver, deps, err := a.driver(a.Settings.Profile)
	if err != nil {
		return backend.Description{}, err
	}
	desc, err := driver.Describe(ctx, deps)
	return desc, a.explainNoAccount(a.Settings.Profile, err)
}
