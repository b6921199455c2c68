//go:build !windows

package app

import (
	"errors"
	"os"
	"os/signal"
	"syscall"
)

var stopping = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}

// keys are the signals that keys of the terminal send.
var keys = []os.Signal{syscall.SIGINT, syscall.SIGQUIT}

// terminate asks a process to end.
func terminate(p *os.Process) error { return p.Signal(syscall.SIGTERM) }

// alive reports whether there is a process with this id.
func alive(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

// raise ends the process by s, unless that is ignored.
func raise(s os.Signal) {
	if signal.Ignored(s) {
		return
	}
	signal.Reset(s)
	if n, ok := s.(syscall.Signal); ok && syscall.Kill(os.Getpid(), n) == nil {
		select {} // until it arrives
	}
}
