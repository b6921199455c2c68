//go:build !windows

package child_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// bash starts a shell with job control, where keyhold is the command k.
func bash(t *testing.T) *screen {
	t.Helper()
	dir := t.TempDir()
	if err := os.Symlink(os.Args[0], filepath.Join(dir, "k")); err != nil {
		t.Fatal(err)
	}
	path, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal(err)
	}
	cmd := command(t)
	cmd.Path = path
	cmd.Args = []string{"bash", "--norc", "--noprofile", "--noediting", "-i"}
	cmd.Dir = dir
	cmd.Env = append(cmd.Env, "PATH="+dir+":"+os.Getenv("PATH"), "PS1=ready> ", "HISTFILE=")
	s := onScreen(t, cmd)
	s.expect("ready> ")
	return s
}

// run types a command and waits until its echo is shown.
func (s *screen) run(command string) {
	s.t.Helper()
	s.press(command + "\r")
	s.expect(command + "\r\n")
}

func TestStopAndGoOn(t *testing.T) {
	t.Parallel()
	s := bash(t)
	before := s.settings()
	s.run(`k sh -c 'echo "start <$$>"; read x; echo "line $x"; read x; echo "line $x"; exit 5'`)
	s.expect("start <")
	pid := s.expect(">\r\n")
	for _, line := range []string{"one", "two"} {
		s.press("\x1a")
		s.expect("Stopped")
		s.expect("ready> ")
		if got := s.settings(); got != before {
			t.Errorf("other settings while it is stopped: %v, want %v", got, before)
		}
		s.run("ps -o stat= -p " + pid + "; echo shown")
		if state := s.expect("shown\r\n"); !strings.HasPrefix(state, "T") {
			t.Errorf("state of the program: %q", state)
		}
		s.expect("ready> ")
		s.run("fg")
		s.expect("\r\n") // the command
		s.press(line + "\r")
		s.expect("line " + line + "\r\n")
	}
	s.expect("ready> ")
	s.run("echo status $?")
	s.expect("status 5")
	s.expect("ready> ")
	s.press("exit\r")
	s.end(0)
}

func TestBackground(t *testing.T) {
	t.Parallel()
	s := bash(t)
	s.run(`k sh -c 'echo start; read x; echo "line $x"' &`)
	s.expect("start")
	s.press("\r")
	s.expect("ready> ")
	s.run("echo the shell has the keys")
	s.expect("the shell has the keys")
	s.expect("ready> ")
	s.run("fg")
	s.expect("\r\n")
	s.press("now\r")
	s.expect("line now\r\n")
	s.expect("ready> ")
	s.press("exit\r")
	s.end(0)
}

// TestStoppedToBackground has a stopped program go on in the background.
func TestStoppedToBackground(t *testing.T) {
	t.Parallel()
	s := bash(t)
	s.run(`k sh -c 'trap "echo goes on" CONT; echo start; while :; do read x && echo "line $x"; done'`)
	s.expect("start")
	s.press("\x1a")
	s.expect("Stopped")
	s.expect("ready> ")
	s.run("bg")
	s.expect("goes on")
	s.press("\r")
	s.expect("ready> ")
	s.run("fg")
	s.insist("now\r", "line now\r\n")
	s.press("\x03")
	s.expect("ready> ")
	s.run("echo status $?")
	s.expect("status 130")
	s.expect("ready> ")
	s.press("exit\r")
	s.end(0)
}

// TestInterruptedScript has Ctrl-C end a script too, whose one command it ended.
func TestInterruptedScript(t *testing.T) {
	t.Parallel()
	s := bash(t)
	s.run(`sh -c 'k sh -c "echo start; exec sleep 1000"; echo the script goes on'; echo status $?`)
	s.expect("start")
	s.press("\x03")
	if got := s.expect("ready> "); strings.Contains(got, "goes on") {
		t.Errorf("shown %q", got)
	}
	s.press("exit\r")
	s.end(130)
}

// TestPipeline stops and ends a pipeline.
func TestPipeline(t *testing.T) {
	t.Parallel()
	s := bash(t)
	s.run(`sleep 1000 | k sh -c 'echo start; exec cat </dev/tty'`)
	s.expect("start")
	s.press("\x1a")
	s.expect("Stopped")
	s.expect("ready> ")
	s.run("fg")
	s.insist("key\r", "key\r\nkey\r\n") // the line and what becomes of it
	s.press("\x03")
	s.expect("ready> ")
	s.run("jobs; echo no jobs")
	if got := s.expect("no jobs"); strings.TrimSpace(got) != "" {
		t.Errorf("jobs left: %q", got)
	}
	s.expect("ready> ")
	s.press("exit\r")
	s.end(0)
}

// TestShellInside runs a shell with job control.
func TestShellInside(t *testing.T) {
	t.Parallel()
	s := bash(t)
	s.run(`PS1='inner> ' k bash --norc --noprofile -i`)
	s.expect("inner> ")
	s.run("sh -c 'echo waits; exec cat'")
	s.expect("waits")
	s.press("\x1a")
	s.expect("Stopped")
	s.expect("inner> ")
	s.run("echo $S")
	s.expect("[hidden]")
	s.expect("inner> ")
	s.run("fg")
	s.insist("key\r", "key\r\nkey\r\n")
	s.press("\x03")
	s.expect("inner> ")
	s.run("suspend")
	s.expect("Stopped")
	s.expect("ready> ")
	s.run("fg")
	s.expect("\r\n")
	s.press("\r")
	s.expect("inner> ")
	s.run("exit 3")
	s.expect("ready> ")
	s.run("echo status $?")
	s.expect("status 3")
	s.expect("ready> ")
	s.press("exit\r")
	s.end(0)
}

// TestFullScreen runs programs that take the whole screen.
func TestFullScreen(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ program, command, start, quit string }{
		{"vi", "k vi -u NONE -i NONE -n +1 text", "text [hidden]", ":q!\r"},
		{"less", "k less text", "text [hidden]", "q"},
		{"less", "cat text | k less", "text [hidden]", "q"},
		{"top", "k top -d 100", "PID", "q"},
	} {
		t.Run(tt.command, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(tt.program); err != nil {
				t.Skip(err)
			}
			s := bash(t)
			before := s.settings()
			s.run("seq 100 >text; sed -i \"1s/.*/text $S/\" text; echo written")
			s.expect("written")
			s.expect("ready> ")
			s.run(tt.command)
			s.expect(tt.start)
			s.insist("\x1a", "Stopped") // less misses it just before it reads
			s.expect("ready> ")
			s.run("fg")
			s.expect(tt.start)
			s.press(tt.quit)
			s.expect("ready> ")
			if got := s.settings(); got != before {
				t.Errorf("other settings now: %v, want %v", got, before)
			}
			s.press("exit\r")
			s.end(0)
		})
	}
}
