package keyring

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	system "github.com/zalando/go-keyring"
	"golang.org/x/sys/unix"

	"github.com/keyhold/keyhold/internal/secret"
)

const childVariable = "KEYHOLD_TEST_CHILD"

// inChild runs test in another process, whose environment holds nothing but
// env, a few directories of its own and a program dbus-launch that must not be
// started. before is a shell script that runs first; it may end with "exec",
// to which the process is the argument.
func inChild(t *testing.T, before string, env []string, test func(t *testing.T)) {
	t.Helper()
	if os.Getenv(childVariable) == t.Name() {
		test(t)
		return
	}
	dir := t.TempDir()
	launched := filepath.Join(dir, "launched")
	launch := "#!/bin/sh\n: >" + launched + "\nexit 1\n"
	if err := os.WriteFile(filepath.Join(dir, "dbus-launch"), []byte(launch), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", before+` "$@"`, "sh",
		os.Args[0], "-test.v", "-test.count=1", "-test.run=^"+t.Name()+"$")
	cmd.Env = append([]string{
		childVariable + "=" + t.Name(), "PATH=" + dir + ":" + os.Getenv("PATH"), "GORACE=atexit_sleep_ms=0",
		"HOME=" + dir, "TMPDIR=" + dir, "XDG_RUNTIME_DIR=" + dir, "XDG_DATA_HOME=" + dir, "XDG_CACHE_HOME=" + dir,
	}, env...)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := os.Stat(launched); err == nil {
		t.Error("dbus-launch was started")
	}
}

// desktopOrSkip skips the test where there are no programs for a Secret
// Service.
func desktopOrSkip(t *testing.T) {
	t.Helper()
	for _, name := range []string{"dbus-run-session", "gnome-keyring-daemon"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("no %s: apt-get install --no-install-recommends dbus gnome-keyring", name)
		}
	}
}

// withDesktop is a D-Bus with an open Secret Service.
const withDesktop = `exec dbus-run-session -- sh -c 'printf pw | gnome-keyring-daemon --unlock --components=secrets >/dev/null && exec "$@"' sh`

// quick fails the test if do takes as long as a dialog or a deadline would.
func quick(t *testing.T, do func()) {
	t.Helper()
	start := time.Now()
	do()
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("it took %v", d)
	}
}

func unavailable(t *testing.T, s Store, want string) {
	t.Helper()
	ctx, one := t.Context(), secret.Of([]byte{1})
	quick(t, func() {
		_, get := s.Get(ctx, "n")
		for i, err := range []error{get, s.Set(ctx, "n", one, 0), s.Delete(ctx, "n")} {
			if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), want) {
				t.Errorf("call %d: %v, want %q", i, err, want)
			}
		}
	})
}

func TestSecretService(t *testing.T) {
	t.Parallel()
	desktopOrSkip(t)
	inChild(t, withDesktop, nil, func(t *testing.T) {
		s := OS()
		wrong(t, s)
		conform(t, s, "0123456789abcdef0123456789abcdef:default")
		conform(t, s, "home/Profil ü/it's \"this\"")

		// Where the kernel keeps nothing, the desktop does.
		denied := &fakeKernel{fail: "ctl 8 -4 -0x2", err: unix.EPERM, times: 1000}
		both := First(filepath.Join(t.TempDir(), "run"), denied.store(), Deadline(s, ""))
		set(t, both, "v")
		holds(t, both, "v")
		holds(t, s, "v")
		if both.Kind() != "os" {
			t.Error(both.Kind())
		}
		r := Explain(t.Context(), both)
		if r[0].Used || !errors.Is(r[0].Err, unix.EPERM) || !r[1].Used || r[1].Err != nil {
			t.Errorf("%+v", r)
		}
		if err := both.Delete(t.Context(), "n"); err != nil {
			t.Error(err)
		}
		holds(t, s, "")

		if err := system.Set(service, "n", "not base64!"); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Get(t.Context(), "n"); err == nil || errors.Is(err, ErrUnavailable) {
			t.Errorf("foreign: %v", err)
		}
		lockCollection(t)
		unavailable(t, s, "locked")
		unavailable(t, Deadline(s, ""), "locked")
	})
}

