package secretsstore_test

import (
	"context"
	"errors"
	"testing"

	"github.com/keyhold/keyhold/pkg/client"
	"github.com/keyhold/keyhold/pkg/client/secretsstore"
)

// TestLostAnswer has a service that deletes, and whose answer is lost. The call
// is sent again, and then there is nothing left to delete.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	lost, busy := reply{502, "oh"}, refusal(429, "971", "Please wait")
	noSecret, noStore := refusal(404, "1001", "secret_not_found"), refusal(404, "1001", "store_not_found")
	store := func(ctx context.Context, a *secretsstore.Account) error { return a.Stores.Delete(ctx, "s1", true) }
	secret := func(ctx context.Context, a *secretsstore.Account) error { return a.Secrets.Delete(ctx, "s1", "x1") }
	many := func(ctx context.Context, a *secretsstore.Account) error {
		return a.Secrets.DeleteMany(ctx, "s1", "x1", "x2")
	}
	for name, tt := range map[string]struct {
		do      func(context.Context, *secretsstore.Account) error
		replies []reply
		want    error
	}{
		"a store":                      {store, []reply{lost, noStore}, nil},
		"a store that never was":       {store, []reply{noStore}, client.ErrNotFound},
		"a secret":                     {secret, []reply{lost, busy, noSecret}, nil},
		"a secret that never was":      {secret, []reply{noSecret}, client.ErrNotFound},
		"a secret, refused unread":     {secret, []reply{busy, noSecret}, client.ErrNotFound},
		"a secret, of no store":        {secret, []reply{lost, noStore}, client.ErrNotFound},
		"secrets":                      {many, []reply{lost, noSecret, ok("[]")}, nil},
		"secrets, others are left":     {many, []reply{lost, noSecret, paged(secretsJSON("x3"), `{"total_pages":1}`)}, nil},
		"secrets, one of them is left": {many, []reply{lost, noSecret, paged(secretsJSON("x3", "x2"), `{"total_pages":1}`)}, client.ErrNotFound},
		"secrets, and no list":         {many, []reply{lost, noSecret, refusal(403, "9109", "no")}, client.ErrNotFound},
		"secrets that never were":      {many, []reply{noSecret}, client.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, s := scripted(t, tt.replies...)
			if err := tt.do(t.Context(), c.Account("a1")); !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			if len(s.replies) > 0 {
				t.Errorf("%d answers were not asked for", len(s.replies))
			}
		})
	}
}

func secretsJSON(ids ...string) string {
	list := ""
	for _, id := range ids {
		if list != "" {
			list += ","
		}
		list += `{"id":"` + id + `","name":"` + id + `"}`
	}
	return "[" + list + "]"
}
