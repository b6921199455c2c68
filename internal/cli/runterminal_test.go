//go:build linux

package cli_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// hiddenValue is the secret that programs get as $S.
const hiddenValue = "s3cr3t-Token-42"

// runHome is a home, open, with the value of kh://personal/s; $R is the beginning
// of a command that runs one with it.
func runHome(t *testing.T) home {
	t.Helper()
	h := newHome(t, "KEYHOLD_KEYRING=file")
	h.want(0, hiddenValue, "put", "s", "-", "--password-file", passwordFile(t))
	h.want(0, "", "unlock", "--password-file", passwordFile(t))
	h.env = append(h.env, "TERM=xterm", "LC_ALL=C", "R=keyhold run -e S=kh://personal/s --")
	return h
}

// inBash starts a shell with job control in a directory of its own, where the file
// text has a line with the value and others.
func (h home) inBash(t *testing.T) *terminal {
	t.Helper()
	path, err := exec.LookPath("bash")
	if err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	text := "text " + hiddenValue + strings.Repeat("\nline", 100)
	if err := os.WriteFile(filepath.Join(dir, "text"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, "--norc", "--noprofile", "--noediting", "-i")
	cmd.Dir = dir
	cmd.Env = append(h.env, "PS1=ready> ", "HISTFILE=", "HOME="+dir)
	term := startOnTerminal(t, cmd)
	t.Cleanup(func() { _ = cmd.Wait() })
	term.resize(t, 24, 80)
	term.next(t, "ready> ")
	return term
}

// next reads until text was seen, and returns and forgets what stood before it.
func (term *terminal) next(t *testing.T, text string) string {
	t.Helper()
	term.expect(t, text)
	before, after, _ := bytes.Cut(term.seen, []byte(text))
	term.seen = bytes.Clone(after)
	return string(before)
}

// does types a command and returns what it shows before the next prompt.
func (term *terminal) does(t *testing.T, command string) string {
	t.Helper()
	term.begins(t, command)
	return term.next(t, "ready> ")
}

// begins types a command and waits until its echo is shown.
func (term *terminal) begins(t *testing.T, command string) {
	t.Helper()
	term.send(t, command+"\r")
	term.next(t, command+"\r\n")
}

// insist types keys, again every other second, until text is shown: a program can
// miss them just before it reads.
func (term *terminal) insist(t *testing.T, keys, text string) {
	t.Helper()
	for range 10 {
		term.send(t, keys)
		end := time.Now().Add(2 * time.Second)
		for time.Now().Before(end) && !bytes.Contains(term.seen, []byte(text)) {
			if err := term.SetReadDeadline(end); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 1024)
			n, _ := term.Read(b)
			term.seen = append(term.seen, b[:n]...)
		}
		if bytes.Contains(term.seen, []byte(text)) {
			break
		}
	}
	term.next(t, text)
}

func (term *terminal) resize(t *testing.T, rows, columns uint16) {
	t.Helper()
	if err := unix.IoctlSetWinsize(term.fd, unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns}); err != nil {
		t.Fatal(err)
	}
}

