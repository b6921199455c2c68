package backendtest

import (
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/keyhold/keyhold/internal/backend"
)

func suite(f flaw) Suite {
	return Suite{New: func(testing.TB) func() backend.Account {
		s := newService(f)
		return func() backend.Account { return s }
	}}
}

// A backend of another kind passes.
func TestFake(t *testing.T) {
	t.Parallel()
	Run(t, suite(""))
}

// Each flaw makes a check fail that is about it.
func TestFlaws(t *testing.T) {
	t.Parallel()
	for f, name := range map[flaw]string{
		"ignores revisions":     "conflict",
		"ignores versions":      "writers of one item",
		"not atomic":            "atomic",
		"drops the history":     "writers of one item",
		"drops unknown members": "items",
		"drops tags":            "items",
		"compares bytes":        "lookup",
		"finds one":             "lookup",
		"lists the trash":       "trash",
		"has no trash":          "trash",
		"goes on":               "entries",
		"same names":            "unique",
		"any name":              "bad names",
		"shares memory":         "copies",
		"writes in snapshots":   "snapshot",
		"forgets in snapshots":  "snapshot",
		"ignores the context":   "cancelled",
		"lives on":              "close",
		"two defaults":          "vaults",
		"opens every vault":     "vaults",
		"counts the trash":      "vaults",
		"any vault name":        "create and delete vaults",
		"same vault names":      "create and delete vaults",
		"keeps deleted vaults":  "create and delete vaults",
		"forgets the default":   "default vault",
	} {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			for _, c := range checks {
				if c.name != name {
					continue
				}
				if r := (&recorder{TB: t}); !r.fails(func() { c.run(newCheck(r, suite(f))) }) {
					t.Errorf("the check %q passes", name)
				}
				return
			}
			t.Fatalf("there is no check %q", name)
		})
	}
}

// A recorder keeps failures from the test that it stands for.
type recorder struct {
	testing.TB

	mu     sync.Mutex
	failed []string
}

// fails reports whether fn fails.
func (r *recorder) fails(fn func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				r.Error("panic:", p)
			}
		}()
		fn()
	}()
	<-done
	return len(r.failed) > 0
}

func (r *recorder) Error(args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = append(r.failed, fmt.Sprint(args...))
}

func (r *recorder) Errorf(format string, args ...any) { r.Error(fmt.Sprintf(format, args...)) }

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}
