package device

import (
	"iter"
	"time"

	"github.com/keyhold/keyhold/internal/kv"
	fields "github.com/keyhold/keyhold/internal/record"
	"github.com/keyhold/keyhold/internal/seal"
)

// A Pin is what was true of a vault and has to stay so, or can only grow. It
// stays when the vault is gone.
type Pin struct {
	Kind                 seal.Kind // of the first wrap, for ever
	KeyVersion, Revision uint64    // the highest that were seen; 0: the service gives none
	// Check is the check value of the vault key at KeyVersion, for both kinds.
	Check [32]byte
	// Wrap is the SHA-256 of the wrap that was verified and opened last.
	Wrap [32]byte
	Form seal.Form // of the signature, where the vault is compatible
	// Sender is who shared the vault, with the identity key that was accepted.
	// Zero: the user's own vault.
	Sender    seal.ID
	SenderKey seal.PublicKey
	As        string // its name here, in place of that at the service
	Accepted  bool   // it answers to its name
}

// Pin returns the pin of a vault and whether there is one.
func (p Place) Pin(tx kv.Tx, vault seal.ID) (Pin, bool, error) {
	b := tx.Get(stateKey(kindPin, p, vault))
	if b == nil {
		return Pin{}, false, nil
	}
	pin, err := parsePin(b)
	return pin, err == nil, err
}

func parsePin(b []byte) (Pin, error) {
	r := fields.Read(b, stateVersion)
	pin := Pin{Kind: seal.Kind(r.Byte()), KeyVersion: r.Uint(), Revision: r.Uint()}
	r.Fixed(pin.Check[:])
	r.Fixed(pin.Wrap[:])
	pin.Form = seal.Form(r.Byte())
	r.Fixed(pin.Sender[:])
	r.Fixed(pin.SenderKey[:])
	pin.As, pin.Accepted = string(r.Bytes()), r.Byte() == 1
	return pin, done(r, "the pin of a vault")
}

// PutPin keeps the pin of a vault.
func (p Place) PutPin(tx kv.Tx, vault seal.ID, pin Pin) error {
	w := fields.New(stateVersion)
	w.Byte(byte(pin.Kind))
	w.Uint(pin.KeyVersion)
	w.Uint(pin.Revision)
	w.Fixed(pin.Check[:])
	w.Fixed(pin.Wrap[:])
	w.Byte(byte(pin.Form))
	w.Fixed(pin.Sender[:])
	w.Fixed(pin.SenderKey[:])
	w.Bytes([]byte(pin.As))
	w.Byte(bit(pin.Accepted))
	return tx.Put(stateKey(kindPin, p, vault), w.Record())
}

func bit(set bool) byte {
	if set {
		return 1
	}
	return 0
}

// Pins yields the pins of all vaults.
func (p Place) Pins(tx kv.Tx) iter.Seq2[seal.ID, Pin] {
	prefix := stateKey(kindPin, p)
	return func(yield func(seal.ID, Pin) bool) {
		for k, b := range tx.Scan(prefix) {
			if len(k) != len(prefix)+16 {
				continue
			}
			if pin, err := parsePin(b); err == nil && !yield(seal.ID(k[len(prefix):]), pin) {
				return
			}
		}
	}
}

// A Peer is somebody whose identity key is trusted here.
type Peer struct {
	Identity seal.PublicKey
	Email    string // as the service named it then
	At       time.Time
}

// Peer returns the trusted identity key of a user and whether there is one.
func (p Place) Peer(tx kv.Tx, user seal.ID) (Peer, bool, error) {
	b := tx.Get(stateKey(kindPeer, p, user))
	if b == nil {
		return Peer{}, false, nil
	}
	r := fields.Read(b, stateVersion)
	var peer Peer
	r.Fixed(peer.Identity[:])
	peer.Email, peer.At = string(r.Bytes()), r.Time()
	err := done(r, "the key of a user")
	return peer, err == nil, err
}

// Peers yields those whose identity keys are trusted.
func (p Place) Peers(tx kv.Tx) iter.Seq2[seal.ID, Peer] {
	prefix := stateKey(kindPeer, p)
	return func(yield func(seal.ID, Peer) bool) {
		for k := range tx.Scan(prefix) {
			if len(k) != len(prefix)+16 {
				continue
			}
			id := seal.ID(k[len(prefix):])
			if peer, ok, err := p.Peer(tx, id); ok && err == nil && !yield(id, peer) {
				return
			}
		}
	}
}

// PutPeer trusts the identity key of a user from now on.
func (p Place) PutPeer(tx kv.Tx, user seal.ID, peer Peer) error {
	w := fields.New(stateVersion)
	w.Fixed(peer.Identity[:])
	w.Bytes([]byte(peer.Email))
	w.Time(peer.At)
	return tx.Put(stateKey(kindPeer, p, user), w.Record())
}

// PutShared remembers that the user shared a vault with somebody, for services
// that do not list members.
func (p Place) PutShared(tx kv.Tx, vault, user seal.ID, role string) error {
	w := fields.New(stateVersion)
	w.Bytes([]byte(role))
	return tx.Put(stateKey(kindShared, p, vault, user), w.Record())
}

// DeleteShared forgets one of Shared.
func (p Place) DeleteShared(tx kv.Tx, vault, user seal.ID) error {
	return tx.Delete(stateKey(kindShared, p, vault, user))
}

// Shared yields those with whom the user shared a vault, and their roles.
func (p Place) Shared(tx kv.Tx, vault seal.ID) iter.Seq2[seal.ID, string] {
	prefix := stateKey(kindShared, p, vault)
	return func(yield func(seal.ID, string) bool) {
		for k, b := range tx.Scan(prefix) {
			r := fields.Read(b, stateVersion)
			role := string(r.Bytes())
			if len(k) == len(prefix)+16 && r.Done() == nil && !yield(seal.ID(k[len(prefix):]), role) {
				return
			}
		}
	}
}
