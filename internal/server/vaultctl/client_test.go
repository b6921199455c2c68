package vaultctl_test

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http/httptest"
	"testing"

	"github.com/keyhold/keyhold/pkg/client"
	"github.com/keyhold/keyhold/pkg/client/vaultctl"
)

func raw(t *testing.T, text string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The client of this API against the server of this API.
func TestClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	srv := httptest.NewServer(w)
	t.Cleanup(srv.Close)
	ann, bob := w.stepUp(w.join("ann")), w.join("bob")
	connect := func(token string) *vaultctl.Client {
		c, err := vaultctl.New(srv.URL, client.WithCredentials(client.Token(client.NewSecret(token))), client.WithRetries(0))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	a, up, b := connect(ann.token), connect(ann.up), connect(bob.token)
	ctx := context.WithoutCancel(t.Context())
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	id := "6f1c1f4e-8f57-4c55-9d2b-0f6f0a4f3a10"
	v, err := a.Vaults.Create(ctx, vaultctl.CreateVaultRequest{
		ID: id, Name: "team", Type: "shared", EncryptedVaultKey: raw(t, wrapFor("shared", "k")), WrapSignature: raw(t, signature),
	})
	must(err)
	if v.ID != id || v.KeyVersion != 1 || v.Revision != 1 || v.SenderID != ann.id {
		t.Errorf("vault %+v", v)
	}
	u, err := a.Users.ByEmail(ctx, "Bob@example.com")
	must(err)
	must(a.Members.Add(ctx, id, vaultctl.AddMemberRequest{
		UserID: u.UserID, EncryptedVaultKey: raw(t, wrapFor("shared", "b")), WrapSignature: raw(t, signature), Role: "admin",
	}))
	it, err := b.Items.Create(ctx, id, vaultctl.ItemRequest{
		Type: "secure_note", EncryptedData: raw(t, blob("d")), EncryptedName: raw(t, blob("n")), KeyVersion: 1,
	})
	must(err)
	res, err := b.Items.Changes(ctx, id, vaultctl.ChangeRequest{KeyVersion: 1, Put: []vaultctl.ItemRequest{{
		ID: it.ID, EncryptedData: raw(t, blob("d2")), EncryptedName: raw(t, blob("n")), Revision: it.Revision,
	}}})
	must(err)
	if len(res.Items) != 1 || res.Items[0].Revision != res.Revision || res.Revision != it.Revision+1 || res.Items[0].Type != "secure_note" {
		t.Errorf("changes %+v", res)
	}
	if err := b.Items.Delete(ctx, id, it.ID, it.Revision); !errors.Is(err, client.ErrConflict) {
		t.Errorf("delete an old revision: %v", err)
	}
	must(b.Items.Delete(ctx, id, it.ID, res.Revision))
	if list, err := a.Trash.List(ctx, id); err != nil || len(list) != 1 || list[0].TrashedAt.IsZero() {
		t.Errorf("trash %v, %v", list, err)
	}
	if err := a.Trash.Purge(ctx, id, it.ID); !errors.Is(err, vaultctl.ErrStepUp) {
		t.Errorf("purge without the password: %v", err)
	}
	must(up.Trash.Purge(ctx, id, it.ID))
	gone, err := a.Members.Remove(ctx, id, bob.id)
	must(err)
	if !gone.RekeyRequired || len(gone.Remaining) != 1 || gone.Remaining[0].UserID != ann.id {
		t.Errorf("removed %+v", gone)
	}
	if _, err := b.Items.List(ctx, id, vaultctl.ListItemsOptions{}); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("bob reads: %v", err)
	}
	if _, err := a.Items.Create(ctx, id, vaultctl.ItemRequest{Type: "login", EncryptedData: raw(t, blob("d")), EncryptedName: raw(t, blob("n"))}); !errors.Is(err, vaultctl.ErrRekeyRequired) {
		t.Errorf("create before the rekey: %v", err)
	}
	before, err := a.Vaults.List(ctx)
	must(err)
	must(a.Vaults.Rekey(ctx, id, vaultctl.RekeyRequest{
		NewKeys: []vaultctl.MemberKey{{UserID: ann.id, EncryptedVaultKey: raw(t, wrapFor("shared", "2")), WrapSignature: raw(t, signature)}},
		Items:   []vaultctl.SealedItem{}, KeyVersion: 1, Revision: before[0].Revision,
	}))
	list, err := a.Vaults.List(ctx)
	must(err)
	if len(list) != 1 || list[0].KeyVersion != 2 {
		t.Errorf("vaults %+v", list)
	}
	must(a.Vaults.Rename(ctx, id, "crew"))
	must(a.Server.Health(ctx))
	if c, err := a.Server.Config(ctx); err != nil || c.AppVersion != "1.2.3" || c.RegistrationMode != "open" {
		t.Errorf("config %+v, %v", c, err)
	}
	if o, err := a.Orgs.List(ctx); err != nil || len(o) != 0 {
		t.Errorf("orgs %v, %v", o, err)
	}
}
