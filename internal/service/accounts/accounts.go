// Package accounts has the rules of accounts: who they are, and what is kept
// of their keys. It holds no user's key, only what those keys sealed.
//
// Its records start with "a/"; FORMAT.md has their layout.
package accounts

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/record"
	"github.com/keyhold/keyhold/internal/seal"
)

var (
	// ErrNotFound reports an account that is not there.
	ErrNotFound = errors.New("no such account")
	// ErrExists reports an id that is taken.
	ErrExists = errors.New("the account exists already")
	// ErrInvalid reports an account that lacks something.
	ErrInvalid = errors.New("invalid account")
	// ErrDamaged reports a record that does not parse.
	ErrDamaged = errors.New("the account record is damaged")
)

// An Account is a person with a master password and an identity key.
type Account struct {
	ID       seal.ID
	Suite    string // the name of the KDF suite of the master password
	Salt     []byte
	Identity []byte // Ed25519 public key, 32 bytes
	// SealedIdentity is the private key: PKCS#8 in an envelope of version 1
	// under the stretched key.
	SealedIdentity []byte
	Created        time.Time // UTC, milliseconds
}

const version = 1

// The limits of a salt, in bytes: no suite derives with another.
const minSalt, maxSalt = 16, 64

var prefix = []byte("a/")

func key(id seal.ID) []byte { return append(append([]byte{}, prefix...), id[:]...) }

// Create keeps a new account. It returns ErrExists if the id is taken and
// ErrInvalid if something is missing.
func Create(tx kv.Tx, a Account) error {
	if _, err := a.check(); err != nil {
		return err
	}
	k := key(a.ID)
	if tx.Get(k) != nil {
		return ErrExists
	}
	return tx.Put(k, marshal(a))
}

// Replace keeps what another master password makes of an account: a suite,
// which must not be weaker than the one before, a salt and a sealed identity.
// The identity key has to be the same, else it is ErrInvalid; the account stays
// as old as it is. Without such an account it is ErrNotFound.
func Replace(tx kv.Tx, a Account) error {
	suite, err := a.check()
	if err != nil {
		return err
	}
	old, err := Get(tx, a.ID)
	if err != nil {
		return err
	}
	if !bytes.Equal(a.Identity, old.Identity) {
		return fmt.Errorf("%w: its identity key is another one", ErrInvalid)
	}
	if was, err := seal.SuiteNamed(old.Suite); err == nil && suite.Weaker(was) {
		return fmt.Errorf("%w: its key derivation is weaker than before", ErrInvalid)
	}
	a.Created = old.Created
	return tx.Put(key(a.ID), marshal(a))
}

func (a Account) check() (seal.Suite, error) {
	if a.ID.IsZero() || len(a.Salt) < minSalt || len(a.Salt) > maxSalt || len(a.Identity) != 32 || len(a.SealedIdentity) == 0 {
		return seal.Suite{}, ErrInvalid
	}
	suite, err := seal.SuiteNamed(a.Suite)
	if err != nil {
		return seal.Suite{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return suite, nil
}

// Get returns the account with this id, or ErrNotFound.
func Get(tx kv.Tx, id seal.ID) (Account, error) {
	b := tx.Get(key(id))
	if b == nil {
		return Account{}, ErrNotFound
	}
	return parse(id, b)
}

// All yields every account, by id.
func All(tx kv.Tx) iter.Seq2[Account, error] {
	return func(yield func(Account, error) bool) {
		for k, b := range tx.Scan(prefix) {
			var id seal.ID
			if len(k) != len(prefix)+len(id) {
				if !yield(Account{}, ErrDamaged) {
					return
				}
				continue
			}
			copy(id[:], k[len(prefix):])
			if !yield(parse(id, b)) {
				return
			}
		}
	}
}

func marshal(a Account) []byte {
	w := record.New(version)
	w.Time(a.Created)
	w.Bytes([]byte(a.Suite))
	w.Bytes(a.Salt)
	w.Fixed(a.Identity)
	w.Bytes(a.SealedIdentity)
	return w.Record()
}

func parse(id seal.ID, b []byte) (Account, error) {
	a := Account{ID: id, Identity: make([]byte, 32)}
	r := record.Read(b, version)
	a.Created = r.Time()
	a.Suite = string(r.Bytes())
	a.Salt = r.Bytes()
	r.Fixed(a.Identity)
	a.SealedIdentity = r.Bytes()
	if r.Done() != nil {
		return Account{}, fmt.Errorf("account %s: %w", id, ErrDamaged)
	}
	return a, nil
}
