package cli_test

import (
	"fmt"
	"os"
)

// The test binary is also the program that takes the kernel's keyring away.
func init() {
	if os.Getenv(denyVariable) == "" {
		return
	}
	os.Unsetenv(denyVariable)
	fmt.Fprintln(os.Stderr, denyKeyctl(os.Args[1:]))
	os.Exit(99)
}
