//go:build unix

package servercli_test

import (
	"bufio"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The real binary: it ends well by SIGTERM, and what was written before it was
// killed is there afterwards.
func TestProcess(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "keyhold-server")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "github.com/keyhold/keyhold/cmd/keyhold-server").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	dir := filepath.Join(t.TempDir(), "data")
	command := func(args ...string) *exec.Cmd {
		return exec.CommandContext(t.Context(), binary, append(args, "--data", dir)...)
	}
	serve := func() *exec.Cmd {
		t.Helper()
		cmd := command("serve", "--addr", "127.0.0.1:0", "--registration", "open")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.HasPrefix(line, "listening on http://127.0.0.1:") {
			t.Fatalf("%q, %v", line, err)
		}
		return cmd
	}
	first := serve()
	if out, err := command("invite", "create").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()
	second := serve()
	if out, err := command("invite", "list").Output(); err != nil || strings.Count(string(out), "\n") != 1 {
		t.Errorf("%v: %q", err, out)
	}
	if err := second.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := second.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	if out, err := command("version").Output(); err != nil || !strings.HasPrefix(string(out), "keyhold-server ") {
		t.Errorf("version: %v, %q", err, out)
	}
}
