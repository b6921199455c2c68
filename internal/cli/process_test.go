//go:build unix

package cli_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// A home is a directory for processes of the real binary.
type home struct {
	t   *testing.T
	env []string
	as  *syscall.Credential // nil: who runs the test
}

func newHome(t *testing.T, env ...string) home {
	dir := filepath.Join(t.TempDir(), "kh")
	h := home{t: t, env: append([]string{"KEYHOLD_HOME=" + dir, "HOME=" + t.TempDir(), "PATH=" + filepath.Dir(keyhold) + ":" + os.Getenv("PATH")}, env...)}
	t.Cleanup(func() { _, _ = h.run("", "lock") })
	return h
}

func (h home) command(args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	h.t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, keyhold, args...)
	cmd.Env = h.env
	if h.as != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: h.as}
	}
	return cmd
}

// run runs keyhold and returns its standard output and, on failure, an error
// with what stood on standard error.
func (h home) run(stdin string, args ...string) (string, error) {
	cmd := h.command(args...)
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("keyhold %s: %w: %s", strings.Join(args, " "), err, errs.String())
	}
	return out.String(), nil
}

// Many processes at once: on an empty home, and then all kinds of use.
func TestProcesses_parallel(t *testing.T) {
	t.Parallel()
	const writers, readers = 20, 50
	h := newHome(t, "KEYHOLD_PASSWORD="+password, "KEYHOLD_KEYRING=file")
	each := func(n int, do func(i int) error) {
		t.Helper()
		errs := make([]error, n)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() { errs[i] = do(i) })
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	put := func(i int) error {
		_, err := h.run(fmt.Sprintf("value %d", i), "put", fmt.Sprintf("item%d", i), "-")
		return err
	}
	// All of them find the home empty; one makes the vault. Each one takes
	// 64 MiB to derive the key, so not too many.
	each(6, put)
	if _, err := h.run("", "unlock"); err != nil {
		t.Fatal(err)
	}
	each(writers+readers, func(i int) error {
		if i < writers {
			return put(i + 6)
		}
		got, err := h.run("", "get", fmt.Sprintf("item%d", i%6))
		if err == nil && got != fmt.Sprintf("value %d\n", i%6) {
			err = fmt.Errorf("item%d is %q", i%6, got)
		}
		return err
	})
	// The same item from all sides: one item, with the value of one of them.
	each(writers, func(i int) error {
		_, err := h.run(fmt.Sprintf("value %d", i), "put", "contested", "-")
		return err
	})
	names, err := h.run("", "ls")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(names, "\n"); got != writers+6+1 {
		t.Errorf("%d items, want %d:\n%s", got, writers+6+1, names)
	}
	for i := range writers + 6 {
		if got, err := h.run("", "get", fmt.Sprintf("item%d", i)); err != nil || got != fmt.Sprintf("value %d\n", i) {
			t.Errorf("item%d is %q, %v", i, got, err)
		}
	}
	vaults, err := h.run("", "vault", "list")
	if err != nil || strings.Count(vaults, "\n") != 1 {
		t.Errorf("vaults: %q, %v", vaults, err)
	}
}

// A terminal is one end of a pseudo-terminal that a test reads and types at.
type terminal struct {
	*os.File
	fd   int // Fd would make it block
	pid  int // of the process that has it
	seen []byte
}

func startOnTerminal(t *testing.T, cmd *exec.Cmd) *terminal {
	t.Helper()
	f, err := pty.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	// One that does not block: the deadline of a read has no effect on f.
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	own := os.NewFile(uintptr(fd), f.Name())
	t.Cleanup(func() { own.Close() })
	return &terminal{File: own, fd: fd, pid: cmd.Process.Pid}
}

// expect reads until text was seen.
func (term *terminal) expect(t *testing.T, text string) {
	t.Helper()
	if err := term.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for !bytes.Contains(term.seen, []byte(text)) {
		b := make([]byte, 1024)
		n, err := term.Read(b)
		term.seen = append(term.seen, b[:n]...)
		if err != nil && !bytes.Contains(term.seen, []byte(text)) {
			t.Fatalf("no %q on the terminal: %v; there is %q", text, err, term.seen)
		}
	}
}

func (term *terminal) send(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(term, text); err != nil {
		t.Fatal(err)
	}
}

