package pwm_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/service/blobs"
	"github.com/keyhold/keyhold/pkg/client"
	pwmclient "github.com/keyhold/keyhold/pkg/client/pwm"
)

// TestClient has the client and the server talk to each other: from the login
// to the logout, with names that mean something in a URL.
func TestClient(t *testing.T) {
	t.Parallel()
	s := newService(t, memory.New())
	srv := httptest.NewServer(s.h)
	t.Cleanup(srv.Close)
	ctx := t.Context()
	var token client.Secret
	c, err := pwmclient.New(srv.URL+"/pwm", client.WithCredentials(client.TokenSource(
		func(_ context.Context, rejected client.Secret) (client.Secret, error) {
			if !rejected.IsZero() {
				return client.Secret{}, nil
			}
			return token, nil
		})))
	if err != nil {
		t.Fatal(err)
	}
	session, err := c.CLI.Create(ctx)
	if err != nil {
		t.Fatal(err)
	}
	login, err := c.CLI.Wait(ctx, session.ID, func(context.Context, time.Duration) error {
		return s.db.Update(ctx, func(tx kv.Tx) error { return blobs.Approve(tx, s.now, secret.TextOf(session.ID), "ada@example.com") })
	})
	if err != nil {
		t.Fatal(err)
	}
	token = login.Token
	if st, err := c.Session.Status(ctx); err != nil || st.Email != "ada@example.com" || !st.ExpiresAt.Equal(s.now.Add(7*24*time.Hour)) {
		t.Errorf("status: %+v, %v", st, err)
	}
	names := []string{"default", "a/b", "a//b", "/", "what?", "50%", "%2F", "two words", "🔑", "...", "a/../b", "#1", "a+b", "\n"}
	for _, name := range names {
		exercise(t, c, name)
	}
	if list, err := c.Vaults.List(ctx); err != nil || len(list) != len(names) {
		t.Errorf("%d vaults, %v", len(list), err)
	}
	for _, name := range names[1:] {
		if err := c.Vaults.Delete(ctx, name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	if err := c.Vaults.Delete(ctx, "default"); !errors.Is(err, client.ErrDenied) {
		t.Errorf("default: %v", err)
	}
	if err := c.Session.Logout(ctx); err != nil {
		t.Error(err)
	}
	if _, err := c.Vaults.List(ctx); !errors.Is(err, client.ErrUnauthenticated) {
		t.Errorf("after the logout: %v", err)
	}
}

// exercise makes a vault and changes it, once in vain.
func exercise(t *testing.T, c *pwmclient.Client, name string) {
	t.Helper()
	ctx := t.Context()
	random := func(n int) []byte {
		b := make([]byte, n)
		_, _ = rand.Read(b)
		return b
	}
	key := pwmclient.Key{WrappedVaultKey: random(48), VaultKeyIV: random(12), VaultKeySalt: random(16)}
	req := pwmclient.CreateRequest{Name: name, Content: pwmclient.Content{EncryptedData: random(20), IV: random(12)}, Key: key}
	if i, err := c.Vaults.Create(ctx, req); err != nil || i.Name != name || i.Version != 1 {
		t.Fatalf("%q: created %+v, %v", name, i, err)
	}
	if _, err := c.Vaults.Create(ctx, req); !errors.Is(err, pwmclient.ErrExists) {
		t.Errorf("%q: created again: %v", name, err)
	}
	next := pwmclient.UpdateRequest{Content: pwmclient.Content{EncryptedData: random(30), IV: random(12)}, Version: 1, Key: &key}
	if i, err := c.Vaults.Update(ctx, name, next); err != nil || i.Version != 2 {
		t.Errorf("%q: updated %+v, %v", name, i, err)
	}
	_, err := c.Vaults.Update(ctx, name, next)
	if v, ok := errors.AsType[*pwmclient.VersionError](err); !ok || v.Current != 2 || v.Yours != 1 {
		t.Errorf("%q: updated again: %v", name, err)
	}
	if v, err := c.Vaults.Get(ctx, name); err != nil || v.Version != 2 || string(v.EncryptedData) != string(next.EncryptedData) || string(v.VaultKeySalt) != string(key.VaultKeySalt) {
		t.Errorf("%q: got %+v, %v", name, v, err)
	}
}
