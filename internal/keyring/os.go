package keyring

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	system "github.com/zalando/go-keyring"

	"github.com/keyhold/keyhold/internal/secret"
)

// service is what the entries of this program are filed under.
const service = "keyhold"

// OS returns the Store of the desktop: the Secret Service of Linux, the
// Keychain of macOS, the Credential Manager of Windows, which ignores case in
// names. Values are kept as base64, stay after a reboot, and have no time-out:
// what it holds must carry its own end. It never asks the user anything and
// starts no D-Bus. A call may take as long as the system likes: see Deadline.
func OS() Store { return desktop{ready, system.Get, system.Set, system.Delete} }

// desktop is the library's functions, and ready, which says why they should
// not be called.
type desktop struct {
	ready func() error
	get   func(service, name string) (string, error)
	set   func(service, name, value string) error
	del   func(service, name string) error
}

func (desktop) Kind() string { return "os" }

func (d desktop) Get(ctx context.Context, name string) (secret.Bytes, error) {
	var text string
	err := d.call(ctx, name, func() (err error) {
		text, err = d.get(service, name)
		return err
	})
	if err != nil {
		return secret.Bytes{}, err
	}
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return secret.Bytes{}, errors.New("os keyring: the value is not base64: another program wrote it")
	}
	value := secret.Of(b)
	if err := checkValue(value); err != nil {
		value.Wipe()
		return secret.Bytes{}, fmt.Errorf("os: %w", err)
	}
	return value, nil
}

// Set reads back what it wrote: the tool of macOS does not tell that it could
// not write.
func (d desktop) Set(ctx context.Context, name string, value secret.Bytes, ttl time.Duration) error {
	_, err := seconds(ttl)
	if err := errors.Join(err, checkValue(value)); err != nil {
		return err
	}
	text := base64.StdEncoding.EncodeToString(value.Reveal())
	return d.call(ctx, name, func() error {
		if err := d.set(service, name, text); err != nil {
			return err
		}
		got, err := d.get(service, name)
		if err == nil && got == text {
			return nil
		}
		return errors.New("it did not keep the value")
	})
}

// Touch does nothing, not even look: it is called with every use of a session.
func (desktop) Touch(ctx context.Context, name string, ttl time.Duration) error {
	_, err := seconds(ttl)
	return errors.Join(err, check(ctx, name))
}

func (d desktop) Delete(ctx context.Context, name string) error {
	err := d.call(ctx, name, func() error { return d.del(service, name) })
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// call makes every error but one of the arguments ErrNotFound or
// ErrUnavailable. The library panics when a Secret Service answers with other
// types than it should, or leaves.
func (d desktop) call(ctx context.Context, name string, do func() error) (err error) {
	if err := check(ctx, name); err != nil {
		return err
	}
	defer func() {
		if recover() != nil {
			err = fmt.Errorf("%w: os: it does not speak the protocol", ErrUnavailable)
		}
	}()
	err = d.ready()
	if err == nil {
		err = do()
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, system.ErrNotFound):
		return ErrNotFound
	case errors.Is(err, system.ErrSetDataTooBig):
		return fmt.Errorf("os keyring: %w", err)
	}
	return fmt.Errorf("%w: os: %w", ErrUnavailable, reason(err))
}
