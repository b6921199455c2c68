package releasedtest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"unicode"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/service/accounts"
)

func decoded(rec *httptest.ResponseRecorder) object {
	var o object
	if err := json.Unmarshal(rec.Body.Bytes(), &o); err != nil {
		panic(err)
	}
	return o
}

// prelogin gives a salt of another length for who has no account.
func (e *exchange) prelogin() {
	rec := e.own()
	if rec.Code != http.StatusOK {
		e.answer(rec)
		return
	}
	o := decoded(rec)
	known := false
	_ = e.deps.Store.View(e.r.Context(), func(tx kv.Tx) error {
		_, err := accounts.ByEmail(tx, e.r.URL.Query().Get("email"))
		known = err == nil
		return nil
	})
	if text, _ := o["salt"].(string); !known {
		salt, _ := base64.StdEncoding.DecodeString(text)
		o["salt"] = base64.StdEncoding.EncodeToString(bytes.Repeat(salt, 2))
	}
	e.reply(http.StatusOK, o)
}

// register wants the master password, or something as strong.
func (e *exchange) register() {
	text, _ := e.body["masterPasswordPreflight"].(string)
	classes := 0
	for _, in := range []func(rune) bool{unicode.IsLower, unicode.IsUpper, unicode.IsDigit, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }} {
		if strings.ContainsFunc(text, in) {
			classes++
		}
	}
	if n := len([]rune(text)); n < 10 || n > 1024 || classes < 2 {
		e.fail(http.StatusBadRequest, "WEAK_MASTER_PASSWORD", "master_password")
		return
	}
	e.pass()
}

// changePassword leaves the salt and the keys of personal vaults as they are:
// these stay under the old password.
func (e *exchange) changePassword() {
	for _, name := range []string{"salt", "kdfIterations", "kdfMemoryKB", "kdfParallelism"} {
		delete(e.body, name)
	}
	rec := e.call(http.MethodGet, "/vaults", nil)
	if rec.Code != http.StatusOK {
		e.answer(rec)
		return
	}
	list, _ := decoded(rec)["vaults"].([]any)
	keys := []object{}
	for _, v := range list {
		if v, _ := v.(object); v["type"] == "personal" {
			keys = append(keys, object{"vaultId": v["id"], "encryptedVaultKey": v["encryptedVaultKey"], "wrapSignature": v["wrapSignature"]})
		}
	}
	if e.body != nil {
		e.body["vaultKeys"] = keys
	}
	e.pass()
}

func (e *exchange) listVaults() { e.bare("vaults") }

// createVault wants an organisation for a shared vault, and none for another.
func (e *exchange) createVault() {
	org, _ := e.body["orgId"].(string)
	shared := e.body["type"] == "shared"
	switch {
	case shared && org == "", !shared && org != "":
		e.fail(http.StatusBadRequest, "INVALID", "org_id")
	case shared && org != e.org:
		e.fail(http.StatusForbidden, "FORBIDDEN", "")
	default:
		e.pass()
	}
}

func (e *exchange) listItems() {
	if e.r.URL.Query().Get("folderId") == "none" {
		e.fail(http.StatusInternalServerError, "INTERNAL", "")
		return
	}
	e.bare("items")
}

// types are all that there are.
var types = []string{"login", "secure_note", "credit_card", "identity", "api_key", "ssh_key", "passkey", "gpg_key"}

func (e *exchange) createItem() {
	if text, _ := e.body["itemType"].(string); !slices.Contains(types, text) {
		e.fail(http.StatusBadRequest, "INVALID", "item_type")
		return
	}
	e.pass()
}

// restore says nothing of what it has restored.
func (e *exchange) restore() {
	rec := e.own()
	if rec.Code == http.StatusOK {
		e.reply(http.StatusNoContent, nil)
		return
	}
	e.answer(rec)
}

// managed refuses who is a member since a rekey.
func (e *exchange) managed() bool {
	if !e.isFlat(e.r.PathValue("vault")) {
		return true
	}
	e.fail(http.StatusForbidden, "FORBIDDEN", "")
	return false
}

