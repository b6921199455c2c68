package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// keepassxcEntries is how many entries its file has: adding one takes as long
// as deriving its key.
const keepassxcEntries = 10

// keepassxcs makes a database for keepassxc-cli and returns its commands. It
// has no session: every command derives the key, here for the shortest time
// that it offers, 0.1 s.
func (b *bench) keepassxcs(ctx context.Context) []*command {
	program, err := exec.LookPath("keepassxc-cli")
	if err != nil {
		b.notef("keepassxc-cli is not installed, so it is not compared with: apt-get install keepassxc")
		return nil
	}
	db, stdin := filepath.Join(b.tmp, "bench.kdbx"), filepath.Join(b.tmp, "password")
	if err := os.WriteFile(stdin, []byte(password+"\n"), 0o600); err != nil {
		b.notef("keepassxc-cli: %v", err)
		return nil
	}
	env := b.env("QT_QPA_PLATFORM=offscreen")
	if err := output(ctx, env, password+"\n"+password+"\n", program, "db-create", "-q", "-t", "100", "-p", db); err != nil {
		b.notef("keepassxc-cli is not measured: %v", err)
		return nil
	}
	entry := func(i int) string { return fmt.Sprintf("site%05d.example.com", i) }
	for i := range keepassxcEntries {
		if err := output(ctx, env, password+"\n"+value+"\n", program, "add", "-q", "-p", db, entry(i)); err != nil {
			b.notef("keepassxc-cli is not measured: %v", err)
			return nil
		}
	}
	row := func(name string, args func(int) []string) *command {
		return &command{name: "keepassxc-cli " + name, items: keepassxcEntries, program: program, args: args, env: env, stdin: stdin}
	}
	return []*command{
		row("show", func(round int) []string {
			return []string{"show", "-q", "-s", "-a", "Password", db, entry(round % keepassxcEntries)}
		}),
		row("ls", fixed("ls", "-q", db)),
	}
}
