package conformance

import (
	"errors"
	"testing"

	"github.com/cloudflare/cloudflare-go/v7/option"
	"github.com/cloudflare/cloudflare-go/v7/secrets_store"
)

// The helpers that fill in parameters are in the root package of the SDK,
// which has every service of Cloudflare's in it. So they are filled in by hand.

func codedV7(err error) coded {
	e, ok := errors.AsType[*secrets_store.Error](err)
	if !ok || len(e.Errors) == 0 {
		return coded{}
	}
	return coded{e.StatusCode, e.Errors[0].Code, e.Errors[0].Message}
}

func newSecretV7(name string) (p secrets_store.StoreSecretNewParamsBody) {
	p.Name.Value, p.Name.Present = name, true
	p.Value.Value, p.Value.Present = "value of "+name, true
	p.Comment.Value, p.Comment.Present = "of "+name, true
	p.Scopes.Value, p.Scopes.Present = []secrets_store.StoreSecretNewParamsBodyScope{"workers", "ai_gateway"}, true
	return p
}

// TestCloudflareV7 makes every call of today's SDK.
func TestCloudflareV7(t *testing.T) {
	t.Parallel()
	s, ctx := newSecretsStore(t), t.Context()
	c := secrets_store.NewSecretsStoreService(option.WithBaseURL(s.url), option.WithAPIToken(s.token))

	var newStore secrets_store.StoreNewParams
	newStore.AccountID.Value, newStore.AccountID.Present = account, true
	newStore.Name.Value, newStore.Name.Present = "default", true
	st := must(c.Stores.New(ctx, newStore))(t)
	if len(st.ID) != 32 || st.Name != "default" || st.AccountID != account || st.Created.IsZero() || st.Modified.IsZero() {
		t.Errorf("the new store is %+v", st)
	}
	_, err := c.Stores.New(ctx, newStore)
	refused(t, "a second store", codedV7(err), coded{400, 1003, "maximum_stores_exceeded"})

	var listStores secrets_store.StoreListParams
	listStores.AccountID.Value, listStores.AccountID.Present = account, true
	stores := must(gather(c.Stores.ListAutoPaging(ctx, listStores)))(t)
	if len(stores) != 1 || stores[0].ID != st.ID {
		t.Errorf("the stores are %+v", stores)
	}
	var getStore secrets_store.StoreGetParams
	getStore.AccountID.Value, getStore.AccountID.Present = account, true
	if got := must(c.Stores.Get(ctx, st.ID, getStore))(t); got.ID != st.ID || got.Created != st.Created {
		t.Errorf("the store is %+v", got)
	}
	secretsV7(t, c, st.ID)

	var quota secrets_store.QuotaGetParams
	quota.AccountID.Value, quota.AccountID.Present = account, true
	if q := must(c.Quota.Get(ctx, quota))(t); q.Secrets.Quota != 100 || q.Secrets.Usage != manySecrets-2 {
		t.Errorf("the quota is %+v", q)
	}
	var deleteStore secrets_store.StoreDeleteParams
	deleteStore.AccountID.Value, deleteStore.AccountID.Present = account, true
	_, err = c.Stores.Delete(ctx, st.ID, deleteStore)
	refused(t, "a store that is not empty", codedV7(err), coded{409, 1003, "store_not_empty"})
	if n := s.calls()["DELETE /stores/*"]; n != 1 {
		t.Errorf("the conflict was sent %d times", n)
	}
	deleteStore.Force.Value, deleteStore.Force.Present = true, true
	must(c.Stores.Delete(ctx, st.ID, deleteStore))(t)
	everyCall(t, s)
}

