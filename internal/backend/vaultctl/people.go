package vaultctl

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/vault"
	"github.com/keyhold/keyhold/pkg/client"
	api "github.com/keyhold/keyhold/pkg/client/vaultctl"
)

// A person is somebody as the service shows him, verified as far as one key
// vouches for the other. Whose keys they are the pins say.
type person struct {
	id       seal.ID
	email    string
	identity seal.PublicKey
	rsa      seal.RSAPublicKey
}

func personOf(u api.User) (p person, err error) {
	if p.id, err = seal.ParseID(u.UserID); err != nil {
		return p, fmt.Errorf("%w: the id of a user is none", client.ErrBadAnswer)
	}
	p.email = u.Email
	who := u.Email
	if who == "" {
		who = u.UserID
	}
	if p.identity, err = seal.ParsePublicKey(u.IdentityPublicKey); err != nil {
		return p, forged("the identity key of "+who, err)
	}
	if p.rsa, err = seal.ParseRSAPublicKey(u.PublicKey); err != nil {
		return p, forged("the RSA key of "+who, err)
	}
	if err := p.identity.VerifyRSA(p.rsa, u.PublicKeySignature); err != nil {
		return p, forged("the RSA key of "+who+" is not signed by the identity", err)
	}
	return p, nil
}

// self is the user, for whom no service has to be asked.
func (a *account) self() (person, error) {
	public, err := seal.ParseRSAPublicKey(a.login.RSA)
	return person{a.user(), a.login.Email, a.login.Identity, public}, err
}

// person asks the service for somebody, once.
func (a *account) person(ctx context.Context, id seal.ID) (person, error) {
	a.mu.Lock()
	p, ok := a.persons[id]
	a.mu.Unlock()
	if ok {
		return p, nil
	}
	return a.find(ctx, func(c *api.Client) (*api.User, error) { return c.Users.Get(ctx, id.String()) })
}

// byEmail asks the service for whoever has an address.
func (a *account) byEmail(ctx context.Context, email string) (person, error) {
	p, err := a.find(ctx, func(c *api.Client) (*api.User, error) { return c.Users.ByEmail(ctx, email) })
	p.email = strings.TrimSpace(email) // as which the service shows that person
	return p, err
}

func (a *account) find(ctx context.Context, ask func(*api.Client) (*api.User, error)) (p person, err error) {
	var u *api.User
	err = a.call(ctx, func(c *api.Client) (err error) {
		u, err = ask(c)
		return err
	})
	if err != nil {
		return p, err
	}
	if p, err = personOf(*u); err != nil {
		return p, err
	}
	a.mu.Lock()
	a.persons[p.id] = p
	a.mu.Unlock()
	return p, nil
}

// trusted reports whether the identity key of somebody is trusted here. Another
// one than the one that is trusted is an alarm.
func (a *account) trusted(ctx context.Context, p person) (ok bool, err error) {
	if p.id == a.user() {
		if p.identity != a.login.Identity {
			return false, changedKey(p)
		}
		return true, nil
	}
	err = a.state().View(ctx, func(tx kv.Tx) error {
		var peer device.Peer
		if peer, ok, err = a.place.Peer(tx, p.id); err != nil {
			return err
		}
		switch {
		case ok && peer.Identity != p.identity:
			return changedKey(p)
		case ok && peer.Email != "" && p.email != "" && !strings.EqualFold(peer.Email, p.email):
			return forged(fmt.Sprintf("the service shows %s as %s", peer.Email, p.email), nil)
		}
		return nil
	})
	return ok, translate(err)
}

func changedKey(p person) error {
	return &backend.AlarmError{
		Code: backend.ChangedKey, Try: "keyhold vault trust " + p.name() + " --fingerprint FINGERPRINT",
		What: fmt.Sprintf("the service shows another identity key for %s than the one that is trusted here; its fingerprint is %s", p.name(), p.identity.Fingerprint()),
	}
}

func (p person) name() string {
	if p.email != "" {
		return p.email
	}
	return p.id.String()
}

func (p person) recipient(trusted bool) backend.Recipient {
	return backend.Recipient{ID: p.id.String(), Email: p.email, Fingerprint: p.identity.Fingerprint(), Trusted: trusted}
}

// Recipient finds somebody by e-mail or id.
func (a *account) Recipient(ctx context.Context, user string) (backend.Recipient, error) {
	id, err := seal.ParseID(user)
	if err == nil && id == a.user() || err != nil && strings.EqualFold(strings.TrimSpace(user), a.login.Email) {
		p, err := a.self()
		return p.recipient(true), err
	}
	var p person
	if err == nil {
		p, err = a.person(ctx, id)
	} else {
		p, err = a.byEmail(ctx, user)
	}
	if err != nil {
		return backend.Recipient{}, fmt.Errorf("user %s: %w", user, err)
	}
	ok, err := a.trusted(ctx, p)
	return p.recipient(ok), err
}

