package local

import (
	"errors"
	"fmt"
	"io"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/service/accounts"
	"github.com/keyhold/keyhold/internal/service/vaults"
	"github.com/keyhold/keyhold/internal/vault"
)

// An owner is an account with the keys that its master password gives. It
// lives no longer than it takes to open or make something.
type owner struct {
	accounts.Account

	stretched seal.StretchedKey
	identity  seal.Identity
}

func (o owner) wipe() {
	o.stretched.Wipe()
	o.identity.Wipe()
}

// makeAccount makes the keys of a new account and keeps nothing yet.
func makeAccount(d backend.Deps, password secret.String) (_ owner, err error) {
	suite := seal.Default()
	o := owner{Account: accounts.Account{Suite: suite.Name(), Created: d.Now()}}
	defer func() {
		if err != nil {
			o.wipe()
		}
	}()
	if o.ID, err = seal.MakeID(d.Rand); err != nil {
		return owner{}, err
	}
	if o.Salt, err = seal.MakeSalt(d.Rand); err != nil {
		return owner{}, err
	}
	if o.identity, err = seal.MakeIdentity(d.Rand); err != nil {
		return owner{}, err
	}
	pub, err := o.identity.Public()
	if err != nil {
		return owner{}, err
	}
	o.Identity = pub[:]
	if o.stretched, err = stretch(suite, password, o.Salt); err != nil {
		return owner{}, err
	}
	if o.SealedIdentity, err = o.stretched.SealIdentity(d.Rand, o.identity); err != nil {
		return owner{}, err
	}
	return o, nil
}

// openAccount derives the stretched key and opens the identity key with it.
func openAccount(a accounts.Account, password secret.String) (owner, error) {
	suite, err := seal.SuiteNamed(a.Suite)
	if err != nil {
		return owner{}, fmt.Errorf("account: %w: %w", vault.ErrDamaged, err)
	}
	o := owner{Account: a}
	if o.stretched, err = stretch(suite, password, a.Salt); err != nil {
		return owner{}, fmt.Errorf("account: %w: %w", vault.ErrDamaged, err)
	}
	o.identity, err = o.stretched.OpenIdentity(a.SealedIdentity)
	switch {
	case errors.Is(err, seal.ErrUnsupported): // no password makes that of it
		o.wipe()
		return owner{}, fmt.Errorf("account: %w: %w", vault.ErrDamaged, err)
	case err != nil:
		o.wipe()
		return owner{}, vault.ErrWrongPassword
	}
	if pub, err := o.identity.Public(); err != nil || string(pub[:]) != string(a.Identity) {
		o.wipe()
		return owner{}, fmt.Errorf("account: the identity key is not the one of the record: %w", vault.ErrDamaged)
	}
	return o, nil
}

func stretch(suite seal.Suite, password secret.String, salt []byte) (seal.StretchedKey, error) {
	master, err := suite.Derive(password, salt)
	if err != nil {
		return seal.StretchedKey{}, err
	}
	defer master.Wipe()
	auth, stretched, err := master.Split()
	auth.Wipe()
	return stretched, err
}

// unwrap verifies and opens the key of a vault.
func (o owner) unwrap(v vaults.Vault) (seal.VaultEntry, error) {
	pub, err := seal.ParsePublicKey(o.Identity)
	if err != nil {
		return seal.VaultEntry{}, err
	}
	if err := pub.Verify(v.Wrap, v.Signature); err != nil {
		return seal.VaultEntry{}, err
	}
	w, err := seal.ParseWrap(v.Wrap)
	if err != nil {
		return seal.VaultEntry{}, err
	}
	key, err := w.Open(o.stretched, seal.Header{KeyVersion: v.KeyVersion, Vault: v.ID, Recipient: o.ID, Sender: o.ID})
	if err != nil {
		return seal.VaultEntry{}, err
	}
	return seal.VaultEntry{Vault: v.ID, Kind: seal.KindBound, KeyVersion: v.KeyVersion, Key: key}, nil
}

// makeVault makes the key of a new vault, wrapped and signed for its owner.
func (o owner) makeVault(rand io.Reader, name string) (vaults.New, seal.VaultEntry, error) {
	fail := func(err error) (vaults.New, seal.VaultEntry, error) { return vaults.New{}, seal.VaultEntry{}, err }
	id, err := seal.MakeID(rand)
	if err != nil {
		return fail(err)
	}
	key, err := seal.MakeVaultKey(rand)
	if err != nil {
		return fail(err)
	}
	w, err := o.stretched.Wrap(seal.Header{KeyVersion: 1, Vault: id, Recipient: o.ID, Sender: o.ID}, key)
	if err != nil {
		return fail(err)
	}
	wrap := w.Marshal()
	sig, err := o.identity.Sign(wrap)
	if err != nil {
		return fail(err)
	}
	n := vaults.New{ID: id, Name: name, Type: vaults.Personal, Wrap: wrap, Signature: sig, UniqueName: true}
	return n, seal.VaultEntry{Vault: id, Kind: seal.KindBound, KeyVersion: 1, Key: key}, nil
}
