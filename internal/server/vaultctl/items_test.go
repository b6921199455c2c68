package vaultctl_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func ids(list []map[string]any) (out []any) {
	for _, e := range list {
		out = append(out, e["itemId"])
	}
	return out
}

// Lists have the newest first, leave out what is in the trash, and filter.
func TestItems_list(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.join("ann")
	v := w.vault(p, "personal")
	add := func(itemType string, favorite bool) string {
		b := newItem(itemType)
		b["itemType"], b["favorite"] = itemType, favorite
		return w.want(201, "POST", "/vaults/"+v+"/items", p.token, b).text("itemId")
	}
	login, note, card := add("login", false), add("note", true), add("credit_card", false)
	for query, want := range map[string][]any{
		"":                      {card, note, login},
		"?itemType=login":       {login},
		"?itemType=note":        {note},
		"?itemType=secure_note": {note},
		"?itemType=card":        {card},
		"?favorites=true":       {note},
		"?folderId=none":        {card, note, login},
		"?folderId=" + login:    nil,
	} {
		if d := cmp.Diff(want, ids(w.want(200, "GET", "/vaults/"+v+"/items"+query, p.token, nil).list("items"))); d != "" {
			t.Errorf("%q: %s", query, d)
		}
	}
	w.want(200, "PUT", "/vaults/"+v+"/items/"+login, p.token, newItem("again"))
	w.want(204, "DELETE", "/vaults/"+v+"/items/"+card, p.token, nil)
	w.want(204, "DELETE", "/vaults/"+v+"/items/"+card, p.token, nil)
	if d := cmp.Diff([]any{login, note}, ids(w.want(200, "GET", "/vaults/"+v+"/items", p.token, nil).list("items"))); d != "" {
		t.Error(d)
	}
	if got := w.want(200, "GET", "/vaults/"+v+"/items/"+note, p.token, nil); got.text("itemType") != "secure_note" || got.json["favorite"] != true {
		t.Errorf("note: %s", got.body)
	}
}

// PUT replaces all but the type; what it does not have is cleared. The numbers
// rise, and an old one is refused.
func TestItems_put(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.join("ann")
	v := w.vault(p, "personal")
	b := newItem("one")
	b["favorite"], b["reprompt"], b["itemId"] = true, true, "6f1c1f4e-8f57-4c55-9d2b-0f6f0a4f3a10"
	made := w.want(201, "POST", "/vaults/"+v+"/items", p.token, b)
	if made.text("itemId") != b["itemId"] || made.text("id") != b["itemId"] || made.json["revision"] != 2. || made.json["keyVersion"] != 1. {
		t.Errorf("made: %s", made.body)
	}
	w.wait(time.Minute)
	b = newItem("two")
	b["itemType"], b["keyVersion"], b["revision"] = "card", 1, 2
	path := "/vaults/" + v + "/items/" + made.text("itemId")
	put := w.want(200, "PUT", path, p.token, b)
	if put.text("itemType") != "login" || put.json["favorite"] != false || put.json["reprompt"] != false || put.json["revision"] != 3. ||
		put.text("encryptedData") != blob("data two") || put.text("createdAt") != made.text("createdAt") || put.text("updatedAt") == made.text("updatedAt") {
		t.Errorf("put: %s", put.body)
	}
	w.want(409, "PUT", path, p.token, b)
	delete(b, "revision")
	w.want(200, "PUT", path, p.token, b) // the last write wins where no number is given
	w.want(204, "DELETE", path+"?revision=4", p.token, nil)
	trashed := w.want(200, "GET", path, p.token, nil)
	if trashed.json["trashed"] != true || trashed.text("trashedAt") == "" {
		t.Errorf("in the trash: %s", trashed.body)
	}
	back := w.want(200, "POST", "/vaults/"+v+"/trash/"+made.text("itemId")+"/restore", p.token, nil)
	if _, there := back.json["trashedAt"]; there || back.json["trashed"] != false {
		t.Errorf("restored: %s", back.body)
	}
}

// Several changes happen together or not at all.
func TestChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.join("ann")
	v := w.vault(p, "personal")
	one, two := w.item(p, v, "one"), w.item(p, v, "two")
	put := newItem("one again")
	put["itemId"], put["revision"] = one, 2
	fresh := newItem("three")
	fresh["itemId"] = "6f1c1f4e-8f57-4c55-9d2b-0f6f0a4f3a10"
	got := w.want(200, "POST", "/vaults/"+v+"/changes", p.token, m{
		"keyVersion": 1, "put": []m{put, fresh}, "delete": []m{{"itemId": two, "revision": 3}},
	})
	if got.json["revision"] != 4. || len(got.list("items")) != 2 || got.list("items")[0]["encryptedData"] != blob("data one again") {
		t.Errorf("changes: %s", got.body)
	}
	for _, it := range got.list("items") {
		if it["revision"] != 4. || it["itemType"] != "login" {
			t.Errorf("item %v", it)
		}
	}
	if d := cmp.Diff([]any{two}, ids(w.want(200, "GET", "/vaults/"+v+"/trash", p.token, nil).list("items"))); d != "" {
		t.Error(d)
	}
	none := w.want(200, "POST", "/vaults/"+v+"/changes", p.token, m{})
	if none.json["revision"] != 4. {
		t.Errorf("nothing: %s", none.body)
	}
}

