package accounts

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/record"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
)

var (
	// ErrInviteRequired reports a registration without an invite where it
	// takes one.
	ErrInviteRequired = errors.New("registration takes an invite")
	// ErrInvite reports an invite that is unknown, was used or revoked, is out
	// of date, or for another address. Which of them is not said.
	ErrInvite = errors.New("the invite cannot be redeemed")
)

// An Invite lets one person register.
type Invite struct {
	ID               seal.ID
	By               seal.ID   // who made it; zero: the service itself
	Email            string    // only for this address; empty: for any
	Created, Expires time.Time // UTC, milliseconds
}

var invitePrefix = []byte("ai/")

// codeSize is how many random bytes the code of an invite has.
const codeSize = 24

func inviteKey(k Keys, code secret.String) []byte {
	mac := k.mac("invite", code.Bytes().Reveal())
	return append(bytes.Clone(invitePrefix), mac[:]...)
}

// CreateInvite makes an invite that lasts that long, and its code, of which
// only a hash is kept: it cannot be shown again. The email may be empty.
func CreateInvite(tx kv.Tx, now time.Time, k Keys, rand io.Reader, by seal.ID, email string, life time.Duration) (Invite, secret.String, error) {
	fail := func(err error) (Invite, secret.String, error) { return Invite{}, secret.String{}, err }
	if life <= 0 {
		return fail(&InvalidError{"expiresAt", "it must be in the future"})
	}
	if email != "" {
		var err error
		if email, err = NormalizeEmail(email); err != nil {
			return fail(err)
		}
	}
	id, err := seal.MakeID(rand)
	if err != nil {
		return fail(err)
	}
	b := make([]byte, codeSize)
	if _, err := io.ReadFull(rand, b); err != nil {
		return fail(err)
	}
	code := secret.TextOf(base64.RawURLEncoding.EncodeToString(b))
	i := Invite{ID: id, By: by, Email: email, Created: millis(now), Expires: millis(now.Add(life))}
	w := record.New(version)
	w.Fixed(i.ID[:])
	w.Fixed(i.By[:])
	w.Bytes([]byte(i.Email))
	w.Time(i.Created)
	w.Time(i.Expires)
	return i, code, tx.Put(inviteKey(k, code), w.Record())
}

func parseInvite(b []byte) (Invite, error) {
	var i Invite
	r := record.Read(b, version)
	r.Fixed(i.ID[:])
	r.Fixed(i.By[:])
	i.Email = string(r.Bytes())
	i.Created, i.Expires = r.Time(), r.Time()
	if r.Done() != nil {
		return Invite{}, fmt.Errorf("invite: %w", ErrDamaged)
	}
	return i, nil
}

// redeem uses an invite up.
func redeem(tx kv.Tx, now time.Time, k Keys, code secret.String, email string) error {
	if code.Len() == 0 {
		return ErrInviteRequired
	}
	at := inviteKey(k, code)
	b := tx.Get(at)
	if b == nil {
		return ErrInvite
	}
	i, err := parseInvite(b)
	switch {
	case err != nil:
		return err
	case !now.Before(i.Expires) || i.Email != "" && i.Email != email:
		return ErrInvite
	}
	return tx.Delete(at)
}

// Invites returns the invites that were not used, oldest first; some may be out
// of date.
func Invites(tx kv.Tx) ([]Invite, error) {
	var list []Invite
	for _, b := range tx.Scan(invitePrefix) {
		i, err := parseInvite(b)
		if err != nil {
			return nil, err
		}
		list = append(list, i)
	}
	slices.SortStableFunc(list, func(a, b Invite) int { return a.Created.Compare(b.Created) })
	return list, nil
}

// RevokeInvite ends an invite, or returns ErrNotFound.
func RevokeInvite(tx kv.Tx, id seal.ID) error {
	var at []byte
	for k, b := range tx.Scan(invitePrefix) {
		if i, err := parseInvite(b); err == nil && i.ID == id {
			at = bytes.Clone(k)
		}
	}
	if at == nil {
		return fmt.Errorf("invite %s: %w", id, ErrNotFound)
	}
	return tx.Delete(at)
}
