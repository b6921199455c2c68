package device

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"

	"github.com/keyhold/keyhold/internal/keyring"
	"github.com/keyhold/keyhold/internal/secret"
)

// ErrNoDeviceKey reports that this machine has no key to seal a token under.
// The error that wraps it says why.
var ErrNoDeviceKey = errors.New("no device key")

// A DeviceKey is the key under which the tokens of a home are sealed where no
// OS keyring keeps them: 32 random bytes in a keyring, without time-out. It is
// made when it is first needed. Where the home has an account with a password,
// it is also in the file "device", wrapped under a key of that account, so that
// it comes back when it is gone from the keyring, or where there is none. It
// may be used from several goroutines, and by several processes at once.
type DeviceKey struct {
	h    *Home
	ring keyring.Store
	rand io.Reader

	mu  sync.Mutex
	key deviceKey // zero until it is known
}

// NewDeviceKey returns the device key of h, kept in ring. Without a ring (nil)
// there is one only after Wrap or Restore. It does no I/O.
func NewDeviceKey(h *Home, ring keyring.Store, rand io.Reader) *DeviceKey {
	return &DeviceKey{h: h, ring: ring, rand: rand}
}

// Wrap makes sure that there is a device key, and that it is wrapped under
// wrap, 32 bytes that the account always derives again. It makes the home if
// need be. That there is no keyring is no error: the key then lasts as long as
// d, and Restore brings it back. If the file is there and wrap does not open
// it, the error is ErrDamaged, unless the keyring has the key: then it is
// wrapped anew.
func (d *DeviceKey) Wrap(ctx context.Context, wrap secret.Bytes) error {
	if _, err := d.h.makeID(d.rand); err != nil {
		return fmt.Errorf("device key: %w", err)
	}
	return d.settle(ctx, wrap, true)
}

// Restore brings the device key back into the keyring by wrap. If it is there
// and not wrapped yet, it is wrapped. If there is none at all, nor ever was,
// the error is ErrNoDeviceKey, and Restore does not make one. Otherwise it is
// like Wrap.
func (d *DeviceKey) Restore(ctx context.Context, wrap secret.Bytes) error {
	if _, err := d.h.readID(); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: the home is new", ErrNoDeviceKey)
	}
	return d.settle(ctx, wrap, false)
}

