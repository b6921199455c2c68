//go:build !windows

package app

import (
	"os"
	"os/signal"
	"syscall"
)

var stopping = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}

// raise ends the process by s.
func raise(s os.Signal) {
	signal.Reset(s)
	if n, ok := s.(syscall.Signal); ok && syscall.Kill(os.Getpid(), n) == nil {
		select {} // until it arrives
	}
}
