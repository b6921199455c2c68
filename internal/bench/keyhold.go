package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/backend/local"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/kv/bolt"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/vault"
)

const (
	password = "a password for the benchmark only"
	value    = "correct-horse-battery-staple"
)

// itemName names the i-th item.
func itemName(i int) string { return fmt.Sprintf("web/site%05d.example.com", i) }

// keyholds makes a home of each size and returns the commands to time there.
func (b *bench) keyholds(ctx context.Context) []*command {
	stdin := filepath.Join(b.tmp, "value")
	if err := os.WriteFile(stdin, []byte(value), 0o600); err != nil {
		b.notef("keyhold: %v", err)
		return nil
	}
	nowhere := b.env("KEYHOLD_HOME=" + filepath.Join(b.tmp, "nowhere"))
	cmds := []*command{
		{name: "keyhold version", program: b.keyhold, args: fixed("version"), env: nowhere},
		{name: "keyhold --help", program: b.keyhold, args: fixed("--help"), env: nowhere},
	}
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
			row("find", fixed("find", "site0042")),
			row("completion", func(round int) []string { return []string{"__complete", "get", itemName(round * 7 % n)[:12]} }),
			row("read", func(round int) []string { return []string{"read", reference(round * 7 % n)} }),
			row("run -- true", func(round int) []string { return runTrue(round, n) }),
			put,
		)
	}
	return cmds
}

// reference is the reference to the i-th item: the slash at its end says that no field follows.
func reference(i int) string { return "kh://personal/" + itemName(i) + "/" }

// runTrue runs a program with 20 values, which are hidden in its output.
func runTrue(round, n int) []string {
	args := []string{"run"}
	for i := range 20 {
		args = append(args, "-e", fmt.Sprintf("VALUE%d=%s", i, reference((round*7+i*37)%n)))
	}
	return append(args, "--", "true")
}

// fillBatch is how many items are made in one transaction.
const fillBatch = 1000

// fill makes a home with a vault of n items, named by itemName, under
// password. It does so in this process: a process per item would take minutes.
func (b *bench) fill(ctx context.Context, home string, n int) error {
	if _, err := device.NewHome(home).Make(rand.Reader); err != nil {
		return err
	}
	driver := local.Driver()
	deps := backend.Deps{Store: bolt.New(filepath.Join(home, "local.db")), Now: time.Now, Rand: rand.Reader}
	keys, err := driver.Create(ctx, deps, secret.TextOf(password), backend.Signup{Vault: "personal"})
	if err != nil {
		return err
	}
	account, err := driver.Open(ctx, deps, keys)
	if err != nil {
		return err
	}
	vaults, err := account.Vaults(ctx)
	if err != nil {
		return err
	}
	v, err := account.Vault(ctx, vaults[0].ID)
	if err != nil {
		return err
	}
	defer v.Close()
	for start := 0; start < n; start += fillBatch {
		var c vault.Change
		for i := start; i < min(start+fillBatch, n); i++ {
			c.Put = append(c.Put, vault.Put{Item: item(i)})
		}
		if _, _, err := v.Commit(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

func item(i int) vault.Item {
	now := time.Now()
	sum := sha256.Sum256([]byte(itemName(i)))
	password := base64.StdEncoding.EncodeToString(sum[:]) // all differ
	return vault.Item{
		Name: itemName(i), Type: vault.DefaultType, Created: now, Updated: now,
		Fields: []vault.Field{
			{Name: "username", Value: secret.Of([]byte("me@example.com"))},
			{Name: "password", Kind: vault.Secret, Value: secret.Of([]byte(password[:24]))},
		},
	}
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
