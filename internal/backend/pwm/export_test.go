package pwm

import (
	"context"
	"time"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
)

// QuickDriver is Driver with another derivation, and without waiting.
func QuickDriver(derive func(secret.String, []byte) (seal.BlobKEK, error)) backend.Driver {
	wait := func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	return driver{derive: derive, sleep: wait, patience: 2 * time.Second}.backend()
}
