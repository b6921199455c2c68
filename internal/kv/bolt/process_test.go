//go:build unix

package bolt_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/bolt"
	"github.com/keyhold/keyhold/internal/kv/kvtest"
)

// TestMain is also the main function of the processes that the tests start:
// their arguments are "helper", what to do, and the store.
func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Arg(0) != "helper" {
		m.Run()
		return
	}
	if err := helper(flag.Arg(1), flag.Arg(2)); err != nil {
		panic(err)
	}
}

func helper(what, path string) error {
	ctx, db := context.Background(), bolt.New(path)
	switch what {
	case "increment":
		for range 50 {
			if err := db.Update(ctx, func(tx kv.Tx) error { return kvtest.Increment(tx, []byte("n")) }); err != nil {
				return err
			}
		}
		return nil
	case "write": // prints a number when it is stored
		for i := range uint64(1 << 20) {
			err := db.Update(ctx, func(tx kv.Tx) error {
				return tx.Put(binary.BigEndian.AppendUint64([]byte("w"), i), make([]byte, i%5000))
			})
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintln(os.Stdout, i); err != nil {
				return err
			}
		}
		return nil
	case "hold": // prints a line when it has the lock, and gives it back at the end of its input
		return db.Update(ctx, func(kv.Tx) error {
			if _, err := fmt.Fprintln(os.Stdout, "held"); err != nil {
				return err
			}
			_, err := io.Copy(io.Discard, os.Stdin)
			return err
		})
	case "full": // may not make a file greater than 1 MiB
		signal.Ignore(syscall.SIGXFSZ)
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 1 << 20, Max: 1 << 20}); err != nil {
			return err
		}
		err := db.Update(ctx, func(tx kv.Tx) error {
			return errors.Join(tx.Put([]byte("a"), []byte("2")), tx.Put([]byte("big"), make([]byte, 4<<20)))
		})
		if !errors.Is(err, unix.EFBIG) {
			return fmt.Errorf("Update on a full disk = %v, want EFBIG", err)
		}
		return nil
	default:
		return fmt.Errorf("no such helper: %s", what)
	}
}

func start(t *testing.T, what, path string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "helper", what, path)
	cmd.Stderr = t.Output()
	return cmd
}

