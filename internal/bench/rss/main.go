//go:build unix

// Rss runs a command, prints the most memory that it had resident, as the
// kernel counts it, and ends with its status. A new process inherits that count from the one that starts
// it, so this one is small: it only sets a floor as low as hello's.
package main

import (
	"os"
	"strconv"
	"syscall"
)

func main() {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		os.Exit(1)
	}
	p, err := os.StartProcess(os.Args[1], os.Args[1:], &os.ProcAttr{Files: []*os.File{null, null, os.Stderr}})
	if err != nil {
		os.Exit(1)
	}
	state, err := p.Wait()
	if err != nil {
		os.Exit(1)
	}
	usage, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		os.Exit(1)
	}
	_, _ = os.Stdout.WriteString(strconv.FormatInt(int64(usage.Maxrss), 10)) //nolint:unconvert // it is 32 bits wide on some systems
	os.Exit(state.ExitCode())
}
