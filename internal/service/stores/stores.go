// Package stores has the rules of the Secrets Store: stores of an account and
// the secrets in them, whose values come in and never go out. It receives
// plaintext, because its API does, and seals it before it is stored.
//
// Its functions work inside a transaction of the caller's, so that several of
// them make one. Its records start with "sl/", "ss/", "st/" and "sv/"
// (FORMAT.md). What is deleted is gone from them at once; the caller has the
// store's free pages overwritten.
package stores

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/keyhold/keyhold/internal/kv"
)

// The limits.
const (
	MaxStores  = 1   // of an account; a service that keeps stores there has no such limit
	MaxSecrets = 100 // in all stores of an owner
	MaxValue   = 64 << 10
	MaxName    = 255
	MaxComment = 1024
)

// PendingTime is how long a secret is pending after its value was set.
const PendingTime = 500 * time.Millisecond

var (
	// ErrStoreNotFound reports a store that is not there, or not the caller's.
	ErrStoreNotFound = errors.New("no such store")
	// ErrSecretNotFound reports a secret that is not in the store.
	ErrSecretNotFound = errors.New("no such secret")
	// ErrNotEmpty reports a store that has secrets and was not to be deleted with them.
	ErrNotEmpty = errors.New("the store is not empty")
	// ErrMaxStores reports one store more than MaxStores.
	ErrMaxStores = errors.New("the account has a store already")
	// ErrMaxSecrets reports more secrets than MaxSecrets.
	ErrMaxSecrets = errors.New("there is no room for so many secrets")
	// ErrDamaged reports a record that does not parse, or a value that does not open.
	ErrDamaged = errors.New("a record of the store is damaged")
)

// A Rule is what a request can break.
type Rule string

// The rules, named as the API names them where it is known to.
const (
	StoreNameEmpty   Rule = "store_name_empty"
	StoreNameInvalid Rule = "store_name_invalid"
	NumberInvalid    Rule = "account_id_invalid"
	NameEmpty        Rule = "secret_name_empty"
	NameInvalid      Rule = "secret_name_invalid"
	NameImmutable    Rule = "secret_name_immutable"
	ScopesEmpty      Rule = "secret_scopes_empty"
	ScopeInvalid     Rule = "secret_scope_invalid"
	ValueEmpty       Rule = "secret_value_empty"
	ValueTooLong     Rule = "secret_value_too_long"
	ValueInvalid     Rule = "secret_value_invalid"
	CommentInvalid   Rule = "secret_comment_invalid"
)

// A RuleError reports a request that breaks a rule. Detail is for people and
// has nothing of a value.
type RuleError struct {
	Rule   Rule
	Detail string
}

func (e *RuleError) Error() string {
	if e.Detail == "" {
		return string(e.Rule)
	}
	return string(e.Rule) + ": " + e.Detail
}

// A NameTakenError reports a name that the store has already.
type NameTakenError struct{ Name string }

func (e *NameTakenError) Error() string { return fmt.Sprintf("the name %q is taken", e.Name) }

// An ID names an account, a store or a secret.
type ID [16]byte

// ParseID reads 32 hex digits.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != hex.EncodedLen(len(id)) {
		return ID{}, errors.New("an id has 32 hex digits")
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return ID{}, errors.New("an id has 32 hex digits")
	}
	return id, nil
}

// String returns 32 hex digits in lower case.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText returns what String does.
func (id ID) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, id[:]), nil }

func makeID(rand io.Reader) (ID, error) {
	var id ID
	if _, err := io.ReadFull(rand, id[:]); err != nil {
		return ID{}, fmt.Errorf("draw an id: %w", err)
	}
	return id, nil
}

// An Owner is whose stores a caller sees: those of an account or, with a
// Service, those that this service keeps in the account.
type Owner struct {
	Account ID
	Service string
}

// A Store holds secrets.
type Store struct {
	ID                ID
	Owner             Owner
	Number            uint64 // of the account, as a service knows it; else 0
	Name              string
	Created, Modified time.Time // UTC, microseconds
}

