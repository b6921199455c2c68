package vaultctl

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/backend/mirror"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/vault"
	"github.com/keyhold/keyhold/pkg/client"
	api "github.com/keyhold/keyhold/pkg/client/vaultctl"
)

// Rekey gives a vault another key, wrapped for each of its members. The password
// is needed for a personal vault.
func (a *account) Rekey(ctx context.Context, id string, progress func(done, total int)) error {
	if a.d.Service.Offline {
		return backend.ErrOffline
	}
	v, err := a.known(ctx, id)
	if err != nil {
		return err
	}
	if !manages(v.Role) {
		return fmt.Errorf("a %s of vault %q cannot give it another key: %w", v.Role, v.Name, vault.ErrDenied)
	}
	if v.Type != personal {
		return translate(a.rekey(ctx, v.ID, nil, progress))
	}
	return a.asOwner(ctx, func(o *owner) error { return a.rekey(ctx, v.ID, o, progress) })
}

// rekey begins again when somebody wrote meanwhile.
func (a *account) rekey(ctx context.Context, id seal.ID, o *owner, progress func(done, total int)) error {
	k, err := a.current(ctx, id, o)
	if err != nil {
		return err
	}
	b := a.box(k)
	return b.turn(ctx, func() error {
		for range tries {
			err := b.rekey(ctx, o, progress)
			if !errors.Is(err, client.ErrConflict) {
				return err
			}
		}
		return &vault.ConflictError{What: "the vault"}
	})
}

// current returns the key that a vault has now, opened by o if the session
// lacks it.
func (a *account) current(ctx context.Context, id seal.ID, o *owner) (opened, error) {
	if err := a.syncList(ctx, nil); err != nil {
		return opened{}, err
	}
	k, err := a.entry(ctx, id)
	if o == nil || !errors.Is(err, vault.ErrLocked) {
		return k, err
	}
	var v device.Vault
	err = a.state().View(ctx, func(tx kv.Tx) error {
		v, err = a.vaultOf(tx, id)
		return err
	})
	if err != nil {
		return opened{}, err
	}
	return a.reopen(ctx, v, o)
}

// rekey is one try. The error is client.ErrConflict if the vault moved on.
func (b *box) rekey(ctx context.Context, o *owner, progress func(done, total int)) error {
	if err := b.a.syncList(ctx, nil); err != nil {
		return err
	}
	k, err := b.a.current(ctx, b.id, o)
	if err != nil {
		return err
	}
	b.open.Store(&k)
	g, _, err := b.now(ctx)
	if err != nil {
		return err
	}
	members, err := b.a.members(ctx, g.listed)
	if err != nil {
		return err
	}
	people, err := b.a.recipients(ctx, members)
	if err != nil {
		return err
	}
	items, err := b.fetch(ctx, g.listed)
	if err != nil {
		return err
	}
	if err := b.complete(ctx, g, items); err != nil {
		return err
	}
	next := seal.VaultEntry{Vault: b.id, Kind: k.entry.Kind}
	if next.Kind == seal.KindBound {
		next.KeyVersion = k.entry.KeyVersion + 1
	}
	if next.Key, err = seal.MakeVaultKey(b.a.d.Rand); err != nil {
		return err
	}
	to, err := next.Open()
	if err != nil {
		return err
	}
	m := newMeter(progress, 2*len(items))
	req := api.RekeyRequest{KeyVersion: g.listed.KeyVersion, Revision: g.listed.Revision, Items: []api.SealedItem{}}
	for _, it := range items {
		if err := ctx.Err(); err != nil {
			return err
		}
		s, err := reseal(k, to, b.a, it)
		if err != nil {
			return err
		}
		req.Items = append(req.Items, s)
		m.step()
	}
	if req.NewKeys, err = b.a.wraps(o, people, next); err != nil {
		return err
	}
	return b.replaceKey(ctx, g.listed, req, o, m)
}

// recipients returns the people for whom the key is to be wrapped. Each has to
// be trusted: a member whom the service made up would get the key.
func (a *account) recipients(ctx context.Context, members []memberOf) ([]person, error) {
	people := make([]person, 0, len(members))
	for _, m := range members {
		if m.id == a.user() {
			p, err := a.self()
			if err != nil {
				return nil, err
			}
			people = append(people, p)
			continue
		}
		p, err := a.person(ctx, m.id)
		if errors.Is(err, vault.ErrNotFound) {
			return nil, &backend.UntrustedError{ID: m.UserID}
		}
		if err != nil {
			return nil, err
		}
		ok, err := a.trusted(ctx, p)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, &backend.UntrustedError{ID: m.UserID, Email: p.email, Fingerprint: p.identity.Fingerprint()}
		}
		people = append(people, p)
	}
	return people, nil
}

