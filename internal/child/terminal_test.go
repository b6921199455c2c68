//go:build !windows

package child_test

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/keyhold/keyhold/internal/child"
)

func TestTerminal(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, script string
		status       int
		shown        string
	}{
		{"nothing", ":", 0, ""},
		{"status", "exit 37", 37, ""},
		{"killed", "kill -TERM $$", 143, ""},
		{"killed hard", "kill -KILL $$", 137, ""},
		{"terminals", "test -t 0 && test -t 1 && test -t 2 && : </dev/tty && echo all", 0, "all\r\n"},
		{"size", "stty size", 0, "24 80\r\n"},
		{"a value", "echo 1 $S; echo 2 $S >&2", 0, "1 [hidden]\r\n2 [hidden]\r\n"},
		{"with colours", `printf '\033[1ms3cr\033[31m3t-Token\033[0m.'`, 0, "\x1b[1m[hidden]\x1b[31m\x1b[0m."},
		{"a beginning at the end", "printf s3cr3t", 0, "s3cr3t"},
		{"a long text", "yes 0123456789 | head -n 20000", 0, strings.Repeat("0123456789\r\n", 20000)},
		{"in the foreground", "ps -o stat= -p $$ | grep -q + && echo yes", 0, "yes\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := onScreen(t, sh(t, tt.script))
			if got := s.end(tt.status); got != tt.shown {
				t.Errorf("shown %.1000q, want %.1000q", got, tt.shown)
			}
		})
	}
}

// TestByteByByte has a program print slowly: how slowly decides how much is seen.
func TestByteByByte(t *testing.T) {
	t.Parallel()
	s := onScreen(t, sh(t, `for c in s 3 c r 3 t - T o k e n .; do sh -c "printf %s $c"; done`))
	seen, ok := strings.CutSuffix(s.end(0), "[hidden].")
	if !ok || len(seen) > 3 || !strings.HasPrefix(hiddenValue, seen) {
		t.Errorf("shown %q and %t", seen, ok)
	}
}

// TestNothingInherited compares what a program finds with what it finds without
// keyhold.
func TestNothingInherited(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skip(err)
	}
	const script = "grep -E 'Sig(Blk|Ign)' /proc/self/status; ls -1 /proc/self/fd; ulimit -n; ulimit -c; nice"
	want, err := exec.Command("sh", "-c", script).Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := onScreen(t, sh(t, script)).end(0); strings.ReplaceAll(got, "\r", "") != string(want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

// TestRestored compares the settings of the terminal before, while and after.
func TestRestored(t *testing.T) {
	t.Parallel()
	cmd := command(t)
	cmd.Path, _ = exec.LookPath("sh")
	cmd.Args = []string{"sh", "-c", `stty intr ^X; echo before; read x; "$1" sh -c 'stty -a; read x; kill -9 $$'; "$1" no-such; echo after; read x`, "sh", os.Args[0]}
	s := onScreen(t, cmd)
	s.expect("before")
	before := s.settings()
	s.press("\n")
	s.expect("intr = ^X") // the program has the same settings
	s.expect("-ignbrk")
	if raw := s.settings(); raw.Lflag&unix.ICANON != 0 {
		t.Error("the terminal is not raw")
	}
	s.press("\r")
	s.expect("no such program")
	s.expect("after")
	if diff := cmp.Diff(before, s.settings()); diff != "" {
		t.Errorf("other settings now: %s", diff)
	}
	s.press("\n")
	s.end(0)
}

func TestResize(t *testing.T) {
	t.Parallel()
	s := onScreen(t, sh(t, `trap 'stty size; exit 5' WINCH; stty size; while :; do sleep 0.05; done`))
	s.expect("24 80\r\n")
	if err := unix.IoctlSetWinsize(child.Descriptor(s.keys), unix.TIOCSWINSZ, &unix.Winsize{Row: 50, Col: 132}); err != nil {
		t.Fatal(err)
	}
	s.expect("50 132\r\n")
	s.end(5)
}

// TestKeys has keys end, quit and feed a program.
func TestKeys(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, script, keys string
		status             int
	}{
		{"ctrl-C", "echo ready; exec sleep 1000", "\x03", 130},
		{"ctrl-C that is handled", "trap 'exit 7' INT; echo ready; while :; do sleep 0.05; done", "\x03", 7},
		{"ctrl-backslash", "ulimit -c 0; echo ready; exec sleep 1000", "\x1c", 131},
		{"ctrl-D", "echo ready; cat >/dev/null; exit 6", "text\r\x04", 6},
		{"a line", `echo ready; read x; test "$x" = word && exit 8`, "word\r", 8},
		{"ctrl-Z where nobody could have it go on", "echo ready; read x; exit 9", "\x1a\r", 9},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := onScreen(t, sh(t, tt.script))
			s.expect("ready\r\n")
			s.press(tt.keys)
			s.end(tt.status)
		})
	}
}

