package keyring

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/keyhold/keyhold/internal/secret"
)

// fakeKernel writes the calls down, and fails with err the one that is fail,
// the first times times.
type fakeKernel struct {
	fail  string
	err   error
	times int
	log   []string
}

func (f *fakeKernel) call(format string, args ...any) error {
	call := fmt.Sprintf(format, args...)
	f.log = append(f.log, call)
	if call == f.fail && f.times > 0 {
		f.times--
		return f.err
	}
	return nil
}

func (f *fakeKernel) store() Store {
	return kernel{calls{
		add: func(typ, desc string, _ []byte, ring int) (int, error) {
			return 7, f.call("add %s %s %d", typ, desc, ring)
		},
		search: func(ring int, typ, desc string, dest int) (int, error) {
			return 7, f.call("search %d %s %s %d", ring, typ, desc, dest)
		},
		buffer: func(cmd, id int, buf []byte, _ int) (int, error) {
			return copy(buf, "v"), f.call("read %d %d", cmd, id)
		},
		ctl: func(cmd, a, b, _, _ int) (int, error) {
			return 0, f.call("ctl %d %d %#x", cmd, a, b)
		},
	}}
}

var operations = []struct {
	name string
	do   func(context.Context, Store) error
	log  []string
}{
	{"get", func(ctx context.Context, s Store) error {
		_, err := s.Get(ctx, "n")
		return err
	}, []string{"ctl 8 -4 -0x2", "search -4 user keyhold:n 0", "read 11 7"}},
	{"set", func(ctx context.Context, s Store) error {
		return s.Set(ctx, "n", secret.Of([]byte("v")), 1500*time.Millisecond)
	}, []string{"ctl 8 -4 -0x2", "add user keyhold:n -1", "ctl 5 7 0x3f2b0000", "ctl 15 7 0x3", "ctl 8 7 -0x4", "ctl 9 7 -0x1"}},
	{"touch", func(ctx context.Context, s Store) error {
		return s.Touch(ctx, "n", time.Minute)
	}, []string{"ctl 8 -4 -0x2", "search -4 user keyhold:n 0", "ctl 15 7 0x3d"}},
	{"delete", func(ctx context.Context, s Store) error {
		return s.Delete(ctx, "n")
	}, []string{"ctl 8 -4 -0x2", "search -4 user keyhold:n 0", "ctl 21 7 0x0"}},
}

func TestKernelCalls(t *testing.T) {
	t.Parallel()
	for _, op := range operations {
		f := &fakeKernel{}
		if err := op.do(t.Context(), f.store()); err != nil {
			t.Errorf("%s: %v", op.name, err)
		}
		if got, want := strings.Join(f.log, "\n"), strings.Join(op.log, "\n"); got != want {
			t.Errorf("%s:\n%s\nwant:\n%s", op.name, got, want)
		}
	}
}

func TestKernelFailures(t *testing.T) {
	t.Parallel()
	errs := []struct {
		err  error
		want error
	}{
		{unix.EPERM, ErrUnavailable},
		{unix.ENOSYS, ErrUnavailable},
		{unix.EACCES, ErrUnavailable},
		{unix.EDQUOT, ErrUnavailable},
		{unix.ENOKEY, ErrNotFound},
		{unix.EKEYEXPIRED, ErrNotFound},
		{unix.EKEYREVOKED, ErrNotFound},
		{unix.EINVAL, unix.EINVAL},
		{unix.ENOMEM, unix.ENOMEM},
	}
	for _, op := range operations {
		for n := range op.log {
			if op.name == "set" && n == len(op.log)-1 {
				continue // the last unlink may fail
			}
			for _, e := range errs {
				f := &fakeKernel{fail: op.log[n], err: e.err, times: 99}
				err := op.do(t.Context(), f.store())
				if op.name == "delete" && e.want == ErrNotFound {
					if err != nil {
						t.Errorf("delete, call %d, %v: %v", n, e.err, err)
					}
					continue
				}
				if !errors.Is(err, e.want) {
					t.Errorf("%s, call %d, %v: %v", op.name, n, e.err, err)
				}
				if e.want == ErrUnavailable && !errors.Is(err, e.err) {
					t.Errorf("%s, call %d: %v does not say %v", op.name, n, err, e.err)
				}
				// A new key that could not be finished is not left behind.
				if last := f.log[len(f.log)-1]; op.name == "set" && n > 1 && last != op.log[len(op.log)-1] {
					t.Errorf("set, call %d failed: the last one was %q", n, last)
				}
			}
		}
	}
}

// A key that was replaced between the search and what comes after is looked
// for again.
func TestKernelReplaced(t *testing.T) {
	t.Parallel()
	for _, op := range operations {
		if op.name == "set" {
			continue
		}
		f := &fakeKernel{fail: op.log[2], err: unix.ENOKEY, times: 3}
		if err := op.do(t.Context(), f.store()); err != nil || len(f.log) != 1+4*2 {
			t.Errorf("%s: %v after %d calls", op.name, err, len(f.log))
		}
	}
}
