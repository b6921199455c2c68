package vaultctl_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// shape writes the members of an answer, sorted, with the kinds of their values.
func shape(v any) string {
	switch v := v.(type) {
	case map[string]any:
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, k+shape(v[k]))
		}
		return "{" + strings.Join(parts, " ") + "}"
	case []any:
		if len(v) == 0 {
			return "[]"
		}
		return "[" + shape(v[0]) + "]"
	case string:
		if _, err := time.Parse("2006-01-02T15:04:05Z", v); err == nil {
			return "@"
		}
		return ""
	case bool:
		return "?"
	case float64:
		return "#"
	}
	return fmt.Sprintf("<%v>", v)
}

const (
	vaultShape = "{createdAt@ encryptedVaultKey id keyVersion# name rekeyRequired? revision# role senderId type updatedAt@ vaultId vaultName vaultType wrapSignature}"
	itemShape  = "{createdAt@ encryptedData encryptedName favorite? id itemId itemType keyVersion# reprompt? revision# trashed? updatedAt@ vaultId}"
	inTrash    = "{createdAt@ encryptedData encryptedName favorite? id itemId itemType keyVersion# reprompt? revision# trashed? trashedAt@ updatedAt@ vaultId}"
	membership = "{addedAt@ encryptedVaultKey keyVersion# revision# role senderId userId vaultId vaultName vaultType wrapSignature}"
	userShape  = "{email identityPublicKey publicKey publicKeySignature userId}"
	tokenShape = "accessToken refreshExpiresAt@ refreshToken"
)

// The shape of every answer: the documented members and those of the released
// server.
func TestShapes(t *testing.T) {
	t.Parallel()
	tm := newTeam(t)
	shapes := map[string]string{
		"GET /config":                               "{appVersion commit features{} goVersion registrationMode version}",
		"GET /health":                               "{checks{database} status}",
		"GET /auth/prelogin":                        "{iterations# memoryKB# parallelism# salt}",
		"POST /auth/register":                       "{role userId}",
		"POST /auth/refresh":                        "{" + tokenShape + "}",
		"POST /auth/logout":                         "",
		"POST /auth/step-up":                        "{accessToken}",
		"POST /auth/password/change":                "{" + tokenShape + "}",
		"GET /users":                                userShape,
		"GET /users/{user}":                         userShape,
		"GET /orgs":                                 "{orgs[]}",
		"POST /import":                              "{importedCount#}",
		"GET /export":                               "{folders[] items[" + itemShape + "] vaults[" + vaultShape + "]}",
		"GET /vaults":                               "{vaults[" + vaultShape + "]}",
		"POST /vaults":                              vaultShape,
		"PATCH /vaults/{vault}":                     vaultShape,
		"DELETE /vaults/{vault}":                    "",
		"POST /vaults/{vault}/rekey":                "",
		"PUT /vaults/{vault}/rekey":                 "",
		"POST /vaults/{vault}/changes":              "{items[" + itemShape + "] keyVersion# revision#}",
		"GET /vaults/{vault}/members":               "{members[" + membership + "]}",
		"POST /vaults/{vault}/members":              "",
		"DELETE /vaults/{vault}/members/{user}":     "{keyVersion# rekeyRequired? remainingMembers[" + membership + "] revision#}",
		"GET /vaults/{vault}/items":                 "{items[" + itemShape + "]}",
		"POST /vaults/{vault}/items":                itemShape,
		"GET /vaults/{vault}/items/{item}":          itemShape,
		"PUT /vaults/{vault}/items/{item}":          itemShape,
		"DELETE /vaults/{vault}/items/{item}":       "",
		"GET /vaults/{vault}/trash":                 "{items[" + inTrash + "]}",
		"DELETE /vaults/{vault}/trash":              "{purged#}",
		"POST /vaults/{vault}/trash/{item}/restore": itemShape,
		"DELETE /vaults/{vault}/trash/{item}":       "",
		"POST /auth/login": "{accessToken encryptedIdentityPrivateKey encryptedPrivateKey identityPublicKey publicKey publicKeySignature" +
			" refreshExpiresAt@ refreshToken role sessionId userId vaults[" + vaultShape + "]}",
	}
	for _, r := range matrix {
		t.Run(r.pattern, func(t *testing.T) {
			t.Parallel()
			w := tm.world(t)
			method, path := tm.path(r.pattern, tm.targets[0])
			body := r.body(w, tm, "owner", tm.targets[0])
			got := w.do(method, path, tm.people["owner"].up, body)
			if got.status >= 300 {
				t.Fatalf("%d %s", got.status, got.body)
			}
			want, ok := shapes[r.pattern]
			if !ok {
				t.Fatal("the shape is not listed")
			}
			if want == "" {
				if got.status != 204 || got.body != "" {
					t.Errorf("%d %s", got.status, got.body)
				}
				return
			}
			var v any
			if err := json.Unmarshal([]byte(got.body), &v); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, shape(v)); d != "" {
				t.Error(d)
			}
			if ct := got.header.Get("Content-Type"); ct != "application/json" {
				t.Errorf("Content-Type %q", ct)
			}
			if len(got.header.Get("X-Request-Id")) != 16 || got.header.Get("Cache-Control") != "no-store" {
				t.Errorf("headers %v", got.header)
			}
		})
	}
}

