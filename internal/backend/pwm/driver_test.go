package pwm_test

import (
	"testing"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/backend/backendtest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	backendtest.Run(t, backendtest.Suite{New: func(t testing.TB) func() backend.Account {
		return newWorld(t).home(t).login().with("personal").account
	}})
}
