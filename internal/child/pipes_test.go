//go:build !windows

package child_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestPipes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, script string
		in           string
		status       int
		out, err     string
	}{
		{"nothing", ":", "", 0, "", ""},
		{"status", "exit 37", "", 37, "", ""},
		{"killed", "kill -TERM $$", "", 143, "", ""},
		{"killed hard", "kill -KILL $$", "", 137, "", ""},
		{"both streams", "echo 1 $S; echo 2 $S >&2", "", 0, "1 [hidden]\n", "2 [hidden]\n"},
		{"no terminals", "test -t 1 || test -t 2 || echo none", "", 0, "none\n", ""},
		{"input", "cat; cat", "a\nb", 0, "a\nb", ""},
		{"in pieces", `printf s3cr; sh -c 'printf %s 3t-To'; printf ken.`, "", 0, "[hidden].", ""},
		{"a beginning at the end", "printf s3cr3t", "", 0, "s3cr3t", ""},
		{"the environment", `echo "$CHILD_TEST_VALUES"; echo ${#S}`, "", 0, "\n12\n", ""},
		{"a group of its own", "ps -o pgid= -p $$ | grep -qw $PPID && echo the same", "", 0, "the same\n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cmd := sh(t, tt.script)
			var out, err bytes.Buffer
			cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(tt.in), &out, &err
			if got := statusOf(t, cmd.Run()); got != tt.status {
				t.Errorf("status = %d, want %d", got, tt.status)
			}
			if out.String() != tt.out || err.String() != tt.err {
				t.Errorf("printed %q and %q, want %q and %q", &out, &err, tt.out, tt.err)
			}
		})
	}
}

func TestStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	plain := file("plain", "exit 4\n", 0o600)
	tests := []struct {
		name   string
		args   []string
		status int
		err    string
	}{
		{"no such program", []string{"no-such-program"}, 127, "run no-such-program: no such program\n"},
		{"no such file", []string{filepath.Join(dir, "none")}, 127, "no such program"},
		{"no name", []string{""}, 127, "no such program"},
		{"below a file", []string{plain + "/x"}, 127, "no such program"},
		{"not executable", []string{plain}, 126, "cannot be executed: permission denied"},
		{"not executable, in PATH", []string{"plain"}, 126, "cannot be executed: permission denied"},
		{"a directory", []string{dir}, 126, "cannot be executed: is a directory"},
		{"no interpreter named", []string{file("script", "exit $1\n", 0o700), "5"}, 5, ""},
		{"no such interpreter", []string{file("orphan", "#!/no/such\n", 0o700)}, 127, "no such program"},
		{"in PATH", []string{"script", "6"}, 6, ""},
	}
	for _, hide := range []string{hiddenValue, "-"} {
		for _, tt := range tests {
			t.Run(fmt.Sprint(tt.name, " hiding ", hide), func(t *testing.T) {
				t.Parallel()
				cmd := command(t, tt.args...)
				cmd.Env = append(cmd.Env, values+"="+hide, "PATH=/no/such:"+dir)
				var errs bytes.Buffer
				cmd.Stderr = &errs
				if got := statusOf(t, cmd.Run()); got != tt.status {
					t.Errorf("status = %d, want %d", got, tt.status)
				}
				if !strings.Contains(errs.String(), tt.err) || (tt.err == "") != (errs.Len() == 0) {
					t.Errorf("error %q, want %q", &errs, tt.err)
				}
			})
		}
	}
}

// TestOneFile has both streams end in one pipe: the order stays.
func TestOneFile(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	cmd := sh(t, "for i in 1 2 3 4 5 6 7 8 9; do echo o$i; echo e$i >&2; done")
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for i := 1; i < 10; i++ {
		fmt.Fprintf(&want, "o%d\ne%d\n", i, i)
	}
	if out.String() != want.String() {
		t.Errorf("printed %q", &out)
	}
}

// TestLeftBehind has a program leave one that holds the output.
func TestLeftBehind(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	cmd := sh(t, "sleep 1000 & echo $!")
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	killLater(t, out.String())
}

// killLater ends a process that a test leaves behind; it must live until then.
func killLater(t *testing.T, pid string) {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(pid))
	if err == nil {
		err = syscall.Kill(n, syscall.SIGKILL)
	}
	if err != nil {
		t.Error(err)
	}
}

func TestSignals(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			cmd := sh(t, `trap 'echo got; exit 9' TERM INT HUP QUIT USR1 USR2 ALRM; echo ready; while :; do sleep 0.05; done`)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(out)
			if !lines.Scan() || lines.Text() != "ready" {
				t.Fatalf("printed %q", lines.Text())
			}
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			if !lines.Scan() || lines.Text() != "got" {
				t.Errorf("printed %q", lines.Text())
			}
			_, _ = io.Copy(io.Discard, out)
			if got := statusOf(t, cmd.Wait()); got != 9 {
				t.Errorf("status = %d", got)
			}
		})
	}
}

// TestOutputClosed has nobody want the output: the program learns it.
func TestOutputClosed(t *testing.T) {
	t.Parallel()
	cmd := sh(t, "yes; status=$?; echo $status >&2; exit 3")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = out.Close()
	if got := statusOf(t, cmd.Wait()); got != 3 || errs.String() != "141\n" {
		t.Errorf("status = %d, errors %q", got, &errs)
	}
}

// TestReplaced has nothing to hide: the program is the process itself.
func TestReplaced(t *testing.T) {
	t.Parallel()
	for _, hide := range []string{"-", "short"} {
		cmd := sh(t, "echo $$; kill -USR1 $$")
		cmd.Env = append(cmd.Env, values+"="+hide)
		var out bytes.Buffer
		cmd.Stdout = &out
		if got := statusOf(t, cmd.Run()); got != -int(syscall.SIGUSR1) {
			t.Errorf("status = %d", got)
		}
		if got, want := out.String(), fmt.Sprintln(cmd.Process.Pid); got != want {
			t.Errorf("process %q, want %q", got, want)
		}
	}
}
