package vaultctl

import (
	"context"
	"errors"
	"fmt"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/vault"
	"github.com/keyhold/keyhold/pkg/client"
	api "github.com/keyhold/keyhold/pkg/client/vaultctl"
)

// Share wraps the key of a vault for somebody who is trusted.
func (a *account) Share(ctx context.Context, vaultID string, r backend.Recipient, role string) error {
	if role != "admin" && role != "member" {
		return fmt.Errorf("the service has no role %q, only admin and member: %w", role, errors.ErrUnsupported)
	}
	v, err := a.known(ctx, vaultID)
	if err != nil {
		return err
	}
	if v.Type != shared {
		return fmt.Errorf("vault %q is personal and cannot be shared: %w", v.Name, errors.ErrUnsupported)
	}
	p, err := a.shown(ctx, r)
	if err != nil {
		return err
	}
	if ok, err := a.trusted(ctx, p); err != nil {
		return err
	} else if !ok {
		return &backend.UntrustedError{ID: p.id.String(), Email: p.email, Fingerprint: p.identity.Fingerprint()}
	}
	for range tries {
		err := a.shareOnce(ctx, v.ID, p, role)
		if !errors.Is(err, client.ErrConflict) || errors.Is(err, api.ErrRekeyRequired) {
			return translate(err)
		}
		// The vault was rekeyed meanwhile.
	}
	return &vault.ConflictError{What: "the vault"}
}

func (a *account) shareOnce(ctx context.Context, id seal.ID, p person, role string) error {
	if err := a.syncList(ctx, nil); err != nil {
		return err
	}
	k, err := a.entry(ctx, id)
	if err != nil {
		return err
	}
	req := api.AddMemberRequest{UserID: p.id.String(), Role: role}
	if req.EncryptedVaultKey, req.WrapSignature, err = a.wrapFor(p.id, p.rsa, k.entry); err != nil {
		return err
	}
	if err := a.raw(ctx, func(c *api.Client) error { return c.Members.Add(ctx, id.String(), req) }); err != nil {
		return err
	}
	return a.state().Update(ctx, func(tx kv.Tx) error { return a.place.PutShared(tx, id, p.id, role) })
}

// Unshare checks that the vault can be rekeyed before it removes anybody.
func (a *account) Unshare(ctx context.Context, vaultID, userID string, progress func(done, total int)) ([]vault.Entry, error) {
	user, err := seal.ParseID(userID)
	if err != nil {
		return nil, notFound("member", userID)
	}
	v, err := a.known(ctx, vaultID)
	if err != nil {
		return nil, err
	}
	if !manages(v.Role) {
		return nil, fmt.Errorf("a %s of vault %q cannot remove anybody: %w", v.Role, v.Name, vault.ErrDenied)
	}
	members, err := a.members(ctx, v)
	if err != nil {
		return nil, err
	}
	var left []memberOf
	for _, m := range members {
		if m.id != user {
			left = append(left, m)
		}
	}
	if len(left) == len(members) {
		return nil, notFound("member", userID)
	}
	if _, err := a.recipients(ctx, left); err != nil {
		return nil, err
	}
	read, err := a.readable(ctx, v.ID)
	if err != nil {
		return nil, err
	}
	err = a.call(ctx, func(c *api.Client) error {
		_, err := c.Members.Remove(ctx, v.ID.String(), user.String())
		return err
	})
	if err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx) // he knows the key: it must not stay
	err = a.state().Update(ctx, func(tx kv.Tx) error { return a.place.DeleteShared(tx, v.ID, user) })
	if err == nil {
		err = a.Rekey(ctx, vaultID, progress)
	}
	if err != nil {
		err = fmt.Errorf("the member is removed, but the vault has the key that he knows: %w", err)
	}
	return read, translate(err)
}

// whole syncs a vault and checks that the service lists every item of it, as a
// rekey does that comes next.
func (b *box) whole(ctx context.Context) error {
	if err := b.sync(ctx, true); err != nil {
		return err
	}
	g, _, err := b.now(ctx)
	if err != nil {
		return err
	}
	items, err := b.fetch(ctx, g.listed)
	if err != nil {
		return err
	}
	return b.complete(ctx, g, items)
}

// readable returns everything that a member of a vault can read, the trash too.
func (a *account) readable(ctx context.Context, id seal.ID) ([]vault.Entry, error) {
	k, err := a.entry(ctx, id)
	if err != nil {
		return nil, translate(err)
	}
	b := a.box(k)
	if err := b.turn(ctx, func() error { return b.whole(ctx) }); err != nil {
		return nil, translate(err)
	}
	var list []vault.Entry
	for _, trash := range []bool{false, true} {
		for e, err := range b.Listing(ctx, trash) {
			var damaged *vault.DamagedError
			if err != nil && !errors.As(err, &damaged) {
				return nil, err
			}
			list = append(list, e.Entry)
		}
	}
	return list, nil
}

