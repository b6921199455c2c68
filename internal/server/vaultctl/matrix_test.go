package vaultctl_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/server/vaultctl"
)

// callers are who makes a call, in the order of the columns of the matrix.
var callers = []string{"no token", "expired", "other", "removed", "member", "admin", "owner"}

// A target is what a call is about.
type target struct {
	kind                         string
	vault, item, trashed, person string // ids
	email                        string
}

// A team is a world in which everybody has a vault of his own and some share one.
type team struct {
	people  map[string]person
	homes   map[string]string // of each, the personal vault
	targets []target
	pairs   map[string]string // of the store
}

// newTeam makes the team once; cells work on copies of its store.
func newTeam(t *testing.T) *team {
	t.Helper()
	w := newWorld(t)
	tm := &team{people: map[string]person{}, homes: map[string]string{}, pairs: map[string]string{}}
	for _, name := range []string{"zoe", "other", "removed", "member", "admin", "owner"} {
		p := w.stepUp(w.join(name))
		tm.people[name], tm.homes[name] = p, w.vault(p, "personal")
	}
	tm.people["no token"], tm.people["expired"] = person{}, tm.people["owner"]
	owner, zoe := tm.people["owner"], tm.people["zoe"]
	own, gone, foreign := w.filled(owner), w.vault(owner, "shared"), w.filled(zoe)
	own.kind, own.person, own.email = "own", tm.people["member"].id, "member@example.com"
	foreign.kind, foreign.person, foreign.email = "foreign", zoe.id, zoe.email
	w.want(204, "DELETE", "/vaults/"+gone, owner.up, nil)
	purged := w.item(owner, own.vault, "purged")
	for _, name := range []string{"member", "removed"} {
		w.share(owner, tm.people[name], own.vault, "member")
	}
	w.share(owner, tm.people["admin"], own.vault, "admin")
	w.want(200, "DELETE", "/vaults/"+own.vault+"/members/"+tm.people["removed"].id, owner.token, nil)
	w.want(204, "POST", "/vaults/"+own.vault+"/rekey", owner.token, w.newKeys(owner, own.vault))
	w.want(204, "DELETE", "/vaults/"+own.vault+"/items/"+purged, owner.token, nil)
	w.want(204, "DELETE", "/vaults/"+own.vault+"/trash/"+purged, owner.up, nil)
	nobody := "6f1c1f4e-8f57-4c55-9d2b-0f6f0a4f3a10"
	deleted := target{kind: "deleted", vault: gone, item: purged, trashed: purged, person: nobody, email: "nobody@example.com"}
	tm.targets = []target{own, foreign, deleted}
	tm.pairs = dump(t, w.deps.Store)
	return tm
}

// filled returns a new shared vault with an item, and another in the trash.
func (w *world) filled(p person) target {
	w.Helper()
	v := w.vault(p, "shared")
	t := target{vault: v, item: w.item(p, v, "one"), trashed: w.item(p, v, "two")}
	w.want(204, "DELETE", "/vaults/"+v+"/items/"+t.trashed, p.token, nil)
	return t
}

// newKeys is the body of a rekey by p that is complete.
func (w *world) newKeys(p person, vault string) m {
	w.Helper()
	var keys, items []m
	for _, e := range w.do("GET", "/vaults/"+vault+"/members", p.token, nil).list("members") {
		keys = append(keys, m{"userId": e["userId"], "encryptedVaultKey": wrapFor("shared", "new"), "wrapSignature": signature})
	}
	for _, list := range []string{"/items", "/trash"} {
		for _, e := range w.do("GET", "/vaults/"+vault+list, p.token, nil).list("items") {
			items = append(items, m{"itemId": e["itemId"], "encryptedData": blob("new"), "encryptedName": blob("new")})
		}
	}
	return m{"newKeys": keys, "items": items}
}

