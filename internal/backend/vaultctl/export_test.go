package vaultctl

import (
	"io"
	"time"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
)

// QuickDriver is the driver with other ways to do what takes seconds.
func QuickDriver(makeRSA func(io.Reader) (seal.RSAKey, error), derive func(seal.Suite, secret.String, []byte) (seal.MasterKey, error)) backend.Driver {
	return driver{makeRSA, derive, 5 * time.Second}.backend()
}
