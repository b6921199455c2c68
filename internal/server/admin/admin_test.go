package admin_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/server/admin"
	"github.com/keyhold/keyhold/internal/service/accounts"
)

var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func sealed(text string) []byte { return append(append([]byte{1, 1}, make([]byte, 28)...), text...) }

// registered puts an account into db.
func registered(t *testing.T, db kv.DB, keys accounts.Keys) accounts.Account {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&k.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	id, err := seal.NewIdentity(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	public, err := id.Public()
	if err != nil {
		t.Fatal(err)
	}
	sig, err := id.Sign(der)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := accounts.MakeVerifier(rand.Reader, secret.Of(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	var a accounts.Account
	err = db.Update(t.Context(), func(tx kv.Tx) error {
		a, err = accounts.Register(tx, now, keys, rand.Reader, accounts.Open, accounts.Registration{
			Email: "ann@example.com", Name: "Ann", Suite: seal.Default().Name(), Salt: make([]byte, 16), SealedIdentity: sealed("i"),
			SealedRSA: sealed("r"), Identity: public[:], RSA: der, RSASignature: sig, Verifier: verifier,
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestUsers(t *testing.T) {
	t.Parallel()
	db := memory.New()
	keys, err := accounts.NewKeys(secret.Of(bytes.Repeat([]byte{'k'}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	ann := registered(t, db, keys)
	copied := errors.New("no")
	door := admin.New(admin.Deps{
		Store: db, Keys: keys, Now: func() time.Time { return now }, Rand: rand.Reader,
		Copy: func(_ context.Context, w io.Writer) error {
			_, err := io.WriteString(w, "copy")
			return errors.Join(err, copied)
		},
	})
	do := func(method, path, body string) (int, string) {
		rec := httptest.NewRecorder()
		door.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body)))
		return rec.Code, rec.Body.String()
	}
	for _, tt := range []struct{ method, path, body, want string }{
		{"GET", "/users", "", `[{"id":"` + ann.ID.String() + `","email":"ann@example.com","name":"Ann","role":"owner","disabled":false,"created":"2026-03-04T05:06:07Z"}]`},
		{"POST", "/users/Ann@example.com/disabled", "", `"disabled":true`},
		{"GET", "/users", "", `"disabled":true`},
		{"DELETE", "/users/" + ann.ID.String() + "/disabled", "", `"disabled":false`},
		{"GET", "/users", "", `"disabled":false`},
		{"POST", "/users/bob@example.com/disabled", "", `"code":"not_found"`},
		{"POST", "/users/bob/disabled", "", `"code":"usage"`},
		{"POST", "/invites", `{"email":"ann@example.com","seconds":9}`, `"code":"exists"`},
		{"POST", "/invites", `{"email":"x","seconds":9}`, `"code":"usage"`},
		{"POST", "/invites", `{"seconds":0}`, `"code":"usage"`},
		{"POST", "/invites", `{`, `"code":"usage"`},
		{"GET", "/invites", "", `[]`},
	} {
		status, text := do(tt.method, tt.path, tt.body)
		if !strings.Contains(text, tt.want) || (status == http.StatusOK) == strings.Contains(text, `"code"`) {
			t.Errorf("%s %s: %d %s", tt.method, tt.path, status, text)
		}
	}
	aborted := func() (p any) {
		defer func() { p = recover() }()
		do("GET", "/backup", "")
		return nil
	}()
	if aborted != http.ErrAbortHandler { //nolint:errorlint // it is panicked with as it is
		t.Errorf("half a copy ends with %v", aborted)
	}
}
