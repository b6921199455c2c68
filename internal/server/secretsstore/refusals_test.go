package secretsstore_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/server/secretsstore"
	"github.com/keyhold/keyhold/internal/service/tokens"
)

func newSecret(name, value string, scopes ...string) string {
	return fmt.Sprintf(`{"name":%q,"value":%q,"scopes":[%s]}`, name, value, quoted(scopes))
}

func quoted(all []string) string {
	if len(all) == 0 {
		return ""
	}
	return `"` + strings.Join(all, `","`) + `"`
}

// TestRefusals has what every call refuses, and how.
func TestRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	store := w.made()
	a := w.put(store, "A")
	big := strings.Repeat("x", 65537)
	tests := []struct {
		name, method, path, body string
		status, code             int
		message                  string
	}{
		{"a second store", "POST", ours + "/stores", `{"name":"b"}`, 400, 1003, "maximum_stores_exceeded"},
		{"a store without a name", "POST", ours + "/stores", `{}`, 400, 1001, "store_name_empty"},
		{"no body for a store", "POST", ours + "/stores", "", 400, 1001, "invalid_json_body"},
		{"a store that is not empty", "DELETE", store, "", 409, 1003, "store_not_empty"},
		{"an unknown store", "GET", ours + "/stores/" + unknown, "", 404, 1001, "store_not_found"},
		{"a store by UUID", "GET", ours + "/stores/01234567-89ab-cdef-0123-456789abcdef", "", 404, 1001, "store_not_found"},
		{"an unknown store to delete", "DELETE", ours + "/stores/" + unknown + "?force=true", "", 404, 1001, "store_not_found"},
		{"secrets of an unknown store", "GET", ours + "/stores/" + unknown + "/secrets", "", 404, 1001, "store_not_found"},
		{"an unknown secret", "GET", store + "/secrets/" + unknown, "", 404, 1001, "secret_not_found"},
		{"an unknown secret to delete", "DELETE", store + "/secrets/x", "", 404, 1001, "secret_not_found"},
		{"one of many", "DELETE", store + "/secrets", `{"ids":["` + a[len(a)-32:] + `","` + unknown + `"]}`, 404, 1001, "secret_not_found"},
		{"no name", "POST", store + "/secrets", "[" + newSecret("", "v", "workers") + "]", 400, 1001, "secret_name_empty"},
		{
			"spaces in a name", "POST", store + "/secrets", "[" + newSecret("a b", "v", "workers") + "]",
			400, 1001, "secret_name_invalid: at most 255 bytes, no spaces or control characters",
		},
		{"no scopes", "POST", store + "/secrets", "[" + newSecret("B", "v") + "]", 400, 1001, "secret_scopes_empty"},
		{"scopes null", "POST", store + "/secrets", `[{"name":"B","value":"v","scopes":null}]`, 400, 1001, "secret_scopes_empty"},
		{"an unknown scope", "POST", store + "/secrets", "[" + newSecret("B", "v", "ai-gateway") + "]", 400, 1001, `secret_scope_invalid: "ai-gateway"`},
		{"65,537 bytes", "POST", store + "/secrets", "[" + newSecret("B", big, "workers") + "]", 400, 1001, "secret_value_too_long: max 65536 bytes"},
		{"no value", "POST", store + "/secrets", `[{"name":"B","scopes":["dex"]}]`, 400, 1001, "secret_value_empty"},
		{"a taken name", "POST", store + "/secrets", "[" + newSecret("A", "v", "workers") + "]", 400, 1003, "secret_name_already_exists: A"},
		{"an object", "POST", store + "/secrets", newSecret("B", "v", "workers"), 400, 1001, "invalid_json_body"},
		{"an empty list", "POST", store + "/secrets", "[]", 400, 1001, "invalid_json_body"},
		{"null", "POST", store + "/secrets", "null", 400, 1001, "invalid_json_body"},
		{"a name that is a number", "POST", store + "/secrets", `[{"name":1,"value":"v","scopes":["workers"]}]`, 400, 1001, "invalid_json_body"},
		{"a member twice", "POST", store + "/secrets", `[{"name":"B","name":"C","value":"v","scopes":["workers"]}]`, 400, 1001, "invalid_json_body"},
		{"another case", "POST", store + "/secrets", `[{"Name":"B","value":"v","scopes":["workers"]}]`, 400, 1001, "secret_name_empty"},
		{"two values", "POST", store + "/secrets", "[" + newSecret("B", "v", "workers") + "] []", 400, 1001, "invalid_json_body"},
		{"no UTF-8", "POST", store + "/secrets", "[{\"name\":\"B\",\"value\":\"\xff\",\"scopes\":[\"workers\"]}]", 400, 1001, "invalid_json_body"},
		{"another name", "PATCH", a, `{"name":"B"}`, 400, 1001, "secret_name_immutable"},
		{"a long value", "PATCH", a, `{"value":"` + big + `"}`, 400, 1001, "secret_value_too_long: max 65536 bytes"},
		{"no scopes left", "PATCH", a, `{"scopes":[]}`, 400, 1001, "secret_scopes_empty"},
		{"a list", "PATCH", a, `[]`, 400, 1001, "invalid_json_body"},
		{"onto itself", "POST", a + "/duplicate", `{"name":"A","scopes":["workers"]}`, 400, 1003, "secret_name_already_exists: A"},
		{"without scopes", "POST", a + "/duplicate", `{"name":"B"}`, 400, 1001, "secret_scopes_empty"},
		{"null for an object", "POST", a + "/duplicate", `null`, 400, 1001, "invalid_json_body"},
		{"no ids", "DELETE", store + "/secrets", `{}`, 400, 1001, "invalid_json_body"},
		{"ids that are numbers", "DELETE", store + "/secrets", `{"ids":[1]}`, 400, 1001, "invalid_json_body"},
		{"nothing to delete", "DELETE", store + "/secrets", "", 400, 1001, "invalid_json_body"},

		// Of two faults the one that is looked for first.
		{"no body, unknown store", "DELETE", ours + "/stores/" + unknown + "/secrets", "", 404, 1001, "store_not_found"},
		{"no JSON, unknown store", "POST", ours + "/stores/" + unknown + "/secrets", "{", 404, 1001, "store_not_found"},
		{"no JSON, unknown secret", "PATCH", store + "/secrets/" + unknown, "{", 404, 1001, "secret_not_found"},
		{"no scopes, taken name", "POST", store + "/secrets", "[" + newSecret("A", "v") + "]", 400, 1001, "secret_scopes_empty"},
		{"nothing right", "POST", store + "/secrets", "[{}]", 400, 1001, "secret_name_empty"},

		{"no such path", "GET", ours + "/nothing", "", 404, 7003, "Could not route to /accounts/" + account + "/secrets_store/nothing, perhaps your object identifier is invalid?"},
		{"no such account", "GET", "/client/v4/accounts/me/secrets_store/stores", "", 404, 7003, "Could not route to /accounts/me/secrets_store/stores, perhaps your object identifier is invalid?"},
		{"an empty part", "GET", store + "/secrets/", "", 404, 1000, "not_found"},
		{"dots", "GET", store + "/../stores", "", 404, 7003, "Could not route to " + strings.TrimPrefix(store, "/client/v4") + "/../stores, perhaps your object identifier is invalid?"},
		{"a slash in an id", "GET", ours + "/stores/a%2Fb", "", 404, 1001, "store_not_found"},
		{"another version", "GET", "/client/v5/accounts", "", 404, 7003, "Could not route to /client/v5/accounts, perhaps your object identifier is invalid?"},
		{"no such method", "PUT", store, "", 405, 7001, "Method not available for that URI."},
		{"a quota of a service", "GET", twin + "/quota", "", 404, 7003, "Could not route to /system/accounts/" + account + "/quota, perhaps your object identifier is invalid?"},
		{"another account", "GET", strings.ReplaceAll(store, account, other), "", 403, 9109, "Unauthorized to access requested resource"},
		{"a service's", "GET", twin + "/stores", "", 403, 9109, "Unauthorized to access requested resource"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w.T = t
			w.refused(w.ask(w.full, tt.method, tt.path, tt.body), tt.status, tt.code, tt.message)
		})
	}
	w.T = t
	w.differ("what is left", 1, len(w.must(w.full, "GET", store+"/secrets", "").([]any)))
	rec := w.do("DELETE", store, "", bearer(w.full))
	if rec.Header().Get("X-Should-Retry") != "false" {
		t.Error("a conflict may be sent again")
	}
	if allow := w.do("PUT", store, "", bearer(w.full)).Header().Get("Allow"); allow != "DELETE, GET" {
		t.Errorf("Allow: %s", allow)
	}
}

