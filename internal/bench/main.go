// Bench times whole processes: keyhold's everyday commands at several sizes of
// the vault, as ratios to a Go hello-world of the same run, with pass and
// keepassxc-cli beside them where they are installed.
//
// Commands run one at a time, every round in another order, so that what
// disturbs the machine, or a write that still settles, falls on all alike.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

type options struct {
	keyhold string
	dir     string
	sizes   []int
	rounds  int
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parse(args []string) (options, error) {
	o := options{sizes: []int{10, 1_000, 10_000, 100_000}}
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.StringVar(&o.keyhold, "keyhold", "", "the `binary` to time; without it only hello is timed")
	fs.StringVar(&o.dir, "dir", os.TempDir(), "where the homes are made; on tmpfs a write costs nothing")
	fs.IntVar(&o.rounds, "rounds", 200, "rounds; a slow command runs in some of them only")
	fs.Func("items", "sizes of the vault, separated by commas (default 10,1000,10000,100000)", func(s string) error {
		o.sizes = nil
		for part := range strings.SplitSeq(s, ",") {
			n, err := strconv.Atoi(part)
			if err != nil || n < 1 {
				return errors.New("want numbers above 0")
			}
			o.sizes = append(o.sizes, n)
		}
		return nil
	})
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if o.rounds < 1 {
		return o, errors.New("-rounds: want a number above 0")
	}
	if o.keyhold != "" {
		var err error
		if o.keyhold, err = filepath.Abs(o.keyhold); err != nil {
			return o, err
		}
	}
	return o, nil
}

// A bench is one run: its scratch folder, and what it could not measure.
type bench struct {
	options

	tmp     string
	notes   []string
	cleanup []func()
}

func (b *bench) notef(format string, args ...any) {
	b.notes = append(b.notes, fmt.Sprintf(format, args...))
}

func run(ctx context.Context, args []string, out io.Writer) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	b := &bench{options: o}
	if b.tmp, err = os.MkdirTemp(o.dir, "kb"); err != nil {
		return err
	}
	defer b.close()

	if err := b.buildHelpers(ctx); err != nil {
		return err
	}
	cmds := b.hellos()
	if o.keyhold != "" {
		cmds = append(cmds, b.keyholds(ctx)...)
		cmds = append(cmds, b.services(ctx)...)
		cmds = append(cmds, b.passes(ctx)...)
		cmds = append(cmds, b.keepassxcs(ctx)...)
	}
	if err := measure(ctx, cmds, o.rounds); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "%s/%s, %d cores, %s, %d rounds, homes in %s\n\n",
		runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version(), o.rounds, o.dir)
	times(out, cmds)
	b.memory(ctx, out, cmds)
	for _, n := range b.notes {
		_, _ = fmt.Fprintln(out, "note:", n)
	}
	return nil
}

func (b *bench) close() {
	for _, f := range b.cleanup {
		f()
	}
	_ = os.RemoveAll(b.tmp)
}

// buildHelpers builds the programs that keyhold is compared with, as keyhold is
// built.
func (b *bench) buildHelpers(ctx context.Context) error {
	const here = "github.com/keyhold/keyhold/internal/bench/"
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", b.tmp+"/",
		here+"hello", here+"hellosync", here+"rss")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", cmd, err, out)
	}
	return nil
}

func (b *bench) hellos() []*command {
	return []*command{
		{name: hello, program: filepath.Join(b.tmp, "hello")},
		{name: helloSync, program: filepath.Join(b.tmp, "hellosync"), args: fixed(filepath.Join(b.tmp, "synced"))},
	}
}

// env is the whole environment of a measured command.
func (b *bench) env(more ...string) []string {
	return append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + b.tmp, "LANG=C.UTF-8"}, more...)
}
