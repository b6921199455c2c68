//go:build unix

package clipboard

import "syscall"

// detached is for a process that goes on when the terminal is closed.
func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
