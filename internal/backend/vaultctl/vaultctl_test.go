package vaultctl_test

import (
	"testing"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/backend/backendtest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, compatible := range map[string]bool{"bound": false, "compatible": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			backendtest.Run(t, backendtest.Suite{New: func(t testing.TB) func() backend.Account {
				h := newWorld(t).home(t, "ann@example.com", 0).signup(compatible)
				return h.account
			}})
		})
	}
}
