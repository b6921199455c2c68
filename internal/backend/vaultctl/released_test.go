package vaultctl_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/vault"
)

// A released server speaks as the released one does, over the same rules: bare
// lists, ids of its own, an organisation for shared vaults, no numbers, none of
// the additions.
type released struct{ people []string }

const org = "55555555-5555-4555-8555-555555555555"

func (d *released) lie(w http.ResponseWriter, r *http.Request, next http.Handler) {
	path := strings.TrimPrefix(r.URL.Path, "/api/v1")
	parts := strings.Split(strings.Trim(path, "/"), "/")
	last := parts[len(parts)-1]
	missing := last == "changes" || parts[0] == "users" || last == "members" && r.Method == http.MethodGet && parts[0] == "vaults" ||
		last == "rekey" && r.Method == http.MethodPost || r.Method == http.MethodPatch
	if parts[0] == "orgs" {
		d.orgs(w, r, next, parts)
		return
	}
	if missing {
		http.NotFound(w, r)
		return
	}
	r.URL.RawQuery = strings.TrimPrefix(r.URL.RawQuery, "revision=")
	if last == "rekey" {
		r.Method = http.MethodPost
	}
	if !d.request(w, r) {
		return
	}
	rec := httptest.NewRecorder()
	next.ServeHTTP(rec, r)
	if last == "restore" && rec.Code == http.StatusOK {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	answer(w, rec.Code, released1(rec.Body.Bytes()))
}

// request takes the additions out of a request and refuses what the released
// server refuses.
func (d *released) request(w http.ResponseWriter, r *http.Request) bool {
	body, _ := io.ReadAll(r.Body)
	var m map[string]any
	if len(body) == 0 || json.Unmarshal(body, &m) != nil {
		r.Body = io.NopCloser(bytes.NewReader(body))
		return true
	}
	fail := func(status int, code, field string) bool {
		answer(w, status, map[string]any{"error": map[string]any{"code": code, "message": "no", "field": field}})
		return false
	}
	if strings.HasSuffix(r.URL.Path, "/vaults") && m["type"] == "shared" && m["orgId"] != org {
		return fail(http.StatusBadRequest, "INVALID", "org_id")
	}
	for _, name := range []string{"encryptedVaultKey", "encryptedData", "encryptedName"} {
		if text, ok := m[name].(string); ok {
			if b, err := base64.StdEncoding.DecodeString(text); err != nil || b[0] != 1 {
				return fail(http.StatusInternalServerError, "INTERNAL", "")
			}
		}
	}
	for _, name := range []string{"vaultId", "itemId", "keyVersion", "revision", "orgId"} {
		delete(m, name)
	}
	body, _ = json.Marshal(m)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return true
}

// orgs knows one organisation, of which everybody is a member.
func (d *released) orgs(w http.ResponseWriter, r *http.Request, next http.Handler, parts []string) {
	look := func(query string) map[string]any {
		in := r.Clone(r.Context())
		in.URL.Path, in.URL.RawQuery = "/api/v1/users"+query, ""
		if email, ok := strings.CutPrefix(query, "?email="); ok {
			in.URL.Path, in.URL.RawQuery = "/api/v1/users", "email="+email
		}
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, in)
		var m map[string]any
		_ = json.Unmarshal(rec.Body.Bytes(), &m)
		return m
	}
	switch len(parts) {
	case 1:
		answer(w, http.StatusOK, []any{map[string]any{"id": org, "name": "an org", "role": "owner"}})
	case 3:
		var list []any
		for _, p := range d.people {
			list = append(list, map[string]any{"userId": look("?email=" + p)["userId"], "email": p, "role": "member"})
		}
		answer(w, http.StatusOK, list)
	default:
		m := look("/" + parts[3])
		delete(m, "email")
		answer(w, http.StatusOK, m)
	}
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if body != nil {
		_ = json.NewEncoder(w).Encode(body)
	}
}

// released1 makes of an answer one of the released server.
func released1(body []byte) any {
	var v any
	if json.Unmarshal(body, &v) != nil {
		return nil
	}
	if m, ok := v.(map[string]any); ok {
		for _, name := range []string{"vaults", "items"} {
			if list, ok := m[name]; ok && m["accessToken"] == nil {
				v = list
			}
		}
	}
	return old(v)
}

