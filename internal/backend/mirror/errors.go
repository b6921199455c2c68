package mirror

import (
	"context"
	"errors"
	"net"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/vault"
	"github.com/keyhold/keyhold/pkg/client"
)

// Kinds are pairs: an error of a part, and what it is for the port.
type Kinds [][2]error

// Translate turns the errors of the parts into those of the port, by the first
// of kinds that fits. That the service cannot be reached, or that its answer
// makes no sense, stays what package client calls it.
func Translate(err error, kinds Kinds) error {
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
		if errors.Is(err, k[0]) {
			if errors.Is(err, k[1]) {
				return err
			}
			return &portError{k[1], err}
		}
	}
	if errors.Is(err, client.ErrConflict) {
		return &portError{&vault.ConflictError{What: "the vault"}, err}
	}
	return err
}

// As returns err as what it is for the port.
func As(kind, err error) error { return &portError{kind, err} }

// A portError is an error of a part under the kind that the port gives it.
type portError struct{ kind, err error }

func (e *portError) Error() string   { return e.err.Error() }
func (e *portError) Unwrap() []error { return []error{e.kind, e.err} }

// Unreachable reports whether the service gave no answer: it may have done what
// it was asked.
func Unreachable(err error) bool {
	return errors.Is(err, client.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded)
}

// Undelivered reports whether a request did not leave this machine.
func Undelivered(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && (op.Op == "dial" || op.Op == "proxyconnect")
}
