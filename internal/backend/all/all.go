// Package all lists the kinds of places where vaults live.
package all

import (
	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/backend/local"
	"github.com/keyhold/keyhold/internal/backend/pwm"
	"github.com/keyhold/keyhold/internal/backend/vaultctl"
)

// Registry returns every driver of this version.
func Registry() *backend.Registry {
	return backend.NewRegistry(local.Driver(), vaultctl.Driver(), pwm.Driver())
}
