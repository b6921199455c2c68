package vaultctl

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/backend/mirror"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/vault"
)

// A box is one vault with its key. It may be used from several goroutines.
type box struct {
	mirror.Reader

	a    *account
	id   seal.ID
	open atomic.Pointer[opened] // nil once it is closed
}

// An opened is the key of a vault that is open.
type opened struct {
	seal.Vault // seals and opens the items

	entry seal.VaultEntry
	check [32]byte // as the pin has it
}

var _ interface {
	vault.Vault
	vault.Trasher
	vault.Checker
	vault.Discarder
	vault.Tagger
	vault.Snapshotter
} = (*box)(nil)

func (a *account) opened(e seal.VaultEntry, check [32]byte) (opened, error) {
	sealer, err := e.Open()
	if err != nil {
		return opened{}, fmt.Errorf("vault %s: %w: %w", e.Vault, vault.ErrDamaged, err)
	}
	return opened{sealer, e, check}, nil
}

// Close forgets the key; whatever is asked of b afterwards is vault.ErrLocked.
func (b *box) Close() error {
	b.open.Store(nil)
	return nil
}

func (b *box) key() (*opened, error) {
	if k := b.open.Load(); k != nil {
		return k, nil
	}
	return nil, fmt.Errorf("vault %s is closed: %w", b.id, vault.ErrLocked)
}

// A glance is what a transaction finds before it reads.
type glance struct {
	listed device.Vault
	mark   device.Mark
	pin    device.Pin
	there  bool // a mirror under the key at hand
	old    bool // the key at hand is not the current one
}

// look reads how things stand.
func (b *box) look(tx kv.Tx, k *opened) (g glance, err error) {
	if err := b.a.fault(b.id); err != nil {
		return g, err
	}
	if g.listed, err = b.a.vaultOf(tx, b.id); err != nil {
		return g, err
	}
	if g.pin, _, err = b.a.place.Pin(tx, b.id); err != nil {
		return g, err
	}
	g.old = g.pin.Check != k.check || !sameKey(g.listed, g.pin)
	g.mark, g.there = b.a.place.Mark(tx, b.id)
	g.there = g.there && g.mark.Check == k.check
	return g, nil
}

// view calls fn in a transaction over a mirror that is as fresh as it has to be.
// Usually that is the only transaction.
func (b *box) view(ctx context.Context, fn func(kv.Tx, *opened) error) error {
	for range tries {
		k, err := b.key()
		if err != nil {
			return err
		}
		var g glance
		ready := false
		err = b.a.state().View(ctx, func(tx kv.Tx) (err error) {
			if g, err = b.look(tx, k); err != nil {
				return err
			}
			if ready = !g.old && g.there && !b.a.Due(g.mark.Synced, g.mark.Stale); ready {
				return fn(tx, k)
			}
			return nil
		})
		if err != nil || ready {
			return translate(err)
		}
		if err := b.ensure(ctx, g); err != nil {
			return translate(err)
		}
	}
	return fmt.Errorf("vault %s is changed again and again: %w", b.id, vault.ErrBusy)
}

// tries is how often something is begun anew because the vault moved on.
const tries = 5

// ensure does what a view is waiting for.
func (b *box) ensure(ctx context.Context, g glance) error {
	if g.old {
		return b.rekeyed(ctx)
	}
	var copied time.Time
	if g.there {
		copied = g.mark.Synced
	}
	err := b.a.Online(ctx, copied, func(ctx context.Context) error {
		return b.turn(ctx, func() error { return b.sync(ctx, false) })
	})
	if errors.Is(err, backend.ErrOffline) {
		return fmt.Errorf("there is no copy of vault %q on this machine: %w", g.listed.Name, err)
	}
	return err
}

// turn runs fn while no other process of this home works on the vault.
func (b *box) turn(ctx context.Context, fn func() error) error {
	unlock, err := b.a.d.Device.Lock(ctx, fmt.Sprintf("vault-%x", b.Mirror))
	if err != nil {
		return err
	}
	defer unlock()
	return fn()
}

// rekeyed takes the key that the vault has by now, if it can be opened without
// the password.
func (b *box) rekeyed(ctx context.Context) error {
	k, err := b.a.entry(ctx, b.id)
	if err != nil {
		return err
	}
	if b.open.Load() == nil {
		return fmt.Errorf("vault %s is closed: %w", b.id, vault.ErrLocked)
	}
	b.open.Store(&k)
	return nil
}
