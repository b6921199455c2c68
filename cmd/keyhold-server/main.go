// Command keyhold-server serves shared vaults that only their members can open.
package main

import (
	"context"
	"crypto/rand"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/keyhold/keyhold/internal/servercli"
)

// The build sets these.
var (
	version = "0.1.0-dev"
	commit  = ""
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	env := &servercli.Env{
		Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv, Now: time.Now, Rand: rand.Reader,
		Version: servercli.Version{Number: version, Commit: commit, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH},
	}
	status := servercli.Main(ctx, env, os.Args[1:])
	stop()
	os.Exit(int(status))
}
