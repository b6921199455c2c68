//go:build !linux

package keyring

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/keyhold/keyhold/internal/secret"
)

// Kernel returns the Store in the kernel's keyring of the user. This system
// has none: every call is ErrUnavailable.
func Kernel() Store { return kernel{} }

type kernel struct{}

func (kernel) Kind() string { return "kernel" }

func (kernel) Get(context.Context, string) (secret.Bytes, error) {
	return secret.Bytes{}, errNoKernel()
}

func (kernel) Set(context.Context, string, secret.Bytes, time.Duration) error { return errNoKernel() }

func (kernel) Touch(context.Context, string, time.Duration) error { return errNoKernel() }

func (kernel) Delete(context.Context, string) error { return errNoKernel() }

func errNoKernel() error {
	return fmt.Errorf("%w: kernel: not on %s", ErrUnavailable, runtime.GOOS)
}
