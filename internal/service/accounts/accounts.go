// Package accounts has the rules of accounts: who they are, how they prove it,
// and what is kept of their keys. It holds no user's key, only what those keys
// sealed, and no password: what proves one is kept as a slow hash.
//
// An account of this machine alone is made by Create; one of a service has an
// e-mail address, is made by Register and can log in. All functions work inside
// a transaction of the caller's. Those that say so write something down even
// when they refuse, such as a failed login: they have to run in Update.
//
// Its records start with "a/", "ae/", "af/", "ai/", "as/", "at/" and "au/";
// FORMAT.md has their layout.
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
	// ErrNotFound reports an account, session or invite that is not there.
	ErrNotFound = errors.New("no such account")
	// ErrExists reports an id or an e-mail address that is taken.
	ErrExists = errors.New("the account exists already")
	// ErrInvalid reports an account that lacks something. What a service was
	// sent is an *InvalidError, which is an ErrInvalid too.
	ErrInvalid = errors.New("invalid account")
	// ErrDamaged reports a record that does not parse.
	ErrDamaged = errors.New("the account record is damaged")
)

// An InvalidError reports a request that breaks a rule. Field is the name of
// the member of the API.
type InvalidError struct{ Field, Reason string }

func (e *InvalidError) Error() string { return fmt.Sprintf("%s: %s", e.Field, e.Reason) }

// Is makes it an ErrInvalid.
func (e *InvalidError) Is(target error) bool { return target == ErrInvalid }

// A Role is what an account may do on a service as a whole.
type Role string

// The roles of accounts. The first account of a service is its owner.
const (
	RoleOwner  Role = "owner"
	RoleMember Role = "member"
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

	// What only an account of a service has.
	Email, Name  string // Email as NormalizeEmail has it
	Role         Role
	Disabled     bool
	Verifier     Verifier
	RSA          []byte // RSA public key: SPKI in DER
	RSASignature []byte // of RSA, by the identity key; 64 bytes
	SealedRSA    []byte // the private key, sealed as SealedIdentity is
}

// IsLocal reports whether a is an account of this machine alone.
func (a Account) IsLocal() bool { return a.Email == "" }

// The versions of an account's record, and that of all other records.
const (
	versionLocal   = 1
	versionService = 2
	version        = 1
)

// The limits of a salt, in bytes: no suite derives with another.
const minSalt, maxSalt = 16, 64

var prefix = []byte("a/")

func key(id seal.ID) []byte { return append(append([]byte{}, prefix...), id[:]...) }

// Create keeps a new account of this machine. It returns ErrExists if the id is
// taken and ErrInvalid if something is missing.
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

// Replace keeps what another master password makes of an account of this
// machine (ChangePassword is for the others): a suite,
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
	if !old.IsLocal() || !bytes.Equal(a.Identity, old.Identity) {
		return fmt.Errorf("%w: its identity key or its kind is another one", ErrInvalid)
	}
	if was, err := seal.SuiteNamed(old.Suite); err == nil && suite.Weaker(was) {
		return fmt.Errorf("%w: its key derivation is weaker than before", ErrInvalid)
	}
	a.Created = old.Created
	return tx.Put(key(a.ID), marshal(a))
}

func (a Account) check() (seal.Suite, error) {
	if !a.IsLocal() || a.ID.IsZero() || len(a.Salt) < minSalt || len(a.Salt) > maxSalt || len(a.Identity) != 32 || len(a.SealedIdentity) == 0 {
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
	w := record.New(versionLocal)
	if !a.IsLocal() {
		w = record.New(versionService)
	}
	w.Time(a.Created)
	w.Bytes([]byte(a.Suite))
	w.Bytes(a.Salt)
	w.Fixed(a.Identity)
	w.Bytes(a.SealedIdentity)
	if !a.IsLocal() {
		w.Bytes([]byte(a.Email))
		w.Bytes([]byte(a.Name))
		w.Bytes([]byte(a.Role))
		w.Byte(flag(a.Disabled))
		w.Bytes([]byte(a.Verifier))
		w.Bytes(a.RSA)
		w.Bytes(a.RSASignature)
		w.Bytes(a.SealedRSA)
	}
	return w.Record()
}

func flag(set bool) byte {
	if set {
		return 1
	}
	return 0
}

func parse(id seal.ID, b []byte) (Account, error) {
	a := Account{ID: id, Identity: make([]byte, 32)}
	v := byte(versionLocal)
	if len(b) > 0 && b[0] == versionService {
		v = versionService
	}
	r := record.Read(b, v)
	a.Created = r.Time()
	a.Suite = string(r.Bytes())
	a.Salt = r.Bytes()
	r.Fixed(a.Identity)
	a.SealedIdentity = r.Bytes()
	bad := false
	if v == versionService {
		a.Email, a.Name, a.Role = string(r.Bytes()), string(r.Bytes()), Role(r.Bytes())
		disabled := r.Byte()
		a.Disabled = disabled == 1
		a.Verifier = Verifier(r.Bytes())
		a.RSA, a.RSASignature, a.SealedRSA = r.Bytes(), r.Bytes(), r.Bytes()
		bad = a.IsLocal() || disabled > 1 || a.Role != RoleOwner && a.Role != RoleMember
	}
	if r.Done() != nil || bad {
		return Account{}, fmt.Errorf("account %s: %w", id, ErrDamaged)
	}
	return a, nil
}
