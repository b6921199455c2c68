package pwm_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/keyhold/keyhold/pkg/client"
	"github.com/keyhold/keyhold/pkg/client/pwm"
)

func Example() {
	srv := httptest.NewServer(newServer())
	defer srv.Close()
	ctx := context.Background()

	// The token is not there before the login, so it comes from a func.
	var token client.Secret
	c, err := pwm.New(srv.URL, client.WithCredentials(client.TokenSource(
		func(_ context.Context, rejected client.Secret) (client.Secret, error) {
			if !rejected.IsZero() {
				return client.Secret{}, nil // there is never a newer one
			}
			return token, nil
		})))
	if err != nil {
		log.Fatal(err)
	}
	session, err := c.CLI.Create(ctx)
	if err != nil {
		log.Fatal(err)
	}
	// Here a person opens session.URL and uses a passkey there.
	login, err := c.CLI.Wait(ctx, session.ID, func(context.Context, time.Duration) error { return nil })
	if err != nil {
		log.Fatal(err)
	}
	token = login.Token
	fmt.Println("logged in as", login.Email, "with", login.Token)

	v, err := c.Vaults.Get(ctx, "default")
	if err != nil {
		log.Fatal(err)
	}
	// What opens v, and seals what was changed in it, is not part of this package.
	next := pwm.Content{EncryptedData: []byte("another sealed blob"), IV: []byte("a new iv....")}
	info, err := c.Vaults.Update(ctx, v.Name, pwm.UpdateRequest{Content: next, Version: v.Version})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s has version %d\n", info.Name, info.Version)

	// Somebody else was faster, or the number is wrong, as here.
	_, err = c.Vaults.Update(ctx, v.Name, pwm.UpdateRequest{Content: next, Version: v.Version})
	var conflict *pwm.VersionError
	if errors.As(err, &conflict) {
		fmt.Printf("conflict: the server has version %d\n", conflict.Current)
	}
	// Output:
	// logged in as ada@example.com with [redacted]
	// default has version 4
	// conflict: the server has version 4
}

// A server has one vault, and does of the API what the example needs.
type server struct {
	mu      sync.Mutex
	version uint64
	polls   int
	content map[string]any
}

func newServer() http.Handler {
	s := &server{version: 3, content: map[string]any{"encryptedData": "AAAA", "iv": "AAAA"}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /auth/cli/session", s.locked(func() (int, any) {
		return http.StatusCreated, map[string]any{"sessionId": "s1", "expiresAt": "2030-01-01T00:05:00Z"}
	}))
	mux.HandleFunc("GET /auth/cli/session/s1", s.locked(func() (int, any) {
		if s.polls++; s.polls < 3 {
			return http.StatusOK, map[string]any{"status": "pending"}
		}
		return http.StatusOK, map[string]any{"status": "complete", "token": "secret-token", "userId": "u1", "email": "ada@example.com"}
	}))
	mux.HandleFunc("GET /vault/default", s.locked(func() (int, any) {
		return http.StatusOK, map[string]any{"encryptedData": s.content["encryptedData"], "iv": s.content["iv"], "version": s.version}
	}))
	mux.HandleFunc("PUT /vault/default", func(w http.ResponseWriter, r *http.Request) {
		var in map[string]any
		if json.NewDecoder(r.Body).Decode(&in) != nil || r.Header.Get("Authorization") != "Bearer secret-token" {
			http.Error(w, "{}", http.StatusBadRequest)
			return
		}
		s.locked(func() (int, any) {
			if in["version"] != float64(s.version) {
				return http.StatusConflict, map[string]any{
					"error": "Version conflict", "code": "VERSION_CONFLICT", "currentVersion": s.version, "yourVersion": in["version"],
				}
			}
			s.version++
			s.content = in
			return http.StatusOK, map[string]any{"version": s.version}
		})(w, r)
	})
	return mux
}

func (s *server) locked(answer func() (int, any)) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		status, body := answer()
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body)
	}
}
