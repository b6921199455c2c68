package cli_test

import (
	"errors"
	"fmt"
	"os"
)

// The test binary is also the program that takes the kernel's keyring away.
func init() {
	if os.Getenv(denyVariable) == "" {
		return
	}
	fmt.Fprintln(os.Stderr, errors.Join(os.Unsetenv(denyVariable), denyKeyctl(os.Args[1:])))
	os.Exit(99)
}
