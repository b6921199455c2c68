//go:build unix

package clipboard

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/keyhold/keyhold/internal/secret"
)

// TestMain is also what ClearLater starts: this binary by another name. It writes
// how it was started into the named pipe of the test.
func TestMain(m *testing.M) {
	if os.Args[0] != clearerName {
		os.Exit(m.Run())
	}
	told, _ := io.ReadAll(os.Stdin)
	sid, _ := unix.Getsid(0)
	report := fmt.Sprintf("%q, leader %v, told %d", os.Args, sid == os.Getpid(), len(told))
	if bytes.Contains(told, value.Reveal()) || strings.Contains(strings.Join(os.Environ(), "\n"), "hunter2") {
		report = "it knows the value"
	}
	_ = os.WriteFile(os.Getenv("REPORT"), []byte(report), 0o600)
	os.Exit(0)
}

func TestBoard_ClearLater(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "report")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f := newFake(t, "DISPLAY", "REPORT="+pipe)
	if err := f.ClearLater(value, rand.Reader, self); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(pipe)
	if want := fmt.Sprintf("%q, leader true, told %d", []string{clearerName}, saltLen+32); err != nil || string(got) != want {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
	if err := f.ClearLater(value, rand.Reader, "/nosuch"); err == nil {
		t.Error("a program that is not there was started")
	}
}

// server starts an X server on a display that it chooses itself.
func server(t *testing.T) (display string) {
	t.Helper()
	if _, err := exec.LookPath("Xvfb"); err != nil {
		t.Skip("there is no Xvfb")
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.Command("Xvfb", "-displayfd", "3", "-nolisten", "tcp", "-screen", "0", "16x16x8")
	cmd.ExtraFiles = []*os.File{w}
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(unix.SIGTERM) // it takes its socket away
		_ = cmd.Wait()
	})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	number, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatalf("Xvfb does not start: %v\n%s", err, &said)
	}
	return ":" + strings.TrimSpace(number)
}

// Real tools at a real server take any bytes, give them back, and are cleared.
func TestBoard_desktop(t *testing.T) {
	t.Parallel()
	x := server(t)
	for i := range tools {
		tool := tools[i]
		if tool.display != "DISPLAY" {
			continue
		}
		if _, err := exec.LookPath(tool.copy[0]); err != nil {
			t.Logf("there is no %s", tool.copy[0])
			continue
		}
		b := &Board{tool, append(os.Environ(), "DISPLAY="+x)}
		for _, v := range []secret.Bytes{value, secret.TextOf("ümlaut 🔑\nzwei\n").Bytes()} {
			if err := b.Copy(t.Context(), v); err != nil {
				t.Fatalf("%s: %v", tool.copy[0], err)
			}
			wantContents(t, b, string(v.Reveal()))
		}
		print, err := fingerprint(secret.TextOf("ümlaut 🔑\nzwei\n").Bytes(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		atOnce := func(context.Context, time.Duration) error { return nil }
		if err := clearAfter(t.Context(), b, bytes.NewReader(print), atOnce); err != nil {
			t.Errorf("%s: %v", tool.copy[0], err)
		}
		wantContents(t, b, "")
	}
}

// wantContents looks into the clipboard until it is as it should be: the tools
// end before the server knows of what they copied.
func wantContents(t *testing.T, b *Board, want string) {
	t.Helper()
	const tries = 1000
	for i := range tries {
		var got bytes.Buffer
		err := b.print(t.Context(), &got) // it may fail if nothing is there
		if got.String() == want {
			return
		}
		if i == tries-1 {
			t.Errorf("%s: the clipboard is %q, %v, want %q", b.tool.copy[0], &got, err, want)
		}
	}
}
