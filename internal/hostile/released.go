package hostile

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/service/accounts"
)

// Org is the id of the one organisation of a Released server. Everybody is in it.
const Org = "55555555-5555-4555-8555-555555555555"

// A Released server speaks as the released server does, over the rules of ours:
// bare lists, ids of its own choice, an organisation for shared vaults, no
// numbers, and none of what our documents add. It may be used from several
// goroutines.
type Released struct {
	next http.Handler
	db   kv.DB

	mu         sync.Mutex
	preflights []string
}

// NewReleased returns a server of the released dialect before next, the real
// handler over db.
func NewReleased(next http.Handler, db kv.DB) *Released { return &Released{next: next, db: db} }

// Preflights returns what was sent as master password to be looked at.
func (d *Released) Preflights() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.preflights)
}

// ServeHTTP implements http.Handler.
func (d *Released) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/api/v1")
	parts := strings.Split(strings.Trim(path, "/"), "/")
	switch last := parts[len(parts)-1]; {
	case parts[0] == "orgs":
		d.orgs(w, r, parts)
		return
	case last == "rekey" && r.Method == http.MethodPost, r.Method == http.MethodPatch:
		refuse(w, http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "")
		return
	case parts[0] == "users", last == "changes", last == "members" && r.Method == http.MethodGet:
		refuse(w, http.StatusNotFound, "NOT_FOUND", "")
		return
	case r.URL.Query().Get("folderId") == "none":
		refuse(w, http.StatusInternalServerError, "INTERNAL", "")
		return
	case len(parts) == 4 && parts[2] == "members" && parts[3] == d.caller(r):
		refuse(w, http.StatusBadRequest, "INVALID", "user_id") // nobody leaves
		return
	}
	q := r.URL.Query()
	q.Del("revision")
	r.URL.RawQuery = q.Encode()
	if !d.request(w, r, path) {
		return
	}
	rec := httptest.NewRecorder()
	d.next.ServeHTTP(rec, r)
	d.translate(w, rec, path)
}

// caller returns the id of who makes a request, or "".
func (d *Released) caller(r *http.Request) string {
	parts := strings.Split(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), ".")
	if len(parts) != 3 {
		return ""
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	sub, _ := object(claims)["sub"].(string)
	return sub
}

// additions are members of requests that the released server does not know.
var additions = []string{"vaultId", "itemId", "keyVersion", "revision"}

// request takes the additions out of a request, and refuses what the released
// server refuses.
func (d *Released) request(w http.ResponseWriter, r *http.Request, path string) bool {
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<20))
	if err != nil {
		return refuse(w, http.StatusBadRequest, "INVALID", "")
	}
	m := object(body)
	if m == nil {
		r.Body = io.NopCloser(bytes.NewReader(body))
		return true
	}
	if status, code, field := d.refusal(path, m); status != 0 {
		return refuse(w, status, code, field)
	}
	if path != "/auth/password/change" && path != "/import" {
		for _, name := range additions {
			delete(m, name)
		}
	}
	delete(m, "orgId")
	body, _ = json.Marshal(m)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return true
}

// refusal says why the released server refuses a body; 0: it does not.
func (d *Released) refusal(path string, m map[string]any) (status int, code, field string) {
	const internal = http.StatusInternalServerError
	switch {
	case path == "/vaults" && m["type"] == "shared" && m["orgId"] != Org,
		path == "/vaults" && m["type"] != "shared" && m["orgId"] != nil:
		return http.StatusBadRequest, "INVALID", "org_id"
	case m["itemType"] == "note" || m["itemType"] == "card":
		return internal, "INTERNAL", ""
	case path == "/auth/register":
		preflight, _ := m["masterPasswordPreflight"].(string)
		d.mu.Lock()
		d.preflights = append(d.preflights, preflight)
		d.mu.Unlock()
		if weak(preflight) {
			return http.StatusBadRequest, "WEAK_MASTER_PASSWORD", ""
		}
	case strings.HasSuffix(path, "/members"):
		id, _ := m["recipientUserId"].(string)
		if !d.has(id) {
			return internal, "INTERNAL", ""
		}
	}
	for _, all := range append(append(list(m, "newKeys"), list(m, "items")...), m) {
		for _, name := range []string{"encryptedVaultKey", "encryptedData", "encryptedName"} {
			if _, there := all[name]; !there {
				continue
			}
			if b := blob(all, name); len(b) < 30 || b[0] != 1 {
				return internal, "INTERNAL", "" // a malformed envelope is an error that nobody mapped
			}
		}
	}
	return 0, "", ""
}

