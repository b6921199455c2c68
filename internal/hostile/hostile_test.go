package hostile_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/keyhold/keyhold/internal/hostile"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
	server "github.com/keyhold/keyhold/internal/server/vaultctl"
	"github.com/keyhold/keyhold/internal/service/accounts"
	"github.com/keyhold/keyhold/pkg/client"
	api "github.com/keyhold/keyhold/pkg/client/vaultctl"
)

// These tests show that each lie would do harm: they do what a client would do
// that lacks the one check. That ours has it the scripts show.

// A person is an account whose client checks nothing.
type person struct {
	id       seal.ID
	identity seal.Identity
	rsa      seal.RSAKey
	api      *api.Client
	token    client.Secret
}

// A scene is ann, who shared the vaults team and ops with bob.
type scene struct {
	*testing.T

	server    *hostile.Server
	url       string
	ann, bob  person
	team, ops seal.ID
	keys      map[seal.ID]seal.VaultKey
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func newScene(t *testing.T, elsewhere string) *scene {
	t.Helper()
	keys := must(accounts.NewKeys(secret.Of(bytes.Repeat([]byte{'k'}, 32))))
	door := server.New(server.Deps{
		Store: memory.New(), Keys: keys, Now: time.Now, Rand: rand.Reader, Mode: accounts.Open, Log: slog.New(slog.DiscardHandler),
	})
	s := &scene{T: t, server: must(hostile.New(door, elsewhere)), keys: map[seal.ID]seal.VaultKey{}}
	web := httptest.NewServer(s.server)
	t.Cleanup(web.Close)
	s.url = web.URL + "/api/v1"
	s.ann, s.bob = s.person("ann@example.com"), s.person("bob@example.com")
	s.team, s.ops = s.vault("team"), s.vault("ops")
	return s
}

func (s *scene) person(email string) person {
	s.Helper()
	der := must(x509.MarshalPKCS8PrivateKey(must(rsa.GenerateKey(rand.Reader, 2048))))
	p := person{identity: must(seal.MakeIdentity(rand.Reader)), rsa: must(seal.ParseRSAKey(der))}
	public, auth := must(p.rsa.Public()), client.NewSecret(strings.Repeat("a", 32))
	id := must(p.identity.Public())
	stretched := must(seal.NewStretchedKey(bytes.Repeat([]byte{1}, 32)))
	p.api = must(api.New(s.url, client.WithCredentials(client.TokenSource(func(context.Context, client.Secret) (client.Secret, error) { return p.token, nil }))))
	must(p.api.Auth.Register(s.Context(), api.RegisterRequest{
		Email: email, Name: "x", AuthHash: auth, Salt: make([]byte, 16), KDFIterations: 3, KDFMemoryKB: 65536, KDFParallelism: 4,
		AccountKeys: api.AccountKeys{
			EncryptedPrivateKey: must(stretched.SealRSA(rand.Reader, p.rsa)), EncryptedIdentityPrivateKey: must(stretched.SealIdentity(rand.Reader, p.identity)),
			PublicKey: public.SPKI(), PublicKeySignature: must(p.identity.SignRSA(public)), IdentityPublicKey: id[:],
		},
	}))
	session := must(p.api.Auth.Login(s.Context(), api.LoginRequest{Email: email, AuthHash: auth}))
	p.id, p.token = must(seal.ParseID(session.UserID)), session.AccessToken
	token := p.token
	p.api = must(api.New(s.url, client.WithCredentials(client.TokenSource(func(context.Context, client.Secret) (client.Secret, error) { return token, nil }))))
	return p
}

// wrap wraps a vault key for somebody, as ann.
func (s *scene) wrap(vault seal.ID, keyVersion uint64, to person) (wrap, signature []byte) {
	s.Helper()
	h := seal.Header{KeyVersion: keyVersion, Vault: vault, Recipient: to.id, Sender: s.ann.id}
	w := must(must(to.rsa.Public()).Wrap(rand.Reader, h, s.keys[vault]))
	return w.Marshal(), must(s.ann.identity.Sign(w.Marshal()))
}

func (s *scene) vault(name string) seal.ID {
	s.Helper()
	id := must(seal.MakeID(rand.Reader))
	s.keys[id] = must(seal.MakeVaultKey(rand.Reader))
	wrap, signature := s.wrap(id, 1, s.ann)
	must(s.ann.api.Vaults.Create(s.Context(), api.CreateVaultRequest{ID: id.String(), Name: name, Type: "shared", EncryptedVaultKey: wrap, WrapSignature: signature}))
	wrap, signature = s.wrap(id, 1, s.bob)
	if err := s.ann.api.Members.Add(s.Context(), id.String(), api.AddMemberRequest{UserID: s.bob.id.String(), EncryptedVaultKey: wrap, WrapSignature: signature, Role: "member"}); err != nil {
		s.Fatal(err)
	}
	return id
}

// shown tells a lie and returns the vault of that id as bob is shown it.
func (s *scene) shown(lie string, id seal.ID) api.Vault {
	s.Helper()
	if err := s.server.Tell(lie); err != nil {
		s.Fatal(err)
	}
	for _, v := range must(s.bob.api.Vaults.List(s.Context())) {
		if v.ID == id.String() {
			return v
		}
	}
	s.Fatalf("%s: the vault is not listed", lie)
	return api.Vault{}
}

// open opens a wrap as bob, and believes whatever it says of itself.
func (s *scene) open(v api.Vault) (seal.Wrap, seal.VaultKey) {
	s.Helper()
	w := must(seal.ParseWrap(v.EncryptedVaultKey))
	return w, must(w.OpenRSA(s.bob.rsa, w.Header))
}

// Whoever takes a key of the server's seals for the server.
func TestWrapsOfTheServer(t *testing.T) {
	t.Parallel()
	s := newScene(t, "")
	item := must(seal.MakeID(rand.Reader))
	annID := must(s.ann.identity.Public())
	injected := must(seal.ParseID(hostile.Injected))
	for lie, id := range map[string]seal.ID{"wrap-of-the-server": s.team, "wrap-with-no-signature": s.team, "injected-vault": injected} {
		v := s.shown(lie, id)
		w, key := s.open(v)
		sealer := must(seal.Bound(id, w.KeyVersion, key))
		data := must(sealer.SealData(rand.Reader, item, secret.Of([]byte("hunter2"))))
		if got, err := s.server.Opens(id, w.KeyVersion, item, data); err != nil || string(got.Reveal()) != "hunter2" {
			t.Errorf("%s: the server reads %q, %v", lie, got.Reveal(), err)
		}
		if annID.Verify(v.EncryptedVaultKey, v.WrapSignature) == nil {
			t.Errorf("%s: it is signed by ann", lie)
		}
	}
	v := s.shown("wrap-of-version-1", s.team)
	key := must(s.bob.rsa.UnwrapV1(v.EncryptedVaultKey))
	sealer := must(seal.Bound(s.team, 1, key))
	data := must(sealer.SealData(rand.Reader, item, secret.Of([]byte("hunter2"))))
	if _, err := s.server.Opens(s.team, 1, item, data); err != nil {
		t.Errorf("version 1: the server does not read it: %v", err)
	}
}

// A wrap of another vault and one from before are ann's, well signed, and open.
func TestOtherWraps(t *testing.T) {
	t.Parallel()
	s := newScene(t, "")
	annID := must(s.ann.identity.Public())
	v := s.shown("wrap-of-another-vault", s.team)
	_, key := s.open(v)
	if err := annID.Verify(v.EncryptedVaultKey, v.WrapSignature); err != nil || !bytes.Equal(key.Reveal(), s.keys[s.ops].Reveal()) {
		t.Errorf("the wrap of another vault: %v", err)
	}
	s.shown("", s.team)
	old := s.keys[s.team]
	s.keys[s.team] = must(seal.MakeVaultKey(rand.Reader))
	req := api.RekeyRequest{Items: []api.SealedItem{}}
	for _, p := range []person{s.ann, s.bob} {
		wrap, signature := s.wrap(s.team, 2, p)
		req.NewKeys = append(req.NewKeys, api.MemberKey{UserID: p.id.String(), EncryptedVaultKey: wrap, WrapSignature: signature})
	}
	if err := s.ann.api.Vaults.Rekey(t.Context(), s.team.String(), req); err != nil {
		t.Fatal(err)
	}
	for lie, version := range map[string]uint64{"wrap-from-before": 1, "wrap-from-before-as-new": 2} {
		v := s.shown(lie, s.team)
		_, key := s.open(v)
		if err := annID.Verify(v.EncryptedVaultKey, v.WrapSignature); err != nil || !bytes.Equal(key.Reveal(), old.Reveal()) || v.KeyVersion != version {
			t.Errorf("%s: key version %d, %v", lie, v.KeyVersion, err)
		}
	}
	if v := s.shown("null-key", s.team); len(v.EncryptedVaultKey) != 0 {
		t.Errorf("there is a key")
	} else if _, err := seal.KindOf(v.EncryptedVaultKey); !errors.Is(err, seal.ErrDamaged) {
		t.Errorf("no key has a kind: %v", err)
	}
}

// A vault key that is wrapped for who the server says is bob, or a member, the
// server opens.
func TestKeysOfPeople(t *testing.T) {
	t.Parallel()
	s := newScene(t, "")
	for lie, id := range map[string]string{"another-key-of-a-user": s.bob.id.String(), "ghost": hostile.Ghost} {
		if err := s.server.Tell(lie); err != nil {
			t.Fatal(err)
		}
		u := must(s.ann.api.Users.Get(t.Context(), id))
		public := must(seal.ParseRSAPublicKey(u.PublicKey))
		identity := must(seal.ParsePublicKey(u.IdentityPublicKey))
		if err := identity.VerifyRSA(public, u.PublicKeySignature); err != nil {
			t.Errorf("%s: one key does not vouch for the other: %v", lie, err)
		}
		h := seal.Header{KeyVersion: 1, Vault: s.team, Recipient: must(seal.ParseID(id)), Sender: s.ann.id}
		w := must(public.Wrap(rand.Reader, h, s.keys[s.team]))
		if key, err := s.server.Unwraps(w.Marshal()); err != nil || !bytes.Equal(key.Reveal(), s.keys[s.team].Reveal()) {
			t.Errorf("%s: the server has not the key: %v", lie, err)
		}
	}
	if err := s.server.Tell("ghost"); err != nil {
		t.Fatal(err)
	}
	members := must(s.ann.api.Members.List(t.Context(), s.team.String()))
	if len(members) != 3 || members[2].UserID != hostile.Ghost {
		t.Errorf("%d members are listed, the last of them is not the ghost", len(members))
	}
}

// Where items are not bound to their ids and fields, what is exchanged opens; an
// item that a rekey leaves out opens no more.
func TestItems(t *testing.T) {
	t.Parallel()
	s := newScene(t, "")
	compatible := must(seal.Compatible(s.keys[s.team]))
	bound := must(seal.Bound(s.team, 1, s.keys[s.team]))
	a, b := must(seal.MakeID(rand.Reader)), must(seal.MakeID(rand.Reader))
	for _, sealer := range []seal.Vault{compatible, bound} {
		data := must(sealer.SealData(rand.Reader, a, secret.Of([]byte("hunter2"))))
		name := must(sealer.SealName(rand.Reader, a, "a name"))
		other, err := sealer.OpenData(b, data)
		if _, nameErr := sealer.OpenData(a, name); (err == nil) != (sealer == compatible) || (nameErr == nil) != (sealer == compatible) {
			t.Errorf("as another item's data: %v, a name as data: %v", err, nameErr)
		}
		if sealer == compatible && string(other.Reveal()) != "hunter2" {
			t.Errorf("the other item is %q", other.Reveal())
		}
	}
	data := must(bound.SealData(rand.Reader, a, secret.Of([]byte("hunter2"))))
	after := must(seal.Bound(s.team, 2, must(seal.MakeVaultKey(rand.Reader))))
	if _, err := after.OpenData(a, data); !errors.Is(err, seal.ErrDamaged) {
		t.Errorf("an item that was left out opens: %v", err)
	}
}

// The hash that weak numbers give is quick to try passwords on; other numbers
// take years.
func TestKDFNumbers(t *testing.T) {
	t.Parallel()
	s := newScene(t, "")
	cost := func(k *api.KDF) float64 { return float64(k.Iterations) * float64(k.MemoryKB) }
	honest := cost(must(s.bob.api.Auth.Prelogin(t.Context(), "bob@example.com")))
	tell := func(lie string) *api.KDF {
		if err := s.server.Tell(lie); err != nil {
			t.Fatal(err)
		}
		return must(s.bob.api.Auth.Prelogin(t.Context(), "bob@example.com"))
	}
	weak := tell("weak-kdf")
	if honest/cost(weak) < 10 {
		t.Errorf("the weak numbers cost %v, the others %v", cost(weak), honest)
	}
	hash := func(password string) []byte {
		return argon2.IDKey([]byte(password), weak.Salt, weak.Iterations, weak.MemoryKB, uint8(weak.Parallelism), 32) //nolint:gosec // it is 1
	}
	if sent := hash("password1"); !bytes.Equal(sent, hash("password1")) || bytes.Equal(sent, hash("password2")) {
		t.Error("a guess cannot be told from the password")
	}
	if cost(tell("endless-kdf"))/honest < 1e9 {
		t.Error("the numbers take no time")
	}
}

// A client that follows redirects takes the token along, as net/http does from
// one port of a host to another.
func TestRedirect(t *testing.T) {
	t.Parallel()
	got := make(chan string, 1)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.Header.Get("Authorization") }))
	t.Cleanup(elsewhere.Close)
	s := newScene(t, elsewhere.URL)
	if err := s.server.Tell("redirect"); err != nil {
		t.Fatal(err)
	}
	r := must(http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/vaults", http.NoBody))
	r.Header.Set("Authorization", "Bearer secret")
	resp, err := (&http.Client{}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if token := <-got; token != "Bearer secret" {
		t.Errorf("elsewhere %q arrived", token)
	}
}

func TestTell(t *testing.T) {
	t.Parallel()
	s := must(hostile.New(http.NotFoundHandler(), ""))
	if s.Tell("no such lie") == nil || len(hostile.Lies()) < 16 {
		t.Error("a lie that is not there is told")
	}
}
