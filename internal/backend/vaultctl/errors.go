package vaultctl

import (
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/vault"
	"github.com/keyhold/keyhold/pkg/client"
	api "github.com/keyhold/keyhold/pkg/client/vaultctl"
)

// errOldKey reports a personal vault that was rekeyed on another device: its
// new key takes the master password.
var errOldKey = fmt.Errorf("the vault has a new key since this session was opened: %w", vault.ErrLocked)

// kinds are what the errors of the parts are for the port, by order.
var kinds = []struct{ is, kind error }{
	{api.ErrTokenReused, backend.ErrSessionRevoked},
	{api.ErrAccountLocked, backend.ErrAccountLocked},
	{api.ErrRekeyRequired, backend.ErrRekeyRequired},
	{client.ErrUnauthenticated, backend.ErrSignedOut},
	{device.ErrNoToken, backend.ErrSignedOut},
	{device.ErrNoLogin, backend.ErrNoAccount},
	{client.ErrNotFound, vault.ErrNotFound},
	{client.ErrDenied, vault.ErrDenied},
	{client.ErrInvalid, vault.ErrInvalid},
	{kv.ErrBusy, vault.ErrBusy},
	{kv.ErrDamaged, vault.ErrDamaged},
	{itemdb.ErrDamaged, vault.ErrDamaged},
	{seal.ErrDamaged, vault.ErrDamaged},
	{seal.ErrUnsupported, vault.ErrDamaged},
}

// translate turns the errors of the parts into those of the port. That the
// service cannot be reached, or that its answer makes no sense, stays what
// package client calls it.
func translate(err error) error {
	if err == nil || errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	var conflict *vault.ConflictError
	var format *kv.FormatError
	switch {
	case errors.As(err, &conflict):
		return err
	case errors.As(err, &format):
		return &portError{vault.ErrTooNew, err}
	}
	for _, k := range kinds {
		if errors.Is(err, k.is) {
			if errors.Is(err, k.kind) {
				return err
			}
			return &portError{k.kind, err}
		}
	}
	if errors.Is(err, client.ErrConflict) {
		return &portError{&vault.ConflictError{What: "the vault"}, err}
	}
	return err
}

// A portError is an error of a part under the kind that the port gives it.
type portError struct{ kind, err error }

func (e *portError) Error() string   { return e.err.Error() }
func (e *portError) Unwrap() []error { return []error{e.kind, e.err} }

// unsent reports whether a request surely had no effect: it was refused, or did
// not leave this machine.
func unsent(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok && (op.Op == "dial" || op.Op == "proxyconnect") {
		return true
	}
	e, ok := errors.AsType[*client.Error](err)
	return ok && e.Status >= http.StatusBadRequest
}

// about reports whether the service refused err for that member of the request.
func about(err error, field string) bool {
	e, ok := errors.AsType[*client.Error](err)
	return ok && e.Field == field
}

func forged(what string, err error) error {
	return &backend.AlarmError{Code: backend.Forged, What: what, Err: err}
}

func notFound(what, id string) error { return fmt.Errorf("%s %s: %w", what, id, vault.ErrNotFound) }