// A person sets up keyhold at a terminal and types what it asks for. Nothing
// of it is shown.
func TestTerminal_firstUse(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	cmd := h.command("put", "mail", "username=me@example.com")
	term := startOnTerminal(t, cmd)
	term.expect(t, "New master password (12 characters or more; nothing: suggest one): ")
	term.send(t, password+"\n")
	term.expect(t, "The same again: ")
	term.send(t, password+"\n")
	term.expect(t, "password of mail: ")
	term.send(t, "hunter2\n")
	term.expect(t, `stored "mail" in the vault "personal"`)
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"hunter2", "battery"} {
		if bytes.Contains(term.seen, []byte(secret)) {
			t.Errorf("%q was shown: %q", secret, term.seen)
		}
	}
	if got := bytes.Count(term.seen, []byte("keyhold: ")); got != 3 {
		t.Errorf("%d notices, want two about the vault and one about the item: %q", got, term.seen)
	}
}

// Who types nothing is given a passphrase to write down, and types that.
func TestTerminal_suggestion(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	cmd := h.command("vault", "create", "personal")
	term := startOnTerminal(t, cmd)
	term.expect(t, "nothing: suggest one): ")
	term.send(t, "\n")
	term.expect(t, "Type it: ")
	_, rest, _ := strings.Cut(string(term.seen), "keep it: ")
	phrase, _, _ := strings.Cut(rest, "\r\n")
	if strings.Count(phrase, "-") < 5 {
		t.Fatalf("suggested %q", phrase)
	}
	term.send(t, phrase+"\n")
	term.expect(t, `made the vault "personal"`)
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "pw")
	if err := os.WriteFile(name, []byte(phrase), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := h.run("", "lock"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.run("", "vault", "show", "--password-file", name); err != nil {
		t.Error(err)
	}
}

// Ctrl-C at a question ends keyhold by that signal, so that the shell's loop
// ends too, and leaves the terminal as it was.
func TestTerminal_interrupt(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	if _, err := h.run("hunter2", "put", "mail", "-", "--password-file", passwordFile(t)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("bash", "-c", `stty -a | grep -o -- '-*echo ' ; for i in 1 2 3; do echo "round $i"; keyhold get mail; done; echo "after: $?"`)
	cmd.Env = h.env
	term := startOnTerminal(t, cmd)
	term.expect(t, "Master password of the profile default: ")
	term.send(t, "\x03")
	err := cmd.Wait()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != syscall.SIGINT {
		t.Errorf("the loop ended with %v, not by SIGINT", err)
	}
	_ = term.SetReadDeadline(time.Now().Add(time.Second))
	rest, _ := io.ReadAll(term)
	if all := string(term.seen) + string(rest); strings.Contains(all, "round 2") || strings.Contains(all, "after") {
		t.Errorf("the loop went on: %q", all)
	}
}

// After a question was answered, an interrupt still ends what waits for
// standard input.
func TestTerminal_interruptReading(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	if _, err := h.run("hunter2", "put", "mail", "-", "--password-file", passwordFile(t)); err != nil {
		t.Fatal(err)
	}
	cmd := h.command("put", "mail", "-")
	term := startOnTerminal(t, cmd)
	term.expect(t, "Master password of the profile default: ")
	term.send(t, password+"\n\x03")
	_ = cmd.Wait()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != syscall.SIGINT {
		t.Errorf("it ended with %v, not by SIGINT", cmd.ProcessState)
	}
	if got, err := h.run("", "get", "mail", "--password-file", passwordFile(t)); err != nil || got != "hunter2\n" {
		t.Errorf("mail is %q, %v", got, err)
	}
}

// An interrupt while an editor runs is the editor's: what it has is kept.
func TestTerminal_interruptEditor(t *testing.T) {
	t.Parallel()
	editor := filepath.Join(t.TempDir(), "editor")
	script := "#!/bin/sh\ntrap 'echo interrupted' INT\necho editing\nread -r line\nwhile [ \"$line\" != go ]; do read -r line || :; done\necho text >\"$1\"\n"
	if err := os.WriteFile(editor, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	h := newHome(t, "EDITOR="+editor)
	cmd := h.command("put", "todo", "notes", "password=", "--password-file", passwordFile(t))
	term := startOnTerminal(t, cmd)
	term.expect(t, "editing")
	term.send(t, "\x03")
	term.expect(t, "interrupted")
	term.send(t, "\ngo\n")
	err := cmd.Wait()
	_ = term.SetReadDeadline(time.Now().Add(time.Second))
	rest, _ := io.ReadAll(term)
	if err != nil {
		t.Fatalf("%v: %s%s", err, term.seen, rest)
	}
	if got, err := h.run("", "get", "todo", "-f", "notes", "--password-file", passwordFile(t)); err != nil || got != "text\n" {
		t.Errorf("notes are %q, %v", got, err)
	}
}

func passwordFile(t *testing.T) string {
	name := filepath.Join(t.TempDir(), "pw")
	if err := os.WriteFile(name, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// What cannot be written is an error, unless nobody reads any more.
func TestOutput_notWritable(t *testing.T) {
	t.Parallel()
	h := newHome(t, "KEYHOLD_PASSWORD="+password)
	if _, err := h.run("hunter2", "put", "mail", "-"); err != nil {
		t.Fatal(err)
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("this system has no /dev/full")
	}
	defer full.Close()
	for _, args := range [][]string{{"get", "mail"}, {"ls"}, {"get", "mail", "--json"}, {"version"}, {"status"}} {
		cmd := h.command(args...)
		var errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = full, &errs
		if err := cmd.Run(); cmd.ProcessState.ExitCode() != 1 || !strings.Contains(errs.String(), "no space left") {
			t.Errorf("%v to a full disk: %v, %s", args, err, &errs)
		}
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer w.Close()
	cmd := h.command("ls")
	var errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = w, &errs
	_ = cmd.Run() // by SIGPIPE
	if errs.Len() > 0 {
		t.Errorf("a closed pipe: %s", &errs)
	}
}

// A terminal obeys nothing of a name.
func TestTerminal_names(t *testing.T) {
	t.Parallel()
	h := newHome(t, "KEYHOLD_KEYRING=off", "KEYHOLD_PASSWORD="+password)
	name := "evil\x1b[31m\x1b]0;title\x07\u202eline\nmore\r"
	if _, err := h.run("hunter2", "put", name, "-"); err != nil {
		t.Fatal(err)
	}
	h = h.session()
	for _, args := range [][]string{{"ls"}, {"ls", "-l"}, {"ls", "--tree"}, {"ls", "--format", "list"}, {"ls", "--format", "tsv"}, {"find", "evil"}, {"show", name},
		{"mv", name, name + "x"}, {"rm", name + "x"}, {"trash"}, {"get", name}} {
		term := startOnTerminal(t, h.command(args...))
		seen, _ := io.ReadAll(term) // an error when the process ends
		// Quoted in a message, a bell is \a. A sheet has a newline, but indented.
		if !regexp.MustCompile(`evil\\x1b\[31m\\x1b\]0;title\\(x07|a)\\u202eline(\\n|\r\n +)more\\r`).Match(seen) {
			t.Errorf("%q shows %q", args, seen)
		}
		for _, raw := range []string{"\x1b[31m", "\x1b]", "\x07", "\u202e", "\nmore"} {
			if bytes.Contains(seen, []byte(raw)) {
				t.Errorf("%q shows %q", args, seen)
			}
		}
	}
}

// With a longer list than a pipe holds, who reads only the beginning ends
// keyhold quietly.
func TestOutput_head(t *testing.T) {
	t.Parallel()
	h := newHome(t, "KEYHOLD_KEYRING=off")
	h.want(0, "x", "put", strings.Repeat("first ", 300), "-", "--password-file", passwordFile(t))
	h = h.session()
	for i := range 60 { // a pipe holds 64 KiB
		h.want(0, "x", "put", fmt.Sprintf("second %d %s", i, strings.Repeat("x", 4000)), "-")
	}
	for _, args := range []string{"ls", "ls -0", "ls -l", "ls --json", "ls --tree", "find second"} {
		cmd := exec.Command("bash", "-c", "keyhold "+args+` | head -c 1 | wc -c; echo "${PIPESTATUS[0]}"`)
		cmd.Env = h.env
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		if got := strings.Fields(out.String()); errs.Len() > 0 || len(got) != 2 || got[0] != "1" || got[1] != "0" && got[1] != "141" {
			t.Errorf("keyhold %s | head: %q, %q", args, out.String(), errs.String())
		}
	}
}
