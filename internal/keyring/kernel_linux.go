package keyring

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/keyhold/keyhold/internal/secret"
)

// Kernel returns the Store in the kernel's keyring of the user: values never
// reach a disk and are gone after a reboot. On systems other than Linux every
// call is ErrUnavailable.
func Kernel() Store {
	return kernel{calls{
		add:    unix.AddKey,
		search: unix.KeyctlSearch,
		buffer: unix.KeyctlBuffer,
		ctl:    unix.KeyctlInt,
	}}
}

const (
	keyType   = "user"
	keyPrefix = "keyhold:"

	userRing    = unix.KEY_SPEC_USER_KEYRING
	processRing = unix.KEY_SPEC_PROCESS_KEYRING
	threadRing  = unix.KEY_SPEC_THREAD_KEYRING

	// Everything for whoever possesses the key; view, read, search and set
	// attributes for the same user's processes that do not, such as services,
	// cron jobs and shells made by su.
	keyPerm = 0x3f2b0000
)

// calls are the system calls that kernel makes.
type calls struct {
	add    func(keyType, description string, payload []byte, ring int) (int, error)
	search func(ring int, keyType, description string, dest int) (int, error)
	buffer func(cmd, id int, buf []byte, arg5 int) (int, error)
	ctl    func(cmd, arg2, arg3, arg4, arg5 int) (int, error)
}

type kernel struct{ calls }

func (kernel) Kind() string { return "kernel" }

func (k kernel) Get(ctx context.Context, name string) (value secret.Bytes, err error) {
	err = k.found(ctx, name, func(id int) (err error) {
		value, err = k.read(id)
		return err
	})
	return value, err
}

// Set makes a new key aside, where no other thread finds it, and then links it
// over the old one, so that others see the old or the new value, and that with
// its permissions and time-out. Added to the user keyring at once, it would
// change an old key in place.
func (k kernel) Set(ctx context.Context, name string, value secret.Bytes, ttl time.Duration) error {
	timeout, err := seconds(ttl)
	if err := errors.Join(err, checkValue(value)); err != nil {
		return err
	}
	return k.sequence(ctx, name, func() error {
		id, err := k.add(keyType, keyPrefix+name, value.Reveal(), threadRing)
		if err != nil {
			return failed("add", err)
		}
		defer k.ctl(unix.KEYCTL_UNLINK, id, threadRing, 0, 0) //nolint:errcheck // it goes with the thread
		if _, err := k.ctl(unix.KEYCTL_SETPERM, id, keyPerm, 0, 0); err != nil {
			return failed("set permissions", err)
		}
		if err := k.setTimeout(id, timeout); err != nil {
			return err
		}
		if _, err := k.ctl(unix.KEYCTL_LINK, id, userRing, 0, 0); err != nil {
			return failed("link key", err)
		}
		return nil
	})
}

func (k kernel) Touch(ctx context.Context, name string, ttl time.Duration) error {
	timeout, err := seconds(ttl)
	if err != nil {
		return err
	}
	return k.found(ctx, name, func(id int) error { return k.setTimeout(id, timeout) })
}

func (k kernel) Delete(ctx context.Context, name string) error {
	err := k.found(ctx, name, func(id int) error {
		if _, err := k.ctl(unix.KEYCTL_INVALIDATE, id, 0, 0, 0); err != nil {
			return failed("invalidate", err)
		}
		return nil
	})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// sequence runs do on one thread, because Linux keeps credentials, keyrings
// among them, per thread. It links the user keyring into the process keyring
// first: in a session whose keyring does not lead there, the keys would not be
// possessed, and permissions could not be set nor keys be invalidated.
func (k kernel) sequence(ctx context.Context, name string, do func() error) error {
	if err := check(ctx, name); err != nil {
		return err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if _, err := k.ctl(unix.KEYCTL_LINK, userRing, processRing, 0, 0); err != nil {
		return failed("link user keyring", err)
	}
	return do()
}

// found calls do with the key of that name in a sequence. If another process
// replaced the key in between, it looks for the new one.
func (k kernel) found(ctx context.Context, name string, do func(id int) error) error {
	return k.sequence(ctx, name, func() error {
		var err error
		for range 10 {
			var id int
			id, err = k.search(userRing, keyType, keyPrefix+name, 0)
			if err != nil {
				return failed("search", err)
			}
			if err = do(id); !errors.Is(err, ErrNotFound) {
				break
			}
		}
		return err
	})
}

func (k kernel) read(id int) (secret.Bytes, error) {
	buf := make([]byte, maxValue)
	n, err := k.buffer(unix.KEYCTL_READ, id, buf, 0)
	if err == nil && n > len(buf) {
		err = fmt.Errorf("value of %d bytes", n)
	}
	if err != nil {
		clear(buf)
		return secret.Bytes{}, failed("read", err)
	}
	return secret.Of(buf[:n:n]), nil
}

// setTimeout also takes a time-out away, if n is 0.
func (k kernel) setTimeout(id, n int) error {
	if _, err := k.ctl(unix.KEYCTL_SET_TIMEOUT, id, n, 0, 0); err != nil {
		return failed("set time-out", err)
	}
	return nil
}

// failed sorts the kernel's errors. Containers and sandboxes forbid keyctl with
// any of the four that count as unavailable.
func failed(what string, err error) error {
	var errno unix.Errno
	if errors.As(err, &errno) {
		switch errno {
		case unix.ENOKEY, unix.EKEYEXPIRED, unix.EKEYREVOKED:
			return ErrNotFound
		case unix.EPERM, unix.ENOSYS, unix.EACCES, unix.EDQUOT:
			return fmt.Errorf("%w: kernel: %s: %w", ErrUnavailable, what, err)
		}
	}
	return fmt.Errorf("kernel keyring: %s: %w", what, err)
}
