package cli_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A volume is a small file system in a mount namespace of its own, which lives
// as long as the process that holds it.
type volume struct {
	t     *testing.T
	dir   string // as this process sees it
	in    io.Writer
	lines *bufio.Scanner
}

// newVolume skips the test where the system does not let us mount anything.
func newVolume(t *testing.T, size string) *volume {
	t.Helper()
	how := []string{"-m"}
	if os.Geteuid() != 0 {
		how = []string{"-Urm"}
	}
	at := t.TempDir()
	script := `mount -t tmpfs -o size=` + size + ` tmpfs "$1" && echo ready && while read -r what; do eval "$what" && echo done; done`
	cmd := exec.Command("unshare", append(how, "sh", "-c", script, "sh", at)...)
	var errs strings.Builder
	cmd.Stderr = &errs
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skipf("no mount namespace: %v", err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		_ = cmd.Wait()
		t.Skipf("nothing can be mounted here: %s", errs.String())
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	// The process is sh by now, which unshare became.
	return &volume{t, fmt.Sprintf("/proc/%d/root%s", cmd.Process.Pid, at), in, lines}
}

// run runs a command of the shell where the volume is mounted.
func (v *volume) run(what string) {
	v.t.Helper()
	if _, err := fmt.Fprintln(v.in, what); err != nil || !v.lines.Scan() {
		v.t.Fatalf("%s: %v", what, err)
	}
}

// home is newHome on the volume.
func (v *volume) home(env ...string) home {
	h := newHome(v.t, env...)
	h.env[0] = "KEYHOLD_HOME=" + filepath.Join(v.dir, "kh")
	return h
}

// fill fills the disk and returns what makes room again.
func (v *volume) fill() (empty func()) {
	v.t.Helper()
	name := filepath.Join(v.dir, "filler")
	f, err := os.Create(name)
	if err != nil {
		v.t.Fatal(err)
	}
	defer f.Close()
	for _, size := range []int{4096, 1} {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
	}
	return func() {
		if err := os.Remove(name); err != nil {
			v.t.Fatal(err)
		}
	}
}

// A full disk keeps everything as it was, and the message says so. A smaller
// value still finds its place.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	v := newVolume(t, "256k")
	h := v.home("KEYHOLD_KEYRING=file")
	pw, other := passwordFile(t), filepath.Join(t.TempDir(), "other")
	if err := os.WriteFile(other, []byte("another long passphrase"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.want(0, "old", "put", "mail", "-", "--password-file", pw)
	locked := h
	h = h.session()
	fails := func(stdin string, args ...string) {
		t.Helper()
		_, errs := h.want(1, stdin, args...)
		if !strings.Contains(errs, "no space left on device") || !strings.Contains(errs, v.dir) || strings.Contains(errs, `\n`) {
			t.Errorf("keyhold %s says %q", strings.Join(args, " "), errs)
		}
		intact(t, h)
	}
	big := strings.Repeat("0123456789abcdef", 1<<14)
	fails(big, "put", "big", "-")
	fails(big, "put", "mail", "-")
	h.want(0, "small", "put", "small", "-")

	empty := v.fill()
	// These may still find room in the store: then they are done.
	either := func(args ...string) bool {
		t.Helper()
		status, _, errs := h.status("", append(args, "--password-file", pw)...)
		if status != 0 && (status != 1 || !strings.Contains(errs, "no space left on device")) {
			t.Errorf("keyhold %s: status %d: %s", strings.Join(args, " "), status, errs)
		}
		return status == 0
	}
	if either("passwd", "--new-password-file", other) {
		pw, other = other, pw
	}
	h.want(4, "", "vault", "create", "work", "--password-file", other)
	intact(t, h)
	fails("", "config", "set", "color", "never")
	fails(big, "put", "big", "-")
	// Without room for a session there is none, and the vault opens without.
	_, errs := locked.want(1, "", "unlock", "--password-file", pw)
	if !strings.Contains(errs, "no space left on device") {
		t.Errorf("unlock says %q", errs)
	}
	if got, _ := locked.want(0, "", "get", "mail", "--password-file", pw); got != "old\n" {
		t.Errorf("mail is %q", got)
	}

	// A new key may find no room in the session, which is then of no more use:
	// the password opens everything.
	if either("vault", "rekey") {
		intact(t, h)
	}
	locked.want(0, "", "vault", "check", "--password-file", pw)

	empty()
	h = locked.sessionBy(pw)
	h.want(0, "small", "put", "small", "username=me", "-")
	h.want(0, "", "vault", "rekey", "--password-file", pw)
	h.want(0, "", "passwd", "--password-file", pw, "--new-password-file", other)
	locked.want(0, "", "vault", "check", "--password-file", other)
	intact(t, h)
}

// intact wants that what was put before the disk was full is there.
func intact(t *testing.T, h home) {
	t.Helper()
	if got, _ := h.want(0, "", "get", "mail"); got != "old\n" {
		t.Errorf("mail is %q", got)
	}
	h.want(5, "", "get", "big")
	h.want(0, "", "vault", "check")
}

// Where there is no room for a store there is none, and the next command makes it.
func TestFullDisk_create(t *testing.T) {
	t.Parallel()
	v := newVolume(t, "24k")
	h := v.home("KEYHOLD_KEYRING=off", "KEYHOLD_PASSWORD="+password)
	_, errs := h.want(1, "x", "put", "mail", "-")
	if !strings.Contains(errs, "no space left on device") || !strings.Contains(errs, h.dir()) {
		t.Errorf("put says %q", errs)
	}
	h.want(5, "", "get", "mail")
	h.wantTidy()
	v.run("mount -o remount,size=1m tmpfs " + v.dir[strings.Index(v.dir, "/root")+len("/root"):])
	h.want(0, "x", "put", "mail", "-")
	h.want(0, "", "vault", "check")
}

// As TestFullDisk, by a limit on the size of files, which every system has.
func TestFileLimit(t *testing.T) {
	t.Parallel()
	h := newHome(t, "KEYHOLD_KEYRING=file")
	pw := passwordFile(t)
	h.want(0, "old", "put", "mail", "-", "--password-file", pw)
	locked, session := h, h.session()
	h = session
	limited := func(h home, blocks int, stdin string, args ...string) {
		t.Helper()
		cmd := exec.Command("bash", append([]string{"-c", fmt.Sprintf(`ulimit -f %d; exec "$0" "$@"`, blocks), keyhold}, args...)...)
		cmd.Env, cmd.Stdin = h.env, strings.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		var exited *exec.ExitError
		if !errors.As(err, &exited) || exited.ExitCode() != 1 || !strings.Contains(string(out), "file too large") || !strings.Contains(string(out), h.dir()) {
			t.Errorf("keyhold %s: %v, %q", strings.Join(args, " "), err, out)
		}
		intact(t, session)
	}
	limited(h, 64, strings.Repeat("0123456789abcdef", 1<<14), "put", "big", "-")
	h.want(0, "small", "put", "small", "-")
	limited(h, 0, "x", "put", "more", "-")
	limited(h, 0, "", "vault", "rekey", "--password-file", pw)
	limited(h, 0, "", "vault", "create", "work", "--password-file", pw)
	limited(h, 0, "", "mv", "mail", "post")
	limited(h, 0, "", "passwd", "--password-file", pw, "--new-password-file", passwordFile(t))
	limited(locked, 0, "", "unlock", "--password-file", pw)
	h.want(0, "x", "put", "more", "-")
}