func count(t *testing.T, path string) (n uint64) {
	t.Helper()
	err := bolt.New(path).View(t.Context(), func(tx kv.Tx) error {
		if v := tx.Get([]byte("n")); v != nil {
			n = binary.BigEndian.Uint64(v)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// leftovers lists what is beside the store.
func leftovers(t *testing.T, path string) (names []string) {
	t.Helper()
	list, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if e.Name() != filepath.Base(path) {
			names = append(names, e.Name())
		}
	}
	return names
}

func TestProcesses(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	var wg sync.WaitGroup
	for range 10 {
		cmd := start(t, "increment", path)
		wg.Go(func() {
			if err := cmd.Run(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := count(t, path); n != 500 {
		t.Errorf("%d of 500 increments are there", n)
	}
	if names := leftovers(t, path); names != nil {
		t.Errorf("%q are left", names)
	}
}

func TestCreatorsRace(t *testing.T) {
	t.Parallel()
	for range 20 {
		path := filepath.Join(t.TempDir(), "new", "test.db")
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				err := bolt.New(path).Update(t.Context(), func(tx kv.Tx) error { return kvtest.Increment(tx, []byte("n")) })
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := count(t, path); n != 10 {
			t.Errorf("%d of 10 increments are there", n)
		}
		if names := leftovers(t, path); names != nil {
			t.Errorf("%q are left", names)
		}
	}
}

func TestKilledCreator(t *testing.T) {
	t.Parallel()
	died := 0
	for i := range 60 {
		path := filepath.Join(t.TempDir(), "test.db")
		cmd := start(t, "increment", path)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Duration(rand.Int64N(int64(i+1) * int64(time.Millisecond))))
		_ = cmd.Process.Kill()
		if cmd.Wait() != nil {
			died++
		}
		db := bolt.New(path)
		if err := db.Check(t.Context()); err != nil {
			t.Errorf("Check = %v", err)
		}
		before := count(t, path)
		if err := db.Update(t.Context(), func(tx kv.Tx) error { return kvtest.Increment(tx, []byte("n")) }); err != nil {
			t.Fatal(err)
		}
		if n := count(t, path); n != before+1 {
			t.Errorf("n = %d, want %d", n, before+1)
		}
		if before == 0 && leftovers(t, path) != nil {
			t.Errorf("%q are left", leftovers(t, path))
		}
	}
	if died == 0 {
		t.Error("nobody was killed")
	}
}

func TestKilledWriter(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	for range 15 {
		cmd := start(t, "write", path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines, last := bufio.NewScanner(out), ""
		for range 1 + rand.N(60) {
			if !lines.Scan() {
				t.Fatal("the writer stopped")
			}
		}
		_ = cmd.Process.Kill()
		for lines.Scan() { // what it acknowledged before it died
			last = lines.Text()
		}
		_ = cmd.Wait()
		var n uint64
		_, _ = fmt.Sscan(last, &n)
		db := bolt.New(path)
		if err := db.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		err = db.View(t.Context(), func(tx kv.Tx) error {
			for i := range n + 1 {
				if v := tx.Get(binary.BigEndian.AppendUint64([]byte("w"), i)); v == nil || uint64(len(v)) != i%5000 {
					t.Errorf("write %d of %d was acknowledged and is gone", i, n)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestBusy(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	if err := bolt.New(path).Update(t.Context(), func(tx kv.Tx) error { return tx.Put([]byte("a"), nil) }); err != nil {
		t.Fatal(err)
	}
	cmd := start(t, "hold", path)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if !bufio.NewScanner(out).Scan() {
		t.Fatal("the holder stopped")
	}
	db := bolt.New(path)
	db.SetTimeout(30 * time.Millisecond)
	nothing := func(kv.Tx) error { return nil }
	for name, run := range map[string]func(context.Context) error{
		"View":   func(ctx context.Context) error { return db.View(ctx, nothing) },
		"Update": func(ctx context.Context) error { return db.Update(ctx, nothing) },
		"Check":  db.Check,
		"Scrub":  db.Scrub,
	} {
		err := run(t.Context())
		if !errors.Is(err, kv.ErrBusy) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s = %v, want ErrBusy and the path", name, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		if err := run(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s with a deadline = %v", name, err)
		}
		cancel()
	}
	db.SetTimeout(5 * time.Second)
	done := make(chan error)
	go func() { done <- db.Update(t.Context(), nothing) }()
	_ = in.Close()
	if err := <-done; err != nil {
		t.Errorf("Update once the lock is free = %v", err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if names := leftovers(t, path); names != nil {
		t.Errorf("%q are left: waiting is no damage", names)
	}
}

func TestDiskFull(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	db := bolt.New(path)
	if err := start(t, "full", path).Run(); err != nil {
		t.Errorf("a new store: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) || leftovers(t, path) != nil {
		t.Errorf("a store that could not be made leaves %v, %q", err, leftovers(t, path))
	}
	if err := db.Update(t.Context(), func(tx kv.Tx) error { return tx.Put([]byte("a"), []byte("1")) }); err != nil {
		t.Fatal(err)
	}
	if err := start(t, "full", path).Run(); err != nil {
		t.Error(err)
	}
	err := db.View(t.Context(), func(tx kv.Tx) error {
		if got := string(tx.Get([]byte("a"))); got != "1" || tx.Get([]byte("big")) != nil {
			t.Errorf("a = %q after an Update that failed", got)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if err := db.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestPermission(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("root may do everything")
	}
	path := filepath.Join(t.TempDir(), "test.db")
	if err := os.WriteFile(path, nil, 0); err != nil {
		t.Fatal(err)
	}
	err := bolt.New(path).View(t.Context(), func(kv.Tx) error { return nil })
	if !errors.Is(err, fs.ErrPermission) {
		t.Errorf("View = %v, want ErrPermission", err)
	}
}