// old takes what the released server does not have out of v.
func old(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = old(v[i])
		}
	case map[string]any:
		for _, name := range []string{"vaultId", "itemId", "vaultName", "vaultType", "keyVersion", "revision", "rekeyRequired", "trashedAt"} {
			delete(v, name)
		}
		if v["encryptedVaultKey"] != nil {
			delete(v, "updatedAt")
		}
		for k := range v {
			v[k] = old(v[k])
		}
		if list, ok := v["remainingMembers"].([]any); ok {
			for _, m := range list {
				delete(m.(map[string]any), "userId")
			}
		}
	}
	return v
}

// TestReleased is the story of a shared vault on a released server.
func TestReleased(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := &released{people: []string{"ann@example.com", "bob@example.com"}}
	w.lying(d.lie)
	ann := w.home(t, "ann@example.com", 0)
	if _, err := ann.driver.Create(t.Context(), ann.deps, secretOf(password), backend.Signup{Vault: "personal"}); !errors.Is(err, backend.ErrNoIDs) || !errors.Is(err, errors.ErrUnsupported) {
		t.Fatalf("signup with a bound vault: %v", err)
	}
	if err := ann.login(); err != nil {
		t.Fatalf("Login: %v", err)
	}
	a := ann.account()
	if _, err := a.(backend.KindCreator).CreateVaultOf(t.Context(), backend.NewVault{Name: "personal", Compatible: true}); err != nil {
		t.Fatalf("CreateVaultOf: %v", err)
	}
	bob := w.home(t, "bob@example.com", 1).signup(true)
	info, err := a.(backend.KindCreator).CreateVaultOf(t.Context(), backend.NewVault{Name: "team", Shared: true, Compatible: true})
	if err != nil {
		t.Fatalf("CreateVaultOf: %v", err)
	}
	tm := team{world: w, ann: ann, bob: bob, id: info.ID}
	v := ann.open(a, "team")
	it := ann.put(v, "db", "hunter2")
	note := vault.Item{Type: "note", Name: "note", Created: start, Updated: start, Fields: []vault.Field{{Name: "content", Kind: vault.Secret, Value: secretOf("text").Bytes()}}}
	if _, _, err := v.Commit(t.Context(), vault.Change{Put: []vault.Put{{Item: note}}}); err != nil {
		t.Fatalf("a note: %v", err)
	}
	tm.join(bob, "member")
	theirs := bob.open(bob.account(), "team")
	bob.want(theirs, "db", "hunter2")
	got, err := vault.Find(t.Context(), theirs, "db")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := theirs.Commit(t.Context(), vault.Change{Put: []vault.Put{edit(got, "of bob")}}); err != nil {
		t.Fatalf("Commit: %v", err)
	}
	if _, _, err := v.Commit(t.Context(), vault.Change{Put: []vault.Put{edit(it, "of ann")}}); !is[*vault.ConflictError](err) {
		t.Errorf("a change from an old copy: %v", err)
	}
	ann.want(v, "db", "of bob")
	got, _ = vault.Find(t.Context(), v, "db")
	if _, _, err := v.Commit(t.Context(), vault.Change{Delete: []vault.Ref{{ID: got.ID, Revision: got.Revision}}}); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	got, err = ann.open(ann.fresh(), "team").Item(t.Context(), got.ID)
	if err != nil || got.Deleted.IsZero() {
		t.Fatalf("the deleted item is %+v, %v", got, err)
	}
	if _, _, err := v.Commit(t.Context(), vault.Change{Restore: []vault.Ref{{ID: got.ID, Revision: got.Revision}}}); err != nil {
		t.Fatalf("Restore: %v", err)
	}
	ann.want(ann.open(ann.fresh(), "team"), "db", "of bob")

	read, err := ann.account().(backend.Sharer).Unshare(t.Context(), tm.id, keysOf(t, bob).User.String(), nil)
	if err != nil || len(read) != 2 {
		t.Fatalf("Unshare = %v, %v", read, err)
	}
	w.wait(time.Minute)
	ann.want(ann.open(ann.fresh(), "team"), "db", "of bob")
	if infos, err := bob.fresh().Vaults(t.Context()); err != nil || slices.ContainsFunc(infos, func(i backend.Info) bool { return i.ID == tm.id }) {
		t.Errorf("who was removed sees %v, %v", infos, err)
	}
	if err := a.(backend.Renamer).RenameVault(t.Context(), tm.id, "another"); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Rename: %v", err)
	}
}
