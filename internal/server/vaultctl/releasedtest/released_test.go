package releasedtest_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
	server "github.com/keyhold/keyhold/internal/server/vaultctl"
	"github.com/keyhold/keyhold/internal/server/vaultctl/releasedtest"
	"github.com/keyhold/keyhold/internal/service/accounts"
	"github.com/keyhold/keyhold/pkg/client"
	"github.com/keyhold/keyhold/pkg/client/vaultctl"
)

func blob(text string) []byte { return append(append([]byte{1, 1}, make([]byte, 28)...), text...) }

func wrap(alg byte, text string) []byte {
	return append(append([]byte{1, alg}, make([]byte, 40)...), text...)
}

var signature = make([]byte, 64)

// A world is a server and the raw answers of it.
type world struct {
	*testing.T

	url string
	key []byte // RSA public key of everybody
	sig []byte
	pub []byte
}

func newWorld(t *testing.T, o releasedtest.Options) *world {
	t.Helper()
	keys, err := accounts.NewKeys(secret.Of(bytes.Repeat([]byte{'k'}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(releasedtest.New(server.Deps{
		Store: memory.New(), Keys: keys, Now: time.Now, Rand: rand.Reader, Mode: accounts.Open, Log: slog.New(slog.DiscardHandler),
	}, o))
	t.Cleanup(srv.Close)
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, url: srv.URL}
	if w.key, err = x509.MarshalPKIXPublicKey(&k.PublicKey); err != nil {
		t.Fatal(err)
	}
	w.pub, w.sig = signedLikeVersion2(t, w.key)
	return w
}

// signedLikeVersion2 returns an identity whose signature of message begins as
// an envelope of version 2 does, which must not matter.
func signedLikeVersion2(t *testing.T, message []byte) (public, signature []byte) {
	t.Helper()
	for seed := bytes.Repeat([]byte{7}, 32); ; binary.BigEndian.PutUint64(seed, binary.BigEndian.Uint64(seed)+1) {
		id, err := seal.NewIdentity(seed)
		if err != nil {
			t.Fatal(err)
		}
		if signature, err = id.Sign(message); err != nil {
			t.Fatal(err)
		}
		if signature[0] != 2 {
			continue
		}
		pub, err := id.Public()
		if err != nil {
			t.Fatal(err)
		}
		return pub[:], signature
	}
}

// A person is logged in: once as usual and once with the password given again.
type person struct {
	*vaultctl.Client

	id, token string
	up        *vaultctl.Client
}

func (w *world) client(token string) *vaultctl.Client {
	w.Helper()
	c, err := vaultctl.New(w.url, client.WithCredentials(client.Token(client.NewSecret(token))), client.WithRetries(0))
	if err != nil {
		w.Fatal(err)
	}
	return c
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) register(name string) error {
	_, err := w.client("").Auth.Register(w.Context(), vaultctl.RegisterRequest{
		Email: name + "@example.com", AuthHash: hash(name), Salt: make([]byte, 16), KDFIterations: 3, KDFMemoryKB: 65536, KDFParallelism: 4,
		Preflight: client.NewSecret("Something strong 1"),
		AccountKeys: vaultctl.AccountKeys{
			EncryptedPrivateKey: blob("rsa"), EncryptedIdentityPrivateKey: blob("id"), PublicKey: w.key, PublicKeySignature: w.sig, IdentityPublicKey: w.pub,
		},
	})
	return err
}

func hash(name string) client.Secret {
	return client.NewSecret((name + strings.Repeat(".", 32))[:32])
}

func (w *world) join(name string) person {
	w.Helper()
	w.must(w.register(name))
	s, err := w.client("").Auth.Login(w.Context(), vaultctl.LoginRequest{Email: name + "@example.com", AuthHash: hash(name)})
	w.must(err)
	p := person{Client: w.client(s.AccessToken.Reveal()), id: s.UserID, token: s.AccessToken.Reveal()}
	up, err := p.Auth.StepUp(w.Context(), hash(name))
	w.must(err)
	p.up = w.client(up.Reveal())
	return p
}

// raw makes a request and returns the answer as it is.
func (w *world) raw(method, path, token, body string) (int, string) {
	w.Helper()
	r, err := http.NewRequestWithContext(w.Context(), method, w.url+"/api/v1"+path, strings.NewReader(body))
	w.must(err)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	w.must(err)
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	w.must(err)
	return resp.StatusCode, strings.TrimSpace(string(b))
}

// The story of a team, by the client.
func TestStory(t *testing.T) {
	t.Parallel()
	w := newWorld(t, releasedtest.Options{})
	ctx := context.WithoutCancel(t.Context())
	ann, bob := w.join("ann"), w.join("bob")
	v, err := ann.Vaults.Create(ctx, vaultctl.CreateVaultRequest{
		ID: "6f1c1f4e-8f57-4c55-9d2b-0f6f0a4f3a10", Name: "team", Type: "shared", EncryptedVaultKey: wrap(2, "a"), WrapSignature: signature,
	})
	w.must(err)
	if v.ID == "6f1c1f4e-8f57-4c55-9d2b-0f6f0a4f3a10" || v.OrgID == "" || v.KeyVersion != 0 || v.Revision != 0 || !v.UpdatedAt.IsZero() {
		t.Errorf("vault %+v", v)
	}
	it, err := ann.Items.Create(ctx, v.ID, vaultctl.ItemRequest{Type: "note", EncryptedData: blob("d"), EncryptedName: blob("n"), KeyVersion: 7})
	w.must(err)
	if it.Type != "secure_note" || it.Revision != 0 || it.ID == "" {
		t.Errorf("item %+v", it)
	}
	u, err := ann.Users.ByEmail(ctx, "bob@example.com")
	w.must(err)
	w.must(ann.Members.Add(ctx, v.ID, vaultctl.AddMemberRequest{UserID: u.UserID, EncryptedVaultKey: wrap(2, "b"), WrapSignature: signature, Role: "admin"}))
	w.must(bob.Items.Delete(ctx, v.ID, it.ID, 99))
	if list, err := bob.Items.List(ctx, v.ID, vaultctl.ListItemsOptions{}); err != nil || len(list) != 0 {
		t.Errorf("items %v, %v", list, err)
	}
	_, err = bob.Trash.Restore(ctx, v.ID, it.ID)
	w.must(err)
	gone, err := ann.Members.Remove(ctx, v.ID, bob.id)
	w.must(err)
	if !gone.RekeyRequired || len(gone.Remaining) != 1 || gone.Remaining[0].UserID != "" {
		t.Errorf("removed %+v", gone)
	}
	w.must(ann.Vaults.Rekey(ctx, v.ID, vaultctl.RekeyRequest{
		NewKeys:    []vaultctl.MemberKey{{UserID: ann.id, EncryptedVaultKey: wrap(2, "new"), WrapSignature: signature}},
		Items:      []vaultctl.SealedItem{{ItemID: it.ID, EncryptedData: blob("d2"), EncryptedName: blob("n2")}},
		KeyVersion: 7, Revision: 7,
	}))
	list, err := ann.Vaults.List(ctx)
	w.must(err)
	if len(list) != 1 || list[0].Role != "member" || string(list[0].EncryptedVaultKey) != string(wrap(2, "new")) {
		t.Errorf("vaults %+v", list)
	}
	err = ann.Members.Add(ctx, v.ID, vaultctl.AddMemberRequest{UserID: bob.id, EncryptedVaultKey: wrap(2, "b"), WrapSignature: signature, Role: "member"})
	if !errors.Is(err, client.ErrDenied) {
		t.Errorf("share after a rekey: %v", err)
	}
	for name, err := range map[string]error{
		"rename":  ann.Vaults.Rename(ctx, v.ID, "x"),
		"changes": second(ann.Items.Changes(ctx, v.ID, vaultctl.ChangeRequest{})),
		"members": second(ann.Members.List(ctx, v.ID)),
	} {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := ann.Vaults.Delete(ctx, v.ID); !errors.Is(err, vaultctl.ErrStepUp) {
		t.Errorf("delete: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

// What only the wire shows.
func TestWire(t *testing.T) {
	t.Parallel()
	w := newWorld(t, releasedtest.Options{KeepRoles: true})
	ann := w.join("ann")
	body := func(v any) string {
		b, err := json.Marshal(v)
		w.must(err)
		return string(b)
	}
	status, text := w.raw("GET", "/vaults", ann.token, "")
	if status != 200 || text != "null" {
		t.Errorf("no vaults: %d %s", status, text)
	}
	v, err := ann.Vaults.Create(t.Context(), vaultctl.CreateVaultRequest{Name: "home", Type: "personal", EncryptedVaultKey: wrap(3, "k"), WrapSignature: signature})
	w.must(err)
	status, text = w.raw("GET", "/vaults", ann.token, "")
	if status != 200 || !strings.HasPrefix(text, `[{"createdAt":`) || strings.Contains(text, "vaultId") || strings.Contains(text, "revision") {
		t.Errorf("vaults: %d %s", status, text)
	}
	item := map[string]any{"itemType": "login", "encryptedData": blob("d"), "encryptedName": blob("n")}
	with := func(name string, value any) string {
		m := map[string]any{}
		for k, v := range item {
			m[k] = v
		}
		m[name] = value
		return body(m)
	}
	items := "/vaults/" + v.ID + "/items"
	for _, tt := range []struct {
		name, method, path, body string
		status                   int
		want                     string
	}{
		{"item", "POST", items, body(item), 201, `"id":`},
		{"documented type", "POST", items, with("itemType", "note"), 400, "item_type"},
		{"malformed blob", "POST", items, with("encryptedData", []byte{9}), 500, "INTERNAL"},
		{"envelope of version 2", "POST", items, with("encryptedData", append([]byte{2}, blob("d")[1:]...)), 500, "INTERNAL"},
		{"too large", "POST", items, with("encryptedData", blob(strings.Repeat("x", 1<<20))), 413, "INVALID"},
		{"folder none", "GET", items + "?folderId=none", "", 500, "INTERNAL"},
		{"no organisation", "POST", "/vaults", body(map[string]any{"name": "t", "type": "shared", "encryptedVaultKey": wrap(2, ""), "wrapSignature": signature}), 400, "org_id"},
		{"type that is none", "POST", "/vaults", body(map[string]any{"name": "t", "type": "x", "encryptedVaultKey": wrap(2, ""), "wrapSignature": signature}), 500, "INTERNAL"},
		{"rekey by POST", "POST", "/vaults/" + v.ID + "/rekey", "{}", 405, ""},
		{"users", "GET", "/users?email=ann@example.com", "", 404, ""},
		{"share with nobody", "POST", "/vaults/" + v.ID + "/members", body(map[string]any{"recipientUserId": v.ID, "role": "member"}), 400, "INVALID"},
		{"unknown user", "GET", "/auth/prelogin?email=nobody@example.com", "", 200, `"salt":`},
		{"weak password", "POST", "/auth/register", "{}", 400, "WEAK_MASTER_PASSWORD"},
		{"odd address", "POST", "/auth/register", body(map[string]any{"email": "x", "authHash": make([]byte, 32), "masterPasswordPreflight": "Something strong 1"}), 500, "INTERNAL"},
	} {
		status, text := w.raw(tt.method, tt.path, ann.token, tt.body)
		if status != tt.status || !strings.Contains(text, tt.want) {
			t.Errorf("%s: %d %s", tt.name, status, text)
		}
	}
	status, text = w.raw("GET", items, ann.token, "")
	if status != 200 || !strings.HasPrefix(text, `[{`) || !strings.Contains(text, `"trashed":false`) || strings.Contains(text, "itemId") {
		t.Errorf("items: %d %s", status, text)
	}
	unknown, err := ann.Auth.Prelogin(t.Context(), "nobody@example.com")
	w.must(err)
	if len(unknown.Salt) != 32 {
		t.Errorf("the salt of nobody has %d bytes", len(unknown.Salt))
	}
	_, err = ann.up.Auth.ChangePassword(t.Context(), vaultctl.PasswordRequest{
		OldAuthHash: hash("ann"), NewAuthHash: hash("new"), EncryptedPrivateKey: blob("r"), EncryptedIdentityPrivateKey: blob("i"),
		KDF: &vaultctl.PasswordKDF{Salt: bytes.Repeat([]byte{9}, 16), KDFIterations: 3, KDFMemoryKB: 65536, KDFParallelism: 4},
	})
	w.must(err)
	s, err := ann.Auth.Login(t.Context(), vaultctl.LoginRequest{Email: "ann@example.com", AuthHash: hash("new")})
	w.must(err)
	if len(s.Vaults) != 1 || string(s.Vaults[0].EncryptedVaultKey) != string(wrap(3, "k")) || s.Vaults[0].ID != v.ID {
		t.Errorf("after another password: %+v", s.Vaults)
	}
	known, err := ann.Auth.Prelogin(t.Context(), "ann@example.com")
	w.must(err)
	if !bytes.Equal(known.Salt, make([]byte, 16)) {
		t.Errorf("the salt is %x", known.Salt)
	}
}
