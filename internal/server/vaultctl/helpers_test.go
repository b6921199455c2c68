package vaultctl_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/server/vaultctl"
	"github.com/keyhold/keyhold/internal/service/accounts"
)

var start = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// A world is a server with a clock and a log.
type world struct {
	testing.TB

	deps vaultctl.Deps
	log  *syncBuffer

	mu  sync.Mutex
	now time.Time

	once sync.Once
	door http.Handler
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return worldOn(t, memory.New())
}

func worldOn(t testing.TB, db kv.DB) *world {
	t.Helper()
	keys, err := accounts.NewKeys(secret.Of(bytes.Repeat([]byte{'k'}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{TB: t, log: &syncBuffer{}, now: start}
	w.deps = vaultctl.Deps{
		Store: db, Keys: keys, Now: w.clock, Rand: rand.Reader, Mode: accounts.Open,
		Log: slog.New(slog.NewJSONHandler(w.log, nil)), Version: "1.2.3", Commit: "c0ffee",
	}
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) wait(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.once.Do(func() { w.door = vaultctl.New(w.deps) })
	w.door.ServeHTTP(rw, r)
}

// A response is what the server answered.
type response struct {
	status int
	header http.Header
	body   string
	json   map[string]any
}

// code returns the code of an error and its field.
func (r response) code() (code, field string) {
	e, _ := r.json["error"].(map[string]any)
	code, _ = e["code"].(string)
	field, _ = e["field"].(string)
	return code, field
}

func (r response) text(name string) string {
	s, _ := r.json[name].(string)
	return s
}

func (r response) list(name string) []map[string]any {
	var out []map[string]any
	list, _ := r.json[name].([]any)
	for _, e := range list {
		out = append(out, e.(map[string]any))
	}
	return out
}

// do makes a request. A body that is a string is sent as it is.
func (w *world) do(method, path, token string, body any) response {
	w.Helper()
	return w.from("192.0.2.1:1000", method, path, token, body)
}

func (w *world) from(addr, method, path, token string, body any) response {
	w.Helper()
	var text []byte
	switch b := body.(type) {
	case nil:
	case string:
		text = []byte(b)
	default:
		var err error
		if text, err = json.Marshal(b); err != nil {
			w.Fatal(err)
		}
	}
	r := httptest.NewRequestWithContext(w.Context(), method, "/api/v1"+path, bytes.NewReader(text))
	r.RemoteAddr = addr
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return w.send(r)
}

func (w *world) send(r *http.Request) response {
	w.Helper()
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	out := response{status: rec.Code, header: rec.Header(), body: rec.Body.String()}
	if strings.HasPrefix(out.body, "{") {
		if err := json.Unmarshal(rec.Body.Bytes(), &out.json); err != nil {
			w.Fatalf("%s %s: %v in %s", r.Method, r.URL, err, out.body)
		}
	}
	return out
}

// want makes a request that has to be answered with a status.
func (w *world) want(status int, method, path, token string, body any) response {
	w.Helper()
	got := w.do(method, path, token, body)
	if got.status != status {
		w.Fatalf("%s %s: status %d, want %d: %s", method, path, got.status, status, got.body)
	}
	return got
}

// m is a JSON object.
type m map[string]any

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// hash is the auth hash of a password, as it is sent.
func hash(password string) string { return b64([]byte(password + strings.Repeat(".", 32))[:32]) }

// blob has the form of a sealed name or data, wrapFor that of a sealed vault key.
func blob(text string) string { return b64(append(append([]byte{1, 1}, make([]byte, 28)...), text...)) }

func wrapFor(vaultType, text string) string {
	alg := byte(3)
	if vaultType == "shared" {
		alg = 2
	}
	return b64(append(append([]byte{1, alg}, make([]byte, 40)...), text...))
}

var signature = b64(make([]byte, 64))

var keyPair = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

// registration is a body that is all right.
func registration(t testing.TB, email, password string) m {
	t.Helper()
	id, err := seal.NewIdentity(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	pub, err := id.Public()
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&keyPair().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := id.Sign(der)
	if err != nil {
		t.Fatal(err)
	}
	return m{
		"email": email, "name": "A Name", "authHash": hash(password), "salt": b64(bytes.Repeat([]byte{5}, 16)),
		"masterPasswordPreflight": "canary-preflight", "kdfIterations": 3, "kdfMemoryKB": 65536, "kdfParallelism": 4,
		"encryptedPrivateKey": blob("rsa"), "encryptedIdentityPrivateKey": blob("identity"),
		"publicKey": b64(der), "publicKeySignature": b64(sig), "identityPublicKey": b64(pub[:]), "locale": "en",
	}
}

// A person is logged in.
type person struct{ id, email, token, refresh, up string }

// join registers somebody and logs in.
func (w *world) join(name string) person {
	w.Helper()
	email := name + "@example.com"
	reg := w.want(201, "POST", "/auth/register", "", registration(w, email, name))
	in := w.want(200, "POST", "/auth/login", "", m{"email": email, "authHash": hash(name), "deviceName": "laptop"})
	return person{id: reg.text("userId"), email: email, token: in.text("accessToken"), refresh: in.text("refreshToken")}
}

// stepUp gives p a token with which the password counts as given again.
func (w *world) stepUp(p person) person {
	w.Helper()
	name, _, _ := strings.Cut(p.email, "@")
	p.up = w.want(200, "POST", "/auth/step-up", p.token, m{"authHash": hash(name)}).text("accessToken")
	return p
}

// vault makes a vault and returns its id.
func (w *world) vault(p person, vaultType string) string {
	w.Helper()
	return w.want(201, "POST", "/vaults", p.token, m{
		"name": vaultType, "type": vaultType, "encryptedVaultKey": wrapFor(vaultType, "k"), "wrapSignature": signature,
	}).text("vaultId")
}

func newItem(text string) m {
	return m{"itemType": "login", "encryptedData": blob("data " + text), "encryptedName": blob("name " + text)}
}

// item makes an item and returns its id.
func (w *world) item(p person, vault, text string) string {
	w.Helper()
	return w.want(201, "POST", "/vaults/"+vault+"/items", p.token, newItem(text)).text("itemId")
}

// share makes q a member of p's vault.
func (w *world) share(p, q person, vault, role string) {
	w.Helper()
	w.want(204, "POST", "/vaults/"+vault+"/members", p.token, m{
		"recipientUserId": q.id, "encryptedVaultKey": wrapFor("shared", q.email), "wrapSignature": signature, "role": role,
	})
}
