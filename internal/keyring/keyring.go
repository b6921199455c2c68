// Package keyring keeps small secrets of one user where all processes of that
// user find them: in the kernel of Linux, in the keyring of the desktop, or in
// files.
package keyring

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"runtime"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/keyhold/keyhold/internal/secret"
)

var (
	// ErrNotFound reports that the store holds nothing under this name, or
	// nothing any more.
	ErrNotFound = errors.New("not in the keyring")
	// ErrUnavailable reports that this machine does not have the store, or
	// does not let this process use it. Another store may be tried. The error
	// that wraps it says why.
	ErrUnavailable = errors.New("keyring not available")
)

const (
	maxName  = 255
	maxValue = 1 << 10
)

// A Store keeps values of 1 to 1,024 bytes by name. A name is 1 to 255 bytes
// of UTF-8 without control characters. A Store may be used from several
// goroutines and by several processes at once.
type Store interface {
	// Kind names the store for people: "kernel", "os", "file".
	Kind() string
	// Get returns the value of name, which belongs to the caller.
	Get(ctx context.Context, name string) (secret.Bytes, error)
	// Set sets or replaces the value of name, to be forgotten after ttl; 0
	// means never. It keeps no reference to value.
	Set(ctx context.Context, name string, value secret.Bytes, ttl time.Duration) error
	// Touch starts the time-out of name anew; 0 means that it has none. A
	// store without time-outs need not notice that name is not there.
	Touch(ctx context.Context, name string, ttl time.Duration) error
	// Delete removes name. That it is not there is no error.
	Delete(ctx context.Context, name string) error
}

// Open returns the store that mode asks for: "auto" or "" is the best one this
// system has, which on Linux is the kernel's with the desktop's to spare, and
// elsewhere the desktop's; "kernel", "os" (the desktop's, with a Deadline) and
// "file" are those; "off" is none, a nil Store. Files are in the directory dir,
// which is made when it is needed. It does no I/O: whether the store is really
// there shows when it is used.
func Open(mode, dir string) (Store, error) {
	switch mode {
	case "", "auto":
		if runtime.GOOS == "linux" {
			return First(dir, Kernel(), patientOS(dir)), nil
		}
		return patientOS(dir), nil
	case "os":
		return patientOS(dir), nil
	case "kernel":
		return Kernel(), nil
	case "file":
		return File(dir), nil
	case "off":
		return nil, nil
	}
	return nil, fmt.Errorf("keyring %q is none of auto, os, kernel, file, off", mode)
}

// Lasting returns the store that mode asks for where values must outlast a
// reboot: the desktop's for "auto", "" and "os", with the same Deadline as that
// of Open; else none, a nil Store. It does no I/O either.
func Lasting(mode, dir string) (Store, error) {
	switch mode {
	case "", "auto", "os":
		return patientOS(dir), nil
	}
	_, err := Open(mode, dir)
	return nil, err
}

func patientOS(dir string) Store { return Deadline(OS(), filepath.Join(dir, "os-slow")) }

// check is what every call of every store begins with.
func check(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if name == "" || len(name) > maxName || !utf8.ValidString(name) {
		return fmt.Errorf("keyring name of %d bytes: it must be 1 to %d bytes of UTF-8", len(name), maxName)
	}
	for _, r := range name {
		if unicode.IsControl(r) {
			return errors.New("keyring name with a control character")
		}
	}
	return nil
}

func checkValue(value secret.Bytes) error {
	if n := value.Len(); n == 0 || n > maxValue {
		return fmt.Errorf("keyring value of %d bytes: it must be 1 to %d", n, maxValue)
	}
	return nil
}

// seconds is the time-out for ttl as the kernel counts: in whole seconds, of
// which the first may be almost over.
func seconds(ttl time.Duration) (int, error) {
	switch {
	case ttl < 0:
		return 0, fmt.Errorf("keyring time-out of %v", ttl)
	case ttl == 0:
		return 0, nil
	}
	n := int64(ttl / time.Second)
	if ttl%time.Second != 0 {
		n++
	}
	return int(min(n+1, math.MaxInt32)), nil
}