// settings are the settings of the terminal.
func (term *terminal) settings(t *testing.T) unix.Termios {
	t.Helper()
	s, err := unix.IoctlGetTermios(term.fd, unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return *s
}

// However a program ends, the shell learns its status and finds the terminal as it
// was.
func TestRunTerminal_statuses(t *testing.T) {
	t.Parallel()
	term := runHome(t).inBash(t)
	before := term.settings(t)
	for command, want := range map[string]int{
		"$R true":                                     0,
		"$R sh -c 'exit 1'":                           1,
		"$R sh -c 'stty raw -echo; exit 37'":          37,
		"$R sh -c 'exit 255'":                         255,
		"$R sh -c 'kill -TERM $$'":                    143,
		"$R sh -c 'kill -KILL $$'":                    137,
		"$R no-such-program":                          127,
		"$R ./text":                                   126,
		"keyhold run -e S=kh://personal/none -- true": 125,
		"keyhold run --no-such-flag true":             125,
		"$R sh -c 'kill -TERM $PPID; kill -TERM $$'":  143,
		"$R sh -c 'stty raw; exec sleep 1000' & sleep 0.1; kill $!; wait $!": 143,
	} {
		if got := term.does(t, command+"; echo status $?"); !strings.Contains(got, "status "+strconv.Itoa(want)+"\r\n") {
			t.Errorf("%s: %q, want status %d", command, got, want)
		}
		if diff := cmp.Diff(before, term.settings(t)); diff != "" {
			t.Errorf("%s: other settings of the terminal: %s", command, diff)
		}
	}
}

// A value is hidden however it is printed.
func TestRunTerminal_hidden(t *testing.T) {
	t.Parallel()
	term := runHome(t).inBash(t)
	for command, want := range map[string]string{
		`$R sh -c 'echo "<$S>"; echo "<$S>" >&2'`:                                                  "<[hidden]>\r\n<[hidden]>",
		`$R sh -c 'for c in s 3 c r 3 t - T o k e n - 4 2; do sh -c "printf %s $c"; done; echo .'`: "[hidden].",
		`$R sh -c 'printf "\033[1ms3cr\033[31m3t-Token\033[0m-42."'`:                               "\x1b[1m[hidden]\x1b[31m\x1b[0m.",
		`$R sh -c 'printf %s "$S" | base64; echo .'`:                                               "[hidden]",
		`$R sh -c 'printf %s "$S" | od -An -tx1 | tr -d " \n"; echo .'`:                            "[hidden].",
		`cat text | $R sh -c 'test -t 0 || test -t 1 && head -n 1'`:                                "text [hidden]",
		`$R sh -c 'test -t 1 || echo "<$S>"; test -t 2 && echo "<$S>" >&2' >file; cat file`:        "<[hidden]>\r\n<[hidden]>",
		`$R env | grep -c KEYHOLD_`:                                                                "0",
	} {
		if got := term.does(t, command); !strings.Contains(got, want) || strings.Contains(got, hiddenValue) {
			t.Errorf("%s: %q, want %q", command, got, want)
		}
	}
}

// Programs that take the whole screen are stopped, go on and end as usual.
func TestRunTerminal_fullScreen(t *testing.T) {
	t.Parallel()
	h := runHome(t)
	for _, tt := range []struct{ program, command, start, quit string }{
		{"vi", "$R vi -u NONE -i NONE -n +1 text", "text [hidden]", ":q!\r"},
		{"less", "$R less text", "text [hidden]", "q"},
		{"less", "cat text | $R less", "text [hidden]", "q"},
		{"top", "$R top -d 100", "PID", "q"},
	} {
		t.Run(tt.command, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(tt.program); err != nil {
				t.Skip(err)
			}
			term := h.inBash(t)
			before := term.settings(t)
			term.begins(t, tt.command)
			term.next(t, tt.start)
			term.insist(t, "\x1a", "Stopped")
			term.next(t, "ready> ")
			if diff := cmp.Diff(before, term.settings(t)); diff != "" {
				t.Errorf("other settings while it is stopped: %s", diff)
			}
			term.begins(t, "fg")
			term.next(t, tt.start)
			term.send(t, tt.quit)
			term.next(t, "ready> ")
			if diff := cmp.Diff(before, term.settings(t)); diff != "" {
				t.Errorf("other settings afterwards: %s", diff)
			}
		})
	}
}

// A shell inside has job control, and so has the one outside.
func TestRunTerminal_shell(t *testing.T) {
	t.Parallel()
	term := runHome(t).inBash(t)
	before := term.settings(t)
	term.begins(t, "PS1='inner> ' $R bash --norc --noprofile -i")
	term.next(t, "inner> ")
	term.begins(t, "sh -c 'echo sleeps; exec sleep 1000'")
	term.next(t, "sleeps")
	term.send(t, "\x1a")
	term.next(t, "Stopped")
	term.next(t, "inner> ")
	term.begins(t, "bg; echo $S")
	term.next(t, "[hidden]")
	term.next(t, "inner> ")
	term.begins(t, "fg")
	term.insist(t, "\x03", "inner> ")
	term.begins(t, "suspend")
	term.next(t, "Stopped")
	term.next(t, "ready> ")
	term.begins(t, "fg")
	term.insist(t, "\r", "inner> ")
	term.send(t, "exit 3\r")
	term.next(t, "ready> ")
	if got := term.does(t, "echo status $?"); !strings.Contains(got, "status 3") {
		t.Errorf("%q", got)
	}
	if diff := cmp.Diff(before, term.settings(t)); diff != "" {
		t.Errorf("other settings afterwards: %s", diff)
	}
}

