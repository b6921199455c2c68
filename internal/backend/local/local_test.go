package local_test

import (
	"testing"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/backend/backendtest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, open := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			backendtest.Run(t, backendtest.Suite{New: func(t testing.TB) func() backend.Account {
				return newHome(t, open(t)).account
			}})
		})
	}
}
