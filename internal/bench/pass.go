package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// passes makes stores for pass, with a key that has no passphrase, and returns
// its commands: what keyhold's get, ls and put are compared with.
func (b *bench) passes(ctx context.Context) []*command {
	for _, program := range []string{"pass", "gpg"} {
		if _, err := exec.LookPath(program); err != nil {
			b.notef("%s is not installed, so there is nothing to compare with: apt-get install pass", program)
			return nil
		}
	}
	gnupg := filepath.Join(b.tmp, "gpg")
	env := b.env("GNUPGHOME=" + gnupg)
	b.cleanup = append(b.cleanup, func() {
		_ = output(context.WithoutCancel(ctx), env, "", "gpgconf", "--kill", "all")
	})
	if err := os.Mkdir(gnupg, 0o700); err != nil {
		b.notef("pass: %v", err)
		return nil
	}
	err := output(ctx, env, "", "gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", "bench@example.com", "default", "default", "never")
	if err != nil {
		b.notef("pass is not measured: %v", err)
		return nil
	}
	var cmds []*command
	for _, n := range b.sizes {
		if n > mostByPass { // its ls takes seconds then
			continue
		}
		rows, err := b.passOf(ctx, n, env)
		if err != nil {
			b.notef("pass with %d entries is not measured: %v", n, err)
			continue
		}
		cmds = append(cmds, rows...)
	}
	return cmds
}

// mostByPass is the largest store of pass that is measured.
const mostByPass = 1_000

// passOf makes one store of n entries: one is encrypted, the others are copies
// of its file.
func (b *bench) passOf(ctx context.Context, n int, env []string) ([]*command, error) {
	store := filepath.Join(b.tmp, fmt.Sprintf("pass%d", n))
	env = append(env, "PASSWORD_STORE_DIR="+store)
	if err := output(ctx, env, "", "pass", "init", "bench@example.com"); err != nil {
		return nil, err
	}
	if err := output(ctx, env, value, "pass", "insert", "-m", itemName(0)); err != nil {
		return nil, err
	}
	file := func(i int) string { return filepath.Join(store, itemName(i)+".gpg") }
	sealed, err := os.ReadFile(file(0))
	if err != nil {
		return nil, err
	}
	for i := range n {
		if err := os.WriteFile(file(i), sealed, 0o600); err != nil {
			return nil, err
		}
	}
	program, err := exec.LookPath("pass")
	if err != nil {
		return nil, err
	}
	row := func(name string, args func(int) []string) *command {
		return &command{name: "pass " + name, items: n, program: program, args: args, env: env}
	}
	insert := row("insert", func(round int) []string { return []string{"insert", "-m", "-f", itemName(round % n)} })
	insert.stdin = filepath.Join(b.tmp, "value")
	return []*command{
		row("show", func(round int) []string { return []string{"show", itemName(round * 7 % n)} }),
		row("ls", fixed("ls")),
		insert,
	}, nil
}

// output runs a command to its end; the error says what it printed.
func output(ctx context.Context, env []string, stdin, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = env
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w: %s", cmd, err, strings.TrimSpace(string(out)))
	}
	return nil
}
