package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	password = "a password for the benchmark only"
	value    = "correct-horse-battery-staple"
)

// mostByProcess is how many items fill makes; each costs a process.
const mostByProcess = 1_000

var errTooMany = errors.New("too many items to be made one process at a time")

// itemName names the i-th item.
func itemName(i int) string { return fmt.Sprintf("web/site%05d.example.com", i) }

// keyholds makes a home of each size and returns the commands to time there.
func (b *bench) keyholds(ctx context.Context) []*command {
	stdin := filepath.Join(b.tmp, "value")
	if err := os.WriteFile(stdin, []byte(value), 0o600); err != nil {
		b.notef("keyhold: %v", err)
		return nil
	}
	var cmds []*command
	for _, n := range b.sizes {
		home := filepath.Join(b.tmp, fmt.Sprintf("home%d", n))
		b.cleanup = append(b.cleanup, func() { _ = b.keyholdIn(context.WithoutCancel(ctx), home, "", "lock") })
		if err := b.fill(ctx, home, n); err != nil {
			b.notef("keyhold with %d items is not measured: %v", n, err)
			continue
		}
		if err := b.keyholdIn(ctx, home, "KEYHOLD_PASSWORD="+password, "unlock"); err != nil {
			b.notef("keyhold with %d items is not measured: %v", n, err)
			continue
		}
		row := func(name string, args func(int) []string) *command {
			return &command{name: "keyhold " + name, items: n, program: b.keyhold, args: args, env: b.env("KEYHOLD_HOME=" + home)}
		}
		put := row("put", func(round int) []string { return []string{"put", itemName(round % n), "-"} })
		put.stdin, put.syncs = stdin, true
		cmds = append(cmds,
			row("get", func(round int) []string { return []string{"get", itemName(round * 7 % n)} }),
			row("ls", fixed("ls")),
			put,
		)
	}
	return cmds
}

// fill makes a home with a vault of n items, named by itemName, under password.
func (b *bench) fill(ctx context.Context, home string, n int) error {
	if n > mostByProcess {
		return errTooMany
	}
	if err := os.Mkdir(home, 0o700); err != nil {
		return err
	}
	for i := range n {
		secret := ""
		if i == 0 { // the first one makes the vault
			secret = "KEYHOLD_PASSWORD=" + password
		}
		if err := b.keyholdIn(ctx, home, secret, "put", itemName(i), "username=me@example.com", "-"); err != nil {
			return err
		}
		if i == 0 {
			if err := b.keyholdIn(ctx, home, secret, "unlock"); err != nil {
				return err
			}
		}
	}
	return nil
}

// keyholdIn runs keyhold in home, with one more variable unless it is empty.
func (b *bench) keyholdIn(ctx context.Context, home, variable string, args ...string) error {
	cmd := exec.CommandContext(ctx, b.keyhold, args...)
	cmd.Env = b.env("KEYHOLD_HOME=" + home)
	if variable != "" {
		cmd.Env = append(cmd.Env, variable)
	}
	cmd.Stdin = strings.NewReader(value)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("keyhold %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
