package vaultctl

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json"

	"github.com/keyhold/keyhold/pkg/client"
)

// What this service refuses in a way of its own. Each matches the kind of
// package client in its text too.
var (
	// ErrStepUp asks for a token of Auth.StepUp. It is a client.ErrDenied.
	ErrStepUp = fmt.Errorf("the password is asked for again: %w", client.ErrDenied)
	// ErrTOTP asks for a one-time code, or for having set one up. It is a client.ErrDenied.
	ErrTOTP = fmt.Errorf("a one-time code is asked for: %w", client.ErrDenied)
	// ErrAccountLocked follows too many failed logins. It is a client.ErrUnauthenticated.
	ErrAccountLocked = fmt.Errorf("the account is locked for a while: %w", client.ErrUnauthenticated)
	// ErrTokenReused says that a refresh token was used twice, which ends the
	// session. It is a client.ErrUnauthenticated.
	ErrTokenReused = fmt.Errorf("the session was ended: %w", client.ErrUnauthenticated)
	// ErrRekeyRequired refuses new items until the vault has another key, since
	// a member was removed. It is a client.ErrConflict.
	ErrRekeyRequired = fmt.Errorf("the vault needs another key: %w", client.ErrConflict)
)

var dialect = client.Dialect{
	Explain: explain,
	Kinds: map[string]error{
		"INVALID":                     client.ErrInvalid,
		"WEAK_MASTER_PASSWORD":        client.ErrInvalid,
		"INVITE_REQUIRED":             client.ErrInvalid,
		"INVITE_NOT_REDEEMABLE":       client.ErrInvalid,
		"INVALID_ROLE":                client.ErrInvalid,
		"REGISTRATION_DISABLED":       client.ErrDenied, // 400 in the documentation, 403 as released
		"UNAUTHENTICATED":             client.ErrUnauthenticated,
		"TOKEN_INVALID":               client.ErrUnauthenticated,
		"INVALID_CREDENTIALS":         client.ErrUnauthenticated,
		"SESSION_EXPIRED":             client.ErrUnauthenticated,
		"API_KEY_INVALID":             client.ErrUnauthenticated,
		"API_KEY_EXPIRED":             client.ErrUnauthenticated,
		"TOKEN_REUSE_DETECTED":        ErrTokenReused,
		"ACCOUNT_LOCKED":              ErrAccountLocked,
		"FORBIDDEN":                   client.ErrDenied,
		"STEP_UP_REQUIRED":            ErrStepUp,
		"EMAIL_VERIFICATION_REQUIRED": client.ErrDenied,
		"TOTP_REQUIRED":               ErrTOTP,
		"NOT_FOUND":                   client.ErrNotFound,
		"CONFLICT":                    client.ErrConflict,
		"REKEY_REQUIRED":              ErrRekeyRequired,
		"RATE_LIMITED":                client.ErrUnavailable,
		"RESEND_TOO_SOON":             client.ErrUnavailable,
		"INTERNAL":                    client.ErrUnavailable,
		"DB_UNAVAILABLE":              client.ErrUnavailable,
	},
	// An access token that is out of date is TOKEN_INVALID; any other 401 no
	// newer token will mend.
	Stale: func(e *client.Error) bool {
		return e.Status == http.StatusUnauthorized && e.Code == "TOKEN_INVALID"
	},
}

// explain reads {"error":{"code","message","field"}}.
func explain(e *client.Error, _ http.Header, body []byte) {
	var b struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
			Field   string `json:"field"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &b) == nil {
		e.Code, e.Message, e.Field = b.Error.Code, b.Error.Message, b.Error.Field
	}
}

// refused returns the status with which the service refused, or 0.
func refused(err error) int {
	if e, ok := errors.AsType[*client.Error](err); ok {
		return e.Status
	}
	return 0
}

// unrouted reports whether err is what a server says of a call that it does
// not have. It says the same of a vault that is not there.
func unrouted(err error) bool {
	s := refused(err)
	return s == http.StatusNotFound || s == http.StatusMethodNotAllowed
}

// addition makes errors.ErrUnsupported of a call that a server may lack.
func addition(err error) error {
	if unrouted(err) {
		return fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
	}
	return err
}

func badAnswer(what string) error {
	return fmt.Errorf("%w: %s", client.ErrBadAnswer, what)
}
