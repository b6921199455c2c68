package keyring

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/keyhold/keyhold/internal/secret"
)

// TestMain is also the main function of the other processes that the tests
// start: "-other [fresh] get|set|touch|delete NAME [VALUE]".
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "-other" {
		if err := other(os.Args[2:]); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func other(args []string) error {
	ctx, s := context.Background(), Kernel()
	switch args[0] {
	case "fresh": // like keyctl session - CMD
		runtime.LockOSThread()
		if _, err := unix.KeyctlInt(unix.KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0); err != nil {
			return err
		}
		argv := append([]string{os.Args[0], "-other"}, args[1:]...)
		return unix.Exec(os.Args[0], argv, os.Environ())
	case "get":
		v, err := s.Get(ctx, args[1])
		fmt.Printf("%s", v.Reveal())
		return err
	case "set":
		return s.Set(ctx, args[1], secret.Of([]byte(args[2])), 30*time.Minute+30*time.Second)
	case "touch":
		return s.Touch(ctx, args[1], 10*time.Minute+30*time.Second)
	}
	return s.Delete(ctx, args[1])
}

// real returns the kernel's keyring and a fresh name in it.
func real(t testing.TB) (Store, string) {
	t.Helper()
	s, name := Kernel(), "test:"+rand.Text()
	if _, err := s.Get(t.Context(), name); errors.Is(err, unix.ENOSYS) {
		t.Skip("this kernel has no keyrings")
	}
	t.Cleanup(func() { _ = s.Delete(context.Background(), name) })
	return s, name
}

func TestKernel(t *testing.T) {
	t.Parallel()
	s, name := real(t)
	wrong(t, s)
	conform(t, s, name)
	if s.Kind() != "kernel" {
		t.Error(s.Kind())
	}
}

// line returns the fields of the key in /proc/keys: serial, flags, uses,
// time-out, permissions, uid, gid, type, description.
func line(t *testing.T, name string) []string {
	t.Helper()
	id, err := unix.KeyctlSearch(unix.KEY_SPEC_USER_KEYRING, "user", "keyhold:"+name, 0)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("/proc/keys")
	if err != nil {
		t.Skip(err)
	}
	for l := range strings.Lines(string(b)) {
		if f := strings.Fields(l); f[0] == fmt.Sprintf("%08x", id) {
			return f
		}
	}
	t.Fatalf("%s is not in /proc/keys", name)
	return nil
}

func TestKernelAttributes(t *testing.T) {
	t.Parallel()
	s, name := real(t)
	check := func(timeout string) {
		t.Helper()
		f := line(t, name)
		if f[3] != timeout || f[4] != "3f2b0000" || f[7] != "user" {
			t.Errorf("time-out %s, permissions %s, type %s, want %s, 3f2b0000, user", f[3], f[4], f[7], timeout)
		}
	}
	set := func(value string, ttl time.Duration) {
		t.Helper()
		if err := s.Set(t.Context(), name, secret.Of([]byte(value)), ttl); err != nil {
			t.Fatal(err)
		}
	}
	touch := func(ttl time.Duration) {
		t.Helper()
		if err := s.Touch(t.Context(), name, ttl); err != nil {
			t.Fatal(err)
		}
	}
	set("a", 0)
	check("perm")
	set("b", 90*time.Minute)
	check("1h")
	touch(10*time.Minute + 30*time.Second)
	check("10m")
	set("c", 0)
	check("perm")
	touch(20*time.Minute + 30*time.Second)
	check("20m")
	touch(0)
	check("perm")
}

// A key that something else made under our name, with permissions that do not
// even allow to change it, is replaced.
func TestKernelForeignKey(t *testing.T) {
	t.Parallel()
	s, name := real(t)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	id, err := unix.AddKey("user", "keyhold:"+name, []byte("foreign"), unix.KEY_SPEC_USER_KEYRING)
	if err == nil {
		_, err = unix.KeyctlInt(unix.KEYCTL_LINK, unix.KEY_SPEC_USER_KEYRING, unix.KEY_SPEC_PROCESS_KEYRING, 0, 0)
	}
	if err == nil {
		err = unix.KeyctlSetperm(id, 0x01010000)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Set(t.Context(), name, secret.Of([]byte("ours")), 0); err != nil {
		t.Fatal(err)
	}
	if v, err := s.Get(t.Context(), name); err != nil || string(v.Reveal()) != "ours" {
		t.Errorf("Get = %q, %v", v.Reveal(), err)
	}
}

func TestKernelTooLong(t *testing.T) {
	t.Parallel()
	s, name := real(t)
	if _, err := unix.AddKey("user", "keyhold:"+name, make([]byte, 2000), unix.KEY_SPEC_USER_KEYRING); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), name); err == nil || errors.Is(err, ErrNotFound) {
		t.Errorf("error = %v", err)
	}
}

