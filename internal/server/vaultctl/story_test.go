package vaultctl_test

import (
	"testing"
	"time"
)

// The five documented calls and what leads to them, by two people.
func TestStory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann, bob := w.stepUp(w.join("ann")), w.join("bob")
	home := w.vault(ann, "personal")
	w.wait(time.Second) // vaults are listed by age
	team := w.vault(ann, "shared")
	item := w.item(ann, team, "one")
	w.want(404, "GET", "/vaults/"+team+"/items", bob.token, nil)
	w.share(ann, bob, team, "member")
	if got := w.want(200, "GET", "/vaults/"+team+"/items", bob.token, nil).list("items"); len(got) != 1 || got[0]["itemId"] != item {
		t.Errorf("bob sees %v", got)
	}
	gone := w.want(200, "DELETE", "/vaults/"+team+"/members/"+bob.id, ann.token, nil)
	if left := gone.list("remainingMembers"); gone.json["rekeyRequired"] != true || len(left) != 1 || left[0]["userId"] != ann.id {
		t.Errorf("removed: %s", gone.body)
	}
	w.want(404, "GET", "/vaults/"+team+"/items", bob.token, nil)
	refused := w.want(409, "POST", "/vaults/"+team+"/items", ann.token, newItem("two"))
	if code, _ := refused.code(); code != "REKEY_REQUIRED" {
		t.Errorf("before the rekey: %s", refused.body)
	}
	w.want(204, "POST", "/vaults/"+team+"/rekey", ann.token, m{
		"newKeys": []m{{"userId": ann.id, "encryptedVaultKey": wrapFor("shared", "2"), "wrapSignature": signature}},
		"items":   []m{{"itemId": item, "encryptedData": blob("new"), "encryptedName": blob("new")}},
	})
	w.item(ann, team, "two")
	list := w.want(200, "GET", "/vaults", ann.token, nil).list("vaults")
	if len(list) != 2 || list[0]["vaultId"] != home || list[1]["keyVersion"] != float64(2) || list[1]["role"] != "owner" {
		t.Errorf("vaults: %v", list)
	}
	w.want(403, "DELETE", "/vaults/"+team, ann.token, nil)
	w.want(204, "DELETE", "/vaults/"+team, ann.up, nil)
	w.want(400, "DELETE", "/vaults/"+home, ann.up, nil)
}