// Trust trusts the key that has the fingerprint of r, if it is the one that the
// service shows.
func (a *account) Trust(ctx context.Context, r backend.Recipient) error {
	p, err := a.shown(ctx, r)
	if err != nil {
		return err
	}
	return a.trust(ctx, p)
}

// shown returns who has that id or, without one, that address (which may be an
// id), if the service still shows the key with that fingerprint.
func (a *account) shown(ctx context.Context, r backend.Recipient) (person, error) {
	who := cmp.Or(r.ID, r.Email)
	var p person
	id, err := seal.ParseID(who)
	switch {
	case err == nil:
		p, err = a.person(ctx, id)
	case r.ID != "":
		return person{}, notFound("user", r.ID)
	default:
		p, err = a.byEmail(ctx, who)
	}
	if err != nil {
		return person{}, fmt.Errorf("user %s: %w", who, err)
	}
	if p.identity.Fingerprint() != r.Fingerprint {
		return person{}, &backend.AlarmError{
			Code: backend.ChangedKey, What: "the service shows a key for " + p.name() + " that has another fingerprint: " + p.identity.Fingerprint(),
		}
	}
	return p, nil
}

func (a *account) trust(ctx context.Context, p person) error {
	return translate(a.state().Update(ctx, func(tx kv.Tx) error {
		return a.place.PutPeer(tx, p.id, device.Peer{Identity: p.identity, Email: p.email, At: a.d.Now()})
	}))
}

// A memberOf is a member as far as the service or this machine knows.
type memberOf struct {
	api.Member

	id seal.ID
}

// members asks for the members of a shared vault. A service that does not list
// them has those with whom this device shared it.
func (a *account) members(ctx context.Context, v device.Vault) ([]memberOf, error) {
	if v.Type == personal {
		return []memberOf{{api.Member{UserID: a.user().String(), Role: "owner", AddedAt: v.Created}, a.user()}}, nil
	}
	var got []api.Member
	err := a.raw(ctx, func(c *api.Client) (err error) {
		got, err = c.Members.List(ctx, v.ID.String())
		return err
	})
	if errors.Is(err, errors.ErrUnsupported) {
		got, err = a.rememberedMembers(ctx, v)
	}
	if err != nil {
		return nil, translate(err)
	}
	seen := map[seal.ID]bool{}
	list := make([]memberOf, 0, len(got))
	for _, m := range got {
		id, err := seal.ParseID(m.UserID)
		if err != nil || seen[id] {
			return nil, fmt.Errorf("%w: a member has no id, or is listed twice", client.ErrBadAnswer)
		}
		seen[id] = true
		list = append(list, memberOf{m, id})
	}
	if !seen[a.user()] {
		return nil, fmt.Errorf("%w: the user is no member of his own vault", client.ErrBadAnswer)
	}
	return list, nil
}

func (a *account) rememberedMembers(ctx context.Context, v device.Vault) ([]api.Member, error) {
	list := []api.Member{{UserID: a.user().String(), Role: v.Role}}
	err := a.state().View(ctx, func(tx kv.Tx) error {
		list = list[:1]
		for user, role := range a.place.Shared(tx, v.ID) {
			list = append(list, api.Member{UserID: user.String(), Role: role})
		}
		return nil
	})
	return list, err
}

// Members returns who has a vault.
func (a *account) Members(ctx context.Context, vaultID string) ([]backend.Member, error) {
	v, err := a.known(ctx, vaultID)
	if err != nil {
		return nil, err
	}
	got, err := a.members(ctx, v)
	if err != nil {
		return nil, err
	}
	list := make([]backend.Member, 0, len(got))
	for _, m := range got {
		out := backend.Member{Role: m.Role, Self: m.id == a.user(), Added: m.AddedAt}
		p, err := a.self()
		if !out.Self {
			p, err = a.person(ctx, m.id)
		}
		switch {
		case errors.Is(err, vault.ErrNotFound):
			out.Recipient = backend.Recipient{ID: m.UserID}
		case err != nil:
			return nil, err
		default:
			ok, err := a.trusted(ctx, p)
			if err != nil {
				return nil, err
			}
			out.Recipient = p.recipient(ok)
		}
		list = append(list, out)
	}
	return list, nil
}
