package vaultctl_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"sync"

	"github.com/keyhold/keyhold/pkg/client"
	"github.com/keyhold/keyhold/pkg/client/vaultctl"
)

func Example() {
	srv := httptest.NewServer(newServer())
	defer srv.Close()
	ctx := context.Background()

	// The token is not there before the login, so it comes from a func.
	var token client.Secret
	c, err := vaultctl.New(srv.URL, client.WithCredentials(client.TokenSource(
		func(_ context.Context, rejected client.Secret) (client.Secret, error) {
			if !rejected.IsZero() {
				return client.Secret{}, errors.New("here Auth.Refresh gives a new one")
			}
			return token, nil
		})))
	if err != nil {
		log.Fatal(err)
	}

	// What derives the auth hash, and seals names and data, is not part of this package.
	session, err := c.Auth.Login(ctx, vaultctl.LoginRequest{
		Email: "ada@example.com", AuthHash: client.NewSecret("32 bytes of a derived auth hash."), DeviceName: "example",
	})
	if err != nil {
		log.Fatal(err)
	}
	token = session.AccessToken
	fmt.Println("token:", token)

	vault := session.Vaults[0]
	item, err := c.Items.Create(ctx, vault.ID, vaultctl.ItemRequest{
		Type: "secure_note", EncryptedName: []byte("sealed name"), EncryptedData: []byte("sealed data"),
	})
	if err != nil {
		log.Fatal(err)
	}
	items, err := c.Items.List(ctx, vault.ID, vaultctl.ListItemsOptions{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: %d item, %s, revision %d\n", vault.Name, len(items), items[0].Type, items[0].Revision)

	// Somebody else was faster, or the number is wrong, as here.
	_, err = c.Items.Put(ctx, vault.ID, vaultctl.ItemRequest{ID: item.ID, EncryptedName: []byte("a"), EncryptedData: []byte("b"), Revision: 7})
	fmt.Println("conflict:", errors.Is(err, client.ErrConflict))
	fmt.Println(err)

	err = c.Vaults.Delete(ctx, vault.ID)
	fmt.Println("step-up:", errors.Is(err, vaultctl.ErrStepUp))
	// Output:
	// token: [redacted]
	// home: 1 item, secure_note, revision 2
	// conflict: true
	// PUT /api/v1/vaults/v1/items/i1: status 409: CONFLICT: the item moved on (field revision)
	// step-up: true
}

// A server has one account with one vault, and does of the API what the
// example needs.
type server struct {
	mu       sync.Mutex
	revision uint64
	items    map[string]map[string]any
}

func newServer() http.Handler {
	s := &server{revision: 1, items: map[string]map[string]any{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/auth/login", s.login)
	mux.HandleFunc("GET /api/v1/vaults/v1/items", s.signedIn(s.list))
	mux.HandleFunc("POST /api/v1/vaults/v1/items", s.signedIn(s.create))
	mux.HandleFunc("PUT /api/v1/vaults/v1/items/{id}", s.signedIn(s.put))
	mux.HandleFunc("DELETE /api/v1/vaults/v1", s.signedIn(func(w http.ResponseWriter, _ *http.Request, _ map[string]any) {
		refuse(w, http.StatusForbidden, "STEP_UP_REQUIRED", "confirm your password", "")
	}))
	return mux
}

func (s *server) login(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Email    string `json:"email"`
		AuthHash string `json:"authHash"`
	}
	want := base64.StdEncoding.EncodeToString([]byte("32 bytes of a derived auth hash."))
	if json.NewDecoder(r.Body).Decode(&in) != nil || in.Email != "ada@example.com" || in.AuthHash != want {
		refuse(w, http.StatusUnauthorized, "INVALID_CREDENTIALS", "wrong e-mail or password", "")
		return
	}
	reply200(w, map[string]any{
		"userId": "u1", "role": "owner", "accessToken": "secret-token", "refreshToken": "r", "sessionId": "s1",
		"vaults": []any{map[string]any{"vaultId": "v1", "vaultName": "home", "vaultType": "personal", "role": "owner"}},
	})
}

// signedIn serves who has the token, one request at a time, with its body.
func (s *server) signedIn(h func(http.ResponseWriter, *http.Request, map[string]any)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret-token" {
			refuse(w, http.StatusUnauthorized, "UNAUTHENTICATED", "sign in", "")
			return
		}
		var in map[string]any
		if r.ContentLength > 0 && json.NewDecoder(r.Body).Decode(&in) != nil {
			refuse(w, http.StatusBadRequest, "INVALID", "no JSON", "")
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		h(w, r, in)
	}
}

func (s *server) list(w http.ResponseWriter, _ *http.Request, _ map[string]any) {
	all := []any{}
	for _, it := range s.items {
		all = append(all, it)
	}
	reply200(w, map[string]any{"items": all})
}

func (s *server) create(w http.ResponseWriter, _ *http.Request, in map[string]any) {
	s.revision++
	in["itemId"], in["revision"] = fmt.Sprintf("i%d", len(s.items)+1), s.revision
	s.items[in["itemId"].(string)] = in
	reply200(w, in)
}

func (s *server) put(w http.ResponseWriter, r *http.Request, in map[string]any) {
	old := s.items[r.PathValue("id")]
	switch was, ok := in["revision"].(float64); {
	case old == nil:
		refuse(w, http.StatusNotFound, "NOT_FOUND", "no such item", "")
	case ok && uint64(was) != old["revision"]:
		refuse(w, http.StatusConflict, "CONFLICT", "the item moved on", "revision")
	default:
		s.revision++
		in["itemId"], in["itemType"], in["revision"] = old["itemId"], old["itemType"], s.revision
		s.items[r.PathValue("id")] = in
		reply200(w, in)
	}
}

func reply200(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, status int, code, message, field string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]string{"code": code, "message": message, "field": field}})
}
