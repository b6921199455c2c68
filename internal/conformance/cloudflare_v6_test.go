package conformance

import (
	"errors"
	"testing"

	"github.com/cloudflare/cloudflare-go/v6/option"
	"github.com/cloudflare/cloudflare-go/v6/secrets_store"
)

func codedV6(err error) coded {
	e, ok := errors.AsType[*secrets_store.Error](err)
	if !ok || len(e.Errors) == 0 {
		return coded{}
	}
	return coded{e.StatusCode, e.Errors[0].Code, e.Errors[0].Message}
}

func newSecretV6(name string) (p secrets_store.StoreSecretNewParamsBody) {
	p.Name.Value, p.Name.Present = name, true
	p.Value.Value, p.Value.Present = "value of "+name, true
	p.Comment.Value, p.Comment.Present = "of "+name, true
	p.Scopes.Value, p.Scopes.Present = []string{"workers", "ai_gateway"}, true
	return p
}

// TestCloudflareV6 makes every call of an SDK that has the older shapes: a store
// is made by a list of one and answered with one, and cannot be asked for.
func TestCloudflareV6(t *testing.T) {
	t.Parallel()
	s, ctx := newSecretsStore(t), t.Context()
	c := secrets_store.NewSecretsStoreService(option.WithBaseURL(s.url), option.WithAPIToken(s.token))

	var newStore secrets_store.StoreNewParams
	newStore.AccountID.Value, newStore.AccountID.Present = account, true
	newStore.Body = make([]secrets_store.StoreNewParamsBody, 1)
	newStore.Body[0].Name.Value, newStore.Body[0].Name.Present = "default", true
	made := must(gather(c.Stores.NewAutoPaging(ctx, newStore)))(t)
	if len(made) != 1 {
		t.Fatalf("%d stores were made", len(made))
	}
	st := made[0]
	if len(st.ID) != 32 || st.Name != "default" || st.Created.IsZero() || st.Modified.IsZero() {
		t.Errorf("the new store is %+v", st)
	}
	_, err := c.Stores.New(ctx, newStore)
	refused(t, "a second store", codedV6(err), coded{400, 1003, "maximum_stores_exceeded"})

	var listStores secrets_store.StoreListParams
	listStores.AccountID.Value, listStores.AccountID.Present = account, true
	stores := must(gather(c.Stores.ListAutoPaging(ctx, listStores)))(t)
	if len(stores) != 1 || stores[0].ID != st.ID {
		t.Errorf("the stores are %+v", stores)
	}
	secretsV6(t, c, st.ID)

	var quota secrets_store.QuotaGetParams
	quota.AccountID.Value, quota.AccountID.Present = account, true
	if q := must(c.Quota.Get(ctx, quota))(t); q.Secrets.Quota != 100 || q.Secrets.Usage != manySecrets-2 {
		t.Errorf("the quota is %+v", q)
	}
	var deleteStore secrets_store.StoreDeleteParams
	deleteStore.AccountID.Value, deleteStore.AccountID.Present = account, true
	_, err = c.Stores.Delete(ctx, st.ID, deleteStore)
	refused(t, "a store that is not empty", codedV6(err), coded{409, 1003, "store_not_empty"})
	if n := s.calls()["DELETE /stores/*"]; n != 1 {
		t.Errorf("the conflict was sent %d times", n)
	}
	must(c.Stores.Delete(ctx, st.ID, deleteStore, option.WithQuery("force", "true")))(t)
	everyCall(t, s, "GET /stores/*")
}

// secretsV6 makes every call of secrets, and leaves two less than manySecrets.
func secretsV6(t *testing.T, c *secrets_store.SecretsStoreService, store string) {
	t.Helper()
	ctx := t.Context()
	create := secrets_store.StoreSecretNewParams{}
	create.AccountID.Value, create.AccountID.Present = account, true
	for i := range manySecrets {
		create.Body = append(create.Body, newSecretV6(name(i)))
	}
	made := must(gather(c.Stores.Secrets.NewAutoPaging(ctx, store, create)))(t)
	if len(made) != manySecrets || made[0].Name != name(0) || made[0].StoreID != store || made[0].Comment != "of "+name(0) ||
		!made[0].Status.IsKnown() {
		t.Fatalf("%d were made, the first %+v", len(made), made[0])
	}
	_, err := c.Stores.Secrets.New(ctx, store, create)
	refused(t, "taken names", codedV6(err), coded{400, 1003, "secret_name_already_exists: " + name(0)})

	list := secrets_store.StoreSecretListParams{}
	list.AccountID.Value, list.AccountID.Present = account, true
	list.PerPage.Value, list.PerPage.Present = 10, true
	list.Order.Value, list.Order.Present = "name", true
	list.Direction.Value, list.Direction.Present = "asc", true
	list.Scopes.Value, list.Scopes.Present = [][]string{{"workers", "dex"}}, true
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
	if got := must(c.Stores.Secrets.Edit(ctx, store, made[1].ID, edit,
		option.WithJSONSet("value", "another")))(t); got.Comment != "changed" || got.Name != name(1) {
		t.Errorf("the changed secret is %+v", got)
	}
	var twice secrets_store.StoreSecretDuplicateParams
	twice.AccountID.Value, twice.AccountID.Present = account, true
	twice.Name.Value, twice.Name.Present = "TWICE", true
	twice.Scopes.Value, twice.Scopes.Present = []string{"dex"}, true
	copied := must(c.Stores.Secrets.Duplicate(ctx, store, made[1].ID, twice))(t)
	if copied.Name != "TWICE" || copied.ID == made[1].ID {
		t.Errorf("the duplicate is %+v", copied)
	}

	var remove secrets_store.StoreSecretDeleteParams
	remove.AccountID.Value, remove.AccountID.Present = account, true
	must(c.Stores.Secrets.Delete(ctx, store, copied.ID, remove))(t)
	_, err = c.Stores.Secrets.Delete(ctx, store, copied.ID, remove)
	refused(t, "delete again", codedV6(err), coded{404, 1001, "secret_not_found"})

	// The SDK has no parameter for which ones, and sends no body.
	var bulk secrets_store.StoreSecretBulkDeleteParams
	bulk.AccountID.Value, bulk.AccountID.Present = account, true
	_, err = c.Stores.Secrets.BulkDelete(ctx, store, bulk)
	refused(t, "delete nobody knows what", codedV6(err), coded{400, 1001, "invalid_json_body"})
	must(gather(c.Stores.Secrets.BulkDeleteAutoPaging(ctx, store, bulk,
		option.WithRequestBody("application/json", []byte(`[{"id":"`+made[0].ID+`"},{"id":"`+made[1].ID+`"}]`)))))(t)
}
