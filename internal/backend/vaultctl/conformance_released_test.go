package vaultctl_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/backend/backendtest"
	"github.com/keyhold/keyhold/internal/server/vaultctl/releasedtest"
)

// The conformance suite on a server of the released dialect.
func TestConformance_released(t *testing.T) {
	t.Parallel()
	backendtest.Run(t, backendtest.Suite{
		Released: true,
		New: func(t testing.TB) func() backend.Account {
			w := newWorld(t)
			old := releasedtest.New(w.deps, releasedtest.Options{KeepRoles: true})
			w.lying(func(rw http.ResponseWriter, r *http.Request, _ http.Handler) { old.ServeHTTP(rw, r) })
			return w.home(t, "ann@example.com", 0).signup(true).account
		},
		Create: func(ctx context.Context, a backend.Account, name string) (backend.Info, error) {
			return a.(backend.KindCreator).CreateVaultOf(ctx, backend.NewVault{Name: name, Compatible: true})
		},
	})
}
