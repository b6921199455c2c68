package secretsstore_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/service/stores"
)

const stamp = "2026-03-04T05:06:07.624632Z"

// TestStory makes every call of an account, and of a service in it, and looks
// at every member of the answers.
func TestStory(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, base, create string }{
		{"account", ours, `{"name":"default"}`},
		{"system", twin, `{"account_id":42,"name":"default"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			token := w.full
			if tt.base == twin {
				token = w.service
			}
			st := w.must(token, "POST", tt.base+"/stores", tt.create)
			id := member(st, "id")
			wantStore := map[string]any{"id": id, "account_id": account, "name": "default", "created": stamp, "modified": stamp}
			w.differ("the new store", wantStore, st)
			if len(id) != 32 || strings.ToLower(id) != id {
				t.Errorf("the id is %s", id)
			}
			store := tt.base + "/stores/" + id
			w.differ("the store", wantStore, w.must(token, "GET", store, ""))
			w.differ("the stores", []any{wantStore}, w.must(token, "GET", tt.base+"/stores", ""))

			made, _ := w.must(token, "POST", store+"/secrets", `[{"name":"B","value":"`+canary+`","scopes":["workers","ai_gateway"],"comment":"c"},
				{"name":"A","value":"`+canary+`","scopes":["dex"],"later":1}]`).([]any)
			one := member(made[0], "id")
			want := map[string]any{
				"id": one, "store_id": id, "name": "B", "comment": "c", "scopes": []any{"ai_gateway", "workers"}, "status": "pending",
				"created": stamp, "modified": stamp,
			}
			wantA := map[string]any{
				"id": member(made[1], "id"), "store_id": id, "name": "A", "comment": "", "scopes": []any{"dex"}, "status": "pending",
				"created": stamp, "modified": stamp,
			}
			w.differ("the new secrets", []any{want, wantA}, any(made))
			secret := store + "/secrets/" + one
			w.differ("the secret", want, w.must(token, "GET", secret, ""))
			w.pass(stores.PendingTime)
			want["status"], wantA["status"] = "active", "active"
			w.differ("the secrets, later", []any{wantA, want}, w.must(token, "GET", store+"/secrets?order=name&direction=asc", ""))

			w.pass(time.Hour - stores.PendingTime)
			want["comment"], want["scopes"], want["modified"] = "d", []any{"access"}, "2026-03-04T06:06:07.624632Z"
			w.differ("changed", want, w.must(token, "PATCH", secret, `{"comment":"d","scopes":["access"],"name":"B"}`))
			want["status"] = "pending"
			w.differ("with another value", want, w.must(token, "PATCH", secret, `{"value":"`+canary+`2"}`))

			twice := w.must(token, "POST", secret+"/duplicate", `{"name":"C","scopes":["dex"]}`)
			wantC := maps.Clone(want)
			wantC["id"], wantC["name"], wantC["comment"], wantC["scopes"] = member(twice, "id"), "C", "", []any{"dex"}
			wantC["created"] = want["modified"]
			w.differ("the duplicate", wantC, twice)

			if tt.base == ours {
				w.differ("quota", map[string]any{"secrets": map[string]any{"quota": 100.0, "usage": 3.0}}, w.must(token, "GET", ours+"/quota", ""))
			}
			w.differ("deleted", nil, w.must(token, "DELETE", secret, ""))
			w.differ("bulk deleted", nil, w.must(token, "DELETE", store+"/secrets", `{"ids":["`+member(twice, "id")+`"]}`))
			w.differ("left", 1, len(w.must(token, "GET", store+"/secrets", "").([]any)))
			w.refused(w.ask(token, "DELETE", store+"?force=false", ""), 409, 1003, "store_not_empty")
			w.differ("the store deleted", nil, w.must(token, "DELETE", store+"?force=true", ""))
			w.differ("no stores", []any{}, w.must(token, "GET", tt.base+"/stores", ""))
			if w.gone != 5 {
				t.Errorf("the store was scrubbed %d times, want 5", w.gone)
			}
		})
	}
}

// TestOlder has the shapes that older clients send.
func TestOlder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	list, _ := w.must(w.full, "POST", ours+"/stores", ` [{"name":"default"}]`).([]any)
	if len(list) != 1 || member(list[0], "name") != "default" {
		t.Fatalf("a list of one store made %v", list)
	}
	store := ours + "/stores/" + member(list[0], "id")
	a, b := w.put(store, "A"), w.put(store, "B")
	id := func(path string) string { return path[len(path)-32:] }
	w.must(w.full, "DELETE", store+"/secrets", `[{"id":"`+id(a)+`"},{"id":"`+id(b)+`"}]`)
	w.differ("left", []any{}, w.must(w.full, "GET", store+"/secrets", ""))
	w.must(w.full, "DELETE", store, "")
	w.must(w.full, "POST", ours+"/stores", `{"name":"default","account_id":5,"later":{}}`) // what is not ours is left alone
	w.refused(w.ask(w.full, "POST", ours+"/stores", `[]`), 400, 1001, "invalid_json_body")
	w.refused(w.ask(w.full, "POST", ours+"/stores", `[{"name":"a"},{"name":"b"}]`), 400, 1001, "invalid_json_body")
	w.refused(w.ask(w.service, "POST", twin+"/stores", `[{"name":"a","account_id":1}]`), 400, 1001, "invalid_json_body")
}

// TestPages reads lists in parts.
func TestPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	store := w.made()
	var all []string
	for i := range 45 {
		all = append(all, fmt.Sprintf(`{"name":"N%02d","value":"v","scopes":["%s"],"comment":"%d"}`, i, []string{"workers", "dex", "access"}[i%3], i))
	}
	w.must(w.full, "POST", store+"/secrets", "["+strings.Join(all, ",")+"]")
	info := func(count, page, per, pages int) map[string]int {
		return map[string]int{"count": count, "page": page, "per_page": per, "total_count": 45, "total_pages": pages}
	}
	tests := []struct {
		query string
		first string
		info  map[string]int
	}{
		{"", "N00", info(20, 1, 20, 3)},
		{"page=0&per_page=0", "N00", info(20, 1, 20, 3)},
		{"page=3", "N40", info(5, 3, 20, 3)},
		{"page=4", "", info(0, 4, 20, 3)},
		{"page=9223372036854775807&per_page=100", "", info(0, 9223372036854775807, 100, 1)},
		{"page=-1&per_page=-1", "N00", info(20, 1, 20, 3)},
		{"page=x&per_page=y&unknown=z", "N00", info(20, 1, 20, 3)},
		{"per_page=1000", "N00", info(45, 1, 100, 1)},
		{"per_page=45", "N00", info(45, 1, 45, 1)},
		{"page=2&per_page=45", "", info(0, 2, 45, 1)},
		{"order=name&direction=desc&per_page=10", "N44", info(10, 1, 10, 5)},
		{"scopes=workers&per_page=100", "N00", info(15, 1, 100, 1)},
		{"scopes=dex&scopes=access&per_page=100", "N01", info(30, 1, 100, 1)},
		{"scopes=dex,access&per_page=100", "N01", info(30, 1, 100, 1)},
		{"search=n4", "N40", info(5, 1, 20, 1)},
		{"search=nothing", "", info(0, 1, 20, 0)},
	}
	for _, tt := range tests {
		a := w.ask(w.readOnly, "GET", store+"/secrets?"+tt.query, "")
		list, ok := a.Result.([]any)
		first := ""
		if len(list) > 0 {
			first = member(list[0], "name")
		}
		if !ok || first != tt.first {
			t.Errorf("%s: it starts with %s, want %s", tt.query, first, tt.first)
		}
		w.differ(tt.query, tt.info, a.Info)
	}
	a := w.ask(w.readOnly, "GET", ours+"/stores?page=2", "")
	w.differ("stores, page 2", map[string]int{"count": 0, "page": 2, "per_page": 20, "total_count": 1, "total_pages": 1}, a.Info)
}

// TestAccounts looks up the account of a token, as clients do.
func TestAccounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, token := range []string{w.full, w.readOnly, w.service} {
		for _, path := range []string{"/client/v4/accounts", "/client/v4/memberships"} {
			a := w.ask(token, "GET", path+"?page=1", "")
			list, _ := a.Result.([]any)
			if len(list) != 1 || a.Info["total_pages"] != 1 {
				t.Fatalf("%s: %+v", path, a)
			}
			it := list[0]
			if path == "/client/v4/memberships" {
				if len(member(it, "id")) != 32 || member(it, "status") != "accepted" {
					t.Errorf("membership %v", it)
				}
				it = it.(map[string]any)["account"]
			}
			w.differ(path, map[string]any{"id": account, "name": "Account " + account, "type": "standard"}, it)
			w.differ(path+", page 2", []any{}, w.must(token, "GET", path+"?page=2", ""))
		}
	}
	w.differ("of a service for all", []any{}, w.must(w.other, "GET", "/client/v4/accounts", ""))
}