func dump(t *testing.T, db kv.DB) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := db.View(t.Context(), func(tx kv.Tx) error {
		for k, v := range tx.Scan(nil) {
			all[string(k)] = string(v)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// world returns a world with the team in it.
func (tm *team) world(t *testing.T) *world {
	t.Helper()
	db := memory.New()
	err := db.Update(t.Context(), func(tx kv.Tx) error {
		for k, v := range tm.pairs {
			if err := tx.Put([]byte(k), []byte(v)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return worldOn(t, db)
}

// A row of the matrix says how a call ends for each caller.
type row struct {
	pattern string
	want    map[string]string // by target; "any": whatever it is about
	body    func(w *world, tm *team, caller string, o target) any
}

func same(status int) map[string]string {
	return map[string]string{"any": strings.TrimSpace(strings.Repeat(fmt.Sprintf("%d ", status), 7))}
}

// loggedIn is what everybody may who is logged in.
func loggedIn(status int) map[string]string {
	return map[string]string{"any": "401 401" + strings.Repeat(fmt.Sprintf(" %d", status), 5)}
}

// members is what members, and those above, may in their own vaults.
func members(status int) map[string]string { return roles(status, status, status) }

func roles(member, admin, owner int) map[string]string {
	nothing := "401 401 404 404 404 404 404"
	return map[string]string{"own": fmt.Sprintf("401 401 404 404 %d %d %d", member, admin, owner), "foreign": nothing, "deleted": nothing}
}

func with(want map[string]string, kind, statuses string) map[string]string {
	want = maps.Clone(want)
	want[kind] = statuses
	return want
}

func noBody(*world, *team, string, target) any { return nil }

func fixed(b any) func(*world, *team, string, target) any {
	return func(*world, *team, string, target) any { return b }
}

var matrix = []row{
	{"GET /config", same(200), noBody},
	{"GET /health", same(200), noBody},
	{"GET /auth/prelogin", same(200), noBody},
	{"POST /auth/register", same(201), func(w *world, _ *team, _ string, _ target) any {
		return registration(w, "new@example.com", "new")
	}},
	{"POST /auth/login", same(200), fixed(m{"email": "owner@example.com", "authHash": hash("owner")})},
	{"POST /auth/refresh", same(200), func(_ *world, tm *team, _ string, _ target) any {
		return m{"refreshToken": tm.people["owner"].refresh}
	}},
	{"POST /auth/logout", same(204), func(_ *world, tm *team, _ string, _ target) any {
		return m{"refreshToken": tm.people["zoe"].refresh}
	}},
	{"POST /auth/step-up", loggedIn(200), func(_ *world, _ *team, caller string, _ target) any { return m{"authHash": hash(caller)} }},
	{"POST /auth/password/change", loggedIn(200), func(_ *world, tm *team, caller string, _ target) any {
		return m{
			"oldAuthHash": hash(caller), "newAuthHash": hash("new"), "encryptedPrivateKey": blob("new"), "encryptedIdentityPrivateKey": blob("new"),
			"vaultKeys": []m{{"vaultId": tm.homes[caller], "encryptedVaultKey": wrapFor("personal", "new"), "wrapSignature": signature}},
		}
	}},
	{"GET /users", with(with(loggedIn(200), "deleted", "401 401 404 404 404 404 404"), "any", "401 401 200 200 200 200 200"), noBody},
	{"GET /users/{user}", with(loggedIn(200), "deleted", "401 401 404 404 404 404 404"), noBody},
	{"GET /orgs", loggedIn(200), noBody},
	{"GET /export", loggedIn(200), noBody},
	{"GET /vaults", loggedIn(200), noBody},
	{"POST /vaults", loggedIn(201), fixed(m{
		"name": "new", "type": "personal", "encryptedVaultKey": wrapFor("personal", "k"), "wrapSignature": signature,
	})},
	{"POST /import", members(200), func(_ *world, _ *team, _ string, o target) any {
		return m{"vaultId": o.vault, "items": []m{newItem("imported")}}
	}},
	{"PATCH /vaults/{vault}", roles(403, 200, 200), fixed(m{"name": "new"})},
	{"DELETE /vaults/{vault}", roles(403, 403, 204), noBody},
	{"POST /vaults/{vault}/rekey", roles(403, 204, 204), rekeyBody},
	{"PUT /vaults/{vault}/rekey", roles(403, 204, 204), rekeyBody},
	{"POST /vaults/{vault}/changes", members(200), func(_ *world, _ *team, _ string, o target) any {
		return m{"put": []m{newItem("new")}, "delete": []m{{"itemId": o.item}}}
	}},
	{"GET /vaults/{vault}/members", members(200), noBody},
	{"POST /vaults/{vault}/members", roles(403, 204, 204), func(_ *world, tm *team, _ string, _ target) any {
		return m{"recipientUserId": tm.people["zoe"].id, "encryptedVaultKey": wrapFor("shared", "zoe"), "wrapSignature": signature, "role": "member"}
	}},
	{"DELETE /vaults/{vault}/members/{user}", members(200), noBody},
	{"GET /vaults/{vault}/items", members(200), noBody},
	{"POST /vaults/{vault}/items", members(201), fixed(newItem("new"))},
	{"GET /vaults/{vault}/items/{item}", members(200), noBody},
	{"PUT /vaults/{vault}/items/{item}", members(200), fixed(newItem("new"))},
	{"DELETE /vaults/{vault}/items/{item}", members(204), noBody},
	{"GET /vaults/{vault}/trash", members(200), noBody},
	{"DELETE /vaults/{vault}/trash", members(200), noBody},
	{"POST /vaults/{vault}/trash/{item}/restore", members(200), noBody},
	{"DELETE /vaults/{vault}/trash/{item}", members(204), noBody},
}

func rekeyBody(w *world, tm *team, _ string, o target) any {
	return w.newKeys(tm.people["owner"], o.vault)
}

// stepUpCalls need the password again.
var stepUpCalls = []string{
	"POST /auth/password/change", "GET /export", "DELETE /vaults/{vault}", "DELETE /vaults/{vault}/trash", "DELETE /vaults/{vault}/trash/{item}",
}

// path fills the pattern in. What is deleted of a vault that is there is looked
// for in that vault.
func (tm *team) path(pattern string, o target) (method, path string) {
	method, path, _ = strings.Cut(pattern, " ")
	vault, item := o.vault, o.item
	if strings.Contains(path, "/trash/{item}") {
		item = o.trashed
	}
	if o.kind == "deleted" && strings.Contains(path, "{item}") {
		vault = tm.targets[0].vault
	}
	path = strings.NewReplacer("{vault}", vault, "{item}", item, "{user}", o.person).Replace(path)
	switch pattern {
	case "GET /auth/prelogin", "GET /users":
		path += "?email=" + o.email
	}
	return method, path
}

// Every call, by everybody, about everything: what is refused changes nothing.
func TestMatrix(t *testing.T) {
	t.Parallel()
	tm := newTeam(t)
	var listed []string
	for _, r := range matrix {
		listed = append(listed, r.pattern)
	}
	if d := cmp.Diff(slices.Sorted(slices.Values(vaultctl.Patterns())), slices.Sorted(slices.Values(listed))); d != "" {
		t.Errorf("calls that are there and calls in the matrix (-there +matrix):\n%s", d)
	}
	for _, r := range matrix {
		for _, o := range tm.targets {
			text, ok := r.want[o.kind]
			if !ok {
				text = r.want["any"]
			}
			want := strings.Fields(text)
			if len(want) != len(callers) {
				t.Fatalf("%s, %s: %d cells of %d", r.pattern, o.kind, len(want), len(callers))
			}
			for i, caller := range callers {
				t.Run(r.pattern+" "+o.kind+" "+caller, func(t *testing.T) {
					t.Parallel()
					tm.cell(t, r, o, caller, want[i])
				})
			}
		}
	}
}

func (tm *team) cell(t *testing.T, r row, o target, caller, want string) {
	t.Helper()
	w := tm.world(t)
	who := tm.people[caller]
	token := who.token
	if slices.Contains(stepUpCalls, r.pattern) {
		token = who.up
	}
	method, path := tm.path(r.pattern, o)
	body := r.body(w, tm, caller, o)
	if caller == "expired" {
		w.wait(16 * time.Minute)
	}
	got := w.do(method, path, token, body)
	if fmt.Sprint(got.status) != want {
		t.Fatalf("status %d, want %s: %s", got.status, want, got.body)
	}
	if got.status < 400 {
		return
	}
	if code, _ := got.code(); code == "" || code == "INTERNAL" {
		t.Errorf("the body of the error is %s", got.body)
	}
	if d := cmp.Diff(tm.pairs, dump(t, w.deps.Store)); d != "" {
		t.Errorf("refused, but the store has changed:\n%s", d)
	}
}

// What needs the password again is refused without it, and no later than that.
func TestStepUp(t *testing.T) {
	t.Parallel()
	tm := newTeam(t)
	for _, r := range matrix {
		method, path := tm.path(r.pattern, tm.targets[0])
		needs := slices.Contains(stepUpCalls, r.pattern)
		t.Run(r.pattern, func(t *testing.T) {
			t.Parallel()
			w := tm.world(t)
			body := r.body(w, tm, "owner", tm.targets[0])
			got := w.do(method, path, tm.people["owner"].token, body)
			if code, _ := got.code(); (code == "STEP_UP_REQUIRED") != needs || needs && got.status != 403 {
				t.Errorf("without step-up: %d %s", got.status, got.body)
			}
			if !needs {
				return
			}
			w.wait(5 * time.Minute)
			got = w.do(method, path, tm.people["owner"].up, body)
			if code, _ := got.code(); code != "STEP_UP_REQUIRED" {
				t.Errorf("five minutes later: %d %s", got.status, got.body)
			}
		})
	}
}

// What is left after the session of a token has ended.
func TestEndedSession(t *testing.T) {
	t.Parallel()
	tm := newTeam(t)
	for _, r := range matrix {
		if !strings.HasPrefix(r.want["any"]+r.want["own"], "401") {
			continue
		}
		t.Run(r.pattern, func(t *testing.T) {
			t.Parallel()
			w := tm.world(t)
			method, path := tm.path(r.pattern, tm.targets[0])
			body := r.body(w, tm, "owner", tm.targets[0])
			w.want(204, "POST", "/auth/logout", "", m{"refreshToken": tm.people["owner"].refresh})
			got := w.do(method, path, tm.people["owner"].up, body)
			if code, _ := got.code(); got.status != 401 || code != "TOKEN_INVALID" {
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
}
