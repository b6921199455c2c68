package accounts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/record"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
)

var (
	// ErrCredentials reports a wrong password, an unknown address or an unknown token.
	ErrCredentials = errors.New("the credentials are wrong")
	// ErrDisabled reports an account that was disabled.
	ErrDisabled = errors.New("the account is disabled")
)

// A LockedError reports an address for which too many logins have failed,
// whether it has an account or not.
type LockedError struct{ Until time.Time }

func (e *LockedError) Error() string {
	return "too many logins have failed; locked until " + e.Until.Format(time.RFC3339)
}

// After MaxFailures failed logins in a row, each within LockTime of the one
// before, an address is locked for LockTime.
const (
	MaxFailures = 5
	LockTime    = 15 * time.Minute
)

// A refusedError is one after which a transaction has to be committed all the same.
type refusedError struct{ error }

func (r refusedError) Unwrap() error { return r.error }

// Update runs fn in an Update of db. If fn returns an error of a function here
// that wrote something down for it, such as that a login failed, the changes
// are kept all the same.
func Update(ctx context.Context, db kv.DB, fn func(kv.Tx) error) error {
	var refused error
	err := db.Update(ctx, func(tx kv.Tx) error {
		refused = fn(tx)
		if r := (refusedError{}); errors.As(refused, &r) {
			return nil
		}
		return refused
	})
	return cmp.Or(err, refused)
}

// A Check is the check of one password, in three steps, so that the slow one is
// in no transaction: Begin or BeginUser reads, Try compares, and Login, StepUp
// or ChangePassword acts on it.
type Check struct {
	user     seal.ID // zero: there is none
	verifier Verifier
	failures []byte // key of the record of failures
	tried    bool
	ok       bool
}

// Begin begins the check of a password for an address, which need not have an
// account. If the address is locked it is a *LockedError.
func Begin(tx kv.Tx, now time.Time, k Keys, email string) (*Check, error) {
	email, err := NormalizeEmail(email)
	if err != nil {
		return nil, err
	}
	c := &Check{verifier: nobody, failures: failuresKey(k, email)}
	switch a, err := byEmail(tx, email); {
	case err == nil:
		c.user, c.verifier = a.ID, a.Verifier
	case !errors.Is(err, ErrNotFound):
		return nil, err
	}
	_, err = c.count(tx, now)
	return c, err
}

// BeginUser is Begin for the user of an access token, or ErrNotFound.
func BeginUser(tx kv.Tx, now time.Time, k Keys, user seal.ID) (*Check, error) {
	a, err := Get(tx, user)
	if err != nil {
		return nil, err
	}
	if a.IsLocal() {
		return nil, ErrNotFound
	}
	c := &Check{user: a.ID, verifier: a.Verifier, failures: failuresKey(k, a.Email)}
	_, err = c.count(tx, now)
	return c, err
}

// Try compares an auth hash with what is known. It takes as long for an address
// without an account. It belongs into no transaction.
func (c *Check) Try(authHash secret.Bytes) {
	c.tried = true
	c.ok = c.verifier.Verify(authHash)
}

func failuresKey(k Keys, email string) []byte {
	mac := k.mac("failures", []byte(email))
	return append([]byte("af/"), mac[:]...)
}

// count returns how many logins have failed lately, or a *LockedError.
func (c *Check) count(tx kv.Tx, now time.Time) (uint64, error) {
	n, last, err := parseFailures(tx.Get(c.failures))
	switch until := last.Add(LockTime); {
	case err != nil:
		return 0, err
	case !now.Before(until):
		return 0, nil
	case n >= MaxFailures:
		return n, &LockedError{until}
	}
	return n, nil
}

// parseFailures reads the record of failures; nil is none.
func parseFailures(b []byte) (n uint64, last time.Time, err error) {
	if b == nil {
		return 0, time.Time{}, nil
	}
	r := record.Read(b, version)
	n, last = r.Uint(), r.Time()
	if r.Done() != nil {
		return 0, time.Time{}, fmt.Errorf("failed logins: %w", ErrDamaged)
	}
	return n, last, nil
}

// settle writes down how the check went and returns the account if it went
// well. It counts again: others may have tried meanwhile, and what is locked
// stays locked even for who knows the password.
func (c *Check) settle(tx kv.Tx, now time.Time) (Account, error) {
	if !c.tried {
		return Account{}, errors.New("the password was not tried")
	}
	n, err := c.count(tx, now)
	if err != nil {
		return Account{}, err
	}
	if !c.ok {
		w := record.New(version)
		w.Uint(n + 1)
		w.Time(now)
		if err := tx.Put(c.failures, w.Record()); err != nil {
			return Account{}, err
		}
		return Account{}, refusedError{ErrCredentials}
	}
	a, err := Get(tx, c.user)
	switch {
	case err != nil:
		return Account{}, err
	case a.Verifier != c.verifier: // the password was changed meanwhile
		return Account{}, ErrCredentials
	case a.Disabled:
		return Account{}, ErrDisabled
	}
	return a, tx.Delete(c.failures)
}

// Login starts a session if the password is right, in place of that of the
// same device if the device has a name. ErrCredentials, ErrDisabled or a
// *LockedError say why not. It has to run in Update.
func Login(tx kv.Tx, now time.Time, k Keys, rand io.Reader, c *Check, device string) (Grant, error) {
	if err := checkText("deviceName", device); err != nil {
		return Grant{}, err
	}
	a, err := c.settle(tx, now)
	if err != nil {
		return Grant{}, err
	}
	return newSession(tx, now, k, rand, a, device)
}

// StepUp returns the claims of a user who has just given his password again:
// those of his session, for the life of an access token, and stepped up for
// StepUpTime. It fails as Login does, or with ErrToken if the check is of
// somebody else. It has to run in Update.
func StepUp(tx kv.Tx, now time.Time, c *Check, claims Claims, life time.Duration) (Claims, error) {
	if c.user != claims.User {
		return Claims{}, ErrToken
	}
	a, err := c.settle(tx, now)
	if err != nil {
		return Claims{}, err
	}
	next := a.Claims(claims.Session, now, life)
	next.SteppedUp = now.Add(StepUpTime)
	return next, nil
}