// Ctrl-C ends the loop or script that runs keyhold, unless the program takes it.
func TestRunTerminal_interrupt(t *testing.T) {
	t.Parallel()
	term := runHome(t).inBash(t)
	before := term.settings(t)
	const program = "$R sh -c 'echo start >/dev/tty; exec sleep 1000'"
	for _, command := range []string{
		"for i in 1 2 3; do " + program + "; echo round; done",
		"for i in 1 2 3; do " + program + " >file 2>&1; echo round; done",
		"bash -c \"" + program + "; echo round\"",
		"bash -c \"" + program + " >file 2>&1; echo round\"",
	} {
		term.begins(t, command)
		term.next(t, "start")
		term.send(t, "\x03")
		if got := term.next(t, "ready> "); strings.Contains(got, "round") {
			t.Errorf("%s went on: %q", command, got)
		}
		if got := term.does(t, "echo status $?"); !strings.Contains(got, "status 130") {
			t.Errorf("%s: %q", command, got)
		}
	}
	term.begins(t, "$R sh -c 'trap \"exit 9\" INT; echo start; read x'; echo status $?")
	term.next(t, "start")
	term.send(t, "\x03")
	term.next(t, "status 9")
	term.next(t, "ready> ")
	if diff := cmp.Diff(before, term.settings(t)); diff != "" {
		t.Errorf("other settings afterwards: %s", diff)
	}
}

// A program learns that the window has another size, and what is sent to keyhold.
func TestRunTerminal_signals(t *testing.T) {
	t.Parallel()
	term := runHome(t).inBash(t)
	before := term.settings(t)
	script := `trap "stty size" WINCH; trap "echo got TERM; exit 5" TERM; stty size; stty raw -echo; while :; do read -t 0.05 x; done`
	term.begins(t, "$R bash -c '"+script+"'; echo status $?")
	term.next(t, "24 80")
	term.resize(t, 50, 132)
	term.next(t, "50 132")
	out, err := exec.Command("ps", "-o", "pid=", "--ppid", strconv.Itoa(term.pid)).Output()
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	term.next(t, "got TERM")
	term.next(t, "status 5")
	term.next(t, "ready> ")
	if diff := cmp.Diff(before, term.settings(t)); diff != "" {
		t.Errorf("other settings afterwards: %s", diff)
	}
}

// Another process can write while a program runs.
func TestRunTerminal_put(t *testing.T) {
	t.Parallel()
	h := runHome(t)
	term := h.inBash(t)
	term.begins(t, "$R sh -c 'echo start; read x'")
	term.next(t, "start")
	h.want(0, "other", "put", "s", "-")
	term.send(t, "\r")
	term.next(t, "ready> ")
}

// Nobody but root reads the memory of keyhold, but a program that it runs is like
// any other: its files in /proc belong to its user.
func TestRunTerminal_hardening(t *testing.T) {
	t.Parallel()
	h := newHome(t, "KEYHOLD_KEYRING=file", "KEYHOLD_PASSWORD="+password, "TERM=xterm")
	user := os.Geteuid()
	if user == 0 {
		// Root owns its files in either case, and is somebody else for that.
		user = 65534
		parent := filepath.Dir(h.dir())
		for _, dir := range []string{filepath.Dir(keyhold), filepath.Dir(parent)} {
			if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // it holds only this test's
				t.Fatal(err)
			}
		}
		if err := os.Chown(parent, user, user); err != nil {
			t.Fatal(err)
		}
		h.as = &syscall.Credential{Uid: uint32(user), Gid: uint32(user)}
	}
	h.want(0, hiddenValue, "put", "s", "-")
	const script = `test "$S" && stat -c "owner %u" /proc/self/environ /proc/$$/mem && cat /proc/$$/environ >/dev/null && ulimit -c`
	plain := exec.Command("sh", "-c", "ulimit -c")
	limit, err := plain.Output()
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Repeat(fmt.Sprintf("owner %d\n", user), 2) + string(limit)
	args := []string{"run", "-e", "S=kh://personal/s", "--", "sh", "-c", script}
	if got, _ := h.want(0, "", args...); got != want {
		t.Errorf("on pipes: %q, want %q", got, want)
	}
	if got, _ := h.want(0, "", append([]string{"run", "--no-mask"}, args[1:]...)...); got != want {
		t.Errorf("not masked: %q, want %q", got, want)
	}
	if got := h.talk(t, nil, args...); got != strings.ReplaceAll(want, "\n", "\r\n") {
		t.Errorf("on a terminal: %q, want %q", got, want)
	}
}