// Remove forgets the device key, wrapped and not. What it sealed is lost.
func (d *DeviceKey) Remove(ctx context.Context) error {
	home, err := d.h.readID()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("device key: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	unlock, err := d.lock()
	if err != nil {
		return err
	}
	defer unlock()
	d.key = deviceKey{}
	if err = os.Remove(d.h.Path("device")); errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if d.ring != nil {
		if e := d.ring.Delete(ctx, deviceName(home)); !errors.Is(e, keyring.ErrUnavailable) {
			err = errors.Join(err, e)
		}
	}
	if err != nil {
		return fmt.Errorf("device key: %w", err)
	}
	return nil
}

// settle makes the keyring and the file agree. Where they do not, the file
// counts if it opens: it is what comes back after the next reboot.
func (d *DeviceKey) settle(ctx context.Context, wrap secret.Bytes, create bool) error {
	if wrap.Len() != keySize {
		return fmt.Errorf("device key: wrapping key of %d bytes, not %d", wrap.Len(), keySize)
	}
	home, err := d.h.readID()
	if err != nil {
		return fmt.Errorf("device key: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	unlock, err := d.lock()
	if err != nil {
		return err
	}
	defer unlock()
	have, err := d.load(ctx, home)
	if err != nil && !errors.Is(err, ErrNoDeviceKey) {
		return err
	}
	known := err == nil
	file, err := d.readFile(home, wrapKey{wrap})
	switch {
	case err == nil:
		if known && have.Equal(file.Bytes) {
			return nil
		}
		return d.keep(ctx, home, file)
	case !errors.Is(err, fs.ErrNotExist) && !known:
		return fmt.Errorf("device key: %w", err)
	case !known && !create:
		return fmt.Errorf("%w: there never was one", ErrNoDeviceKey)
	case !known:
		if have, err = d.random(); err != nil {
			return err
		}
	}
	sealed, err := sealDeviceKey(d.rand, home, wrapKey{wrap}, have)
	if err == nil {
		err = d.h.replaceFile("device", sealed)
	}
	if err != nil {
		return fmt.Errorf("device key: %w", err)
	}
	return d.keep(ctx, home, have)
}

// get returns the key, and makes one if create is true and there never was one.
// The caller does not wipe it.
func (d *DeviceKey) get(ctx context.Context, home homeID, create bool) (deviceKey, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	key, err := d.load(ctx, home)
	if err == nil || !create || !errors.Is(err, ErrNoDeviceKey) {
		return key, err
	}
	unlock, err := d.lock()
	if err != nil {
		return deviceKey{}, err
	}
	defer unlock()
	if key, err = d.load(ctx, home); !errors.Is(err, errNeverMade) {
		return key, err
	}
	if key, err = d.random(); err != nil {
		return deviceKey{}, err
	}
	if err := d.ring.Set(ctx, deviceName(home), key.Bytes, 0); err != nil {
		key.Wipe()
		if errors.Is(err, keyring.ErrUnavailable) {
			return deviceKey{}, fmt.Errorf("%w: %w", ErrNoDeviceKey, err)
		}
		return deviceKey{}, fmt.Errorf("device key: %w", err)
	}
	d.key = key
	return key, nil
}

// errNeverMade is the ErrNoDeviceKey that a new key may follow: the keyring is
// there, and neither it nor the file has one.
var errNeverMade = fmt.Errorf("%w: there is none yet", ErrNoDeviceKey)

// load returns the key that is in memory or in the keyring.
func (d *DeviceKey) load(ctx context.Context, home homeID) (deviceKey, error) {
	if d.key.Len() > 0 {
		return d.key, nil
	}
	err := fmt.Errorf("%w: none is in use", keyring.ErrUnavailable)
	var value secret.Bytes
	if d.ring != nil {
		value, err = d.ring.Get(ctx, deviceName(home))
	}
	switch {
	case err == nil && value.Len() != keySize:
		n := value.Len()
		value.Wipe()
		return deviceKey{}, fmt.Errorf("device key: %w: %d bytes in the keyring", ErrDamaged, n)
	case err == nil:
		d.key = deviceKey{value}
		return d.key, nil
	case !errors.Is(err, keyring.ErrNotFound) && !errors.Is(err, keyring.ErrUnavailable):
		return deviceKey{}, fmt.Errorf("device key: %w", err)
	}
	if _, e := os.Lstat(d.h.Path("device")); !errors.Is(e, fs.ErrNotExist) {
		return deviceKey{}, fmt.Errorf("%w: the next unlock brings it back", ErrNoDeviceKey)
	}
	if errors.Is(err, keyring.ErrUnavailable) {
		return deviceKey{}, fmt.Errorf("%w, and no account that could keep it: %w", ErrNoDeviceKey, err)
	}
	return deviceKey{}, errNeverMade
}

func (d *DeviceKey) readFile(home homeID, wrap wrapKey) (deviceKey, error) {
	b, _, err := readFile(d.h.Path("device"), deviceFileSize, deviceFileSize)
	if err != nil {
		return deviceKey{}, err
	}
	key, err := openDeviceKey(b, home, wrap)
	if err != nil {
		return deviceKey{}, fmt.Errorf("%s: %w", d.h.Path("device"), err)
	}
	return key, nil
}

// keep keeps a key that is wrapped, so that the keyring may refuse.
func (d *DeviceKey) keep(ctx context.Context, home homeID, key deviceKey) error {
	d.key = key
	if d.ring == nil {
		return nil
	}
	if err := d.ring.Set(ctx, deviceName(home), key.Bytes, 0); err != nil && !errors.Is(err, keyring.ErrUnavailable) {
		return fmt.Errorf("device key: %w", err)
	}
	return nil
}

func (d *DeviceKey) random() (deviceKey, error) {
	b := make([]byte, keySize)
	if _, err := io.ReadFull(d.rand, b); err != nil {
		return deviceKey{}, fmt.Errorf("device key: %w", err)
	}
	return deviceKey{secret.Of(b)}, nil
}

func (d *DeviceKey) lock() (unlock func(), err error) {
	unlock, err = lockPath(d.h.Path("device.lock"))
	if err != nil {
		return nil, fmt.Errorf("device key: %w", err)
	}
	return unlock, nil
}