// How requests are refused that nobody may make.
func TestRefused(t *testing.T) {
	t.Parallel()
	tm := newTeam(t)
	own := tm.targets[0]
	v, i := "/vaults/"+own.vault, "/vaults/"+own.vault+"/items/"+own.item
	set := func(b m, name string, value any) m {
		b = maps.Clone(b)
		b[name] = value
		return b
	}
	share := m{"recipientUserId": tm.people["zoe"].id, "encryptedVaultKey": wrapFor("shared", "z"), "wrapSignature": signature, "role": "member"}
	newVault := m{"name": "new", "type": "shared", "encryptedVaultKey": wrapFor("shared", "k"), "wrapSignature": signature}
	reg := registration(t, "new@example.com", "new")
	password := m{
		"oldAuthHash": hash("owner"), "newAuthHash": hash("new"), "encryptedPrivateKey": blob("new"), "encryptedIdentityPrivateKey": blob("new"),
		"vaultKeys": []m{{"vaultId": tm.homes["owner"], "encryptedVaultKey": wrapFor("personal", "new"), "wrapSignature": signature}},
	}
	twice := strings.TrimSuffix(text(t, newItem("new")), "}") + `,"itemType":"login"}`
	full := func(b m) m {
		w := tm.world(t)
		all := w.newKeys(tm.people["owner"], own.vault)
		maps.Copy(all, b)
		return all
	}
	tests := []struct {
		name, method, path string
		body               any
		status             int
		code, field        string
	}{
		{"not JSON", "POST", v + "/items", "{", 400, "INVALID", ""},
		{"no body", "POST", v + "/items", nil, 400, "INVALID", ""},
		{"two values", "POST", v + "/items", text(t, newItem("new")) + "{}", 400, "INVALID", ""},
		{"a member twice", "POST", v + "/items", twice, 400, "INVALID", ""},
		{"another spelling is no member", "POST", v + "/items", strings.Replace(text(t, newItem("new")), "itemType", "ItemType", 1), 400, "INVALID", "itemType"},
		{"not UTF-8", "POST", v + "/items", strings.Replace(text(t, newItem("new")), "login", "log\xff", 1), 400, "INVALID", ""},
		{"not base64", "POST", v + "/items", set(newItem("new"), "encryptedData", "%%%"), 400, "INVALID", "encryptedData"},
		{"base64 without padding", "POST", v + "/items", set(newItem("new"), "encryptedName", strings.TrimRight(blob("ab"), "=")), 400, "INVALID", "encryptedName"},
		{"malformed blob", "POST", v + "/items", set(newItem("new"), "encryptedData", b64([]byte{9, 9})), 400, "INVALID", "encryptedData"},
		{"too large", "POST", v + "/items", set(newItem("new"), "encryptedData", blob(strings.Repeat("x", 5<<20))), 413, "INVALID", ""},
		{"large, elsewhere", "PATCH", v, m{"name": strings.Repeat("x", 1<<20)}, 413, "INVALID", ""},
		{"an id that is none", "POST", v + "/items", set(newItem("new"), "itemId", "1"), 400, "INVALID", "itemId"},
		{"an id that is taken", "POST", v + "/items", set(newItem("new"), "itemId", own.item), 409, "CONFLICT", "itemId"},
		{"an id that is taken, in the trash", "POST", v + "/items", set(newItem("new"), "itemId", own.trashed), 409, "CONFLICT", "itemId"},
		{"an old key", "POST", v + "/items", set(newItem("new"), "keyVersion", 1), 409, "CONFLICT", "keyVersion"},
		{"no type", "POST", v + "/items", set(newItem("new"), "itemType", ""), 400, "INVALID", "itemType"},
		{"a folder", "POST", v + "/items", set(newItem("new"), "folderId", own.item), 400, "INVALID", "folderId"},
		{"an old revision", "PUT", i, set(newItem("new"), "revision", 1), 409, "CONFLICT", "revision"},
		{"an old key of a put", "PUT", i, set(newItem("new"), "keyVersion", 7), 409, "CONFLICT", "keyVersion"},
		{"put into the trash", "PUT", v + "/items/" + own.trashed, newItem("new"), 400, "INVALID", "itemId"},
		{"delete an old revision", "DELETE", i + "?revision=1", nil, 409, "CONFLICT", "revision"},
		{"delete a revision that is none", "DELETE", i + "?revision=x", nil, 400, "INVALID", "revision"},
		{"purge what is not in the trash", "DELETE", v + "/trash/" + own.item, nil, 400, "INVALID", "itemId"},
		{"changes under an old key", "POST", v + "/changes", m{"keyVersion": 1, "put": []m{newItem("new")}}, 409, "CONFLICT", "keyVersion"},
		{"changes of one twice", "POST", v + "/changes", m{"delete": []m{{"itemId": own.item}, {"itemId": own.item}}}, 400, "INVALID", "itemId"},
		{"changes of an old revision", "POST", v + "/changes", m{"put": []m{newItem("new")}, "delete": []m{{"itemId": own.item, "revision": 1}}}, 409, "CONFLICT", "revision"},
		{"vault without a name", "POST", "/vaults", set(newVault, "name", ""), 400, "INVALID", "name"},
		{"vault of no type", "POST", "/vaults", set(newVault, "type", "x"), 400, "INVALID", "type"},
		{"vault with the wrong wrap", "POST", "/vaults", set(newVault, "type", "personal"), 400, "INVALID", "encryptedVaultKey"},
		{"vault without a signature", "POST", "/vaults", set(newVault, "wrapSignature", ""), 400, "INVALID", "wrapSignature"},
		{"vault of an id that is taken", "POST", "/vaults", set(newVault, "vaultId", own.vault), 409, "CONFLICT", "vaultId"},
		{"vault of another's id", "POST", "/vaults", set(newVault, "vaultId", tm.targets[1].vault), 409, "CONFLICT", "vaultId"},
		{"the last owner", "DELETE", v + "/members/" + tm.people["owner"].id, nil, 400, "INVALID", "userId"},
		{"share with nobody", "POST", v + "/members", set(share, "recipientUserId", tm.targets[2].person), 404, "NOT_FOUND", ""},
		{"share as owner", "POST", v + "/members", set(share, "role", "owner"), 400, "INVALID_ROLE", "role"},
		{"the role is checked first", "POST", v + "/members", set(set(share, "role", "x"), "recipientUserId", tm.targets[2].person), 400, "INVALID_ROLE", "role"},
		{"share with the owner", "POST", v + "/members", set(share, "recipientUserId", tm.people["owner"].id), 403, "FORBIDDEN", ""},
		{"share a personal vault", "POST", "/vaults/" + tm.homes["owner"] + "/members", share, 400, "INVALID", "vaultId"},
		{"rekey without members", "POST", v + "/rekey", full(m{"newKeys": []m{}}), 400, "INVALID", "newKeys"},
		{"rekey without the trash", "POST", v + "/rekey", full(m{"items": []m{{"itemId": own.item, "encryptedData": blob("n"), "encryptedName": blob("n")}}}), 400, "INVALID", "items"},
		{"rekey with folders", "POST", v + "/rekey", full(m{"folders": []m{{"folderId": own.item}}}), 400, "INVALID", "folders"},
		{"rekey with attachments", "POST", v + "/rekey", full(m{"attachments": []m{{}}}), 400, "INVALID", "attachments"},
		{"rekey from an old key", "PUT", v + "/rekey", full(m{"keyVersion": 1}), 409, "CONFLICT", "keyVersion"},
		{"rekey from an old revision", "PUT", v + "/rekey", full(m{"revision": 1}), 409, "CONFLICT", "revision"},
		{"an e-mail address that is none", "GET", "/auth/prelogin?email=x", nil, 400, "INVALID", "email"},
		{"a user whose address is none", "GET", "/users?email=", nil, 400, "INVALID", "email"},
		{"register twice", "POST", "/auth/register", set(reg, "email", "Owner@Example.com "), 409, "CONFLICT", "email"},
		{"register with a weak KDF", "POST", "/auth/register", set(reg, "kdfIterations", 1), 400, "INVALID", "kdfIterations"},
		{"register with an odd auth hash", "POST", "/auth/register", set(reg, "authHash", "AAAA"), 400, "INVALID", "authHash"},
		{"register with another's signature", "POST", "/auth/register", set(reg, "publicKeySignature", signature), 400, "INVALID", "publicKeySignature"},
		{"register with an invite that is none", "POST", "/auth/register", set(reg, "inviteToken", "x"), 400, "INVITE_NOT_REDEEMABLE", "inviteToken"},
		{"wrong password", "POST", "/auth/login", m{"email": "owner@example.com", "authHash": hash("x")}, 401, "INVALID_CREDENTIALS", ""},
		{"unknown user", "POST", "/auth/login", m{"email": "nobody@example.com", "authHash": hash("x")}, 401, "INVALID_CREDENTIALS", ""},
		{"refresh with nothing", "POST", "/auth/refresh", m{"refreshToken": ""}, 401, "INVALID_CREDENTIALS", ""},
		{"step up with a wrong password", "POST", "/auth/step-up", m{"authHash": hash("x")}, 401, "INVALID_CREDENTIALS", ""},
		{"change a wrong password", "POST", "/auth/password/change", set(password, "oldAuthHash", hash("x")), 401, "INVALID_CREDENTIALS", ""},
		{"change to an odd auth hash", "POST", "/auth/password/change", set(password, "newAuthHash", "AAAA"), 400, "INVALID", "newAuthHash"},
		{"change without the vaults", "POST", "/auth/password/change", set(password, "vaultKeys", []m{}), 400, "INVALID", "vaultKeys"},
		{"change with a short salt", "POST", "/auth/password/change", set(password, "salt", "AAAA"), 400, "INVALID", "salt"},
		{"change to numbers that are none", "POST", "/auth/password/change", set(password, "kdfIterations", 1), 400, "INVALID", "kdfIterations"},
		{"folders", "GET", v + "/folders", nil, 404, "NOT_FOUND", ""},
		{"attachments", "GET", i + "/attachments", nil, 404, "NOT_FOUND", ""},
		{"one-time codes", "POST", "/auth/totp/setup", nil, 404, "NOT_FOUND", ""},
		{"hints", "GET", "/auth/password/hint?email=owner@example.com", nil, 404, "NOT_FOUND", ""},
		{"recovery", "POST", "/auth/recovery/verify", m{}, 404, "NOT_FOUND", ""},
		{"API keys", "GET", "/users/me/api-keys", nil, 404, "NOT_FOUND", ""},
		{"members of an organisation", "GET", "/orgs/1/members", nil, 404, "NOT_FOUND", ""},
		{"a path that is not clean", "GET", "//vaults", nil, 404, "NOT_FOUND", ""},
		{"a path with dots", "GET", "/x/../vaults", nil, 404, "NOT_FOUND", ""},
		{"a slash too many", "GET", "/vaults/", nil, 404, "NOT_FOUND", ""},
		{"an id that is no id", "GET", "/vaults/1/items", nil, 404, "NOT_FOUND", ""},
		{"a method that is not there", "PUT", "/vaults", nil, 405, "METHOD_NOT_ALLOWED", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := tm.world(t)
			got := w.do(tt.method, tt.path, tm.people["owner"].up, tt.body)
			code, field := got.code()
			if got.status != tt.status || code != tt.code || field != tt.field {
				t.Fatalf("%d %s %q, want %d %s %q: %s", got.status, code, field, tt.status, tt.code, tt.field, got.body)
			}
			if strings.Contains(tt.path, "/auth/") { // failed logins are counted
				return
			}
			if d := cmp.Diff(tm.pairs, dump(t, w.deps.Store)); d != "" {
				t.Errorf("refused, but the store has changed:\n%s", d)
			}
		})
	}
}

func text(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
