package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestQuantile(t *testing.T) {
	t.Parallel()
	samples := []time.Duration{5, 1, 4, 2, 3, 9, 7, 8, 6, 10}
	tests := []struct {
		q    float64
		want time.Duration
	}{
		{0, 1}, {0.5, 6}, {0.9, 10}, {1, 10},
	}
	for _, tt := range tests {
		if got := quantile(samples, tt.q); got != tt.want {
			t.Errorf("quantile(%v) = %d, want %d", tt.q, got, tt.want)
		}
	}
	if samples[0] != 5 {
		t.Error("quantile sorted the caller's samples")
	}
}

func TestMeasure(t *testing.T) {
	t.Parallel()
	program := lookPath(t, "true")
	cmds := []*command{{name: hello, program: program}, {name: helloSync, program: program, syncs: true}}
	if err := measure(t.Context(), cmds, 30); err != nil {
		t.Fatal(err)
	}
	for _, c := range cmds {
		if len(c.samples) != 30 {
			t.Errorf("%s has %d samples, want 30", c.name, len(c.samples))
		}
		for _, d := range c.samples {
			if d <= 0 {
				t.Errorf("%s took %v", c.name, d)
			}
		}
	}
	var out bytes.Buffer
	times(&out, cmds)
	for _, want := range []string{"median", "p90", hello, helloSync, " ms", "1.00"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
}

// TestMeasureFails makes sure that a command that fails is not timed.
func TestMeasureFails(t *testing.T) {
	t.Parallel()
	cmds := []*command{{name: "false", program: lookPath(t, "false")}}
	if err := measure(t.Context(), cmds, 1); err == nil {
		t.Errorf("a failing command gave %v", cmds[0].samples)
	}
}

func TestSpawn(t *testing.T) {
	t.Parallel()
	stdin := filepath.Join(t.TempDir(), "value")
	if err := os.WriteFile(stdin, []byte(value+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	reads := command{program: lookPath(t, "sh"), args: fixed("-c", `read -r x && test "$x" = `+value), stdin: stdin}
	for round := range 2 { // each process reads it from the start
		if took, err := reads.spawn(round); err != nil || took <= 0 {
			t.Errorf("spawn = %v, %v", took, err)
		}
	}
	reads.stdin = ""
	if _, err := reads.spawn(0); err == nil {
		t.Error("a command without standard input read some")
	}
}

func TestCount(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "", 10: "10", 1000: "1,000", 10_000: "10,000", 1_234_567: "1,234,567"} {
		if got := count(n); got != want {
			t.Errorf("count(%d) = %q, want %q", n, got, want)
		}
	}
}

func lookPath(t *testing.T, name string) string {
	t.Helper()
	program, err := exec.LookPath(name)
	if err != nil {
		t.Skip(err)
	}
	return program
}
