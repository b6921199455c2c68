package main

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"time"
)

// times prints the table of times. The first two commands are the hellos.
func times(out io.Writer, cmds []*command) {
	base, synced := quantile(cmds[0].samples, 0.5), quantile(cmds[1].samples, 0.5)
	const row = "%-26s %7s %11s %11s %9s %9s %6s\n"
	_, _ = fmt.Fprintf(out, row, "", "items", "median", "p90", "× hello", "× fsync", "runs")
	for _, c := range cmds {
		m := quantile(c.samples, 0.5)
		durable := ""
		if c.syncs {
			durable = ratio(m, synced)
		}
		_, _ = fmt.Fprintf(out, row, c.name, count(c.items), ms(m), ms(quantile(c.samples, 0.9)),
			ratio(m, base), durable, strconv.Itoa(len(c.samples)))
	}
	_, _ = fmt.Fprintf(out, "\n× fsync: to a hello that also writes a file and syncs it, as put does\n")
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond)) }

func ratio(d, base time.Duration) string { return fmt.Sprintf("%.2f", float64(d)/float64(base)) }

// count writes a number with commas; 0 is nothing.
func count(n int) string {
	switch {
	case n == 0:
		return ""
	case n < 1000:
		return strconv.Itoa(n)
	}
	head := count(n / 1000)
	return fmt.Sprintf("%s,%03d", head, n%1000)
}

// memory prints the peak memory of hello, of keyhold get and of lists of a service.
func (b *bench) memory(ctx context.Context, out io.Writer, cmds []*command) {
	_, _ = fmt.Fprintln(out, "peak memory:")
	for _, c := range cmds {
		if c.name != hello && c.name != "keyhold get" && c.name != storeList {
			continue
		}
		rss, err := b.peak(ctx, c)
		if err != nil {
			b.notef("memory of %s: %v", c.name, err)
			continue
		}
		_, _ = fmt.Fprintf(out, "%-26s %7s %7.1f MiB\n", c.name, count(c.items), float64(rss)/(1<<20))
	}
	_, _ = fmt.Fprintln(out)
}

// peak runs c through the rss helper and returns the bytes that it says.
func (b *bench) peak(ctx context.Context, c *command) (int64, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(b.tmp, "rss"), c.argv(0)...)
	cmd.Env = c.environ()
	said, err := cmd.Output()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(string(said), 10, 64)
	if runtime.GOOS != "darwin" { // elsewhere the kernel counts in KiB
		n *= 1024
	}
	return n, err
}
