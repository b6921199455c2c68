package config_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/keyhold/keyhold/internal/config"
)

const (
	writers = 4
	rounds  = 8
)

// TestMain lets the test start itself as a process that only changes a file.
func TestMain(m *testing.M) {
	if path := os.Getenv("CONFIG_TEST_WRITE"); path != "" {
		if err := addProfiles(path, os.Getenv("CONFIG_TEST_NAME")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func addProfiles(path, name string) error {
	for i := range rounds {
		f, err := config.Open(path)
		if err != nil {
			return err
		}
		if err := f.AddProfile(fmt.Sprintf("%s-%d", name, i), config.Profile{Vault: "v"}); err != nil {
			return err
		}
	}
	return nil
}

// TestConcurrentSet: of changes made at once, by goroutines and by processes,
// none is lost, and no reader sees half a file.
func TestConcurrentSet(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keyhold", "config.yaml")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			if err := addProfiles(path, fmt.Sprintf("g%d", i)); err != nil {
				t.Errorf("goroutine: %v", err)
			}
		})
		wg.Go(func() {
			cmd := exec.CommandContext(t.Context(), self, "-test.run=^$") //nolint:gosec // this test
			cmd.Env = append(os.Environ(), "CONFIG_TEST_WRITE="+path, fmt.Sprintf("CONFIG_TEST_NAME=p%d", i))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("process: %v\n%s", err, out)
			}
		})
		wg.Go(func() {
			for range rounds {
				if _, err := config.Open(path); err != nil {
					t.Errorf("reader: %v", err)
				}
			}
		})
	}
	wg.Wait()
	f := open(t, path)
	if got, want := len(f.Profiles()), 2*writers*rounds+1; got != want {
		t.Errorf("%d profiles, want %d", got, want)
	}
	for _, name := range f.Profiles()[1:] {
		if p, ok := f.Profile(name); p.Vault != "v" || !ok {
			t.Errorf("%s = %+v, %v", name, p, ok)
		}
	}
}
