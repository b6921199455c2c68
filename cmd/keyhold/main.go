// Command keyhold keeps a developer's secrets.
package main

import (
	"os"
	"runtime"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/backend/all"
	"github.com/keyhold/keyhold/internal/child"
	"github.com/keyhold/keyhold/internal/cli"
	"github.com/keyhold/keyhold/internal/clipboard"
)

// The build sets these.
var (
	version = "0.1.0-dev"
	commit  = ""
)

func main() {
	if status, mine := child.Main(os.Args, os.Environ()); mine {
		os.Exit(status)
	}
	if status, mine := clipboard.Main(os.Args, os.Environ()); mine {
		os.Exit(status)
	}
	a := app.New(all.Registry(), app.Version{
		Number: version, Commit: commit, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
	})
	status := cli.Main(a.Signals.Context(), a, os.Args[1:])
	a.Signals.Die()
	os.Exit(int(status))
}
