package vaultctl

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/backend/mirror"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/vault"
)

// An account is the person whose vaults these are. It may be used from several
// goroutines.
type account struct {
	*service
	*mirror.Freshness

	login device.Login
	place device.Place

	mu      sync.Mutex
	keys    seal.KeySet
	listed  bool              // the service gave its list of vaults since began
	faults  map[seal.ID]error // of vaults that the list showed and that are refused
	persons map[seal.ID]person
}

var _ interface {
	backend.Account
	backend.KindCreator
	backend.Deleter
	backend.Defaulter
	backend.Counter
	backend.DeviceWrapper
	backend.Renamer
	backend.PasswordChanger
	backend.Rekeyer
	backend.Sharer
	backend.Syncer
} = (*account)(nil)

// account returns the account of a login answer with the keys of a session.
func (v driver) account(d backend.Deps, l device.Login, keys seal.KeySet) (*account, error) {
	s, err := v.dial(d, l.Origin)
	if err != nil {
		return nil, err
	}
	pub, err := keys.Identity.Public()
	if err != nil {
		return nil, fmt.Errorf("session: %w: %w", vault.ErrDamaged, err)
	}
	if keys.User != l.User || pub != l.Identity {
		return nil, fmt.Errorf("the session is of another account than the profile: %w", vault.ErrLocked)
	}
	return &account{
		service: s, Freshness: mirror.NewFreshness(d, s.patience), login: l, place: l.Place(), keys: keys,
		faults: map[seal.ID]error{}, persons: map[seal.ID]person{},
	}, nil
}

func (a *account) user() seal.ID { return a.login.User }

func (a *account) state() kv.DB { return a.d.Device.State() }

func (a *account) keySet() seal.KeySet {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.keys
}

func (a *account) fault(id seal.ID) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.faults[id]
}

func (a *account) setFault(id seal.ID, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err == nil {
		delete(a.faults, id)
	} else {
		a.faults[id] = err
	}
}

// keep makes the same change to the keys here and in the open session.
func (a *account) keep(ctx context.Context, change func(seal.KeySet) seal.KeySet) error {
	a.mu.Lock()
	a.keys = change(a.keys)
	a.mu.Unlock()
	if a.d.Keep == nil {
		return nil
	}
	return a.d.Keep(ctx, func(keys secret.Bytes) (secret.Bytes, error) {
		set, err := seal.ParseKeySet(keys.Reveal())
		if err != nil {
			return secret.Bytes{}, err
		}
		defer set.Wipe()
		return change(set).Marshal()
	})
}

// Vaults returns the vaults as the service listed them last, after asking it
// again if that is due.
func (a *account) Vaults(ctx context.Context) ([]backend.Info, error) {
	if err := a.refreshList(ctx); err != nil {
		return nil, err
	}
	var infos []backend.Info
	err := a.state().View(ctx, func(tx kv.Tx) error {
		list, err := a.place.Vaults(tx)
		if err != nil {
			return err
		}
		infos = make([]backend.Info, len(list))
		for i, v := range list {
			infos[i] = a.info(tx, v)
		}
		// A service tells times in seconds, within which the default one is first.
		chosen := a.place.Default(tx).String()
		slices.SortFunc(infos, func(x, y backend.Info) int {
			return cmp.Or(x.Created.Compare(y.Created), isOther(x.ID, chosen)-isOther(y.ID, chosen), cmp.Compare(x.ID, y.ID))
		})
		if i := a.defaultOf(tx, infos); i >= 0 {
			infos[i].Default = true
		}
		return nil
	})
	return infos, translate(err)
}

func isOther(id, chosen string) int {
	if id == chosen {
		return 0
	}
	return 1
}

// defaultOf returns which vault is the default one, or -1: the one that was
// chosen, else the oldest that is accepted.
func (a *account) defaultOf(tx kv.Tx, infos []backend.Info) int {
	chosen := a.place.Default(tx).String()
	if i := slices.IndexFunc(infos, func(i backend.Info) bool { return i.ID == chosen }); i >= 0 {
		return i
	}
	return slices.IndexFunc(infos, func(i backend.Info) bool { return !i.NotAccepted && !i.Damaged })
}

func (a *account) info(tx kv.Tx, v device.Vault) backend.Info {
	i := backend.Info{
		ID: v.ID.String(), Name: v.Name, Role: v.Role, Shared: v.Type == shared,
		KeyVersion: v.KeyVersion, Revision: v.Revision, NeedsRekey: v.RekeyRequired, Created: v.Created, Updated: v.Updated,
	}
	kind, err := seal.KindOf(v.Wrap)
	i.Compatible = err == nil && kind == seal.KindCompatible
	d, err := a.judge(tx, v)
	if err == nil {
		err = a.fault(v.ID)
	}
	if d.pin.As != "" {
		i.Name = d.pin.As
	}
	if m, ok := a.place.Mark(tx, v.ID); ok && v.Revision == 0 {
		i.Revision = m.Revision
	}
	i.Damaged, i.NotAccepted = err != nil, err == nil && !d.mine
	if e, ok := a.keySet().Vault(v.ID); ok && !i.Damaged && d.mine {
		check, err := checkOf(e, d.pin.KeyVersion)
		i.Open = err == nil && check == d.pin.Check && sameKey(v, d.pin)
	}
	if !i.Open && !i.Damaged && d.mine && v.Type == shared {
		i.Open = true // the RSA key of the session opens it when it is needed
	}
	return i
}