// Stores returns the stores of an owner, oldest first.
func Stores(tx kv.Tx, o Owner) ([]Store, error) {
	var all []Store
	prefix := join("sl/", o.Account)
	for k := range tx.Scan(prefix) {
		if len(k) != len(prefix)+len(ID{}) {
			return nil, ErrDamaged
		}
		s, err := loadStore(tx, ID(k[len(prefix):]))
		if err != nil {
			return nil, err
		}
		if s.Owner == o {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b Store) int {
		if c := a.Created.Compare(b.Created); c != 0 {
			return c
		}
		return bytes.Compare(a.ID[:], b.ID[:])
	})
	return all, nil
}

// GetStore returns one of the owner's stores, or ErrStoreNotFound.
func GetStore(tx kv.Tx, o Owner, id ID) (Store, error) {
	s, err := loadStore(tx, id)
	if err == nil && s.Owner != o {
		return Store{}, ErrStoreNotFound
	}
	return s, err
}

// A NewStore is a store to be made. Number is the internal number of the
// account: a service gives it, the same for all its stores there.
type NewStore struct {
	Name   string
	Number uint64
}

// CreateStore makes a store. One more than MaxStores is ErrMaxStores.
func CreateStore(tx kv.Tx, now time.Time, rand io.Reader, o Owner, n NewStore) (Store, error) {
	switch {
	case n.Name == "":
		return Store{}, &RuleError{StoreNameEmpty, ""}
	case len(n.Name) > MaxName || !isPlain(n.Name):
		return Store{}, &RuleError{StoreNameInvalid, fmt.Sprintf("at most %d bytes, no spaces or control characters", MaxName)}
	}
	all, err := Stores(tx, o)
	if err != nil {
		return Store{}, err
	}
	switch {
	case o.Service == "" && n.Number != 0:
		return Store{}, &RuleError{NumberInvalid, "it is for services"}
	case o.Service == "" && len(all) >= MaxStores:
		return Store{}, ErrMaxStores
	case o.Service != "" && n.Number == 0:
		return Store{}, &RuleError{NumberInvalid, "it is missing"}
	case len(all) > 0 && all[0].Number != n.Number:
		return Store{}, &RuleError{NumberInvalid, "the stores of this account have another"}
	}
	id, err := makeID(rand)
	if err != nil {
		return Store{}, err
	}
	now = now.UTC().Truncate(time.Microsecond) // as it is read back
	s := Store{ID: id, Owner: o, Number: n.Number, Name: n.Name, Created: now, Modified: now}
	if err := tx.Put(join("sl/", o.Account, id), nil); err != nil {
		return Store{}, err
	}
	return s, putStore(tx, s)
}

// isPlain reports whether a name has neither spaces nor what does not print.
func isPlain(name string) bool {
	return utf8.ValidString(name) && !strings.ContainsFunc(name, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) })
}

// DeleteStore removes a store. With secrets in it, it is ErrNotEmpty unless
// force is set; then they go too.
func DeleteStore(tx kv.Tx, o Owner, id ID, force bool) error {
	if _, err := GetStore(tx, o, id); err != nil {
		return err
	}
	var gone [][]byte
	for _, prefix := range []string{"ss/", "sv/"} {
		for k := range tx.Scan(join(prefix, id)) {
			gone = append(gone, slices.Clone(k))
		}
	}
	if len(gone) > 0 && !force {
		return ErrNotEmpty
	}
	for _, k := range append(gone, join("sl/", o.Account, id), join("st/", id)) {
		if err := tx.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// Usage returns how many secrets the stores of an owner have, of MaxSecrets.
func Usage(tx kv.Tx, o Owner) (int, error) {
	all, err := Stores(tx, o)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, s := range all {
		for range tx.Scan(join("ss/", s.ID)) {
			n++
		}
	}
	return n, nil
}