// TestFull fills an account.
func TestFull(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	store := w.made()
	var all []string
	for i := range 100 {
		all = append(all, newSecret(fmt.Sprintf("N%d", i), strings.Repeat("ä", 32768), "workers")) // 100 of the greatest values
	}
	batch := func(list []string) string { return "[" + strings.Join(list, ",") + "]" }
	w.refused(w.ask(w.full, "POST", store+"/secrets", batch(append(all, newSecret("X", "v", "dex")))), 400, 1003, "maximum_secrets_exceeded: max 100")
	if n := len(w.must(w.full, "POST", store+"/secrets", batch(all)).([]any)); n != 100 {
		t.Fatalf("%d were made", n)
	}
	w.refused(w.ask(w.full, "POST", store+"/secrets", batch([]string{newSecret("X", "v", "dex")})), 400, 1003, "maximum_secrets_exceeded: max 100")
	w.refused(w.ask(w.full, "POST", store+"/secrets", batch([]string{newSecret("N1", "v", "dex")})), 400, 1003, "secret_name_already_exists: N1")
	w.refused(w.ask(w.full, "POST", store+"/secrets", strings.Repeat(" ", 16<<20+1)), 413, 1001, "invalid_json_body: it is too large")
	w.refused(w.ask(w.full, "PATCH", store+"/secrets/"+unknown, strings.Repeat(" ", 1<<20+1)), 413, 1001, "invalid_json_body: it is too large")
}

