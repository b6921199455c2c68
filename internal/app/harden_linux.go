package app

import "golang.org/x/sys/unix"

// hardenProcess keeps other processes of the user, and core dumps, from
// reading the memory of this one. A child gets a fresh start: exec sets it
// back. Where it fails there is nothing to do.
func hardenProcess() { _ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }
