package cli_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// denyVariable makes the test binary refuse itself the kernel's keyring and
// become the program that it names.
const denyVariable = "TEST_DENY_KEYCTL"

// denyKeyctl has the kernel answer EPERM to every call of its keyring, as
// containers do, and becomes the program in args. It returns only on failure.
func denyKeyctl(args []string) error {
	const denied = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	filter := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}} // the number of the call
	for _, call := range []uint32{unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_KEYCTL} {
		filter = append(filter,
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: call, Jf: 1},
			unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: denied})
	}
	filter = append(filter, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	runtime.LockOSThread() // the filter is this thread's, and exec keeps it
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0); err != nil {
		return err
	}
	return syscall.Exec(args[0], args, os.Environ())
}

// withoutKernel returns a command of keyhold to which the kernel's keyring is denied.
func (h home) withoutKernel(args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		h.t.Fatal(err)
	}
	cmd := exec.Command(self, append([]string{keyhold}, args...)...)
	cmd.Env = append(h.env[:len(h.env):len(h.env)], denyVariable+"=1")
	return cmd
}

// without runs keyhold without the kernel's keyring and returns its status and
// what it printed.
func (h home) without(args ...string) (status int, out string) {
	cmd := h.withoutKernel(args...)
	b, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		h.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(b)
}

// Where the kernel denies its keyring and there is no other, unlock says what
// to do instead, and that works.
func TestKeyring_denied(t *testing.T) {
	t.Parallel()
	pw := passwordFile(t)
	h := newHome(t, "DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent/bus")
	if _, err := h.run("hunter2", "put", "mail", "-", "--password-file", pw); err != nil {
		t.Fatal(err)
	}
	status, out := h.without("unlock", "--password-file", pw)
	if status != 1 || !strings.Contains(out, `hint: eval "$(keyhold unlock --export)"`) {
		t.Errorf("unlock: status %d, %s", status, out)
	}
	if status, out := h.without("get", "mail"); status != 4 {
		t.Errorf("get while locked: status %d, %s", status, out)
	}
	status, line := h.without("unlock", "--export", "--password-file", pw)
	if status != 0 {
		t.Fatalf("unlock --export: status %d, %s", status, line)
	}
	token := strings.TrimSuffix(strings.TrimPrefix(line, "export KEYHOLD_SESSION='"), "'\n")
	open := home{t: t, env: append(h.env, "KEYHOLD_SESSION="+token)}
	if status, out := open.without("get", "mail"); status != 0 || out != "hunter2\n" {
		t.Errorf("get: status %d, %s", status, out)
	}
	status, out = h.without("doctor")
	if status != 11 || !strings.Contains(out, "kernel cannot be used") || !strings.Contains(out, "no keyring can keep a session") {
		t.Errorf("doctor: status %d, %s", status, out)
	}
}

// The desktop's keyring, by a real gnome-keyring on a bus of its own: where it
// is asked for, and where the kernel denies its own.
func TestKeyring_desktop(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"dbus-run-session", "gnome-keyring-daemon"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed", program)
		}
	}
	pw := passwordFile(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, kh := range map[string]string{
		"asked for": "KEYHOLD_KEYRING=os " + keyhold,
		"fall back": denyVariable + "=1 " + self + " " + keyhold,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHome(t, "XDG_RUNTIME_DIR="+t.TempDir())
			script := `set -e
printf %s desktop | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1
printf hunter2 | KH put mail - --password-file "$1"
KH unlock --password-file "$1"
KH get mail
KH status | grep '^session'
KH doctor | grep '^keyring.*os is used'
KH status | grep '^keyring'
KH lock
status=0
KH get mail || status=$?
test $status = 4
echo done`
			cmd := exec.Command("dbus-run-session", "--", "sh", "-c", strings.ReplaceAll(script, "KH ", "env "+kh+" "), "sh", pw)
			cmd.Env = h.env
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "\nhunter2\n") && !strings.HasPrefix(string(out), "hunter2\n") || !strings.HasSuffix(string(out), "done\n") {
				t.Errorf("%v: %s", err, out)
			}
			for _, line := range []string{"session\topen", "keyring\tos"} {
				if !bytes.Contains(out, []byte(line)) {
					t.Errorf("no %q: %s", line, out)
				}
			}
		})
	}
}

// A bus that takes connections and never answers costs the deadline once, not
// once per command, and the doctor names it.
func TestKeyring_silentBus(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "bus") //nolint:usetesting // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	listener, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	pw := passwordFile(t)
	h := newHome(t, "KEYHOLD_KEYRING=os", "DBUS_SESSION_BUS_ADDRESS=unix:path="+filepath.Join(dir, "s"))
	if _, err := h.run("hunter2", "put", "mail", "-", "--password-file", pw); err != nil {
		t.Fatal(err)
	}
	timed := func(args ...string) (time.Duration, int, string) {
		cmd := h.command(args...)
		start := time.Now()
		out, _ := cmd.CombinedOutput()
		return time.Since(start), cmd.ProcessState.ExitCode(), string(out)
	}
	if took, status, out := timed("unlock", "--password-file", pw); status != 1 || took < 2*time.Second {
		t.Errorf("the first unlock: %v, status %d, %s", took, status, out)
	}
	for range 3 {
		if took, status, out := timed("get", "mail"); status != 4 || took > 2*time.Second {
			t.Errorf("get: %v, status %d, %s", took, status, out)
		}
	}
	if _, status, out := timed("doctor"); status != 11 || !strings.Contains(out, "did not answer") {
		t.Errorf("doctor: status %d, %s", status, out)
	}
}

// What cron, a container or a bare shell leave of the environment is enough,
// or keyhold says what is missing.
func TestEnvironment_bare(t *testing.T) {
	t.Parallel()
	pw := passwordFile(t)
	dir := t.TempDir()
	run := func(stdin string, env []string, args ...string) (int, string) {
		cmd := exec.Command(keyhold, args...)
		cmd.Env, cmd.Stdin = env, strings.NewReader(stdin)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // no terminal
		out, _ := cmd.CombinedOutput()
		return cmd.ProcessState.ExitCode(), string(out)
	}
	cron := []string{"HOME=" + dir, "PATH=/usr/bin:/bin"}
	if status, out := run("hunter2", cron, "put", "mail", "-", "--password-file", pw); status != 0 {
		t.Fatalf("put: status %d, %s", status, out)
	}
	if status, out := run("", cron, "get", "mail", "--password-file", pw); status != 0 || out != "hunter2\n" {
		t.Errorf("get: status %d, %q", status, out)
	}
	if _, err := os.Stat(filepath.Join(dir, ".local", "share", "keyhold", "local.db")); err != nil {
		t.Error(err)
	}
	if status, out := run("", []string{"LANG=C"}, "get", "mail", "--password-file", pw); status != 1 || !strings.Contains(out, "neither KEYHOLD_HOME nor HOME is set") {
		t.Errorf("without HOME: status %d, %s", status, out)
	}
	alone := []string{"KEYHOLD_HOME=" + filepath.Join(dir, ".local", "share", "keyhold")}
	if status, out := run("", alone, "get", "mail", "--password-file", pw); status != 0 || out != "hunter2\n" {
		t.Errorf("with KEYHOLD_HOME alone: status %d, %s", status, out)
	}
	xdg := []string{"XDG_DATA_HOME=" + filepath.Join(dir, ".local", "share")}
	if status, out := run("", xdg, "get", "mail", "--password-file", pw); status != 0 || out != "hunter2\n" {
		t.Errorf("with XDG_DATA_HOME alone: status %d, %s", status, out)
	}
}

