package local

import (
	"errors"
	"fmt"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/service/accounts"
	"github.com/keyhold/keyhold/internal/service/vaults"
	"github.com/keyhold/keyhold/internal/vault"
)

// errOldKey reports a vault that was rekeyed after the session was opened.
var errOldKey = fmt.Errorf("the vault has a new key since this session was opened: %w", vault.ErrLocked)

// translate turns the errors of the parts into those of the port.
func translate(err error) error {
	var conflict *vaults.ConflictError
	var invalid *vaults.InvalidError
	var format *kv.FormatError
	var kind error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &conflict) && conflict.Field == "keyVersion":
		return errOldKey // to try again does not help
	case errors.As(err, &conflict):
		what := "the vault"
		if !conflict.Item.IsZero() {
			what = "item " + conflict.Item.String()
		}
		return &vault.ConflictError{What: what, Base: vault.Revision(conflict.Base), Current: vault.Revision(conflict.Current)}
	case errors.As(err, &invalid):
		kind = vault.ErrInvalid
	case errors.As(err, &format):
		kind = vault.ErrTooNew
	case errors.Is(err, vaults.ErrNotFound), errors.Is(err, accounts.ErrNotFound):
		kind = vault.ErrNotFound
	case errors.Is(err, vaults.ErrExists), errors.Is(err, accounts.ErrExists):
		kind = vault.ErrExists
	case errors.Is(err, vaults.ErrDenied):
		kind = vault.ErrDenied
	case errors.Is(err, kv.ErrBusy):
		kind = vault.ErrBusy
	case errors.Is(err, kv.ErrDamaged), errors.Is(err, vaults.ErrDamaged), errors.Is(err, accounts.ErrDamaged),
		errors.Is(err, seal.ErrDamaged), errors.Is(err, seal.ErrUnsupported):
		kind = vault.ErrDamaged
	default:
		return err
	}
	if errors.Is(err, kind) {
		return err
	}
	return &portError{kind, err}
}

// A portError is an error of a part under the kind that the port gives it.
type portError struct{ kind, err error }

func (e *portError) Error() string   { return e.err.Error() }
func (e *portError) Unwrap() []error { return []error{e.kind, e.err} }