func lockCollection(t *testing.T) {
	t.Helper()
	conn, err := dbus.SessionBus()
	if err != nil {
		t.Fatal(err)
	}
	login := []dbus.ObjectPath{"/org/freedesktop/secrets/collection/login"}
	if call := conn.Object(secretsName, secretsPath).Call("org.freedesktop.Secret.Service.Lock", 0, login); call.Err != nil {
		t.Fatal(call.Err)
	}
}

// A Secret Service that nothing was ever kept in has no collection, and would
// ask for the password of a new one.
func TestSecretServiceEmpty(t *testing.T) {
	t.Parallel()
	desktopOrSkip(t)
	before := `exec dbus-run-session -- sh -c 'gnome-keyring-daemon --start --components=secrets >/dev/null && exec "$@"' sh`
	inChild(t, before, nil, func(t *testing.T) {
		unavailable(t, OS(), "os: it has no default collection")
	})
}

func TestNoSecretService(t *testing.T) {
	t.Parallel()
	desktopOrSkip(t)
	config := filepath.Join(t.TempDir(), "bus.conf")
	err := os.WriteFile(config, []byte(`<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	inChild(t, "exec dbus-run-session --config-file="+config+" --", nil, func(t *testing.T) {
		unavailable(t, OS(), "no Secret Service")
	})
}

func TestNoBus(t *testing.T) {
	t.Parallel()
	for name, env := range map[string][]string{
		"nothing":    nil,
		"autolaunch": {"DBUS_SESSION_BUS_ADDRESS=autolaunch:"},
		"display":    {"DISPLAY=:99"},
		"gone":       {"DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent/bus"},
		"nonsense":   {"DBUS_SESSION_BUS_ADDRESS=?"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inChild(t, "exec", env, func(t *testing.T) {
				if _, err := os.Stat(fmt.Sprintf("/run/user/%d/bus", os.Getuid())); err == nil && name != "gone" && name != "nonsense" {
					return // this machine has one, which is found without an address
				}
				unavailable(t, OS(), "no D-Bus")
			})
		})
	}
}

// silentBus takes connections and counts them, unless it is the child's.
func silentBus(t *testing.T, socket string) *atomic.Int32 {
	t.Helper()
	accepted := new(atomic.Int32)
	if os.Getenv(childVariable) != "" {
		return accepted
	}
	bus, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bus.Close() })
	go func() {
		for {
			conn, err := bus.Accept()
			if err != nil {
				return
			}
			accepted.Add(1)
			t.Cleanup(func() { _ = conn.Close() })
		}
	}()
	return accepted
}

// A bus that takes connections and never answers costs three seconds once.
func TestSilentBus(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "bus")
	silentBus(t, socket)
	inChild(t, "exec", []string{"DBUS_SESSION_BUS_ADDRESS=unix:path=" + socket}, func(t *testing.T) {
		if boot() == "" {
			t.Fatal("this system has no boot id")
		}
		dir := filepath.Join(t.TempDir(), "run")
		open := func() Store {
			s, err := Open("os", dir)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		start := time.Now()
		_, err := open().Get(t.Context(), "n")
		if d := time.Since(start); !errors.Is(err, ErrUnavailable) || d < patience || d > patience+2*time.Second {
			t.Fatalf("%v after %v", err, d)
		}
		unavailable(t, open(), "since the system started; remove "+filepath.Join(dir, "os-slow"))
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if err := Retry(open()); err != nil {
			t.Fatal(err)
		}
		if _, err := open().Get(ctx, "n"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after Retry: %v", err)
		}
	})
}

// A locked home does not so much as look for a D-Bus while the kernel's
// keyring works.
func TestLockedAsksNoBus(t *testing.T) {
	t.Parallel()
	real(t)
	socket := filepath.Join(t.TempDir(), "bus")
	accepted := silentBus(t, socket)
	inChild(t, "exec", []string{"DBUS_SESSION_BUS_ADDRESS=unix:path=" + socket}, func(t *testing.T) {
		s, err := Open("auto", filepath.Join(t.TempDir(), "run"))
		if err != nil {
			t.Fatal(err)
		}
		_, name := real(t)
		conform(t, s, name)
		if s.Kind() != "kernel" {
			t.Error(s.Kind())
		}
	})
	if n := accepted.Load(); n != 0 {
		t.Errorf("%d connections to the D-Bus", n)
	}
}
