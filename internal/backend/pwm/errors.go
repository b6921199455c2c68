package pwm

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
	api "github.com/keyhold/keyhold/pkg/client/pwm"
)

// kindsOfErrors are what the errors of the parts are for the port, by order.
var kindsOfErrors = mirror.Kinds{
	{backend.ErrSignedOut, backend.ErrSignedOut},
	{client.ErrUnauthenticated, backend.ErrSignedOut},
	{device.ErrNoToken, backend.ErrSignedOut},
	{device.ErrNoLogin, backend.ErrNoAccount},
	{api.ErrExists, vault.ErrExists},
	{client.ErrNotFound, vault.ErrNotFound},
	{client.ErrDenied, vault.ErrDenied},
	{client.ErrInvalid, vault.ErrInvalid},
	{kv.ErrBusy, vault.ErrBusy},
	{kv.ErrDamaged, vault.ErrDamaged},
	{itemdb.ErrDamaged, vault.ErrDamaged},
	{seal.ErrDamaged, vault.ErrDamaged},
	{seal.ErrSuite, vault.ErrDamaged},
	{seal.ErrUnsupported, vault.ErrDamaged},
}

// translate gives the errors of the parts the kinds of the port.
func translate(err error) error { return mirror.Translate(err, kindsOfErrors) }

// unsent reports whether a request surely had no effect: it was refused, or did
// not leave this machine.
func unsent(err error) bool {
	if mirror.Undelivered(err) {
		return true
	}
	e, ok := errors.AsType[*client.Error](err)
	return ok && e.Status >= http.StatusBadRequest && e.Status < http.StatusInternalServerError
}

// older is the alarm of a vault that is not what was seen before.
func older(code, name, what string) error {
	return &backend.AlarmError{
		Code: code, What: fmt.Sprintf("vault %q: %s", name, what),
		Try: "keyhold sync --accept-rollback " + shellWord(name),
	}
}

func notFound(what, id string) error { return fmt.Errorf("%s %s: %w", what, id, vault.ErrNotFound) }
