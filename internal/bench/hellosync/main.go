// Hellosync is hello with one durable write: it replaces the file that it is
// told, synced. It is what a command that stores something is compared with.
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "hellosync:", err)
		os.Exit(1)
	}
	fmt.Println("hello, world")
}

func write(name string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if _, err := f.WriteString("hello, world\n"); err != nil {
		return err
	}
	return f.Sync()
}
