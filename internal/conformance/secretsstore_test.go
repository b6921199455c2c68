package conformance

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/server/secretsstore"
	"github.com/keyhold/keyhold/internal/service/stores"
	"github.com/keyhold/keyhold/internal/service/tokens"
)

const account = "0123456789abcdef0123456789abcdef"

// manySecrets do not fit on a page, and the last page is a short one.
const manySecrets = 45

// A secretsStore is our door to stores, as a client finds it.
type secretsStore struct {
	url, token string

	mu    sync.Mutex
	asked []string // method and path of every request below the account
}

func newSecretsStore(t *testing.T) *secretsStore {
	t.Helper()
	keys, err := stores.NewKeys(secret.Of(bytes.Repeat([]byte{1}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	db := memory.New()
	s := &secretsStore{}
	err = db.Update(t.Context(), func(tx kv.Tx) error {
		_, text, err := tokens.Create(tx, time.Now(), rand.Reader, tokens.Token{API: secretsstore.API, Account: account})
		s.token = text.Reveal()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	door := secretsstore.New(secretsstore.Deps{Store: db, Keys: keys, Now: time.Now, Rand: rand.Reader, Log: slog.New(slog.DiscardHandler)})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, r.Method+" "+strings.TrimPrefix(r.URL.Path, "/client/v4/accounts/"+account+"/secrets_store"))
		s.mu.Unlock()
		door.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	s.url = srv.URL + "/client/v4/"
	return s
}

// calls returns the kinds of calls that were made, of how many there are.
func (s *secretsStore) calls() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	kinds := map[string]int{}
	for _, line := range s.asked {
		parts := strings.Split(line, "/")
		for i, p := range parts {
			if len(p) == 32 {
				parts[i] = "*"
			}
		}
		kinds[strings.Join(parts, "/")]++
	}
	return kinds
}

// coded is how the SDKs say which errors an answer had.
type coded struct {
	status  int
	code    int64
	message string
}

// refused wants that error.
func refused(t *testing.T, what string, got coded, want coded) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %+v, want %+v", what, got, want)
	}
}

// everyCall wants that every call of an account was made but for those that are
// missing in the SDK.
func everyCall(t *testing.T, s *secretsStore, missing ...string) {
	t.Helper()
	all := []string{
		"GET /quota", "GET /stores", "POST /stores", "GET /stores/*", "DELETE /stores/*", "GET /stores/*/secrets", "POST /stores/*/secrets",
		"DELETE /stores/*/secrets", "GET /stores/*/secrets/*", "PATCH /stores/*/secrets/*", "DELETE /stores/*/secrets/*",
		"POST /stores/*/secrets/*/duplicate",
	}
	made := s.calls()
	for _, call := range all {
		want := true
		for _, m := range missing {
			want = want && m != call
		}
		if (made[call] > 0) != want {
			t.Errorf("%s was made %d times", call, made[call])
		}
		delete(made, call)
	}
	if len(made) > 0 {
		t.Errorf("calls that are none: %v", made)
	}
	if n := s.calls()["GET /stores/*/secrets"]; n != 6 { // 5 full pages or parts of one, and the empty one
		t.Errorf("%d pages were asked for, want 6", n)
	}
}

var errNoEnd = errors.New("the pager goes on for ever")

// gather reads a pager of an SDK to its end.
func gather[T any](p interface {
	Next() bool
	Current() T
	Err() error
}) (all []T, err error) {
	for p.Next() {
		if all = append(all, p.Current()); len(all) > 1000 {
			return all, errNoEnd
		}
	}
	return all, p.Err()
}

func name(i int) string { return fmt.Sprintf("N%02d", i) }
