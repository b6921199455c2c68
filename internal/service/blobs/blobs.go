// Package blobs has the rules of vaults that are one sealed blob each: kept by
// owner and name, with a version that a change has to name. It holds no user's
// key; what is in a blob is sealed and stays so.
//
// Its functions work inside a transaction of the caller's, so that the check of
// a version and the write that it allows are one. Its records start with "b/",
// "bd/" and "bs/"; FORMAT.md has their layout.
package blobs

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/keyhold/keyhold/internal/kv"
)

var (
	// ErrNotFound reports a vault or session that is not there, or is not the owner's.
	ErrNotFound = errors.New("not found")
	// ErrExists reports a name that is taken.
	ErrExists = errors.New("exists already")
	// ErrDenied reports the vault that cannot be deleted.
	ErrDenied = errors.New("the vault named default cannot be deleted")
	// ErrTooLarge reports more data than a vault may have.
	ErrTooLarge = errors.New("a vault may have at most 25 MiB")
	// ErrDamaged reports a record that does not parse.
	ErrDamaged = errors.New("a record of the store is damaged")
)

// An InvalidError reports a request that breaks a rule. Field is the name of
// the member of the API.
type InvalidError struct{ Field, Reason string }

func (e *InvalidError) Error() string { return fmt.Sprintf("%s: %s", e.Field, e.Reason) }

// A ConflictError reports a change that was made from another version than the
// current one.
type ConflictError struct{ Yours, Current uint64 }

func (e *ConflictError) Error() string {
	return fmt.Sprintf("the version is %d, not %d", e.Current, e.Yours)
}

// MaxData is how many bytes the data of a vault may have.
const MaxData = 25 << 20

// Default is the name of the vault that cannot be deleted.
const Default = "default"

// The other sizes, in bytes: AES-256-GCM of a key of 32 bytes, and of anything.
const (
	maxName  = 255
	maxOwner = 255
	ivSize   = 12
	tagSize  = 16
	wrapSize = 32 + tagSize
	saltSize = 16
)

// An Info is what a list says of a vault.
type Info struct {
	Name             string
	Version          uint64    // from 1; +1 with every change
	Created, Updated time.Time // UTC, milliseconds
}

// A Key is the key of a vault, wrapped under one derived from a password.
type Key struct {
	Wrap []byte // 48 bytes
	IV   []byte // 12 bytes
	Salt []byte // 16 bytes, of the key derivation
}

// Content is what is sealed under the key of a vault.
type Content struct {
	Data []byte // ciphertext and tag
	IV   []byte // 12 bytes
}

// A Vault is a vault with all that it holds.
type Vault struct {
	Info
	Content Content
	Key     Key
}

// List returns the vaults of an owner, by name. One whose record is damaged
// does not hide the others: it comes with its name alone, and Version 0.
func List(tx kv.Tx, owner string) []Info {
	var list []Info
	prefix := headKey(owner, "")
	for k, b := range tx.Scan(prefix) {
		name := string(k[len(prefix):])
		h, err := parseHead(name, b)
		if err != nil || h.owner != owner {
			h = head{Info: Info{Name: name}}
		}
		list = append(list, h.Info)
	}
	return list
}

// Get returns a vault of an owner, or ErrNotFound.
func Get(tx kv.Tx, owner, name string) (Vault, error) {
	h, err := getHead(tx, owner, name)
	if err != nil {
		return Vault{}, err
	}
	data := tx.Get(dataKey(owner, name))
	if data == nil {
		return Vault{}, fmt.Errorf("data of the vault %q: %w", name, ErrDamaged)
	}
	return Vault{h.Info, Content{bytes.Clone(data), h.iv}, h.key}, nil
}

// Create makes a vault of version 1. A name that the owner has is ErrExists.
func Create(tx kv.Tx, now time.Time, owner, name string, c Content, k Key) (Info, error) {
	if err := cmp.Or(checkOwner(owner), checkName(name), c.check(), k.check()); err != nil {
		return Info{}, err
	}
	if tx.Get(headKey(owner, name)) != nil {
		return Info{}, fmt.Errorf("vault %q: %w", name, ErrExists)
	}
	now = millis(now)
	h := head{Info{name, 1, now, now}, owner, c.IV, k}
	return h.Info, h.put(tx, c.Data)
}

// Update gives a vault other content, and another key if k is not nil, if its
// version is the one that the caller has read; else it is a *ConflictError and
// nothing changes. It returns the vault's new version.
func Update(tx kv.Tx, now time.Time, owner, name string, version uint64, c Content, k *Key) (Info, error) {
	h, err := getHead(tx, owner, name)
	if err != nil {
		return Info{}, err
	}
	if err := c.check(); err != nil {
		return Info{}, err
	}
	if k != nil {
		if err := k.check(); err != nil {
			return Info{}, err
		}
		h.key = *k
	}
	if h.Version != version {
		return Info{}, &ConflictError{Yours: version, Current: h.Version}
	}
	h.Version++
	h.Updated, h.iv = millis(now), c.IV
	return h.Info, h.put(tx, c.Data)
}

// Delete removes a vault, for good. The one named Default is ErrDenied. A
// damaged one can go too.
func Delete(tx kv.Tx, owner, name string) error {
	switch {
	case tx.Get(headKey(owner, name)) == nil:
		return fmt.Errorf("vault %q: %w", name, ErrNotFound)
	case name == Default:
		return ErrDenied
	}
	return errors.Join(tx.Delete(headKey(owner, name)), tx.Delete(dataKey(owner, name)))
}

func checkOwner(owner string) error {
	if owner == "" || len(owner) > maxOwner || !utf8.ValidString(owner) {
		return &InvalidError{"email", "it must have 1 to 255 bytes of UTF-8"}
	}
	return nil
}

func checkName(name string) error {
	switch {
	case name == "" || len(name) > maxName || !utf8.ValidString(name):
		return &InvalidError{"name", "it must have 1 to 255 bytes of UTF-8"}
	case name == "." || name == "..":
		return &InvalidError{"name", "it has another meaning in a path"}
	}
	return nil
}

func (c Content) check() error {
	switch {
	case len(c.Data) > MaxData:
		return ErrTooLarge
	case len(c.Data) < tagSize:
		return &InvalidError{"encryptedData", "it is shorter than a tag"}
	}
	return size("iv", c.IV, ivSize)
}

func (k Key) check() error {
	return cmp.Or(size("wrappedVaultKey", k.Wrap, wrapSize), size("vaultKeyIv", k.IV, ivSize), size("vaultKeySalt", k.Salt, saltSize))
}

func size(field string, b []byte, want int) error {
	if len(b) != want {
		return &InvalidError{field, fmt.Sprintf("it must have %d bytes", want)}
	}
	return nil
}

func millis(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }
