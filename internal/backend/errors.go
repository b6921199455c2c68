package backend

import (
	"errors"
	"fmt"

	"github.com/keyhold/keyhold/internal/vault"
)

var (
	// ErrSignedOut reports that this device is not logged in at the service, or
	// not any more.
	ErrSignedOut = errors.New("signed out")
	// ErrSessionRevoked is an ErrSignedOut: the service ended the session,
	// because a token was used twice or somebody ended it.
	ErrSessionRevoked = fmt.Errorf("the service ended the session of this device: %w", ErrSignedOut)
	// ErrAccountLocked reports an account that takes no password for a while.
	ErrAccountLocked = errors.New("the account is locked for a while after too many wrong passwords")
	// ErrOffline reports what cannot be done without the network.
	ErrOffline = errors.New("this needs the network")
	// ErrRekeyRequired reports a vault that takes no items before it has another
	// key, since a member was removed.
	ErrRekeyRequired = errors.New("a member was removed, and the vault needs a new key first")
	// ErrNotAccepted is a vault.ErrNotFound: a vault that was shared and not
	// accepted answers to no name.
	ErrNotAccepted = fmt.Errorf("the vault is not accepted yet: %w", vault.ErrNotFound)
	// ErrNoIDs is an errors.ErrUnsupported: bound vaults need a service that keeps the ids
	// it is given.
	ErrNoIDs = fmt.Errorf("the service does not keep the ids that it is given, so it takes compatible vaults only: %w", errors.ErrUnsupported)
)

// The codes of an AlarmError.
const (
	Forged     = "forged"
	ChangedKey = "changed_key"
	Rollback   = "rollback"
	WeakKDF    = "weak_kdf"
)

// An AlarmError reports a service that shows something it cannot have got from
// the people whose vaults these are, or that goes back on what it showed. It is
// a vault.ErrDamaged.
type AlarmError struct {
	Code string // Forged, ChangedKey, Rollback or WeakKDF
	What string
	Err  error  // the cause; may be nil
	Try  string // a command that can be pasted, or empty
}

func (e *AlarmError) Error() string {
	if e.Err == nil {
		return e.What
	}
	return e.What + ": " + e.Err.Error()
}

// Hint returns Try.
func (e *AlarmError) Hint() string { return e.Try }

// Unwrap returns the cause.
func (e *AlarmError) Unwrap() error { return e.Err }

// Is makes every AlarmError a vault.ErrDamaged.
func (e *AlarmError) Is(target error) bool { return target == vault.ErrDamaged }

// An UntrustedError reports somebody for whom a key would have to be wrapped
// and whose identity key nobody has confirmed here.
type UntrustedError struct {
	ID, Email, Fingerprint string
}

func (e *UntrustedError) Error() string {
	who := e.Email
	if who == "" {
		who = e.ID
	}
	return "the key of " + who + " is not trusted here"
}

// Hint is how to trust the key, for who has compared it.
func (e *UntrustedError) Hint() string {
	who := e.Email
	if who == "" {
		who = e.ID
	}
	return fmt.Sprintf("keyhold vault trust %s --fingerprint %q", who, e.Fingerprint)
}