// A home that cannot be written to can be read from, and a failed write leaves
// it as it was.
func TestHome_readOnly(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("it takes root to make a home that its user cannot write to")
	}
	pw := passwordFile(t)
	dir, err := os.MkdirTemp("", "keyhold-ro-") //nolint:usetesting // another user must get there
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	h := home{t: t, env: []string{"KEYHOLD_HOME=" + filepath.Join(dir, "kh"), "PATH=" + os.Getenv("PATH")}}
	if _, err := h.run("hunter2", "put", "mail", "-", "--password-file", pw); err != nil {
		t.Fatal(err)
	}
	// All of it belongs to root and may be read by everybody.
	if out, err := exec.Command("chmod", "-R", "a+rX", dir, filepath.Dir(keyhold), filepath.Dir(pw)).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	as := func(stdin string, args ...string) (int, string) {
		cmd := h.command(append(args, "--password-fd", "3")...)
		f, err := os.Open(pw)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		cmd.ExtraFiles = []*os.File{f}
		cmd.Stdin = strings.NewReader(stdin)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}, Setsid: true}
		cmd.Dir = "/"
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return cmd.ProcessState.ExitCode(), string(out)
	}
	if status, out := as("", "get", "mail"); status != 0 || out != "hunter2\n" {
		t.Errorf("get: status %d, %s", status, out)
	}
	before, err := os.ReadFile(filepath.Join(dir, "kh", "local.db"))
	if err != nil {
		t.Fatal(err)
	}
	if status, out := as("new", "put", "mail", "-"); status != 1 || !strings.Contains(out, "permission denied") {
		t.Errorf("put: status %d, %s", status, out)
	}
	after, err := os.ReadFile(filepath.Join(dir, "kh", "local.db"))
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the store changed: %v", err)
	}
}

// The lines of unlock --export are what the shells take.
func TestExport_shells(t *testing.T) {
	t.Parallel()
	pw := passwordFile(t)
	for shell, script := range map[string]string{
		"bash": `eval "$(keyhold unlock --export --password-file %s)"; keyhold get mail; bash -c 'keyhold get mail -n'`,
		"zsh":  `eval "$(keyhold unlock --export posix --password-file %s)"; keyhold get mail; zsh -c 'keyhold get mail -n'`,
		"fish": `keyhold unlock --export fish --password-file %s | source; keyhold get mail; fish -c 'keyhold get mail -n'`,
	} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(shell); err != nil {
				t.Skipf("%s is not installed", shell)
			}
			h := newHome(t)
			if _, err := h.run("hunter2", "put", "mail", "-", "--password-file", pw); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(shell, "-c", fmt.Sprintf(script, pw))
			cmd.Env = h.env
			if out, err := cmd.CombinedOutput(); err != nil || string(out) != "hunter2\nhunter2" {
				t.Errorf("%v: %q", err, out)
			}
			if _, err := h.run("", "get", "mail"); err == nil {
				t.Error("the session was not in that shell alone")
			}
		})
	}
}

// Nobody of the same user can look into a running keyhold.
func TestProcess_closed(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "keyhold-closed-") //nolint:usetesting // another user must get there
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := errors.Join(os.Chmod(dir, 0o777), os.Chmod(filepath.Dir(keyhold), 0o755)); err != nil { //nolint:gosec // see above
		t.Fatal(err)
	}
	var user *syscall.SysProcAttr
	if os.Getuid() == 0 { // root may look into everything
		user = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	looks := func(program string, args ...string) bool {
		cmd := exec.Command(program, args...)
		cmd.Env = []string{"KEYHOLD_HOME=" + filepath.Join(dir, "kh"), "KEYHOLD_PASSWORD=" + password, "PATH=" + os.Getenv("PATH")}
		cmd.SysProcAttr, cmd.Dir = user, "/"
		stdin, err := cmd.StdinPipe() // it waits for a value that does not come
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = errors.Join(stdin.Close(), cmd.Wait()) }()
		deadline := time.Now().Add(10 * time.Second)
		for !waitsForStdin(cmd.Process.Pid) && time.Now().Before(deadline) {
			runtime.Gosched()
		}
		look := exec.Command("cat", fmt.Sprintf("/proc/%d/environ", cmd.Process.Pid))
		look.SysProcAttr, look.Dir = user, "/"
		out, err := look.Output()
		return err == nil && bytes.Contains(out, []byte(password))
	}
	if !looks("cat") {
		t.Fatal("the test cannot look into any process")
	}
	if looks(keyhold, "put", "mail", "-") {
		t.Error("another process read the environment of keyhold")
	}
}

// waitsForStdin reports whether a thread of the process is in a read.
func waitsForStdin(pid int) bool {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", pid))
	for _, task := range tasks {
		if b, err := os.ReadFile(task); err == nil && bytes.HasPrefix(b, []byte(fmt.Sprintf("%d 0x0 ", unix.SYS_READ))) {
			return true
		}
	}
	return false
}
