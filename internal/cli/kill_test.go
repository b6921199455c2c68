//go:build unix

package cli_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// dir is the directory that h is the home in.
func (h home) dir() string { return strings.TrimPrefix(h.env[0], "KEYHOLD_HOME=") }

// status runs keyhold and returns its exit status, -1 for a signal, and what it
// wrote.
func (h home) status(stdin string, args ...string) (status int, out, errs string) {
	h.t.Helper()
	cmd := h.command(args...)
	cmd.Stdin = strings.NewReader(stdin)
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	var exited *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exited) {
		h.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), o.String(), e.String()
}

// want runs keyhold, wants this exit status and returns what it wrote.
func (h home) want(status int, stdin string, args ...string) (out, errs string) {
	h.t.Helper()
	got, out, errs := h.status(stdin, args...)
	if got != status {
		h.t.Fatalf("keyhold %s: status %d, want %d: %s%s", strings.Join(args, " "), got, status, out, errs)
	}
	return out, errs
}

// session returns h with a session of its own, so that no command derives a key.
func (h home) session() home { return h.sessionBy(passwordFile(h.t)) }

// sessionBy is session with the password in a file.
func (h home) sessionBy(file string) home {
	h.t.Helper()
	line, _ := h.want(0, "", "unlock", "--export", "posix", "--password-file", file)
	token := strings.Trim(strings.TrimPrefix(strings.TrimSpace(line), "export KEYHOLD_SESSION="), "'")
	h.env = append(h.env[:len(h.env):len(h.env)], "KEYHOLD_SESSION="+token, "KEYHOLD_PASSWORD=")
	return h
}

// killed runs keyhold, kills it after a delay, and reports whether it ended by
// itself before, with status 0.
func (h home) killed(delay func(), stdin string, args ...string) bool {
	h.t.Helper()
	cmd := h.command(args...)
	cmd.Stdin = strings.NewReader(stdin)
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = cmd.Wait()
	}()
	delay()
	_ = cmd.Process.Kill()
	<-done
	if code := cmd.ProcessState.ExitCode(); code > 0 {
		h.t.Fatalf("keyhold %s: status %d before it was killed", strings.Join(args, " "), code)
	}
	return cmd.ProcessState.Success()
}

// life is how long a command takes, of a few the second slowest.
func life(do func()) time.Duration {
	var longest, second time.Duration
	for range 5 {
		start := time.Now()
		do()
		if took := time.Since(start); took > longest {
			longest, second = took, longest
		} else if took > second {
			second = took
		}
	}
	return second
}

// However a writer is killed, what it acknowledged is there, what it did not is
// there whole or not at all, and the store is sound.
func TestKilledPut(t *testing.T) {
	t.Parallel()
	const items = 20
	h := newHome(t, "KEYHOLD_KEYRING=off", "KEYHOLD_PASSWORD="+password)
	h.want(0, "first", "put", "first", "-")
	h = h.session()
	rounds := 200
	if testing.Short() {
		rounds = 40
	}
	span := life(func() { h.want(0, "first", "put", "other", "-") })
	stored := map[string]string{}
	acknowledged, unacknowledged := 0, 0
	for round := range rounds {
		name := fmt.Sprintf("item %d", round%items)
		// Now and then one that takes several pages.
		value := strings.Repeat(fmt.Sprintf("value %d ", round), 1+round%7*round%5*300)
		ok := h.killed(func() { <-time.After(rand.N(span * 5 / 4)) }, value, "put", name, "-")
		status, got, errs := h.status("", "get", name, "-n")
		switch old, was := stored[name]; {
		case status == 0 && got == value:
			stored[name] = value
			if !ok {
				unacknowledged++
			}
		case ok:
			t.Fatalf("round %d: put of %q was acknowledged, and then status %d, %d bytes: %s", round, name, status, len(got), errs)
		case was && (status != 0 || got != old), !was && status != 5:
			t.Fatalf("round %d: after put of %q was killed: status %d, %d bytes: %s", round, name, status, len(got), errs)
		}
		if ok {
			acknowledged++
		}
		h.want(0, "", "vault", "check")
	}
	for name, value := range stored {
		if got, _ := h.want(0, "", "get", name, "-n"); got != value {
			t.Errorf("%q has %d bytes, want %d", name, len(got), len(value))
		}
	}
	h.wantTidy()
	t.Logf("within %v: %d of %d acknowledged, %d more stored", span*5/4, acknowledged, rounds, unacknowledged)
	if acknowledged == 0 || acknowledged == rounds {
		t.Errorf("%d of %d writers were killed", rounds-acknowledged, rounds)
	}
}

// wantTidy wants no temporary file of a store in the home.
func (h home) wantTidy() {
	h.t.Helper()
	left, err := filepath.Glob(filepath.Join(h.dir(), ".local*"))
	if err != nil || len(left) > 0 {
		h.t.Errorf("left in the home: %q, %v", left, err)
	}
}

// However the making of a vault is killed, the next command opens it or makes
// it anew.
func TestKilledCreate(t *testing.T) {
	t.Parallel()
	rounds := 30
	if testing.Short() {
		rounds = 8
	}
	env := []string{"KEYHOLD_KEYRING=off", "KEYHOLD_PASSWORD=" + password}
	span := life(func() { newHome(t, env...).want(0, "first", "put", "first", "-") })
	made, acknowledged := 0, 0
	for round := range rounds {
		h := newHome(t, env...)
		delay := func() { <-time.After(rand.N(span * 5 / 4)) }
		if round%3 > 0 { // what comes after the derivation of the key, which takes most of the time
			delay = func() { h.begun(span); <-time.After(rand.N(15 * time.Millisecond)) }
		}
		args := []string{"put", "a", "-"}
		if round%4 == 3 {
			args = []string{"vault", "create", "personal"}
		}
		ok := h.killed(delay, "value a", args...)
		if _, err := os.Stat(filepath.Join(h.dir(), "local.db")); err == nil {
			made++
			h = h.session()
			h.want(0, "value b", "put", "b", "-")
		} else {
			h.want(0, "value b", "put", "b", "-")
			h = h.session()
		}
		if ok && args[0] == "put" {
			acknowledged++
			if got, _ := h.want(0, "", "get", "a"); got != "value a\n" {
				t.Errorf("round %d: a is %q", round, got)
			}
		}
		if got, _ := h.want(0, "", "get", "b"); got != "value b\n" {
			t.Errorf("round %d: b is %q", round, got)
		}
		if got, _ := h.want(0, "", "vault", "list"); strings.Count(got, "\n") != 1 {
			t.Errorf("round %d: vaults: %q", round, got)
		}
		h.want(0, "", "vault", "check")
		h.wantTidy()
	}
	t.Logf("within %v: %d of %d stores were there, %d items acknowledged", span*5/4, made, rounds, acknowledged)
	if made == 0 || made == rounds {
		t.Errorf("%d of %d stores were there", made, rounds)
	}
}

// begun waits until the store is being made, or for as long as that may take.
func (h home) begun(limit time.Duration) {
	for end := time.Now().Add(2 * limit); time.Now().Before(end); {
		files, _ := os.ReadDir(h.dir())
		for _, f := range files {
			if strings.Contains(f.Name(), "local.db") {
				return
			}
		}
		<-time.After(100 * time.Microsecond)
	}
}
