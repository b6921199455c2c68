// Command gen writes completions/ and man/ from the command tree. Their date is
// fixed, so that they change only when a command does.
package main

//go:generate go run . -root ../..

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	root := flag.String("root", ".", "the root of the project")
	flag.Parse()
	if err := write(*root); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}
