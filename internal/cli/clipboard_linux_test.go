package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// On a terminal copying says what it did. What clears the clipboard afterwards is
// a session of its own and knows nothing secret.
func TestTerminal_copy(t *testing.T) {
	t.Parallel()
	bin, err := filepath.Abs("../clipboard/testdata/bin")
	if err != nil {
		t.Fatal(err)
	}
	board := t.TempDir()
	h := newHome(t, "KEYHOLD_PASSWORD="+password, "DISPLAY=:77", "WAYLAND_DISPLAY=", "DIR="+board,
		"PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	if out, err := h.run("hunter2 forever", "put", "mail", "-"); err != nil {
		t.Fatal(err, out)
	}
	term := startOnTerminal(t, h.command("get", "mail", "-c"))
	term.expect(t, `copied the password of "mail"; cleared in 45 s`)
	if got, err := os.ReadFile(filepath.Join(board, "board")); err != nil || string(got) != "hunter2 forever" {
		t.Errorf("the clipboard is %q, %v", got, err)
	}
	pid, env := clearer(t, "DIR="+board)
	if pid == 0 {
		t.Fatal("nothing will clear the clipboard")
	}
	defer unix.Kill(pid, unix.SIGKILL) //nolint:errcheck // it may be gone
	if sid, err := unix.Getsid(pid); err != nil || sid != pid {
		t.Errorf("its session is %d, %v", sid, err)
	}
	if strings.Contains(env, "KEYHOLD_") || strings.Contains(env, password) {
		t.Errorf("its environment is %s", env)
	}
}

// clearer returns the process with entry in its environment that clears the
// clipboard.
func clearer(t *testing.T, entry string) (pid int, env string) {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		line, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		found, _ := os.ReadFile(filepath.Join(dir, "environ")) // of others it is unreadable
		if string(line) == "keyhold: clears the clipboard\x00" && bytes.Contains(found, []byte(entry)) {
			pid, err := strconv.Atoi(filepath.Base(dir))
			if err != nil {
				t.Fatal(err)
			}
			return pid, string(found)
		}
	}
	return 0, ""
}
