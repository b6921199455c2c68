package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/kv"
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
	o := owner{Account: accounts.Account{Suite: seal.Default().Name(), Created: d.Now()}}
	defer func() {
		if err != nil {
			o.wipe()
		}
	}()
	if o.ID, err = seal.MakeID(d.Rand); err != nil {
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
	return o.with(d.Rand, password)
}

// with returns o with another master password. The two share the identity.
func (o owner) with(rand io.Reader, password secret.String) (owner, error) {
	suite := seal.Default()
	if was, err := seal.SuiteNamed(o.Suite); err == nil && suite.Weaker(was) {
		suite = was
	}
	var err error
	o.Suite = suite.Name()
	if o.Salt, err = seal.MakeSalt(rand); err != nil {
		return owner{}, err
	}
	if o.stretched, err = stretch(suite, password, o.Salt); err != nil {
		return owner{}, err
	}
	if o.SealedIdentity, err = o.stretched.SealIdentity(rand, o.identity); err != nil {
		o.stretched.Wipe()
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
	stretched, err := stretch(suite, password, a.Salt)
	if err != nil {
		return owner{}, fmt.Errorf("account: %w: %w", vault.ErrDamaged, err)
	}
	return openWith(a, stretched)
}

// openWith is openAccount for who has the stretched key, which is the owner's
// from then on.
func openWith(a accounts.Account, stretched seal.StretchedKey) (o owner, err error) {
	o = owner{Account: a, stretched: stretched}
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

// tries is how often what needs the master password is begun anew because
// another process changed what it was made from.
const tries = 5

// errMoved reports an account whose password was changed meanwhile.
var errMoved = errors.New("the account changed meanwhile")

// asOwner asks for the master password, opens the account with it and runs fn.
// It does so again, without asking, if fn finds that another process was faster.
func (a *account) asOwner(ctx context.Context, fn func(owner) error) error {
	password, err := a.d.Ask(ctx)
	if err != nil {
		return err
	}
	for range tries {
		var acc accounts.Account
		err = a.d.Store.View(ctx, func(tx kv.Tx) (err error) {
			acc, err = accounts.Get(tx, a.keys.User)
			return err
		})
		if err != nil {
			return translate(err)
		}
		var o owner
		if o, err = openAccount(acc, password); err != nil {
			return err
		}
		err = fn(o)
		o.wipe()
		var conflict *vaults.ConflictError
		if !errors.Is(err, errMoved) && !errors.As(err, &conflict) {
			return translate(err)
		}
	}
	return &portError{vault.ErrBusy, fmt.Errorf("other programs kept changing it: %w", err)}
}

// current returns errMoved if the account is no longer the one that was opened.
func (o owner) current(tx kv.Tx) error {
	now, err := accounts.Get(tx, o.ID)
	if err == nil && (!bytes.Equal(now.Salt, o.Salt) || !bytes.Equal(now.SealedIdentity, o.SealedIdentity)) {
		err = errMoved
	}
	return err
}

// wrapOf verifies the wrap of a vault as far as that goes without the password.
func wrapOf(identity seal.Identity, user seal.ID, v vaults.Vault) (seal.Wrap, error) {
	pub, err := identity.Public()
	if err != nil {
		return seal.Wrap{}, err
	}
	if err := pub.Verify(v.Wrap, v.Signature); err != nil {
		return seal.Wrap{}, err
	}
	w, err := seal.ParseWrap(v.Wrap)
	if err != nil {
		return seal.Wrap{}, err
	}
	if v.Sender != user || w.Header != header(v.ID, v.KeyVersion, user) {
		return seal.Wrap{}, fmt.Errorf("it was made for another vault, key version or user: %w", seal.ErrDamaged)
	}
	return w, nil
}

func header(id seal.ID, keyVersion uint64, user seal.ID) seal.Header {
	return seal.Header{KeyVersion: keyVersion, Vault: id, Recipient: user, Sender: user}
}

// unwrap verifies and opens the key of a vault.
func (o owner) unwrap(v vaults.Vault) (seal.VaultEntry, error) {
	w, err := wrapOf(o.identity, o.ID, v)
	if err != nil {
		return seal.VaultEntry{}, err
	}
	key, err := w.Open(o.stretched, w.Header)
	if err != nil {
		return seal.VaultEntry{}, err
	}
	return seal.VaultEntry{Vault: v.ID, Kind: seal.KindBound, KeyVersion: v.KeyVersion, Key: key}, nil
}

// wrap wraps and signs the key of a vault for its owner.
func (o owner) wrap(e seal.VaultEntry) (wrap, signature []byte, err error) {
	w, err := o.stretched.Wrap(header(e.Vault, e.KeyVersion, o.ID), e.Key)
	if err != nil {
		return nil, nil, err
	}
	wrap = w.Marshal()
	signature, err = o.identity.Sign(wrap)
	return wrap, signature, err
}

// makeVault makes the key of a new vault, wrapped and signed for its owner.
func (o owner) makeVault(rand io.Reader, name string) (vaults.New, seal.VaultEntry, error) {
	fail := func(err error) (vaults.New, seal.VaultEntry, error) { return vaults.New{}, seal.VaultEntry{}, err }
	id, err := seal.MakeID(rand)
	if err != nil {
		return fail(err)
	}
	e, err := makeKey(rand, id, 1)
	if err != nil {
		return fail(err)
	}
	wrap, sig, err := o.wrap(e)
	if err != nil {
		return fail(err)
	}
	return vaults.New{ID: id, Name: name, Type: vaults.Personal, Wrap: wrap, Signature: sig, UniqueName: true}, e, nil
}

// makeKey makes a key for a vault.
func makeKey(rand io.Reader, id seal.ID, keyVersion uint64) (seal.VaultEntry, error) {
	key, err := seal.MakeVaultKey(rand)
	return seal.VaultEntry{Vault: id, Kind: seal.KindBound, KeyVersion: keyVersion, Key: key}, err
}