// complete compares the items that the service lists with those of the mirror:
// one that it leaves out would be lost under the old key. What was purged on
// another device a sync takes out of the mirror first.
func (b *box) complete(ctx context.Context, g glance, items []item) error {
	if !g.there {
		return nil
	}
	listed := map[seal.ID]item{}
	for _, it := range items {
		listed[it.id] = it
	}
	return b.a.state().View(ctx, func(tx kv.Tx) error {
		for rec, err := range itemdb.Records(tx, b.Mirror) {
			if err != nil || !rec.Deleted.IsZero() {
				continue // what is in the trash may be purged at any time
			}
			it, ok := listed[seal.ID(rec.ID)]
			try := "keyhold vault sync " + b.id.String()
			if !ok {
				return &backend.AlarmError{Code: backend.Forged, Try: try, What: fmt.Sprintf("the service leaves out item %s of vault %q", seal.ID(rec.ID), g.listed.Name)}
			}
			if it.Revision != 0 && it.Revision < rec.Revision {
				return &backend.AlarmError{Code: backend.Rollback, Try: try, What: fmt.Sprintf("the service shows item %s of vault %q at revision %d, it had %d", it.id, g.listed.Name, it.Revision, rec.Revision)}
			}
		}
		return nil
	})
}

// reseal opens an item and seals the same bytes under another key.
func reseal(from, to seal.Vault, a *account, it item) (s api.SealedItem, err error) {
	s.ItemID = it.id.String()
	name, err := from.OpenName(it.id, it.EncryptedName)
	if err != nil {
		return s, &vault.DamagedError{ID: s.ItemID, Err: err}
	}
	plain, err := from.OpenData(it.id, it.EncryptedData)
	if err != nil {
		return s, &vault.DamagedError{ID: s.ItemID, Name: name, Err: err}
	}
	defer plain.Wipe()
	if s.EncryptedName, err = to.SealName(a.d.Rand, it.id, name); err != nil {
		return s, err
	}
	s.EncryptedData, err = to.SealData(a.d.Rand, it.id, plain)
	return s, err
}

// wraps wraps a key for each of people.
func (a *account) wraps(o *owner, people []person, e seal.VaultEntry) ([]api.MemberKey, error) {
	keys := make([]api.MemberKey, 0, len(people))
	for _, p := range people {
		key := api.MemberKey{UserID: p.id.String()}
		var err error
		if o != nil {
			key.EncryptedVaultKey, key.WrapSignature, err = a.wrapSelf(o, e)
		} else {
			key.EncryptedVaultKey, key.WrapSignature, err = a.wrapFor(p.id, p.rsa, e)
		}
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// replaceKey sends a rekey, finds out what came of it, and opens everything
// under the new key as the service has it then.
func (b *box) replaceKey(ctx context.Context, v device.Vault, req api.RekeyRequest, o *owner, m *meter) error {
	if err := b.markStale(ctx); err != nil {
		return err
	}
	sent := b.a.raw(ctx, func(c *api.Client) error { return c.Vaults.Rekey(ctx, b.id.String(), req) })
	if sent != nil && (!mirror.Unreachable(sent) || unsent(sent)) {
		return sent
	}
	// It may be committed: whatever ends ctx, the session gets the key.
	ctx = context.WithoutCancel(ctx)
	if err := b.a.syncList(ctx, nil); err != nil {
		return errors.Join(sent, err)
	}
	var now device.Vault
	err := b.a.state().View(ctx, func(tx kv.Tx) (err error) {
		now, err = b.a.vaultOf(tx, b.id)
		return err
	})
	if err != nil {
		return errors.Join(sent, err)
	}
	if !ownWrap(req, b.a.user(), now.Wrap) {
		if sent != nil {
			return sent
		}
		if now.KeyVersion > v.KeyVersion+1 || now.KeyVersion == 0 && !bytes.Equal(now.Wrap, v.Wrap) {
			return b.rekeyed(ctx) // somebody else was quicker after it
		}
		return forged(fmt.Sprintf("the service took a new key for vault %q and shows another one", v.Name), nil)
	}
	k, err := b.a.reopen(ctx, now, o)
	if err != nil {
		return err
	}
	b.open.Store(&k)
	return errors.Join(b.verified(ctx, m), b.scrub(ctx))
}

// ownWrap reports whether a wrap is the one for the user in req.
func ownWrap(req api.RekeyRequest, user seal.ID, wrap []byte) bool {
	for _, k := range req.NewKeys {
		if k.UserID == user.String() {
			return bytes.Equal(k.EncryptedVaultKey, wrap)
		}
	}
	return false
}

// verified reads the vault back into the mirror and opens every item.
func (b *box) verified(ctx context.Context, m *meter) error {
	if err := b.sync(ctx, false); err != nil {
		return fmt.Errorf("the vault has a new key, but it was not read back: %w", err)
	}
	k, err := b.key()
	if err != nil {
		return err
	}
	err = b.a.state().View(ctx, func(tx kv.Tx) error {
		for rec, err := range itemdb.Records(tx, b.Mirror) {
			if err == nil {
				_, err = b.read(tx, k, rec.ID)
			}
			if err != nil {
				return fmt.Errorf("after it was sealed anew: %w", err)
			}
		}
		return nil
	})
	if err == nil {
		m.end()
	}
	return err
}

// A meter counts the steps of a long work. progress may be nil.
type meter struct {
	progress    func(done, total int)
	done, total int
}

func newMeter(progress func(done, total int), total int) *meter {
	m := &meter{progress: progress, done: -1, total: total}
	m.step()
	return m
}

// step reports one step more.
func (m *meter) step() {
	if m.done++; m.progress != nil {
		m.progress(min(m.done, m.total), m.total)
	}
}

// end reports that all is done, however many steps it took.
func (m *meter) end() {
	if m.done != m.total && m.progress != nil {
		m.progress(m.total, m.total)
	}
}