// The trash keeps items for thirty days; an export has only what is not in it.
func TestTrash(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.stepUp(w.join("ann"))
	other := w.join("bob")
	w.item(other, w.vault(other, "personal"), "not ann's")
	v := w.vault(p, "personal")
	if got := w.want(200, "POST", "/import", p.token, m{"vaultId": v, "items": []m{newItem("a"), newItem("b"), newItem("c")}}); got.json["importedCount"] != 3. {
		t.Errorf("import: %s", got.body)
	}
	items := ids(w.want(200, "GET", "/vaults/"+v+"/items", p.token, nil).list("items"))
	w.want(204, "DELETE", "/vaults/"+v+"/items/"+items[0].(string), p.token, nil)
	if got := w.want(200, "GET", "/export", p.up, nil); len(got.list("items")) != 2 || len(got.list("vaults")) != 1 {
		t.Errorf("export: %s", got.body)
	}
	if got := w.want(200, "DELETE", "/vaults/"+v+"/trash", p.up, nil); got.json["purged"] != 0. {
		t.Errorf("at once: %s", got.body)
	}
	w.wait(30 * 24 * time.Hour)
	in := w.want(200, "POST", "/auth/login", "", m{"email": p.email, "authHash": hash("ann")})
	p.token = in.text("accessToken")
	p = w.stepUp(p)
	if got := w.want(200, "DELETE", "/vaults/"+v+"/trash", p.up, nil); got.json["purged"] != 1. {
		t.Errorf("after thirty days: %s", got.body)
	}
}

// Another password: every session ends, the device goes on under a new one, and
// the personal vaults have the new wraps.
func TestPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.stepUp(w.join("ann"))
	v := w.vault(p, "personal")
	phone := w.want(200, "POST", "/auth/login", "", m{"email": p.email, "authHash": hash("ann"), "deviceName": "phone"})
	got := w.want(200, "POST", "/auth/password/change", p.up, m{
		"oldAuthHash": hash("ann"), "newAuthHash": hash("new"), "encryptedPrivateKey": blob("rsa 2"), "encryptedIdentityPrivateKey": blob("id 2"),
		"salt": b64([]byte("another salt....")), "kdfIterations": 3, "kdfMemoryKB": 65536, "kdfParallelism": 4,
		"vaultKeys": []m{{"vaultId": v, "encryptedVaultKey": wrapFor("personal", "new"), "wrapSignature": signature}},
	})
	w.want(401, "GET", "/vaults", p.token, nil)
	w.want(401, "GET", "/vaults", phone.text("accessToken"), nil)
	w.want(401, "POST", "/auth/login", "", m{"email": p.email, "authHash": hash("ann")})
	in := w.want(200, "POST", "/auth/login", "", m{"email": p.email, "authHash": hash("new"), "deviceName": "laptop"})
	if in.text("encryptedPrivateKey") != blob("rsa 2") || in.list("vaults")[0]["encryptedVaultKey"] != wrapFor("personal", "new") {
		t.Errorf("login: %s", in.body)
	}
	w.want(401, "GET", "/vaults", got.text("accessToken"), nil) // the same device logged in again
	if pre := w.want(200, "GET", "/auth/prelogin?email="+p.email, "", nil); pre.text("salt") != b64([]byte("another salt....")) {
		t.Errorf("prelogin: %s", pre.body)
	}
}

// Who was removed reads nothing any more, an admin cannot remove an owner, and
// a member can leave.
func TestMembers(t *testing.T) {
	t.Parallel()
	tm := newTeam(t)
	v := "/vaults/" + tm.targets[0].vault
	for _, tt := range []struct {
		caller, gone string
		status       int
	}{
		{"member", "admin", 403}, {"member", "member", 200}, {"admin", "owner", 400}, {"admin", "admin", 200}, {"owner", "owner", 400},
		{"owner", "admin", 200}, {"admin", "other", 404},
	} {
		w := tm.world(t)
		got := w.want(tt.status, "DELETE", v+"/members/"+tm.people[tt.gone].id, tm.people[tt.caller].token, nil)
		if tt.status != 200 {
			continue
		}
		for _, left := range got.list("remainingMembers") {
			if left["userId"] == tm.people[tt.gone].id {
				t.Errorf("%s is still there: %s", tt.gone, got.body)
			}
		}
		w.want(404, "GET", v+"/items", tm.people[tt.gone].token, nil)
		w.want(409, "POST", v+"/items", tm.people["owner"].token, newItem("new"))
	}
}
