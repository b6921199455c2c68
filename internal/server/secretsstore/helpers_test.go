package secretsstore_test

import (
	"bytes"
	stdcmp "cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/server/secretsstore"
	"github.com/keyhold/keyhold/internal/service/stores"
	"github.com/keyhold/keyhold/internal/service/tokens"
)

const (
	canary  = "canary-4f2a9d"
	account = "0123456789abcdef0123456789abcdef"
	other   = "ffffffffffffffffffffffffffffffff"
	unknown = "00000000000000000000000000000009"
	ours    = "/client/v4/accounts/" + account + "/secrets_store"
	twin    = "/client/v4/system/accounts/" + account
)

var start = time.Date(2026, 3, 4, 5, 6, 7, 624632000, time.UTC)

// A world is a server with a clock, a log and tokens.
type world struct {
	*testing.T

	deps secretsstore.Deps
	door http.Handler

	full, readOnly, foreign, service, other string // tokens

	mu      sync.Mutex
	now     time.Time
	log     bytes.Buffer
	answers bytes.Buffer
	gone    int
}

// Write keeps the log.
func (w *world) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(b)
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func newWorld(t *testing.T, change ...func(*secretsstore.Deps)) *world {
	t.Helper()
	keys, err := stores.NewKeys(secret.Of(bytes.Repeat([]byte{'k'}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, now: start}
	w.deps = secretsstore.Deps{
		Store: memory.New(), Keys: keys, Now: w.clock, Rand: rand.Reader, Log: slog.New(slog.NewJSONHandler(w, nil)),
		Gone: func(context.Context) error { w.gone++; return nil },
	}
	for _, c := range change {
		c(&w.deps)
	}
	w.door = secretsstore.New(w.deps)
	w.full = w.token(tokens.Token{Account: account})
	w.readOnly = w.token(tokens.Token{Account: account, ReadOnly: true})
	w.foreign = w.token(tokens.Token{Account: other})
	w.service = w.token(tokens.Token{Account: account, Service: "images"})
	w.other = w.token(tokens.Token{Service: "other"})
	return w
}

func (w *world) token(t tokens.Token) string {
	w.Helper()
	t.API = stdcmp.Or(t.API, secretsstore.API)
	var text secret.String
	err := w.deps.Store.Update(w.Context(), func(tx kv.Tx) (err error) {
		_, text, err = tokens.Create(tx, w.clock(), rand.Reader, t)
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return text.Reveal()
}

// do makes a request with these header lines and returns the answer.
func (w *world) do(method, path, body string, header ...string) *httptest.ResponseRecorder {
	w.Helper()
	r := httptest.NewRequestWithContext(w.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "text/plain;charset=UTF-8") // as wrangler does
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	rec := httptest.NewRecorder()
	w.door.ServeHTTP(rec, r)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers.Write(rec.Body.Bytes())
	return rec
}

func bearer(token string) string { return "Authorization: Bearer " + token }

// An answer is the envelope.
type answer struct {
	Status  int
	Success bool
	Errors  []item
	Result  any
	Info    map[string]int `json:"result_info"`
}

type item struct {
	Code    int
	Message string
	Chain   []item `json:"error_chain"`
}

// ask makes a request with a token.
func (w *world) ask(token, method, path, body string) answer {
	w.Helper()
	return w.read(w.do(method, path, body, bearer(token)))
}

func (w *world) read(rec *httptest.ResponseRecorder) answer {
	w.Helper()
	a := answer{Status: rec.Code}
	if err := json.Unmarshal(rec.Body.Bytes(), &a); err != nil {
		w.Fatalf("%v: %s", err, rec.Body)
	}
	var members map[string]any
	_ = json.Unmarshal(rec.Body.Bytes(), &members)
	for _, name := range []string{"success", "errors", "messages", "result"} {
		if v, ok := members[name]; !ok || v == nil && name != "result" {
			w.Errorf("%s is missing or null: %s", name, rec.Body)
		}
	}
	if t := rec.Header().Get("Content-Type"); t != "application/json" {
		w.Errorf("content type %q", t)
	}
	if a.Success != (a.Status/100 == 2) || a.Success != (len(a.Errors) == 0) {
		w.Errorf("status %d, success %t, %d errors", a.Status, a.Success, len(a.Errors))
	}
	return a
}

// must is ask for what has to work; it returns the result.
func (w *world) must(token, method, path, body string) any {
	w.Helper()
	a := w.ask(token, method, path, body)
	if !a.Success {
		w.Fatalf("%s %s: %+v", method, path, a)
	}
	return a.Result
}

// refused wants an answer of this status with this code and message.
func (w *world) refused(a answer, status, code int, message string) {
	w.Helper()
	if a.Status != status || len(a.Errors) == 0 || a.Errors[0].Code != code || a.Errors[0].Message != message || a.Result != nil {
		w.Errorf("%+v, want %d, %d %s", a, status, code, message)
	}
}

func member(v any, name string) string {
	m, _ := v.(map[string]any)
	s, _ := m[name].(string)
	return s
}

// made makes the store of the account and returns its path.
func (w *world) made() string {
	w.Helper()
	return ours + "/stores/" + member(w.must(w.full, "POST", ours+"/stores", `{"name":"default"}`), "id")
}

// put makes a secret and returns its path.
func (w *world) put(store, name string) string {
	w.Helper()
	list, _ := w.must(w.full, "POST", store+"/secrets", `[{"name":"`+name+`","value":"`+canary+`","scopes":["workers"]}]`).([]any)
	return store + "/secrets/" + member(list[0], "id")
}

func (w *world) logged() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.String()
}

func (w *world) differ(what string, want, got any) {
	w.Helper()
	if d := cmp.Diff(want, got); d != "" {
		w.Errorf("%s (-want +got):\n%s", what, d)
	}
}

var _ io.Writer = (*world)(nil)
