package vaultctl

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/backend/mirror"
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
var kinds = mirror.Kinds{
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

// translate gives the errors of the parts the kinds of the port.
func translate(err error) error { return mirror.Translate(err, kinds) }

// unsent reports whether a request surely had no effect: it was refused, or did
// not leave this machine.
func unsent(err error) bool {
	if mirror.Undelivered(err) {
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
