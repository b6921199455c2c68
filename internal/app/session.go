package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
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

// A NoVaultError reports a home in which nothing was ever stored.
type NoVaultError struct{ Path string }

func (e *NoVaultError) Error() string { return "no vault in " + e.Path }

// An opened is the account of this invocation.
type opened struct {
	account backend.Account
	session *device.Session // nil if the password opened it and nothing is kept
}

// tries is how often a wrong password may be typed at the terminal.
const tries = 3

// Account returns the account of the profile with its keys: those of the open
// session, else by the password source, else by asking, which opens a session.
func (a *App) Account(ctx context.Context) (backend.Account, error) {
	if a.opened != nil {
		return a.opened.account, nil
	}
	driver, deps, err := a.driver()
	if err != nil {
		return nil, err
	}
	s, err := a.resume(ctx)
	if err == nil {
		// A home that cannot be written to can still be read from.
		if err := s.Renew(ctx); err != nil {
			a.Verbose("the session was not renewed: " + err.Error())
		}
		return a.open(ctx, driver, deps, s.Keys(), s)
	}
	if !errors.Is(err, device.ErrNoSession) {
		return nil, err
	}
	if _, err := driver.Describe(ctx, deps); errors.Is(err, backend.ErrNoAccount) {
		return nil, a.noVault()
	} else if err != nil {
		return nil, err
	}
	if _, ok := a.source(); ok {
		keys, err := a.unlockFromSource(ctx, driver, deps)
		if err != nil {
			return nil, err
		}
		return a.open(ctx, driver, deps, keys, nil)
	}
	if !a.CanAsk() {
		return nil, vault.ErrLocked
	}
	keys, err := a.unlockByAsking(ctx, driver, deps)
	if err != nil {
		return nil, err
	}
	return a.open(ctx, driver, deps, keys, a.tryStart(ctx, keys))
}

func (a *App) noVault() error {
	path, err := a.StorePath()
	if err != nil {
		return err
	}
	return &NoVaultError{path}
}

func (a *App) open(ctx context.Context, d backend.Driver, deps backend.Deps, keys secret.Bytes, s *device.Session) (backend.Account, error) {
	account, err := d.Open(ctx, deps, keys)
	if err != nil {
		return nil, err
	}
	a.opened = &opened{account, s}
	return account, nil
}

// resume returns the open session of the profile: that of KEYHOLD_SESSION if
// it is set, and then no other.
func (a *App) resume(ctx context.Context) (*device.Session, error) {
	profile, err := a.Profile()
	if err != nil {
		return nil, err
	}
	sessions, err := a.Sessions()
	if err != nil {
		return nil, err
	}
	if token := a.Getenv("KEYHOLD_SESSION"); token != "" {
		return sessions.ResumeToken(ctx, profile, secret.TextOf(token))
	}
	return sessions.Resume(ctx, profile)
}

// PeekSession returns the open session without renewing it, or
// device.ErrNoSession.
func (a *App) PeekSession(ctx context.Context) (*device.Session, error) { return a.resume(ctx) }