// TestCredentials has every way to show a token, or none.
func TestCredentials(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	withEmail := w.token(tokens.Token{Account: account, Email: "a@example.com"})
	another := w.token(tokens.Token{API: "pwm", Account: account})
	type refusal struct {
		status, code int
		message      string
	}
	missing := refusal{400, 9106, "Missing X-Auth-Key, X-Auth-Email or Authorization headers"}
	malformed := refusal{400, 6003, "Invalid request headers"}
	wrong := refusal{401, 10000, "Authentication error"}
	tests := []struct {
		name   string
		header []string
		want   refusal
	}{
		{"token", []string{bearer(w.full)}, refusal{}},
		{"lower case", []string{"Authorization: bearer " + w.full}, refusal{}},
		{"key", []string{"X-Auth-Email: a@example.com", "X-Auth-Key: " + w.full}, refusal{}},
		{"key of an address", []string{"X-Auth-Email: A@example.com", "X-Auth-Key: " + withEmail}, refusal{}},
		{"that as a token", []string{bearer(withEmail)}, refusal{}},
		{"none", nil, missing},
		{"a key alone", []string{"X-Auth-Key: " + w.full}, missing},
		{"an address alone", []string{"X-Auth-Email: a@example.com"}, missing},
		{"a service key", []string{"X-Auth-User-Service-Key: " + w.full}, missing},
		{"another scheme", []string{"Authorization: Basic " + w.full}, malformed},
		{"no token", []string{"Authorization: Bearer "}, malformed},
		{"no scheme", []string{"Authorization: " + w.full}, malformed},
		{"no form of a token", []string{bearer(w.full[1:] + "!")}, malformed},
		{"a long token", []string{bearer(strings.Repeat("a", 513))}, malformed},
		{"no form of a key", []string{"X-Auth-Email: a@example.com", "X-Auth-Key: a b"}, malformed},
		{"a bad token", []string{bearer("a" + w.full[1:] + "b")}, wrong},
		{"of another API", []string{bearer(another)}, wrong},
		{"a bad key", []string{"X-Auth-Email: a@example.com", "X-Auth-Key: abc"}, wrong},
		{"key of another address", []string{"X-Auth-Email: b@example.com", "X-Auth-Key: " + withEmail}, wrong},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w.T = t
			for _, method := range []string{"GET", "POST"} {
				a := w.read(w.do(method, ours+"/stores", "{}", tt.header...))
				if tt.want.status == 0 {
					if method == "GET" && !a.Success || method == "POST" && a.Status != 400 {
						t.Errorf("%s: %+v", method, a)
					}
					continue
				}
				w.refused(a, tt.want.status, tt.want.code, tt.want.message)
				if chain := a.Errors[0].Chain; tt.want == malformed {
					code := map[bool]int{true: 6103, false: 6111}[strings.HasPrefix(tt.header[0], "X-")]
					if len(chain) != 1 || chain[0].Code != code || !strings.HasPrefix(chain[0].Message, "Invalid format for ") {
						t.Errorf("chain %+v", chain)
					}
				}
			}
		})
	}
}

