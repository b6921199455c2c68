package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"time"
)

const (
	hello     = "hello"
	helloSync = "hello + fsync"
)

const (
	warmups = 5
	// A command slower than this runs in every fourth round, one ten times
	// slower in every twentieth.
	slow = 30 * time.Millisecond
	// But no command runs fewer times than this, if there are as many rounds.
	fewest = 25
)

// A command is one row of the table.
type command struct {
	name  string
	items int // in the vault; 0 where there is none
	syncs bool

	program string
	args    func(round int) []string // nil for none
	env     []string
	stdin   string // a file; "" for nothing

	every   int // runs in every so many rounds
	samples []time.Duration
}

// fixed gives the same arguments every round.
func fixed(args ...string) func(int) []string {
	return func(int) []string { return args }
}

func (c *command) argv(round int) []string {
	argv := []string{c.program}
	if c.args != nil {
		argv = append(argv, c.args(round)...)
	}
	return argv
}

// measure runs all commands, interleaved, and fills their samples.
func measure(ctx context.Context, cmds []*command, rounds int) error {
	for _, c := range cmds {
		if err := c.warmUp(ctx, rounds); err != nil {
			return err
		}
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	order := slices.Clone(cmds)
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range rounds {
		rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, c := range order {
			if round%c.every != 0 {
				continue
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			took, err := c.spawn(round)
			if err != nil {
				return err
			}
			c.samples = append(c.samples, took)
		}
	}
	return nil
}

// warmUp makes sure that the command works, and sees how slow it is.
func (c *command) warmUp(ctx context.Context, rounds int) error {
	if err := c.try(ctx); err != nil {
		return err
	}
	var took []time.Duration
	for i := range warmups {
		d, err := c.spawn(i)
		if err != nil {
			return err
		}
		took = append(took, d)
	}
	switch m := quantile(took, 0.5); {
	case m > 10*slow:
		c.every = 20
	case m > slow:
		c.every = 4
	default:
		c.every = 1
	}
	c.every = max(1, min(c.every, rounds/fewest))
	return nil
}

// try runs the command once; the error says what it printed.
func (c *command) try(ctx context.Context) error {
	argv := c.argv(0)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = c.environ()
	if c.stdin != "" {
		f, err := os.Open(c.stdin)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		cmd.Stdin = f
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", cmd, err, bytes.TrimSpace(out))
	}
	return nil
}

func (c *command) environ() []string {
	if c.env == nil {
		return []string{}
	}
	return c.env
}

// spawn runs the command once and returns the time from before it is started
// until it has been waited for.
func (c *command) spawn(round int) (time.Duration, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer func() { _ = null.Close() }()
	stdin := null
	if c.stdin != "" {
		if stdin, err = os.Open(c.stdin); err != nil {
			return 0, err
		}
		defer func() { _ = stdin.Close() }()
	}
	argv := c.argv(round)
	attr := &os.ProcAttr{Env: c.environ(), Files: []*os.File{stdin, null, null}}

	start := time.Now()
	p, err := os.StartProcess(c.program, argv, attr)
	if err != nil {
		return 0, err
	}
	state, err := p.Wait()
	took := time.Since(start)
	if err == nil && !state.Success() {
		err = fmt.Errorf("%v: %v", argv, state)
	}
	return took, err
}

// quantile returns the q-th sample in order of size; 0.5 is the median.
func quantile(samples []time.Duration, q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(samples))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}
