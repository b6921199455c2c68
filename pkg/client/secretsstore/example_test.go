package secretsstore_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/keyhold/keyhold/pkg/client"
	"github.com/keyhold/keyhold/pkg/client/secretsstore"
)

func Example() {
	srv := httptest.NewServer(service())
	defer srv.Close()
	ctx := context.Background()

	// Against Cloudflare the base is secretsstore.BaseURL.
	c, err := secretsstore.New(srv.URL+"/client/v4", client.WithCredentials(client.Token(client.NewSecret("an-api-token"))))
	if err != nil {
		log.Fatal(err)
	}
	account := c.Account("0123456789abcdef0123456789abcdef")

	// An account has one store.
	var store secretsstore.Store
	for s, err := range account.Stores.All(ctx, secretsstore.ListOptions{}) {
		if err != nil {
			log.Fatal(err)
		}
		store = s
	}

	made, err := account.Secrets.Create(ctx, store.ID, secretsstore.CreateSecretRequest{
		Name: "STRIPE_KEY", Value: client.NewSecret("sk_live_…"), Scopes: []string{secretsstore.ScopeWorkers},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(store.Name, made[0].Name, made[0].Status)

	// A name is taken once.
	_, err = account.Secrets.Create(ctx, store.ID, secretsstore.CreateSecretRequest{
		Name: "STRIPE_KEY", Value: client.NewSecret("sk_live_…"), Scopes: []string{secretsstore.ScopeWorkers},
	})
	fmt.Println("taken:", errors.Is(err, secretsstore.ErrNameTaken))
	fmt.Println(err)
	// Output:
	// default_secrets_store STRIPE_KEY pending
	// taken: true
	// POST /client/v4/accounts/0123456789abcdef0123456789abcdef/secrets_store/stores/s1/secrets: status 400: 1003: secret_name_already_exists: STRIPE_KEY
}

// service does of the API what the example needs.
func service() http.Handler {
	answer := func(w http.ResponseWriter, status int, result, errs any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{"success": errs == nil, "errors": errs, "messages": []any{}, "result": result})
	}
	const stores = "/client/v4/accounts/0123456789abcdef0123456789abcdef/secrets_store/stores"
	taken := map[string]bool{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+stores, func(w http.ResponseWriter, r *http.Request) {
		all := []any{}
		if r.URL.Query().Get("page") == "1" {
			all = append(all, map[string]string{"id": "s1", "name": "default_secrets_store"})
		}
		answer(w, http.StatusOK, all, nil)
	})
	mux.HandleFunc("POST "+stores+"/s1/secrets", func(w http.ResponseWriter, r *http.Request) {
		var in []struct{ Name string }
		if json.NewDecoder(r.Body).Decode(&in) != nil || taken[in[0].Name] {
			answer(w, http.StatusBadRequest, nil, []any{map[string]any{"code": 1003, "message": "secret_name_already_exists: " + in[0].Name}})
			return
		}
		taken[in[0].Name] = true
		answer(w, http.StatusOK, []any{map[string]any{"id": "x1", "name": in[0].Name, "status": "pending"}}, nil)
	})
	return mux
}
