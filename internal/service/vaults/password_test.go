package vaults_test

import (
	"bytes"
	"crypto/rand"
	"testing"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/service/accounts"
	"github.com/keyhold/keyhold/internal/service/vaults"
)

// Another password and the wraps of the personal vaults are one transaction, in
// which only a failed login survives an error.
func TestChangePassword(t *testing.T) {
	t.Parallel()
	s := store{t, memory.New()}.made()
	keys, err := accounts.NewKeys(secret.Of(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	verifier := func(c byte) accounts.Verifier {
		v, err := accounts.MakeVerifier(rand.Reader, secret.Of(bytes.Repeat([]byte{c}, 32)))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	// The account of alice, with a password.
	old, next := verifier(1), verifier(2)
	record := bytes.Replace(accountRecords()["a/"+string(alice[:])], []byte(hollow), []byte(old), 1)
	s.set(key("a/", alice), record)
	rewrapped := bytes.Repeat([]byte{8}, 64)
	change := func(password byte, wraps ...vaults.VaultWrap) error {
		var c *accounts.Check
		s.view(func(tx kv.Tx) (err error) { c, err = accounts.BeginUser(tx, at, keys, alice); return err })
		c.Try(secret.Of(bytes.Repeat([]byte{password}, 32)))
		sealed := append([]byte{1, 1}, make([]byte, 50)...)
		return accounts.Update(t.Context(), s.db, func(tx kv.Tx) error {
			_, err := accounts.ChangePassword(tx, at, keys, rand.Reader, c, accounts.PasswordChange{Verifier: next, SealedIdentity: sealed, SealedRSA: sealed})
			if err != nil {
				return err
			}
			return vaults.RewrapPersonal(tx, alice, wraps)
		})
	}
	wrap := vaults.VaultWrap{Vault: home, Wrap: append([]byte{1, 3}, make([]byte, 40)...), Signature: rewrapped}
	s.unchanged(func() { s.want("without the vault", change(1), about("vaultKeys")) })
	before := len(s.dump())
	s.want("a wrong password", change(3, wrap), accounts.ErrCredentials)
	if n := len(s.dump()); n != before+1 { // the failure
		t.Errorf("%d records are new", n-before)
	}
	if v, err := s.get(alice, home); err != nil || bytes.Equal(v.Signature, rewrapped) {
		t.Errorf("the vault was wrapped anew for a wrong password: %v", err)
	}
	s.want("all right", change(1, wrap), nil)
	v, err := s.get(alice, home)
	var a accounts.Account
	s.view(func(tx kv.Tx) (err error) { a, err = accounts.Get(tx, alice); return err })
	if err != nil || !bytes.Equal(v.Signature, rewrapped) || a.Verifier != next {
		t.Errorf("the password is not another one: %v", err)
	}
}
