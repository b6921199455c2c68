//go:build !linux && !windows

package app

import "golang.org/x/sys/unix"

// hardenProcess keeps secrets out of core dumps. Where it fails there is
// nothing to do.
func hardenProcess() { _ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}) }
