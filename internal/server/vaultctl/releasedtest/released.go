// Package releasedtest is the vaultctl API as the released server speaks it, for
// tests of clients: the same rules behind a door that translates.
//
// What it has of that server: bare lists, null for an empty one; "id", "name"
// and "type" alone; no numbers, no ids by the client, envelope version 1 only;
// PUT rekey, which leaves every member a mere member; organisations, of which a
// shared vault needs one; the types secure_note and credit_card; 204 for a
// restore; 500 for what is malformed; bodies of 1 MiB; no Retry-After; a change
// of password that leaves the personal vaults as they are; and none of the calls
// that are additions.
//
// What it has not: a rekey that stops half-way or is incomplete, an admin who
// removes the owner, and writes between a removal and the rekey.
package releasedtest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"

	"github.com/keyhold/keyhold/internal/server/vaultctl"
)

// Options say how the server differs from the released one.
type Options struct {
	// KeepRoles leaves the roles alone in a rekey. The released server makes
	// everybody a member, so that nobody can share or rekey any more.
	KeepRoles bool
}

type door struct {
	Options

	deps vaultctl.Deps
	api  http.Handler
	org  string

	mu   sync.Mutex
	flat map[string]bool // vaults in which everybody is a member since a rekey
}

// object is a JSON object.
type object = map[string]any

// New returns the handler of every path below /api/v1.
func New(d vaultctl.Deps, o Options) http.Handler {
	s := &door{Options: o, deps: d, api: vaultctl.New(d), org: "0f9d0d5c-52b5-4c5a-8a7e-3a3f6f1d2c10", flat: map[string]bool{}}
	mux := http.NewServeMux()
	handle := func(pattern string, h func(*exchange)) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" /api/v1"+path, func(w http.ResponseWriter, r *http.Request) {
			e := &exchange{door: s, w: w, r: r}
			if e.read() {
				h(e)
			}
		})
	}
	for _, pattern := range []string{
		"GET /config", "GET /health", "POST /auth/login", "POST /auth/refresh", "POST /auth/logout", "POST /auth/step-up",
		"DELETE /vaults/{vault}/trash", "DELETE /vaults/{vault}/trash/{item}", "DELETE /vaults/{vault}", "GET /export",
		"DELETE /vaults/{vault}/items/{item}", "GET /vaults/{vault}/items/{item}", "PUT /vaults/{vault}/items/{item}", "POST /import",
	} {
		handle(pattern, (*exchange).pass)
	}
	handle("GET /auth/prelogin", (*exchange).prelogin)
	handle("POST /auth/register", (*exchange).register)
	handle("POST /auth/password/change", (*exchange).changePassword)
	handle("GET /vaults", (*exchange).listVaults)
	handle("POST /vaults", (*exchange).createVault)
	handle("GET /vaults/{vault}/items", (*exchange).listItems)
	handle("POST /vaults/{vault}/items", (*exchange).createItem)
	handle("GET /vaults/{vault}/trash", (*exchange).listItems)
	handle("POST /vaults/{vault}/trash/{item}/restore", (*exchange).restore)
	handle("POST /vaults/{vault}/members", (*exchange).addMember)
	handle("DELETE /vaults/{vault}/members/{user}", (*exchange).removeMember)
	handle("PUT /vaults/{vault}/rekey", (*exchange).rekey)
	handle("GET /orgs", (*exchange).listOrgs)
	handle("GET /orgs/{org}/members", (*exchange).listOrgMembers)
	handle("GET /orgs/{org}/members/{user}/pubkey", (*exchange).publicKey)
	return mux
}

// An exchange is one request and its answer.
type exchange struct {
	*door

	w    http.ResponseWriter
	r    *http.Request
	body object // nil: none
}

// maxBody is how large a body may be, that of a rekey too.
const maxBody = 1 << 20

// read reads the body and reports whether to go on.
func (e *exchange) read() bool {
	e.r.URL.RawQuery = without(e.r.URL.Query(), "revision")
	text, err := io.ReadAll(http.MaxBytesReader(e.w, e.r.Body, maxBody))
	if err != nil {
		e.fail(http.StatusRequestEntityTooLarge, "INVALID", "")
		return false
	}
	if len(text) == 0 {
		return true
	}
	if err := json.Unmarshal(text, &e.body); err != nil {
		e.fail(http.StatusBadRequest, "INVALID", "")
		return false
	}
	for _, name := range []string{"vaultId", "itemId", "keyVersion", "revision"} {
		if name != "vaultId" || e.r.URL.Path != "/api/v1/import" {
			delete(e.body, name)
		}
	}
	if hasVersion2(e.body) {
		e.fail(http.StatusInternalServerError, "INTERNAL", "")
		return false
	}
	return true
}

func without(q map[string][]string, name string) string {
	delete(q, name)
	return url.Values(q).Encode()
}

// call makes the call, or another one on behalf of the same user, by the same
// rules.
func (e *exchange) call(method, path string, body object) *httptest.ResponseRecorder {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			panic(err)
		}
	}
	r := e.r.Clone(e.r.Context())
	r.Method, r.Body, r.ContentLength = method, io.NopCloser(bytes.NewReader(text)), int64(len(text))
	if path != "" {
		r.URL.Path, r.URL.RawQuery = "/api/v1"+path, ""
	}
	r.RequestURI, r.Pattern = "", ""
	rec := httptest.NewRecorder()
	e.api.ServeHTTP(rec, r)
	return rec
}

// own makes the call itself.
func (e *exchange) own() *httptest.ResponseRecorder { return e.call(e.r.Method, "", e.body) }

// pass answers as the rules do, in the other dialect.
func (e *exchange) pass() { e.answer(e.own()) }

// answer translates an answer and writes it.
func (e *exchange) answer(rec *httptest.ResponseRecorder) {
	var v any
	if rec.Body.Len() > 0 {
		if err := json.Unmarshal(rec.Body.Bytes(), &v); err != nil {
			panic(err)
		}
	}
	if rec.Code >= http.StatusBadRequest {
		e.refuse(rec.Code, v)
		return
	}
	e.reply(rec.Code, e.translate(v))
}

// reply writes an answer as it is.
func (e *exchange) reply(status int, v any) {
	if status == http.StatusNoContent {
		e.w.WriteHeader(status)
		return
	}
	e.w.Header().Set("Content-Type", "application/json")
	e.w.WriteHeader(status)
	_ = json.NewEncoder(e.w).Encode(v)
}

func (e *exchange) fail(status int, code, field string) {
	body := object{"code": code, "message": strings.ToLower(code)}
	if field != "" {
		body["field"] = field
	}
	e.reply(status, object{"error": body})
}
