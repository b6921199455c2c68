package device

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/keyhold/keyhold/internal/kv"
	fields "github.com/keyhold/keyhold/internal/record"
	"github.com/keyhold/keyhold/internal/seal"
)

// ErrNoLogin reports a profile that is logged in nowhere.
var ErrNoLogin = errors.New("no account yet")

const stateVersion = 1

// A Login is the answer of a service to a login, as far as it is needed to open
// the account again without the service.
type Login struct {
	Origin   string // scheme, host and port: where the tokens go
	Email    string
	User     seal.ID
	Device   string // the name of this device at the service
	Suite    string
	Salt     []byte
	Identity seal.PublicKey
	RSA      []byte // SPKI in DER
	// SealedIdentity and SealedRSA are envelopes of version 1. Without them the
	// record pins the account, and the service has to be asked for them.
	SealedIdentity, SealedRSA []byte
	At                        time.Time
}

// Place returns where the pins and marks of the account are. It depends on the
// identity key alone, so that they outlive a logout and a new address.
func (l Login) Place() Place { return PlaceOf(l.Identity) }

// A Place is what everything that is remembered of one account stands under.
type Place [16]byte

// PlaceOf returns the place of the account with this identity key.
func PlaceOf(identity seal.PublicKey) Place {
	sum := sha256.Sum256(append([]byte("keyhold/place/1"), identity[:]...))
	return Place(sum[:16])
}

// Mirror returns the id under which the items of a vault are kept in itemdb.
func (p Place) Mirror(vault seal.ID) [16]byte {
	sum := sha256.Sum256(append(append([]byte("keyhold/mirror/1"), p[:]...), vault[:]...))
	return [16]byte(sum[:16])
}

// Kinds of records, in front of their keys.
const (
	kindLogin   = "l/" // profile
	kindPin     = "p/" // place, vault
	kindPeer    = "t/" // place, user
	kindVault   = "w/" // place, vault
	kindDefault = "d/" // place
	kindShared  = "s/" // place, vault, user
	kindMark    = "m/" // place, vault
	kindFlags   = "f/" // place, vault, item
	kindBlob    = "b/" // place, vault, number of the piece
	kindSeen    = "e/" // place, vault
)

func stateKey(kind string, p Place, ids ...seal.ID) []byte {
	k := make([]byte, 0, len(kind)+len(p)+len(ids)*len(p))
	k = append(append(k, kind...), p[:]...)
	for _, id := range ids {
		k = append(k, id[:]...)
	}
	return k
}

func loginKey(profile string) []byte { return append([]byte(kindLogin), profile...) }

// done returns what r is worth: an ErrDamaged that names the record, or nil.
func done(r *fields.Reader, what string) error {
	if r.Done() != nil {
		return fmt.Errorf("%s in state.db: %w", what, ErrDamaged)
	}
	return nil
}

// Login returns the login answer of the profile, or ErrNoLogin.
func (a *Account) Login(tx kv.Tx) (Login, error) {
	b := tx.Get(loginKey(a.profile))
	if b == nil {
		return Login{}, ErrNoLogin
	}
	r := fields.Read(b, stateVersion)
	l := Login{Origin: string(r.Bytes()), Email: string(r.Bytes())}
	r.Fixed(l.User[:])
	l.Device, l.Suite, l.Salt = string(r.Bytes()), string(r.Bytes()), r.Bytes()
	r.Fixed(l.Identity[:])
	l.RSA, l.SealedIdentity, l.SealedRSA, l.At = r.Bytes(), r.Bytes(), r.Bytes(), r.Time()
	return l, done(r, "the login of profile "+a.profile)
}

// PutLogin keeps the login answer of the profile.
func (a *Account) PutLogin(tx kv.Tx, l Login) error {
	w := fields.New(stateVersion)
	w.Bytes([]byte(l.Origin))
	w.Bytes([]byte(l.Email))
	w.Fixed(l.User[:])
	w.Bytes([]byte(l.Device))
	w.Bytes([]byte(l.Suite))
	w.Bytes(l.Salt)
	w.Fixed(l.Identity[:])
	w.Bytes(l.RSA)
	w.Bytes(l.SealedIdentity)
	w.Bytes(l.SealedRSA)
	w.Time(l.At)
	return tx.Put(loginKey(a.profile), w.Record())
}

// ReadLogin is Login in a transaction of its own.
func (a *Account) ReadLogin(ctx context.Context) (l Login, err error) {
	err = a.State().View(ctx, func(tx kv.Tx) error {
		l, err = a.Login(tx)
		return err
	})
	return l, err
}

// DeleteLogin forgets the login answer. Pins and marks stay.
func (a *Account) DeleteLogin(tx kv.Tx) error { return tx.Delete(loginKey(a.profile)) }

// Forget deletes everything that is remembered of an account but the items of
// its mirrors, and the pins too: whatever the service shows next is believed.
func (p Place) Forget(tx kv.Tx) error {
	for _, kind := range []string{kindPin, kindPeer, kindVault, kindDefault, kindShared, kindMark, kindFlags, kindBlob, kindSeen} {
		if err := deleteAll(tx, stateKey(kind, p)); err != nil {
			return err
		}
	}
	return nil
}

func deleteAll(tx kv.Tx, prefix []byte) error {
	var keys [][]byte
	for k := range tx.Scan(prefix) {
		keys = append(keys, append([]byte{}, k...))
	}
	for _, k := range keys {
		if err := tx.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// Default returns the default vault, or the zero ID.
func (p Place) Default(tx kv.Tx) seal.ID {
	var id seal.ID
	if b := tx.Get(stateKey(kindDefault, p)); len(b) == len(id) {
		copy(id[:], b)
	}
	return id
}

// SetDefault remembers the default vault.
func (p Place) SetDefault(tx kv.Tx, vault seal.ID) error {
	return tx.Put(stateKey(kindDefault, p), vault[:])
}