// Sender returns who wrapped the key of a vault.
func (a *account) Sender(ctx context.Context, vaultID string) (backend.Recipient, error) {
	v, err := a.known(ctx, vaultID)
	if err != nil {
		return backend.Recipient{}, err
	}
	if v.Sender.IsZero() {
		return backend.Recipient{}, forged(fmt.Sprintf("the key of vault %q is nobody's", v.Name), nil)
	}
	return a.Recipient(ctx, v.Sender.String())
}

// Accept verifies the wrap with the key of the sender, which it trusts from
// then on, and opens it.
func (a *account) Accept(ctx context.Context, vaultID, as string, sender backend.Recipient) error {
	if as != "" {
		if err := vault.CheckVaultName(as); err != nil {
			return err
		}
	}
	if a.d.Service.Offline {
		return backend.ErrOffline
	}
	if err := a.syncList(ctx, nil); err != nil {
		return err
	}
	v, err := a.known(ctx, vaultID)
	if err != nil {
		return err
	}
	if err := a.fault(v.ID); err != nil {
		return err
	}
	if v.Type != shared {
		return fmt.Errorf("vault %q is not one that somebody shared: %w", v.Name, vault.ErrInvalid)
	}
	name := as
	if name == "" {
		name = v.Name
	}
	if err := a.free(ctx, name, v.ID); err != nil {
		return err
	}
	p, err := a.shown(ctx, sender)
	if err != nil {
		return err
	}
	if p.id != v.Sender {
		return forged(fmt.Sprintf("the key of vault %q is from %s, not from %s", v.Name, v.Sender, p.name()), nil)
	}
	if ok, err := a.trusted(ctx, p); err != nil && !ok {
		return err
	}
	form, err := verifySignature(p.identity, v, a.user())
	if err != nil {
		return forged(fmt.Sprintf("the key of vault %q is not signed by %s", v.Name, p.name()), err)
	}
	return a.accept(ctx, v, p, form, as)
}

// accept opens and pins a vault of which the signature is verified.
func (a *account) accept(ctx context.Context, v device.Vault, p person, form seal.Form, as string) error {
	e, err := a.unwrap(v, nil)
	if err != nil {
		return translate(err)
	}
	err = a.state().Update(ctx, func(tx kv.Tx) error {
		peer, known, err := a.place.Peer(tx, p.id)
		if err != nil {
			return err
		}
		if known && peer.Identity != p.identity {
			return changedKey(p)
		}
		if err := a.place.PutPeer(tx, p.id, device.Peer{Identity: p.identity, Email: p.email, At: a.d.Now()}); err != nil {
			return err
		}
		pin, known, err := a.place.Pin(tx, v.ID)
		if err != nil {
			return err
		}
		if !known {
			pin.Kind = e.Kind
		}
		// With this the judge sees a vault of the user's.
		pin.Accepted, pin.As, pin.Sender, pin.SenderKey, pin.Form = true, as, p.id, p.identity, form
		if err := a.place.PutPin(tx, v.ID, pin); err != nil {
			return err
		}
		if pin, err = a.pinned(tx, v, e); err != nil {
			return err
		}
		pin.Revision = max(pin.Revision, v.Revision)
		return a.place.PutPin(tx, v.ID, pin)
	})
	if err != nil {
		return translate(err)
	}
	return a.keep(ctx, func(s seal.KeySet) seal.KeySet { return s.With(e) })
}

// Decline refuses a vault that is not accepted.
func (a *account) Decline(ctx context.Context, vaultID string) error {
	v, err := a.known(ctx, vaultID)
	if err != nil {
		return err
	}
	err = a.state().View(ctx, func(tx kv.Tx) error {
		pin, ok, err := a.place.Pin(tx, v.ID)
		if err == nil && (ok && pin.Accepted || v.Sender == a.user()) {
			err = fmt.Errorf("vault %q is accepted; it can be left: %w", v.Name, vault.ErrInvalid)
		}
		return err
	})
	if err != nil {
		return translate(err)
	}
	return a.leave(ctx, v)
}

// Leave gives up a vault that somebody shared.
func (a *account) Leave(ctx context.Context, vaultID string) error {
	v, err := a.known(ctx, vaultID)
	if err != nil {
		return err
	}
	return a.leave(ctx, v)
}

func (a *account) leave(ctx context.Context, v device.Vault) error {
	err := a.call(ctx, func(c *api.Client) error {
		_, err := c.Members.Remove(ctx, v.ID.String(), a.user().String())
		return err
	})
	if err != nil && !errors.Is(err, vault.ErrNotFound) {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	err = a.state().Update(ctx, func(tx kv.Tx) error {
		pin, ok, err := a.place.Pin(tx, v.ID)
		if err != nil || !ok {
			return err
		}
		pin.Accepted, pin.As = false, "" // if it comes back it has to be accepted again
		return a.place.PutPin(tx, v.ID, pin)
	})
	return errors.Join(translate(err), a.drop(ctx, v.ID))
}