// secretsV7 makes every call of secrets, and leaves two less than manySecrets.
func secretsV7(t *testing.T, c *secrets_store.SecretsStoreService, store string) {
	t.Helper()
	ctx := t.Context()
	create := secrets_store.StoreSecretNewParams{}
	create.AccountID.Value, create.AccountID.Present = account, true
	for i := range manySecrets {
		create.Body = append(create.Body, newSecretV7(name(i)))
	}
	made := must(gather(c.Stores.Secrets.NewAutoPaging(ctx, store, create)))(t)
	if len(made) != manySecrets || made[0].Name != name(0) || made[0].StoreID != store || made[0].Comment != "of "+name(0) ||
		len(made[0].Scopes) != 2 || made[0].Scopes[0] != "ai_gateway" || !made[0].Status.IsKnown() {
		t.Fatalf("%d were made, the first %+v", len(made), made[0])
	}
	_, err := c.Stores.Secrets.New(ctx, store, create)
	refused(t, "taken names", codedV7(err), coded{400, 1003, "secret_name_already_exists: " + name(0)})

	list := secrets_store.StoreSecretListParams{}
	list.AccountID.Value, list.AccountID.Present = account, true
	list.PerPage.Value, list.PerPage.Present = 10, true
	list.Order.Value, list.Order.Present = "name", true
	list.Direction.Value, list.Direction.Present = "asc", true
	list.Scopes.Value, list.Scopes.Present = []secrets_store.StoreSecretListParamsScope{"workers", "dex"}, true
	list.Search.Value, list.Search.Present = "of n", true
	all := must(gather(c.Stores.Secrets.ListAutoPaging(ctx, store, list)))(t)
	if len(all) != manySecrets || all[manySecrets-1].Name != name(manySecrets-1) {
		t.Errorf("%d of %d are listed", len(all), manySecrets)
	}

	var get secrets_store.StoreSecretGetParams
	get.AccountID.Value, get.AccountID.Present = account, true
	if got := must(c.Stores.Secrets.Get(ctx, store, made[1].ID, get))(t); got.Name != name(1) {
		t.Errorf("the secret is %+v", got)
	}
	var edit secrets_store.StoreSecretEditParams
	edit.AccountID.Value, edit.AccountID.Present = account, true
	edit.Comment.Value, edit.Comment.Present = "changed", true
	edit.Value.Value, edit.Value.Present = "another", true
	if got := must(c.Stores.Secrets.Edit(ctx, store, made[1].ID, edit))(t); got.Comment != "changed" || got.Name != name(1) {
		t.Errorf("the changed secret is %+v", got)
	}
	var twice secrets_store.StoreSecretDuplicateParams
	twice.AccountID.Value, twice.AccountID.Present = account, true
	twice.Name.Value, twice.Name.Present = "TWICE", true
	twice.Scopes.Value, twice.Scopes.Present = []secrets_store.StoreSecretDuplicateParamsScope{"dex"}, true
	copied := must(c.Stores.Secrets.Duplicate(ctx, store, made[1].ID, twice))(t)
	if copied.Name != "TWICE" || copied.ID == made[1].ID {
		t.Errorf("the duplicate is %+v", copied)
	}

	var remove secrets_store.StoreSecretDeleteParams
	remove.AccountID.Value, remove.AccountID.Present = account, true
	must(c.Stores.Secrets.Delete(ctx, store, copied.ID, remove))(t)
	_, err = c.Stores.Secrets.Delete(ctx, store, copied.ID, remove)
	refused(t, "delete again", codedV7(err), coded{404, 1001, "secret_not_found"})

	// The SDK has no parameter for which ones, and sends no body.
	var bulk secrets_store.StoreSecretBulkDeleteParams
	bulk.AccountID.Value, bulk.AccountID.Present = account, true
	_, err = c.Stores.Secrets.BulkDelete(ctx, store, bulk)
	refused(t, "delete nobody knows what", codedV7(err), coded{400, 1001, "invalid_json_body"})
	must(c.Stores.Secrets.BulkDelete(ctx, store, bulk,
		option.WithRequestBody("application/json", []byte(`{"ids":["`+made[0].ID+`","`+made[1].ID+`"]}`))))(t)
}
