package vaultctl

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/vault"
)

const (
	personal = "personal"
	shared   = "shared"
)

// A verdict is what can be said of a listed vault without its key.
type verdict struct {
	pin   device.Pin
	known bool // there is a pin
	// mine says that the wrap is verified: by the user's own signature or that of somebody who is trusted.
	mine bool
	form seal.Form
}

// judge verifies a vault as it is listed: its kind, its numbers, what its wrap
// says and who signed it. An error is an alarm, or damage of the pins.
//
// A vault of somebody who is not trusted, that was never accepted, is neither:
// its verdict is not mine.
func (a *account) judge(tx kv.Tx, v device.Vault) (d verdict, err error) {
	if d.pin, d.known, err = a.place.Pin(tx, v.ID); err != nil {
		return d, err
	}
	if d.known {
		if err := grown(v, d.pin); err != nil {
			return d, err
		}
		if d.pin.Accepted && d.pin.KeyVersion == v.KeyVersion && d.pin.Wrap == sha256.Sum256(v.Wrap) {
			d.mine, d.form = true, d.pin.Form // it was verified before
			return d, nil
		}
	}
	kind, err := seal.KindOf(v.Wrap)
	switch {
	case err != nil:
		return d, forged(fmt.Sprintf("the key of vault %q", v.Name), err)
	case d.known && kind != d.pin.Kind:
		return d, forged(fmt.Sprintf("vault %q is known as %s, and the service shows a key of the other kind", v.Name, d.pin.Kind), nil)
	case v.Type != personal && v.Type != shared:
		return d, forged(fmt.Sprintf("vault %q is neither personal nor shared", v.Name), nil)
	case v.Sender != a.user() && v.Type == personal:
		return d, forged(fmt.Sprintf("the key of vault %q is personal, but somebody else's", v.Name), nil)
	}
	if kind == seal.KindBound {
		if err := a.checkHead(v, d); err != nil {
			return d, err
		}
	}
	signer, trusted, err := a.signer(tx, v.Sender)
	if err != nil {
		return d, err
	}
	if !trusted {
		if d.known && d.pin.Accepted {
			return d, &backend.AlarmError{
				Code: backend.Forged, Try: "keyhold vault trust " + v.Sender.String(),
				What: fmt.Sprintf("the key of vault %q is from %s, whose key is not trusted here", v.Name, v.Sender),
			}
		}
		return d, nil
	}
	if d.form, err = verifySignature(signer, v, a.user()); err != nil {
		return d, forged(fmt.Sprintf("the key of vault %q is not signed by who sent it", v.Name), err)
	}
	d.mine = v.Sender == a.user() || d.known && d.pin.Accepted
	return d, nil
}

// grown returns an alarm if a vault is older than it was.
func grown(v device.Vault, pin device.Pin) error {
	var what string
	switch {
	case v.KeyVersion < pin.KeyVersion:
		what = fmt.Sprintf("key version %d, it had %d", v.KeyVersion, pin.KeyVersion)
	case v.Revision < pin.Revision:
		what = fmt.Sprintf("revision %d, it had %d", v.Revision, pin.Revision)
	default:
		return nil
	}
	return &backend.AlarmError{
		Code: backend.Rollback, What: fmt.Sprintf("the service shows vault %q at %s", v.Name, what),
		Try: "keyhold vault sync " + v.ID.String() + " --accept-rollback",
	}
}

// checkHead checks what the wrap of a bound vault says of itself.
func (a *account) checkHead(v device.Vault, d verdict) error {
	w, err := seal.ParseWrap(v.Wrap)
	if err != nil {
		return forged(fmt.Sprintf("the key of vault %q", v.Name), err)
	}
	want := seal.Header{KeyVersion: v.KeyVersion, Vault: v.ID, Recipient: a.user(), Sender: v.Sender}
	switch {
	case w.Header != want || w.Shared() != (v.Type == shared):
		return forged(fmt.Sprintf("the key of vault %q was made for another vault, key version or user", v.Name), nil)
	case d.known && d.pin.KeyVersion == v.KeyVersion && d.pin.Check != w.Check && d.pin.Check != [32]byte{}:
		return forged(fmt.Sprintf("the service shows another key for vault %q than before, under the same version", v.Name), nil)
	}
	return nil
}

