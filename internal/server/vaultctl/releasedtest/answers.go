package releasedtest

import (
	"encoding/base64"
	"net/http"
)

// additions are the members that the released server does not know.
var additions = []string{"keyVersion", "revision", "rekeyRequired", "trashedAt", "addedAt"}

// translate returns an answer in the other dialect.
func (e *exchange) translate(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = e.translate(v[i])
		}
	case object:
		e.translateObject(v)
	}
	return v
}

func (e *exchange) translateObject(o object) {
	_, isVault := o["vaultName"]
	_, isItem := o["itemId"]
	switch {
	case isVault:
		e.role(o)
		if o["type"] == "shared" {
			o["orgId"] = e.org
		}
		for _, name := range []string{"vaultId", "vaultName", "vaultType", "updatedAt"} {
			delete(o, name)
		}
	case isItem:
		delete(o, "itemId")
	}
	for _, name := range additions {
		delete(o, name)
	}
	for name, v := range o {
		if name != "vaults" || o["accessToken"] == nil { // a login has the documented names
			o[name] = e.translate(v)
			continue
		}
		list, _ := v.([]any)
		for _, vault := range list {
			vault, _ := vault.(object)
			e.role(vault)
			for _, name := range append([]string{"id", "name", "type", "createdAt", "updatedAt"}, additions...) {
				delete(vault, name)
			}
		}
	}
}

// role makes everybody a member of a vault that has had a rekey.
func (e *exchange) role(vault object) {
	id, _ := vault["vaultId"].(string)
	if e.isFlat(id) {
		vault["role"] = "member"
	}
}

func (e *exchange) isFlat(vault string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.flat[vault]
}

// unmapped are the members that the released server does not expect to be wrong.
var unmapped = map[string]bool{
	"encryptedVaultKey": true, "encryptedData": true, "encryptedName": true, "wrapSignature": true, "type": true,
	"encryptedPrivateKey": true, "encryptedIdentityPrivateKey": true, "publicKey": true, "publicKeySignature": true, "identityPublicKey": true,
}

// unversioned are those of them that are no envelopes and begin with any byte.
var unversioned = map[string]bool{"wrapSignature": true, "publicKey": true, "publicKeySignature": true, "identityPublicKey": true}

// refuse translates a refusal.
func (e *exchange) refuse(status int, v any) {
	body, _ := v.(object)
	inner, _ := body["error"].(object)
	code, _ := inner["code"].(string)
	field, _ := inner["field"].(string)
	switch {
	case code == "INVALID" && (unmapped[field] || field == "email" && e.r.URL.Path == "/api/v1/auth/register"):
		status, code, field = http.StatusInternalServerError, "INTERNAL", ""
	case code == "REGISTRATION_DISABLED":
		status = http.StatusForbidden
	}
	e.fail(status, code, field)
}

// bare answers with the list of that name by itself, null if it is empty.
func (e *exchange) bare(name string) {
	rec := e.own()
	if rec.Code != http.StatusOK {
		e.answer(rec)
		return
	}
	list, _ := decoded(rec)[name].([]any)
	if len(list) == 0 {
		e.reply(http.StatusOK, nil)
		return
	}
	e.reply(http.StatusOK, e.translate(list))
}

// hasVersion2 reports whether an envelope of version 2 is anywhere in v.
func hasVersion2(v any) bool {
	switch v := v.(type) {
	case object:
		for name, member := range v {
			text, isText := member.(string)
			if !isText && hasVersion2(member) || isText && unmapped[name] && !unversioned[name] && startsWith2(text) {
				return true
			}
		}
	case []any:
		for _, member := range v {
			if hasVersion2(member) {
				return true
			}
		}
	}
	return false
}

func startsWith2(text string) bool {
	b, err := base64.StdEncoding.DecodeString(text)
	return err == nil && len(b) > 0 && b[0] == 2
}