// addMember fails for a user who is not there.
func (e *exchange) addMember() {
	if !e.managed() {
		return
	}
	vault := e.call(http.MethodGet, "/vaults/"+e.r.PathValue("vault")+"/members", nil)
	rec := e.own()
	if vault.Code == http.StatusOK && rec.Code == http.StatusNotFound {
		e.fail(http.StatusInternalServerError, "INTERNAL", "")
		return
	}
	e.answer(rec)
}

// removeMember does not say who is left, and nobody removes himself.
func (e *exchange) removeMember() {
	if !e.managed() {
		return
	}
	members := e.call(http.MethodGet, "/vaults/"+e.r.PathValue("vault")+"/members", nil)
	if members.Code != http.StatusOK {
		e.answer(members)
		return
	}
	if e.caller() == e.r.PathValue("user") {
		e.fail(http.StatusBadRequest, "INVALID", "user_id")
		return
	}
	rec := e.own()
	if rec.Code != http.StatusOK {
		e.answer(rec)
		return
	}
	left := []object{}
	list, _ := decoded(rec)["remainingMembers"].([]any)
	for _, m := range list {
		m, _ := m.(object)
		left = append(left, object{
			"vaultId": m["vaultId"], "vaultName": "", "vaultType": "", "encryptedVaultKey": m["encryptedVaultKey"],
			"senderId": m["senderId"], "wrapSignature": m["wrapSignature"], "role": m["role"],
		})
	}
	e.reply(http.StatusOK, object{"rekeyRequired": true, "remainingMembers": left})
}

// rekey leaves everybody a member.
func (e *exchange) rekey() {
	if !e.managed() {
		return
	}
	rec := e.own()
	if rec.Code == http.StatusNoContent && !e.KeepRoles {
		e.mu.Lock()
		e.flat[e.r.PathValue("vault")] = true
		e.mu.Unlock()
	}
	e.answer(rec)
}

// caller returns the id of who is logged in, or "".
func (e *exchange) caller() string {
	id := ""
	_ = e.deps.Store.View(e.r.Context(), func(tx kv.Tx) error {
		a, _, err := accounts.Authenticate(tx, e.deps.Now(), e.deps.Keys, bearer(e.r))
		if err == nil {
			id = a.ID.String()
		}
		return nil
	})
	return id
}

// everybody returns the members of the one organisation, who are all users, if
// the caller is logged in.
func (e *exchange) everybody() (list []accounts.Account, ok bool) {
	if e.caller() == "" {
		e.fail(http.StatusUnauthorized, "TOKEN_INVALID", "")
		return nil, false
	}
	if org := e.r.PathValue("org"); org != "" && org != e.org {
		e.fail(http.StatusNotFound, "NOT_FOUND", "")
		return nil, false
	}
	err := e.deps.Store.View(e.r.Context(), func(tx kv.Tx) error {
		for a, err := range accounts.All(tx) {
			if err != nil {
				return err
			}
			list = append(list, a)
		}
		return nil
	})
	if err != nil {
		e.fail(http.StatusInternalServerError, "INTERNAL", "")
	}
	return list, err == nil
}

func (e *exchange) listOrgs() {
	if _, ok := e.everybody(); ok {
		e.reply(http.StatusOK, []object{{"id": e.org, "name": "everybody", "role": "member"}})
	}
}

func (e *exchange) listOrgMembers() {
	all, ok := e.everybody()
	if !ok {
		return
	}
	list := make([]object, len(all))
	for i, a := range all {
		list[i] = object{"userId": a.ID.String(), "email": a.Email, "role": "member"}
	}
	e.reply(http.StatusOK, list)
}

func (e *exchange) publicKey() {
	all, ok := e.everybody()
	if !ok {
		return
	}
	id, _ := seal.ParseID(e.r.PathValue("user"))
	for _, a := range all {
		if a.ID == id {
			e.reply(http.StatusOK, object{
				"userId": id.String(), "publicKey": a.RSA, "publicKeySignature": a.RSASignature, "identityPublicKey": a.Identity,
			})
			return
		}
	}
	e.fail(http.StatusNotFound, "NOT_FOUND", "")
}

// bearer returns the access token of a request.
func bearer(r *http.Request) secret.String {
	_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return secret.TextOf(token)
}