// start runs other in a process of its own and returns its output.
func start(t *testing.T, mode string, args ...string) (string, error) {
	t.Helper()
	argv := []string{"-other"}
	if mode == "fresh" {
		argv = append(argv, mode)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], append(argv, args...)...)
	cmd.Env = append(cmd.Environ(), "GORACE=atexit_sleep_ms=0")
	out, err := cmd.Output()
	return string(out), err
}

func TestKernelOtherProcess(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"same", "fresh"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s, name := real(t)
			run := func(args ...string) (string, error) { return start(t, mode, args...) }
			must := func(want string, args ...string) {
				t.Helper()
				if out, err := run(args...); err != nil || out != want {
					t.Fatalf("%v: %q, %v, want %q", args, out, err, want)
				}
			}
			here := func(want string) {
				t.Helper()
				if v, err := s.Get(t.Context(), name); err != nil || string(v.Reveal()) != want {
					t.Fatalf("Get = %q, %v, want %q", v.Reveal(), err, want)
				}
			}
			must("", "delete", name)
			must("", "set", name, "theirs")
			here("theirs")
			must("theirs", "get", name)
			if f := line(t, name); f[3] != "30m" || f[4] != "3f2b0000" {
				t.Errorf("time-out %s, permissions %s", f[3], f[4])
			}
			if err := s.Set(t.Context(), name, secret.Of([]byte("mine")), 0); err != nil {
				t.Fatal(err)
			}
			must("mine", "get", name)
			must("", "touch", name)
			if f := line(t, name); f[3] != "10m" {
				t.Errorf("time-out %s", f[3])
			}
			must("", "set", name, "again")
			here("again")
			must("", "delete", name)
			if _, err := s.Get(t.Context(), name); !errors.Is(err, ErrNotFound) {
				t.Fatalf("after delete: %v", err)
			}
			if out, err := run("get", name); err == nil || !strings.Contains(out, ErrNotFound.Error()) {
				t.Fatalf("get: %q, %v", out, err)
			}
			if err := s.Set(t.Context(), name, secret.Of([]byte("mine")), 0); err != nil {
				t.Fatal(err)
			}
			must("", "set", name, "over")
			here("over")
			if err := s.Delete(t.Context(), name); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// Whoever reads while others set sees one of the values, whole. Few are set,
// because what was replaced counts towards the user's quota of 200 keys until
// the kernel has tidied up.
func TestKernelConcurrent(t *testing.T) {
	t.Parallel()
	s, name := real(t)
	ctx := t.Context()
	values := []string{strings.Repeat("a", 48), strings.Repeat("b", 700)}
	if err := s.Set(ctx, name, secret.Of([]byte(values[0])), 0); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for _, v := range values {
		wg.Go(func() {
			for range 20 {
				if err := s.Set(ctx, name, secret.Of([]byte(v)), time.Hour); err != nil {
					t.Error(err)
				}
			}
		})
		wg.Go(func() {
			for range 2000 {
				got, err := s.Get(ctx, name)
				if g := string(got.Reveal()); err != nil || g != values[0] && g != values[1] {
					t.Errorf("Get = %q, %v", g, err)
				}
			}
		})
	}
	wg.Wait()
	if f := line(t, name); f[3] != "1h" && f[3] != "60m" || f[4] != "3f2b0000" {
		t.Errorf("time-out %s, permissions %s", f[3], f[4])
	}
}

func BenchmarkKernelGet(b *testing.B) {
	s, name := real(b)
	if err := s.Set(b.Context(), name, secret.Of(make([]byte, 48)), time.Hour); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.Get(b.Context(), name); err != nil {
			b.Fatal(err)
		}
	}
}
