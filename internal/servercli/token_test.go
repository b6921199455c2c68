package servercli_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/internal/exit"
)

const account = "023e105f4ecef8ad9ca31a8372d0c353"

// TestToken has tokens made through the running server, used, and revoked.
func TestToken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	data := "--data=" + dir
	s := start(t, "--data", dir)
	text := strings.TrimSpace(ok(t, "token", "create", "--api", "store", "--account", strings.ToUpper(account), data))
	reader := strings.TrimSpace(ok(t, "token", "create", "--api", "store", "--account", account, "--read-only", "--note", "ci", data))
	ask := func(token, method, body string) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, s.url+"/client/v4/accounts/"+account+"/secrets_store/stores", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	if got := ask(text, http.MethodPost, `{"name":"a"}`); got != http.StatusOK {
		t.Errorf("make a store: %d", got)
	}
	if got := ask(reader, http.MethodPost, `{"name":"b"}`); got != http.StatusForbidden {
		t.Errorf("make a store with a token that is read-only: %d", got)
	}
	var list []struct {
		ID       string `json:"id"`
		API      string `json:"api"`
		Account  string `json:"account"`
		ReadOnly bool   `json:"read_only"`
		Token    string `json:"token"`
	}
	if err := json.Unmarshal([]byte(ok(t, "token", "list", "--json", data)), &list); err != nil || len(list) != 2 {
		t.Fatalf("%d tokens, %v", len(list), err)
	}
	for _, l := range list {
		if l.API != "store" || l.Account != account || l.Token != "" {
			t.Errorf("listed: %+v", l)
		}
		if !l.ReadOnly {
			ok(t, "token", "revoke", l.ID, data)
			if status, _, _ := run(t, "token", "revoke", l.ID, data); status != exit.NotFound {
				t.Errorf("revoke again: %d", status)
			}
		}
	}
	if got := ask(text, http.MethodGet, ""); got != http.StatusUnauthorized {
		t.Errorf("a token that was revoked: %d", got)
	}
	if got := ask(reader, http.MethodGet, ""); got != http.StatusOK {
		t.Errorf("the other one: %d", got)
	}
	for _, args := range [][]string{
		{"--api", "vault", "--account", account},
		{"--api", "store"},
		{"--api", "store", "--account", "x"},
		{"--api", "store", "--account", account, "--expires", "1ms"},
		{"--api", "store", "--account", account, "--note", ""},
	} {
		if status, _, _ := run(t, append([]string{"token", "create", data}, args...)...); status != exit.Usage {
			t.Errorf("%q: status %d", args, status)
		}
	}
}