// TestPermissions has tokens that are good, but not for this.
func TestPermissions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	store := w.made()
	a := w.put(store, "A")
	for _, path := range []string{ours + "/stores", store, store + "/secrets", a, ours + "/quota"} {
		w.must(w.readOnly, "GET", path, "")
	}
	for _, call := range []string{"POST " + ours + "/stores", "DELETE " + store, "POST " + store + "/secrets", "DELETE " + store + "/secrets", "PATCH " + a, "DELETE " + a, "POST " + a + "/duplicate"} {
		method, path, _ := strings.Cut(call, " ")
		w.refused(w.ask(w.readOnly, method, path, "{"), 403, 10000, "Authentication error")
		for _, token := range []string{w.foreign, w.service, w.other} {
			w.refused(w.ask(token, method, path, "{"), 403, 9109, "Unauthorized to access requested resource")
		}
	}
	nobody := w.token(tokens.Token{}) // a customer's, for no account
	w.refused(w.ask(nobody, "GET", a, ""), 403, 9109, "Unauthorized to access requested resource")
	w.refused(w.ask(w.foreign, "GET", a, ""), 403, 9109, "Unauthorized to access requested resource")
	w.differ("what is left", 1, len(w.must(w.full, "GET", store+"/secrets", "").([]any)))
	if w.gone != 0 {
		t.Error("something was deleted")
	}
}

// TestSystem has services beside each other, and beside the account.
func TestSystem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	own := w.made()
	id := func(v any) string { return member(v, "id") }
	first := twin + "/stores/" + id(w.must(w.service, "POST", twin+"/stores", `{"account_id":42,"name":"one"}`))
	w.must(w.service, "POST", twin+"/stores", `{"account_id":42,"name":"two"}`) // a service may have several
	theirs := twin + "/stores/" + id(w.must(w.other, "POST", twin+"/stores", `{"account_id":7,"name":"one"}`))

	w.refused(w.ask(w.service, "POST", twin+"/stores", `{"name":"x"}`), 400, 1001, "account_id_invalid: it is missing")
	w.refused(w.ask(w.service, "POST", twin+"/stores", `{"account_id":43,"name":"x"}`), 400, 1001, "account_id_invalid: the stores of this account have another")
	w.refused(w.ask(w.service, "POST", twin+"/stores", `{"account_id":"42","name":"x"}`), 400, 1001, "invalid_json_body")
	w.refused(w.ask(w.service, "POST", twin+"/stores", `{"account_id":4.2,"name":"x"}`), 400, 1001, "invalid_json_body")
	w.differ("of the service", 2, len(w.must(w.service, "GET", twin+"/stores", "").([]any)))
	w.differ("of the other", 1, len(w.must(w.other, "GET", twin+"/stores", "").([]any)))
	w.differ("of the account", 1, len(w.must(w.full, "GET", ours+"/stores", "").([]any)))

	w.refused(w.ask(w.service, "GET", theirs, ""), 404, 1001, "store_not_found")
	w.refused(w.ask(w.other, "DELETE", first+"?force=true", ""), 404, 1001, "store_not_found")
	w.refused(w.ask(w.other, "POST", first+"/secrets", "["+newSecret("A", "v", "dex")+"]"), 404, 1001, "store_not_found")
	w.refused(w.ask(w.service, "GET", strings.Replace(own, ours, twin, 1), ""), 404, 1001, "store_not_found")
	w.refused(w.ask(w.full, "GET", strings.Replace(first, twin, ours, 1), ""), 404, 1001, "store_not_found")
	w.refused(w.ask(w.service, "GET", strings.Replace(twin, account, other, 1)+"/stores", ""), 403, 9109, "Unauthorized to access requested resource")
	w.must(w.other, "GET", strings.Replace(twin, account, other, 1)+"/stores", "") // it is for every account
	w.differ("nothing of managed_by", false, strings.Contains(w.answers.String(), "images"))
}

// TestLimits asks more often than is answered.
func TestLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(d *secretsstore.Deps) { d.Limits = secretsstore.Limits{Token: 3, Refusals: 2} })
	const wait = "Please wait and consider throttling your request speed"
	for range 3 {
		w.must(w.full, "GET", ours+"/stores", "")
	}
	rec := w.do("POST", ours+"/stores", `{"name":"a"}`, bearer(w.full))
	w.refused(w.read(rec), 429, 971, wait)
	if s := rec.Header().Get("Retry-After"); s != "20" {
		t.Errorf("Retry-After: %s, want 20", s)
	}
	if list := w.must(w.readOnly, "GET", ours+"/stores", "").([]any); len(list) > 0 {
		t.Error("what was refused was done")
	}
	for range 2 {
		w.refused(w.ask("nobody", "GET", ours+"/stores", ""), 401, 10000, "Authentication error")
	}
	w.refused(w.ask("nobody", "GET", ours+"/stores", ""), 429, 971, wait)
	w.refused(w.read(w.do("POST", ours+"/stores", "")), 429, 971, wait)
	w.must(w.readOnly, "GET", ours+"/stores", "")
	w.pass(30 * time.Second)
	w.must(w.full, "GET", ours+"/stores", "")
	w.refused(w.ask("nobody", "GET", ours+"/stores", ""), 401, 10000, "Authentication error")
}