// TestTyped has a person type at a prompt what the value begins with.
func TestTyped(t *testing.T) {
	t.Parallel()
	s := onScreen(t, sh(t, "printf 'name: s3'; read x; echo; echo got $x"))
	s.expect("name: s3")
	for _, c := range "s3c" {
		s.press(string(c))
		s.expect(string(c))
	}
	s.press("r4\r")
	s.expect("r4")
	s.expect("got s3cr4\r\n")
	s.end(0)
}

func TestForwarded(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1} {
		s := onScreen(t, sh(t, `trap 'echo got; exit 9' TERM INT HUP USR1; echo ready; while :; do sleep 0.05; done`))
		s.expect("ready")
		if err := s.cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		s.expect("got")
		s.end(9)
	}
}

// TestKilled has keyhold killed: the program loses its terminal.
func TestKilled(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := syscall.Mkfifo(file, 0o600); err != nil {
		t.Fatal(err)
	}
	s := onScreen(t, sh(t, `trap 'echo hung up >"`+file+`"; exit' HUP; echo ready; while :; do sleep 0.05; done`))
	s.expect("ready")
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(file); string(got) != "hung up\n" {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestMixed has some streams be terminals and others not.
func TestMixed(t *testing.T) {
	t.Parallel()
	t.Run("input from a file", func(t *testing.T) {
		t.Parallel()
		cmd := sh(t, `test -t 0 && exit 1; test -t 1 || exit 2; cat; echo $S; read x </dev/tty; echo "key $x"`)
		cmd.Stdin = strings.NewReader("input\n")
		s := onScreen(t, cmd)
		s.expect("input\r\n[hidden]\r\n")
		s.press("k\r")
		s.expect("key k\r\n")
		s.end(0)
	})
	t.Run("errors to a file", func(t *testing.T) {
		t.Parallel()
		var errs bytes.Buffer
		cmd := sh(t, `test -t 2 && exit 1; test -t 0 && test -t 1 || exit 2; echo out $S; echo err $S >&2`)
		cmd.Stderr = &errs
		s := onScreen(t, cmd)
		if got := s.end(0); got != "out [hidden]\r\n" || errs.String() != "err [hidden]\n" {
			t.Errorf("shown %q, errors %q", got, &errs)
		}
	})
	t.Run("output to a file", func(t *testing.T) {
		t.Parallel()
		var out bytes.Buffer
		cmd := sh(t, `test -t 1 && exit 1; test -t 0 && test -t 2 || exit 2; echo out $S; echo err $S >&2`)
		cmd.Stdout = &out
		s := onScreen(t, cmd)
		if got := s.end(0); got != "err [hidden]\r\n" || out.String() != "out [hidden]\n" {
			t.Errorf("shown %q, output %q", got, &out)
		}
	})
	t.Run("only input from the terminal", func(t *testing.T) {
		t.Parallel()
		cmd := sh(t, `test -t 0 || exit 1; read x; echo $S $x; exec sleep 1000`)
		out, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stdout, cmd.Stderr = w, w
		s := onScreen(t, cmd)
		_ = w.Close()
		s.press("line\n")
		line := make([]byte, len("[hidden] line\n"))
		if _, err := io.ReadFull(out, line); err != nil || string(line) != "[hidden] line\n" {
			t.Errorf("printed %q, %v", line, err)
		}
		s.press("\x03")
		s.end(130)
	})
}

// TestLeftOnTerminal has a program leave one that holds the terminal.
func TestLeftOnTerminal(t *testing.T) {
	t.Parallel()
	s := onScreen(t, sh(t, "sleep 1000 & echo $!"))
	killLater(t, s.end(0))
}