// signer returns the identity key by which a user's signatures are verified. It
// is never asked for: it is one's own or one that is trusted here.
func (a *account) signer(tx kv.Tx, user seal.ID) (seal.PublicKey, bool, error) {
	if user == a.user() {
		return a.login.Identity, true, nil
	}
	peer, ok, err := a.place.Peer(tx, user)
	return peer.Identity, ok, err
}

// verifySignature verifies the signature of a wrap of either kind. A compatible
// one may have either form, which is returned.
func verifySignature(signer seal.PublicKey, v device.Vault, recipient seal.ID) (seal.Form, error) {
	if len(v.Signature) == 0 {
		return 0, errors.New("there is no signature")
	}
	if kind, err := seal.KindOf(v.Wrap); err == nil && kind == seal.KindCompatible {
		return signer.VerifyV1(v.Wrap, v.Signature, v.ID, recipient)
	}
	return 0, signer.Verify(v.Wrap, v.Signature)
}

// unwrap opens the key of a vault that was judged, by the RSA key of the session
// or, for a personal one, by o; without o that is errOldKey.
func (a *account) unwrap(v device.Vault, o *owner) (seal.VaultEntry, error) {
	kind, err := seal.KindOf(v.Wrap)
	if err != nil {
		return seal.VaultEntry{}, err
	}
	if v.Type == personal && o == nil {
		return seal.VaultEntry{}, errOldKey
	}
	e := seal.VaultEntry{Vault: v.ID, Kind: kind}
	switch rsa := a.keySet().RSA; {
	case kind == seal.KindBound:
		var w seal.Wrap
		if w, err = seal.ParseWrap(v.Wrap); err != nil {
			break
		}
		e.KeyVersion = v.KeyVersion
		if v.Type == personal {
			e.Key, err = w.Open(o.stretched, w.Header)
		} else {
			e.Key, err = w.OpenRSA(rsa, w.Header)
		}
	case v.Type == personal:
		e.Key, err = o.stretched.UnwrapV1(v.Wrap)
	default:
		e.Key, err = rsa.UnwrapV1(v.Wrap)
	}
	if err != nil {
		return seal.VaultEntry{}, forged(fmt.Sprintf("the key of vault %q", v.Name), err)
	}
	return e, nil
}

// pinned returns the pin of a vault whose key was just opened. A key that is not
// the one that was seen under this version, or that is another vault's, is an alarm.
func (a *account) pinned(tx kv.Tx, v device.Vault, e seal.VaultEntry) (device.Pin, error) {
	d, err := a.judge(tx, v)
	if err != nil {
		return d.pin, err
	}
	if !d.mine {
		return d.pin, backend.ErrNotAccepted
	}
	check, err := e.Key.Check(v.ID, v.KeyVersion)
	if err != nil {
		return d.pin, err
	}
	if d.known && v.KeyVersion != 0 && v.KeyVersion == d.pin.KeyVersion && check != d.pin.Check && d.pin.Check != [32]byte{} {
		return d.pin, forged(fmt.Sprintf("the service shows another key for vault %q than before, under the same version", v.Name), nil)
	}
	for id, other := range a.place.Pins(tx) {
		if id == v.ID {
			continue
		}
		if c, err := e.Key.Check(id, other.KeyVersion); err == nil && c == other.Check {
			return d.pin, forged(fmt.Sprintf("the service shows the key of another vault as that of vault %q", v.Name), nil)
		}
	}
	p := d.pin
	p.Kind, p.KeyVersion, p.Check, p.Wrap, p.Form, p.Accepted = e.Kind, v.KeyVersion, check, sha256.Sum256(v.Wrap), d.form, true
	return p, nil
}

// checkOf returns the check value under which the pin has a key.
func checkOf(e seal.VaultEntry, keyVersion uint64) ([32]byte, error) {
	c, err := e.Key.Check(e.Vault, keyVersion)
	if err != nil {
		err = fmt.Errorf("vault %s: %w: %w", e.Vault, vault.ErrDamaged, err)
	}
	return c, err
}
