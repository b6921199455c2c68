package accounts

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
)

// maxText is how many bytes an e-mail address, a name and the name of a device may have.
const maxText = 255

// NormalizeEmail returns an e-mail address as accounts are looked up by it:
// without blanks around it and in lower case. What has not exactly one @, no dot
// inside its domain, a blank or control character, or more than 255 bytes is an
// *InvalidError.
func NormalizeEmail(s string) (string, error) {
	valid := utf8.ValidString(s) // strings.ToLower would make it so
	s = strings.ToLower(strings.TrimSpace(s))
	local, domain, _ := strings.Cut(s, "@")
	dot := strings.LastIndexByte(domain, '.')
	odd := func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }
	if local == "" || strings.Contains(domain, "@") || dot < 1 || dot == len(domain)-1 || domain[0] == '.' ||
		len(s) > maxText || !valid || strings.ContainsFunc(s, odd) {
		return "", &InvalidError{"email", "it is no e-mail address"}
	}
	return s, nil
}

func emailKey(email string) []byte { return append([]byte("ae/"), email...) }

// ByEmail returns the account with this e-mail address, or ErrNotFound. An
// address that is none is an *InvalidError.
func ByEmail(tx kv.Tx, email string) (Account, error) {
	email, err := NormalizeEmail(email)
	if err != nil {
		return Account{}, err
	}
	return byEmail(tx, email)
}

func byEmail(tx kv.Tx, email string) (Account, error) {
	b := tx.Get(emailKey(email))
	if b == nil {
		return Account{}, ErrNotFound
	}
	if len(b) != len(seal.ID{}) {
		return Account{}, ErrDamaged
	}
	return Get(tx, seal.ID(b))
}

// Prelogin returns the suite and salt from which a client derives what proves
// the password. For an address that has no account they are made up, always the
// same, so that nobody learns from them who has one.
func Prelogin(tx kv.Tx, k Keys, email string) (suite string, salt []byte, err error) {
	email, err = NormalizeEmail(email)
	if err != nil {
		return "", nil, err
	}
	switch a, err := byEmail(tx, email); {
	case err == nil:
		return a.Suite, a.Salt, nil
	case !errors.Is(err, ErrNotFound):
		return "", nil, err
	}
	made := k.mac("prelogin", []byte(email))
	return seal.Default().Name(), made[:seal.SaltSize], nil
}