// vaultOf returns a vault as it is listed, or vault.ErrNotFound.
func (a *account) vaultOf(tx kv.Tx, id seal.ID) (device.Vault, error) {
	v, ok, err := a.place.Vault(tx, id)
	if err == nil && !ok {
		err = notFound("vault", id.String())
	}
	return v, err
}

// Vault opens a vault. The network is only asked if the list lacks it.
func (a *account) Vault(ctx context.Context, id string) (vault.Vault, error) {
	vid, err := seal.ParseID(id)
	if err != nil {
		return nil, notFound("vault", id)
	}
	e, err := a.entry(ctx, vid)
	if errors.Is(err, vault.ErrNotFound) && !errors.Is(err, backend.ErrNotAccepted) && !a.d.Service.Offline {
		if err := a.refreshList(ctx); err != nil {
			return nil, err
		}
		e, err = a.entry(ctx, vid)
	}
	if err != nil {
		return nil, translate(err)
	}
	return a.box(e), nil
}

// entry returns the key of a vault: that of the session if it is the current
// one, else by the RSA key.
func (a *account) entry(ctx context.Context, id seal.ID) (opened, error) {
	if err := a.fault(id); err != nil {
		return opened{}, err
	}
	var v device.Vault
	var d verdict
	err := a.state().View(ctx, func(tx kv.Tx) (err error) {
		if v, err = a.vaultOf(tx, id); err == nil {
			d, err = a.judge(tx, v)
		}
		return err
	})
	switch {
	case err != nil:
		return opened{}, err
	case !d.mine:
		return opened{}, fmt.Errorf("vault %q: %w", v.Name, backend.ErrNotAccepted)
	}
	e, ok := a.keySet().Vault(id)
	if ok && d.known && sameKey(v, d.pin) {
		check, err := checkOf(e, d.pin.KeyVersion)
		if err != nil {
			return opened{}, err
		}
		if check == d.pin.Check && d.pin.Kind == e.Kind {
			return a.opened(e, check)
		}
	}
	if v.Type == personal {
		if ok {
			return opened{}, errOldKey
		}
		return opened{}, fmt.Errorf("vault %q is not in this session: %w", v.Name, vault.ErrLocked)
	}
	return a.reopen(ctx, v, nil)
}

// sameKey reports whether the pinned key is the one that a vault is listed with.
// Another wrap under the same version is to be opened and compared. That of a
// personal vault another password makes, and only the password opens it; where
// there are no versions it may be another key.
func sameKey(v device.Vault, pin device.Pin) bool {
	if pin.KeyVersion != v.KeyVersion {
		return false
	}
	return v.Type == personal && v.KeyVersion != 0 || pin.Wrap == sha256.Sum256(v.Wrap)
}

// reopen opens the key of a vault anew, pins it and puts it into the session.
func (a *account) reopen(ctx context.Context, v device.Vault, o *owner) (opened, error) {
	e, err := a.unwrap(v, o)
	if err != nil {
		return opened{}, err
	}
	pin, err := a.pin(ctx, v, e)
	if err != nil {
		return opened{}, err
	}
	if err := a.keep(ctx, func(s seal.KeySet) seal.KeySet { return s.With(e) }); err != nil {
		a.warn("session", "the key of vault "+v.Name+" is not in the open session: "+err.Error())
	}
	return a.opened(e, pin.Check)
}

// pin pins the key of a vault that was just opened. Nothing is written that is
// written already.
func (a *account) pin(ctx context.Context, v device.Vault, e seal.VaultEntry) (device.Pin, error) {
	var p device.Pin
	var was bool
	err := a.state().View(ctx, func(tx kv.Tx) (err error) {
		p, err = a.pinned(tx, v, e)
		before, ok, _ := a.place.Pin(tx, v.ID)
		was = ok && before == p
		return err
	})
	if err != nil || was {
		return p, err
	}
	return p, a.state().Update(ctx, func(tx kv.Tx) (err error) {
		if p, err = a.pinned(tx, v, e); err != nil {
			return err
		}
		return a.place.PutPin(tx, v.ID, p)
	})
}

// openAll opens every vault that opens and pins its key; one that is refused
// is left out.
func (a *account) openAll(ctx context.Context, o *owner) error {
	var list []device.Vault
	err := a.state().View(ctx, func(tx kv.Tx) error {
		all, err := a.place.Vaults(tx)
		list = nil
		for _, v := range all {
			d, err := a.judge(tx, v)
			switch {
			case err != nil:
				a.setFault(v.ID, err)
			case d.mine:
				list = append(list, v)
			}
		}
		return err
	})
	if err != nil {
		return translate(err)
	}
	for _, v := range list {
		if a.fault(v.ID) != nil {
			continue
		}
		e, err := a.unwrap(v, o)
		if err == nil {
			_, err = a.pin(ctx, v, e)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			a.setFault(v.ID, translate(err))
			continue
		}
		a.mu.Lock()
		a.keys = a.keys.With(e)
		a.mu.Unlock()
	}
	return nil
}

// asOwner asks for the master password, opens the account with it and runs fn.
func (a *account) asOwner(ctx context.Context, fn func(*owner) error) error {
	password, err := a.d.Ask(ctx)
	if err != nil {
		return err
	}
	l, err := loginOf(ctx, a.d)
	if err != nil {
		return err
	}
	o, err := a.openLogin(l, password)
	if err != nil {
		return err
	}
	defer o.wipe()
	return translate(fn(&o))
}

// DeviceWrapKey derives a key from the identity key.
func (a *account) DeviceWrapKey() (secret.Bytes, error) {
	return a.keySet().Identity.DeviceWrapKey()
}
