package vaultctl

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/server"
	"github.com/keyhold/keyhold/internal/service/accounts"
	"github.com/keyhold/keyhold/internal/service/vaults"
)

// A problemError is an answer that refuses. Its message never has what was sent.
type problemError struct {
	status               int
	code, message, field string
}

func (p problemError) Error() string { return p.message }

// A waitError is one that passes.
type waitError struct {
	problemError

	wait time.Duration
}

var (
	errInternal        = problemError{http.StatusInternalServerError, "INTERNAL", "the server failed", ""}
	errNotFound        = problemError{http.StatusNotFound, "NOT_FOUND", "there is no such thing, or it is not yours", ""}
	errUnauthenticated = problemError{http.StatusUnauthorized, "UNAUTHENTICATED", "an access token is needed", ""}
	errTokenInvalid    = problemError{http.StatusUnauthorized, "TOKEN_INVALID", "the access token is not valid or out of date", ""}
	errStepUp          = problemError{http.StatusForbidden, "STEP_UP_REQUIRED", "the password has to be given again", ""}
	errForbidden       = problemError{http.StatusForbidden, "FORBIDDEN", "the role does not allow this", ""}
	errUnavailable     = problemError{http.StatusServiceUnavailable, "DB_UNAVAILABLE", "the store is not available", ""}
	errTooLarge        = problemError{http.StatusRequestEntityTooLarge, "INVALID", "the body is too large", ""}
)

func invalid(field, message string) problemError {
	return problemError{http.StatusBadRequest, "INVALID", message, field}
}

func conflict(field, message string) problemError {
	return problemError{http.StatusConflict, "CONFLICT", message, field}
}

// known are the errors that have one answer.
var known = []struct {
	err error
	as  problemError
}{
	{accounts.ErrInviteRequired, problemError{http.StatusBadRequest, "INVITE_REQUIRED", "registration takes an invite", "inviteToken"}},
	{accounts.ErrInvite, problemError{http.StatusBadRequest, "INVITE_NOT_REDEEMABLE", "the invite cannot be redeemed", "inviteToken"}},
	{accounts.ErrRegistration, problemError{http.StatusBadRequest, "REGISTRATION_DISABLED", "registration is disabled", ""}},
	{accounts.ErrExists, conflict("email", "the e-mail address is taken")},
	{accounts.ErrCredentials, problemError{http.StatusUnauthorized, "INVALID_CREDENTIALS", "the credentials are wrong", ""}},
	{accounts.ErrTokenReuse, problemError{http.StatusUnauthorized, "TOKEN_REUSE_DETECTED", "the refresh token was used before; the session has ended", ""}},
	{accounts.ErrSessionExpired, problemError{http.StatusUnauthorized, "SESSION_EXPIRED", "the session is out of date", ""}},
	{accounts.ErrToken, errTokenInvalid},
	{accounts.ErrDisabled, problemError{http.StatusForbidden, "FORBIDDEN", "the account is disabled", ""}},
	{accounts.ErrNotFound, errNotFound},
	{vaults.ErrNotFound, errNotFound},
	{vaults.ErrDenied, errForbidden},
	{vaults.ErrExists, conflict("vaultId", "the id is taken")},
	{vaults.ErrLastOwner, invalid("userId", "the last owner of a vault cannot be removed")},
	{vaults.ErrRekeyRequired, problemError{http.StatusConflict, "REKEY_REQUIRED", "the vault needs a new key since a member was removed", ""}},
	{kv.ErrBusy, errUnavailable},
}

// problemOf returns the answer to an error.
func problemOf(err error) problemError {
	var p problemError
	var wait waitError
	var account *accounts.InvalidError
	var vault *vaults.InvalidError
	var moved *vaults.ConflictError
	var locked *accounts.LockedError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &wait):
		return wait.problemError
	case errors.As(err, &account):
		return invalid(account.Field, account.Reason)
	case errors.As(err, &vault) && vault.Field == "role":
		return problemError{http.StatusBadRequest, "INVALID_ROLE", vault.Reason, "role"}
	case errors.As(err, &vault):
		return invalid(vault.Field, vault.Reason)
	case errors.As(err, &moved):
		return conflict(moved.Field, "the "+moved.Field+" is not the current one")
	case errors.As(err, &locked):
		return problemError{http.StatusLocked, "ACCOUNT_LOCKED", "too many logins have failed", ""}
	}
	for _, k := range known {
		if errors.Is(err, k.err) {
			return k.as
		}
	}
	return errInternal
}

// fail writes the answer to an error.
func (s *door) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		err = errUnavailable // nobody listens any more
	}
	p := problemOf(err)
	if p.status == http.StatusInternalServerError {
		// These come from the store and have paths and ids, never what was sent.
		s.Log.ErrorContext(r.Context(), "failure", "id", w.Header().Get("X-Request-Id"), "error", err.Error())
	}
	server.Note(r.Context(), "", p.code)
	var wait waitError
	var locked *accounts.LockedError
	switch {
	case errors.As(err, &wait):
		retryAfter(w, wait.wait)
	case errors.As(err, &locked):
		retryAfter(w, locked.Until.Sub(s.Now()))
	case p.status == http.StatusServiceUnavailable:
		retryAfter(w, time.Second)
	}
	if p.status == http.StatusUnauthorized && (p.code == "TOKEN_INVALID" || p.code == "UNAUTHENTICATED") {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	type body struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Field   string `json:"field,omitzero"`
	}
	text, err := json.Marshal(struct {
		Error body `json:"error"`
	}{body{p.code, p.message, p.field}})
	if err != nil {
		text = []byte(`{"error":{"code":"INTERNAL","message":""}}`)
	}
	send(w, p.status, text)
}

func retryAfter(w http.ResponseWriter, wait time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(wait.Seconds())))))
}

// limit refuses who calls too often.
func (s *door) limit(l *server.Limiter, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := allow(l, server.Client(r, s.Proxies)); err != nil {
			s.fail(w, r, err)
			return
		}
		next(w, r)
	}
}

func allow(l *server.Limiter, who string) error {
	if wait, ok := l.Allow(who); !ok {
		return waitError{problemError{http.StatusTooManyRequests, "RATE_LIMITED", "too many requests", ""}, wait}
	}
	return nil
}