func (a *App) unlockFromSource(ctx context.Context, d backend.Driver, deps backend.Deps) (secret.Bytes, error) {
	pw, err := a.Password(ctx)
	if err != nil {
		return secret.Bytes{}, err
	}
	return a.unlock(ctx, d, deps, pw)
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

// unlock has the driver open the keys and remembers that it worked.
func (a *App) unlock(ctx context.Context, d backend.Driver, deps backend.Deps, pw secret.String) (secret.Bytes, error) {
	profile, err := a.Profile()
	if err != nil {
		return secret.Bytes{}, err
	}
	home, err := a.Home()
	if err != nil {
		return secret.Bytes{}, err
	}
	keys, err := d.Unlock(ctx, deps, pw)
	if errors.Is(err, vault.ErrWrongPassword) {
		worked, _ := home.LastUnlocked(profile)
		return secret.Bytes{}, &WrongPasswordError{worked}
	}
	if err == nil {
		// In a home that cannot be written to it is not remembered.
		if err := home.MarkUnlocked(profile, a.Now()); err != nil {
			a.Verbose("the time of the unlock is not kept: " + err.Error())
		}
	}
	return keys, err
}

// unlockByAsking asks for the password until it opens, a few times at most.
func (a *App) unlockByAsking(ctx context.Context, d backend.Driver, deps backend.Deps) (secret.Bytes, error) {
	prompt := masterPrompt(a.Settings.Profile)
	for try := 1; ; try++ {
		pw, err := a.Prompt.Secret(ctx, prompt)
		if err != nil {
			return secret.Bytes{}, a.promptError(err)
		}
		keys, err := a.unlock(ctx, d, deps, pw)
		if err == nil {
			a.password = &pw
			return keys, nil
		}
		if !errors.Is(err, vault.ErrWrongPassword) || try == tries {
			return secret.Bytes{}, err
		}
		prompt = "Wrong password. " + masterPrompt(a.Settings.Profile)
	}
}

// masterPrompt asks for the master password and says of what.
func masterPrompt(profile string) string {
	if profile == "" {
		profile = DefaultProfile
	}
	return "Master password of the profile " + profile + ": "
}

// tryStart opens a session if some keyring keeps its key. That none does is no
// error here: nobody asked for a session.
func (a *App) tryStart(ctx context.Context, keys secret.Bytes) *device.Session {
	s, err := a.start(ctx, keys, device.Limits{})
	if err != nil {
		a.Messages().Notice("no session is kept: " + err.Error())
		return nil
	}
	return s
}

// start opens a session of the profile.
func (a *App) start(ctx context.Context, keys secret.Bytes, l device.Limits) (*device.Session, error) {
	profile, err := a.Profile()
	if err != nil {
		return nil, err
	}
	sessions, err := a.Sessions()
	if err != nil {
		return nil, err
	}
	ring, err := a.Keyring()
	if err != nil {
		return nil, err
	}
	if ring == nil {
		return nil, &NoKeyringError{"KEYHOLD_KEYRING is off"}
	}
	if ring.Kind() == "file" {
		a.Messages().Warn("key_in_file", "KEYHOLD_KEYRING=file keeps the session's key in a file: that hides it from a glance, not from who can read your files")
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

// Unlock opens a session of the profile by the master password, whatever is
// open already. With export its key is in no keyring but in the token.
func (a *App) Unlock(ctx context.Context, l device.Limits, export bool) (Unlocked, error) {
	driver, deps, err := a.driver()
	if err != nil {
		return Unlocked{}, err
	}
	if _, err := driver.Describe(ctx, deps); errors.Is(err, backend.ErrNoAccount) {
		return Unlocked{}, a.noVault()
	} else if err != nil {
		return Unlocked{}, err
	}
	if ring, err := a.Keyring(); err != nil {
		return Unlocked{}, err
	} else if ring == nil && !export {
		return Unlocked{}, &NoKeyringError{"KEYHOLD_KEYRING is off"}
	}
	var keys secret.Bytes
	if _, ok := a.source(); ok {
		keys, err = a.unlockFromSource(ctx, driver, deps)
	} else if a.CanAsk() {
		keys, err = a.unlockByAsking(ctx, driver, deps)
	} else {
		err = fmt.Errorf("the master password is needed: %w", ErrNoAnswer)
	}
	if err != nil {
		return Unlocked{}, err
	}
	var u Unlocked
	if export {
		u.Token, u.Session, err = a.export(ctx, keys, l)
	} else {
		u.Session, err = a.start(ctx, keys, l)
	}
	if err != nil {
		return Unlocked{}, err
	}
	account, err := a.open(ctx, driver, deps, keys, u.Session)
	if err != nil {
		return Unlocked{}, err
	}
	u.Vaults, err = account.Vaults(ctx)
	return u, err
}

func (a *App) export(ctx context.Context, keys secret.Bytes, l device.Limits) (secret.String, *device.Session, error) {
	profile, err := a.Profile()
	if err != nil {
		return secret.String{}, nil, err
	}
	sessions, err := a.Sessions()
	if err != nil {
		return secret.String{}, nil, err
	}
	return sessions.Export(ctx, profile, keys, l)
}

// keep puts a change of the account's keys into the open session.
func (a *App) keep(ctx context.Context, change func(secret.Bytes) (secret.Bytes, error)) error {
	if a.opened == nil || a.opened.session == nil {
		return nil
	}
	s := a.opened.session
	for {
		keys, err := change(s.Keys())
		if err != nil {
			return err
		}
		err = s.Reseal(keys)
		if !errors.Is(err, device.ErrResealed) {
			return err
		}
		if s, err = a.resume(ctx); err != nil {
			return err
		}
		a.opened.session = s
	}
}

// Describe tells about the account what needs no key. It returns a
// *NoVaultError if there is none.
func (a *App) Describe(ctx context.Context) (backend.Description, error) {
	driver, deps, err := a.driver()
	if err != nil {
		return backend.Description{}, err
	}
	desc, err := driver.Describe(ctx, deps)
	if errors.Is(err, backend.ErrNoAccount) {
		return backend.Description{}, a.noVault()
	}
	return desc, err
}

// FirstVault is the vault that is made for the first item.
const FirstVault = "personal"

// CreateAccount makes the account of the profile with its first vault, after
// asking for a new master password if none comes otherwise. At a terminal the
// account stays open in a session.
func (a *App) CreateAccount(ctx context.Context, vaultName string) (backend.Account, error) {
	if err := vault.CheckVaultName(vaultName); err != nil {
		return nil, err
	}
	driver, deps, err := a.driver()
	if err != nil {
		return nil, err
	}
	home, err := a.Home()
	if err != nil {
		return nil, err
	}
	path, err := a.StorePath()
	if err != nil {
		return nil, err
	}
	_, unasked := a.source()
	offer := fmt.Sprintf("There is no vault yet. This makes the vault %q in %s,\nsealed under a master password that only you know and nobody can recover.\n", vaultName, path)
	pw, err := a.NewPassword(ctx, offer)
	if err != nil {
		return nil, err
	}
	if _, err := home.Make(a.Rand); err != nil {
		return nil, err
	}
	keys, err := driver.Create(ctx, deps, pw, backend.Signup{Vault: vaultName})
	if errors.Is(err, vault.ErrExists) { // another process was faster
		if keys, err = driver.Unlock(ctx, deps, pw); err != nil {
			return nil, err
		}
		return a.open(ctx, driver, deps, keys, nil)
	}
	if err != nil {
		return nil, err
	}
	made := fmt.Sprintf("made the vault %q in %s", vaultName, path)
	backup := "to back it up, copy that file; without the master password nobody opens it, you neither"
	if unasked {
		a.Messages().Warn("vault_made", made+"; "+backup)
		return a.open(ctx, driver, deps, keys, nil)
	}
	a.Messages().Notice(made)
	a.Messages().Notice(backup)
	return a.open(ctx, driver, deps, keys, a.tryStart(ctx, keys))
}

// EndSessions ends the sessions of one profile, or of all for "". It returns
// how many there were.
func (a *App) EndSessions(ctx context.Context, profile string) (int, error) {
	sessions, err := a.Sessions()
	if err != nil {
		return 0, err
	}
	n, err := sessions.End(ctx, profile)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	return n, err
}