// weak is the policy for a master password: 10 characters of two classes.
func weak(pw string) bool {
	classes := 0
	for _, is := range []func(rune) bool{unicode.IsLower, unicode.IsUpper, unicode.IsDigit, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }} {
		if strings.ContainsFunc(pw, is) {
			classes++
		}
	}
	return len(pw) < 10 || len(pw) > 1024 || classes < 2
}

// has reports whether there is an account with that id.
func (d *Released) has(id string) bool {
	return slices.ContainsFunc(d.people(), func(a accounts.Account) bool { return a.ID.String() == id })
}

func (d *Released) people() []accounts.Account {
	var all []accounts.Account
	_ = d.db.View(context.Background(), func(tx kv.Tx) error {
		all = nil
		for a, err := range accounts.All(tx) {
			if err == nil && !a.IsLocal() {
				all = append(all, a)
			}
		}
		return nil
	})
	return all
}

// orgs answers below /orgs.
func (d *Released) orgs(w http.ResponseWriter, r *http.Request, parts []string) {
	in := r.Clone(r.Context())
	in.Method, in.URL.Path, in.URL.RawQuery = http.MethodGet, "/api/v1/vaults", ""
	rec := httptest.NewRecorder()
	if d.next.ServeHTTP(rec, in); rec.Code != http.StatusOK { // who asks is not logged in
		d.translate(w, rec, "")
		return
	}
	switch {
	case r.Method == http.MethodGet && len(parts) == 1:
		answer(w, http.StatusOK, []any{map[string]any{"id": Org, "name": "people", "role": "member"}})
	case r.Method == http.MethodGet && len(parts) == 3 && parts[1] == Org && parts[2] == "members":
		members := []any{}
		for _, a := range d.people() {
			members = append(members, map[string]any{"userId": a.ID.String(), "email": a.Email, "name": a.Name, "role": "member"})
		}
		answer(w, http.StatusOK, members)
	case r.Method == http.MethodGet && len(parts) == 5 && parts[4] == "pubkey":
		for _, a := range d.people() {
			if a.ID.String() == parts[3] {
				answer(w, http.StatusOK, map[string]any{
					"userId": parts[3], "publicKey": text(a.RSA), "publicKeySignature": text(a.RSASignature), "identityPublicKey": text(a.Identity[:]),
				})
				return
			}
		}
		refuse(w, http.StatusNotFound, "NOT_FOUND", "")
	default:
		refuse(w, http.StatusNotFound, "NOT_FOUND", "")
	}
}

// translate writes an answer as the released server has it.
func (d *Released) translate(w http.ResponseWriter, rec *httptest.ResponseRecorder, path string) {
	m := object(rec.Body.Bytes())
	switch {
	case m == nil, rec.Code == http.StatusOK && strings.HasSuffix(path, "/restore"):
		w.WriteHeader(map[bool]int{true: http.StatusNoContent, false: rec.Code}[rec.Code == http.StatusOK])
		return
	case strings.HasPrefix(path, "/auth/login"): // here the two agree
		for _, v := range list(m, "vaults") {
			for _, name := range []string{"keyVersion", "revision", "rekeyRequired", "id", "name", "type", "createdAt", "updatedAt"} {
				delete(v, name)
			}
		}
		answer(w, rec.Code, m)
		return
	}
	if e, ok := m["error"].(map[string]any); ok {
		if e["code"] == "REGISTRATION_DISABLED" {
			rec.Code = http.StatusForbidden
		}
		answer(w, rec.Code, m)
		return
	}
	for _, name := range []string{"vaults", "items"} {
		if all, ok := m[name].([]any); ok && path != "/export" {
			answer(w, rec.Code, older(all))
			return
		}
	}
	answer(w, rec.Code, older(m))
}

// older takes out of an answer what the released server does not have.
func older(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = older(v[i])
		}
	case map[string]any:
		if v["vaultType"] == "shared" {
			v["orgId"] = Org
		}
		if v["encryptedVaultKey"] != nil { // of a vault
			delete(v, "updatedAt")
		}
		_, item := v["encryptedData"]
		_, removal := v["remainingMembers"]
		if !item {
			delete(v, "vaultId")
		}
		if !removal {
			delete(v, "rekeyRequired")
		}
		for _, name := range []string{"itemId", "vaultName", "vaultType", "keyVersion", "revision", "trashedAt"} {
			delete(v, name)
		}
		for k := range v {
			v[k] = older(v[k])
		}
		for _, m := range list(v, "remainingMembers") {
			delete(m, "userId")
			m["vaultName"], m["vaultType"] = "", ""
		}
	}
	return v
}

// refuse answers with an error and returns false.
func refuse(w http.ResponseWriter, status int, code, field string) bool {
	e := map[string]any{"code": code, "message": "no"}
	if field != "" {
		e["field"] = field
	}
	answer(w, status, map[string]any{"error": e})
	return false
}
