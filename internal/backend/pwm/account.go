package pwm

import (
	"cmp"
	"context"
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

	mu     sync.Mutex
	keys   keys
	listed bool              // the service gave its list of vaults since began
	faults map[seal.ID]error // of vaults that the list showed and that are refused
}

var _ interface {
	backend.Account
	backend.Creator
	backend.Deleter
	backend.Defaulter
	backend.Counter
	backend.PasswordChanger
	backend.Syncer
} = (*account)(nil)

func (v driver) account(d backend.Deps, l device.Login, k keys) (*account, error) {
	s, err := v.dial(d, l.Origin)
	if err != nil {
		return nil, err
	}
	k.user = l.User
	return &account{service: s, Freshness: mirror.NewFreshness(d, s.patience), login: l, place: l.Place(), keys: k, faults: map[seal.ID]error{}}, nil
}

func (a *account) state() kv.DB { return a.d.Device.State() }

func (a *account) keySet() keys {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.keys
}

func (a *account) fault(id seal.ID) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.faults[id]
}

// keep makes the same change to the keys here and in the open session.
func (a *account) keep(ctx context.Context, change func(keys) keys) error {
	a.mu.Lock()
	a.keys = change(a.keys)
	a.mu.Unlock()
	if a.d.Keep == nil {
		return nil
	}
	return a.d.Keep(ctx, func(b secret.Bytes) (secret.Bytes, error) {
		k, err := parseKeys(b.Reveal())
		if err != nil {
			return secret.Bytes{}, err
		}
		return change(k).marshal(), nil
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
		slices.SortFunc(infos, func(x, y backend.Info) int {
			return cmp.Or(x.Created.Compare(y.Created), cmp.Compare(x.Name, y.Name))
		})
		if i := a.defaultOf(tx, infos); i >= 0 {
			infos[i].Default = true
		}
		return nil
	})
	return infos, translate(err)
}

// undeletable is the name of the vault that a service never deletes.
const undeletable = "default"

// defaultOf returns which vault is the default one, or -1: the one that was
// chosen, else the one that is called so, else the first that is open.
func (a *account) defaultOf(tx kv.Tx, infos []backend.Info) int {
	chosen := a.place.Default(tx).String()
	for _, is := range []func(backend.Info) bool{
		func(i backend.Info) bool { return i.ID == chosen },
		func(i backend.Info) bool { return i.Name == undeletable },
		func(i backend.Info) bool { return i.Open },
		func(i backend.Info) bool { return !i.Damaged },
	} {
		if i := slices.IndexFunc(infos, is); i >= 0 {
			return i
		}
	}
	return -1
}

func (a *account) info(tx kv.Tx, v device.Vault) backend.Info {
	i := backend.Info{
		ID: v.ID.String(), Name: v.Name, Role: "owner", KeyVersion: 1, Revision: v.Revision, Created: v.Created, Updated: v.Updated,
		Damaged: a.fault(v.ID) != nil,
	}
	if _, err := a.keyOf(tx, v); err == nil {
		i.Open = !i.Damaged
	}
	return i
}

// keyOf returns the key of a vault, which must be the one that is pinned.
func (a *account) keyOf(tx kv.Tx, v device.Vault) (opened, error) {
	key, ok := a.keySet().of[v.ID]
	if !ok {
		return opened{}, fmt.Errorf("vault %q is not open: it has another master password, or is newer than this session: %w", v.Name, vault.ErrLocked)
	}
	pin, known, err := a.place.Pin(tx, v.ID)
	if err != nil {
		return opened{}, err
	}
	k, err := openKey(v.ID, key)
	if err == nil && known && pin.Check != k.check {
		err = fmt.Errorf("vault %q has another key since this session was opened: %w", v.Name, vault.ErrLocked)
	}
	return k, err
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
	b, err := a.box(ctx, vid)
	if errors.Is(err, vault.ErrNotFound) && !a.d.Service.Offline {
		if err := a.refreshList(ctx); err != nil {
			return nil, err
		}
		b, err = a.box(ctx, vid)
	}
	if err != nil {
		return nil, translate(err)
	}
	return b, nil
}

func (a *account) box(ctx context.Context, id seal.ID) (*box, error) {
	if err := a.fault(id); err != nil {
		return nil, err
	}
	b := a.newBox(id, "")
	err := a.state().View(ctx, func(tx kv.Tx) error {
		v, err := a.vaultOf(tx, id)
		if err != nil {
			return err
		}
		k, err := a.keyOf(tx, v)
		if err != nil {
			return err
		}
		b.name = v.Name
		b.open.Store(&k)
		return nil
	})
	return b, err
}
