package accounts_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/service/accounts"
)

var start = time.Date(2026, 3, 4, 5, 6, 7, 8e6, time.UTC)

// A service is a store, its keys and a clock.
type service struct {
	*testing.T

	db   kv.DB
	keys accounts.Keys
	now  time.Time
}

func newService(t *testing.T) *service {
	t.Helper()
	return &service{t, memory.New(), newKeys(t, 'k'), start}
}

func newKeys(t *testing.T, c byte) accounts.Keys {
	t.Helper()
	k, err := accounts.NewKeys(secret.Of(bytes.Repeat([]byte{c}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func hash(password string) secret.Bytes {
	return secret.Of([]byte(password + strings.Repeat(".", 32))[:32])
}

// verifierOf remembers verifiers: they are slow to make.
var verifiers sync.Map

func verifierOf(t testing.TB, password string) accounts.Verifier {
	t.Helper()
	if v, ok := verifiers.Load(password); ok {
		return v.(accounts.Verifier)
	}
	v, err := accounts.MakeVerifier(rand.Reader, hash(password))
	if err != nil {
		t.Fatal(err)
	}
	verifiers.Store(password, v)
	return v
}

var keyPair = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

func identity(t testing.TB, n byte) (seal.Identity, seal.PublicKey) {
	t.Helper()
	id, err := seal.NewIdentity(bytes.Repeat([]byte{n}, 32))
	if err != nil {
		t.Fatal(err)
	}
	pub, err := id.Public()
	if err != nil {
		t.Fatal(err)
	}
	return id, pub
}

func sealed(text string) []byte { return append([]byte{1, 1}, make([]byte, 28)...) }

// registration is one that is all right.
func registration(t testing.TB, email, password string) accounts.Registration {
	t.Helper()
	id, pub := identity(t, 7)
	der, err := x509.MarshalPKIXPublicKey(&keyPair().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := id.Sign(der)
	if err != nil {
		t.Fatal(err)
	}
	return accounts.Registration{
		Email: email, Name: "A Name", Suite: "argon2id-64m", Salt: bytes.Repeat([]byte{5}, 16), Identity: pub[:],
		SealedIdentity: append(sealed(""), "identity"...), SealedRSA: append(sealed(""), "rsa"...),
		RSA: der, RSASignature: sig, Verifier: verifierOf(t, password),
	}
}

func (s *service) register(mode accounts.Mode, r accounts.Registration) (a accounts.Account, err error) {
	s.Helper()
	err = s.update(func(tx kv.Tx) error {
		a, err = accounts.Register(tx, s.now, s.keys, rand.Reader, mode, r)
		return err
	})
	return a, err
}

// made registers an account.
func (s *service) made(email, password string) accounts.Account {
	s.Helper()
	a, err := s.register(accounts.Open, registration(s, email, password))
	if err != nil {
		s.Fatal(err)
	}
	return a
}

func (s *service) update(fn func(kv.Tx) error) error {
	s.Helper()
	return accounts.Update(s.Context(), s.db, fn)
}

func (s *service) view(fn func(kv.Tx) error) {
	s.Helper()
	if err := s.db.View(s.Context(), fn); err != nil {
		s.Fatal(err)
	}
}

// begun returns the check of a password that has been tried.
func (s *service) begun(email, password string) (c *accounts.Check, err error) {
	s.Helper()
	s.view(func(tx kv.Tx) error { c, err = accounts.Begin(tx, s.now, s.keys, email); return nil })
	if err == nil {
		c.Try(hash(password))
	}
	return c, err
}

func (s *service) login(email, password, device string) (g accounts.Grant, err error) {
	s.Helper()
	c, err := s.begun(email, password)
	if err != nil {
		return g, err
	}
	return s.finish(c, device)
}

func (s *service) finish(c *accounts.Check, device string) (g accounts.Grant, err error) {
	s.Helper()
	err = s.update(func(tx kv.Tx) error {
		g, err = accounts.Login(tx, s.now, s.keys, rand.Reader, c, device)
		return err
	})
	return g, err
}

func (s *service) mustLogin(email, password, device string) accounts.Grant {
	s.Helper()
	g, err := s.login(email, password, device)
	if err != nil {
		s.Fatal(err)
	}
	return g
}

func (s *service) refresh(token secret.String) (g accounts.Grant, err error) {
	s.Helper()
	err = s.update(func(tx kv.Tx) error {
		g, err = accounts.Refresh(tx, s.now, s.keys, rand.Reader, token)
		return err
	})
	return g, err
}

func (s *service) dump() map[string]string {
	s.Helper()
	all := map[string]string{}
	s.view(func(tx kv.Tx) error {
		for k, v := range tx.Scan(nil) {
			all[string(k)] = string(v)
		}
		return nil
	})
	return all
}

// count returns how many records have this prefix.
func (s *service) count(prefix string) (n int) {
	for k := range s.dump() {
		if strings.HasPrefix(k, prefix) {
			n++
		}
	}
	return n
}

func (s *service) want(what string, err, want error) {
	s.Helper()
	if !errors.Is(err, want) {
		s.Errorf("%s: %v, want %v", what, err, want)
	}
}

// locked reports whether err is a *LockedError and until when.
func (s *service) wantLocked(what string, err error, until time.Time) {
	s.Helper()
	var locked *accounts.LockedError
	if !errors.As(err, &locked) || !locked.Until.Equal(until) || locked.Error() == "" {
		s.Errorf("%s: %v, want a *LockedError until %v", what, err, until)
	}
}

func TestRegister(t *testing.T) {
	t.Parallel()
	s := newService(t)
	first := s.made(" First@Example.COM ", "one")
	if first.Email != "first@example.com" || first.Role != accounts.RoleOwner || first.IsLocal() || first.Created != start {
		t.Errorf("the first account is %+v", first)
	}
	second := s.made("second@example.com", "two")
	if second.Role != accounts.RoleMember || second.ID == first.ID {
		t.Errorf("the second account is %+v", second)
	}
	before := s.dump()
	_, err := s.register(accounts.Open, registration(t, "FIRST@example.com", "one"))
	s.want("an address that is taken", err, accounts.ErrExists)
	_, err = s.register(accounts.Closed, registration(t, "third@example.com", "one"))
	s.want("no registration", err, accounts.ErrRegistration)
	_, err = s.register("", registration(t, "third@example.com", "one"))
	s.want("no mode", err, accounts.ErrRegistration)
	if diff := cmp.Diff(before, s.dump()); diff != "" {
		t.Errorf("something was stored: %s", diff)
	}
	s.view(func(tx kv.Tx) error {
		for _, want := range []accounts.Account{first, second} {
			got, err := accounts.Get(tx, want.ID)
			if err != nil || !cmp.Equal(want, got) {
				t.Errorf("Get: %v, %s", err, cmp.Diff(want, got))
			}
			if got, err := accounts.ByEmail(tx, strings.ToUpper(want.Email)); err != nil || got.ID != want.ID {
				t.Errorf("ByEmail: %v, %v", got.ID, err)
			}
		}
		_, err := accounts.ByEmail(tx, "third@example.com")
		s.want("ByEmail of nobody", err, accounts.ErrNotFound)
		_, err = accounts.ByEmail(tx, "third")
		s.want("ByEmail of no address", err, accounts.ErrInvalid)
		return nil
	})
}

func TestRegisterInvalid(t *testing.T) {
	t.Parallel()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ecDER, err := x509.MarshalPKIXPublicKey(&ec.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		spoil func(*accounts.Registration)
		field string // none: it is fine
	}{
		{"RSA key as PKCS#1", func(r *accounts.Registration) { r.RSA = x509.MarshalPKCS1PublicKey(&keyPair().PublicKey) }, ""},
		{"no name", func(r *accounts.Registration) { r.Name = "" }, ""},
		{"long salt", func(r *accounts.Registration) { r.Salt = make([]byte, 64) }, ""},
		{"strong", func(r *accounts.Registration) { r.Suite = "argon2id-256m" }, ""},
		{"no address", func(r *accounts.Registration) { r.Email = "" }, "email"},
		{"long name", func(r *accounts.Registration) { r.Name = strings.Repeat("n", 256) }, "name"},
		{"name not UTF-8", func(r *accounts.Registration) { r.Name = "\xff" }, "name"},
		{"no suite", func(r *accounts.Registration) { r.Suite = "" }, "kdfIterations"},
		{"short salt", func(r *accounts.Registration) { r.Salt = r.Salt[1:] }, "salt"},
		{"salt of 65", func(r *accounts.Registration) { r.Salt = make([]byte, 65) }, "salt"},
		{"no identity", func(r *accounts.Registration) { r.Identity = nil }, "identityPublicKey"},
		{"no RSA key", func(r *accounts.Registration) { r.RSA = nil }, "publicKey"},
		{"EC key", func(r *accounts.Registration) { r.RSA = ecDER }, "publicKey"},
		{"no signature", func(r *accounts.Registration) { r.RSASignature = nil }, "publicKeySignature"},
		{"signature of another", func(r *accounts.Registration) { _, pub := identity(t, 8); r.Identity = pub[:] }, "publicKeySignature"},
		{"no sealed identity", func(r *accounts.Registration) { r.SealedIdentity = nil }, "encryptedIdentityPrivateKey"},
		{"empty sealed identity", func(r *accounts.Registration) { r.SealedIdentity = sealed("") }, "encryptedIdentityPrivateKey"},
		{"identity of version 2", func(r *accounts.Registration) { r.SealedIdentity[0] = 2 }, "encryptedIdentityPrivateKey"},
		{"sealed RSA key in the clear", func(r *accounts.Registration) { r.SealedRSA = bytes.Repeat([]byte{0x30}, 99) }, "encryptedPrivateKey"},
		{"sealed RSA key by RSA", func(r *accounts.Registration) { r.SealedRSA[1] = 2 }, "encryptedPrivateKey"},
		{"long sealed RSA key", func(r *accounts.Registration) { r.SealedRSA = append(sealed(""), make([]byte, 16<<10)...) }, "encryptedPrivateKey"},
		{"no verifier", func(r *accounts.Registration) { r.Verifier = "" }, "authHash"},
		{"other verifier", func(r *accounts.Registration) {
			r.Verifier = accounts.Verifier(strings.Replace(string(r.Verifier), "t=2", "t=1", 1))
		}, "authHash"},
		{"verifier of nobody", func(r *accounts.Registration) {
			r.Verifier = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$" + accounts.Verifier(strings.Repeat("A", 43))
		}, "authHash"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, r := newService(t), registration(t, "a@example.com", "one")
			tt.spoil(&r)
			_, err := s.register(accounts.Open, r)
			var invalid *accounts.InvalidError
			switch {
			case tt.field == "" && err != nil:
				t.Errorf("Register: %v", err)
			case tt.field != "" && (!errors.As(err, &invalid) || invalid.Field != tt.field || !errors.Is(err, accounts.ErrInvalid)):
				t.Errorf("Register: %v, want it to be about %s", err, tt.field)
			case tt.field != "" && len(s.dump()) != 0:
				t.Errorf("something was stored: %v", s.dump())
			}
		})
	}
}

func TestNormalizeEmail(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a@b.c": "a@b.c", "\t A@B.C \n": "a@b.c", "first.last+tag@sub.example.com": "first.last+tag@sub.example.com", "é@É.fr": "é@é.fr",
		"": "", "a": "", "@b.c": "", "a@": "", "a@b": "", "a@b.": "", "a@.b": "", "a@b@c.d": "", "a b@c.d": "", "a@b .c": "", "a\x00@b.c": "", "\xff@b.c": "",
		strings.Repeat("a", 251) + "@b.c": strings.Repeat("a", 251) + "@b.c", strings.Repeat("a", 252) + "@b.c": "",
	} {
		got, err := accounts.NormalizeEmail(in)
		if got != want || (want == "") != errors.Is(err, accounts.ErrInvalid) {
			t.Errorf("NormalizeEmail(%q) = %q, %v, want %q", in, got, err, want)
		}
	}
}

func TestPrelogin(t *testing.T) {
	t.Parallel()
	s := newService(t)
	r := registration(t, "a@example.com", "one")
	r.Suite, r.Salt = "argon2id-256m", bytes.Repeat([]byte{9}, 20)
	if _, err := s.register(accounts.Open, r); err != nil {
		t.Fatal(err)
	}
	prelogin := func(k accounts.Keys, email string) (suite string, salt []byte) {
		s.view(func(tx kv.Tx) (err error) {
			suite, salt, err = accounts.Prelogin(tx, k, email)
			return err
		})
		return suite, salt
	}
	if suite, salt := prelogin(s.keys, " A@example.com"); suite != r.Suite || !bytes.Equal(salt, r.Salt) {
		t.Errorf("Prelogin = %s, %x", suite, salt)
	}
	suite, salt := prelogin(s.keys, "nobody@example.com")
	if suite != "argon2id-64m" || len(salt) != 16 {
		t.Errorf("Prelogin of nobody = %s, %x", suite, salt)
	}
	if _, again := prelogin(s.keys, "NOBODY@example.com"); !bytes.Equal(again, salt) {
		t.Error("the salt of nobody is another one each time")
	}
	if _, other := prelogin(s.keys, "nobody2@example.com"); bytes.Equal(other, salt) {
		t.Error("all that nobody has share a salt")
	}
	if _, other := prelogin(newKeys(t, 'x'), "nobody@example.com"); bytes.Equal(other, salt) {
		t.Error("the salt of nobody can be computed without the pepper")
	}
	s.view(func(tx kv.Tx) error {
		_, _, err := accounts.Prelogin(tx, s.keys, "nobody")
		s.want("no address", err, accounts.ErrInvalid)
		return nil
	})
}

func TestVerifier(t *testing.T) {
	t.Parallel()
	v := verifierOf(t, "one")
	if !v.Verify(hash("one")) || v.Verify(hash("two")) || v.Verify(secret.Bytes{}) {
		t.Error("the verifier fits another auth hash, or not its own")
	}
	again, err := accounts.MakeVerifier(rand.Reader, hash("one"))
	if err != nil || again == v {
		t.Errorf("a second verifier is the same: %v", err)
	}
	for _, bad := range []accounts.Verifier{"", v + "A", v[1:], v[:len(v)-1], accounts.Verifier(strings.Replace(string(v), "v=19", "v=16", 1))} {
		if bad.Verify(hash("one")) {
			t.Errorf("%q is a verifier", bad)
		}
	}
	for _, n := range []int{0, 31, 33} {
		if _, err := accounts.MakeVerifier(rand.Reader, secret.Of(make([]byte, n))); !errors.Is(err, accounts.ErrInvalid) {
			t.Errorf("an auth hash of %d bytes: %v", n, err)
		}
	}
	if _, err := accounts.MakeVerifier(strings.NewReader("x"), hash("one")); err == nil {
		t.Error("a verifier without randomness")
	}
	// The form is fixed: what is stored has to be understood by the next version.
	const golden = "$argon2id$v=19$m=19456,t=2,p=1$AQEBAQEBAQEBAQEBAQEBAQ$6T/SekP6cfNbRDXn95r9baHAqOcf0TPX+Z8AdsaStFU"
	made, err := accounts.MakeVerifier(bytes.NewReader(bytes.Repeat([]byte{1}, 16)), secret.Of(make([]byte, 32)))
	if err != nil || made != golden {
		t.Errorf("MakeVerifier = %s, %v, want %s", made, err, golden)
	}
	if _, err := accounts.NewKeys(secret.Of(make([]byte, 31))); err == nil {
		t.Error("a key of 31 bytes will do")
	}
}
