package secretsstore_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/pkg/client"
	"github.com/keyhold/keyhold/pkg/client/secretsstore"
)

func TestKinds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		status        int
		code, message string
		want          []error
	}{
		{400, "1001", "invalid_json_body", []error{client.ErrInvalid}},
		{400, "1001", "secret_name_empty", []error{client.ErrInvalid}},
		{400, "1001", "secret_scope_invalid: x", []error{client.ErrInvalid}},
		{422, "1001", "secret_value_too_long", []error{client.ErrInvalid}},
		{404, "1001", "store_not_found", []error{secretsstore.ErrStoreNotFound, client.ErrNotFound}},
		{400, "1001", "store_not_found: s1", []error{secretsstore.ErrStoreNotFound, client.ErrNotFound}},
		{404, "1001", "secret_not_found", []error{secretsstore.ErrSecretNotFound, client.ErrNotFound}},
		{404, "1000", "not found", []error{client.ErrNotFound}},
		{400, "1003", "secret_name_already_exists: KEY", []error{secretsstore.ErrNameTaken, client.ErrConflict}},
		{409, "1003", "secret_name_already_exists", []error{secretsstore.ErrNameTaken, client.ErrConflict}},
		{400, "1003", "maximum_stores_exceeded", []error{secretsstore.ErrMaxStores, client.ErrDenied}},
		{409, "1003", "maximum_stores_exceeded", []error{secretsstore.ErrMaxStores, client.ErrDenied}},
		{400, "1003", "maximum_secrets_exceeded: max 100", []error{secretsstore.ErrMaxSecrets, client.ErrDenied}},
		{409, "1002", "store_not_empty", []error{secretsstore.ErrNotEmpty, client.ErrConflict}},
		{404, "7003", "Could not route to /x, perhaps your object identifier is invalid?", []error{secretsstore.ErrAccountID, client.ErrInvalid}},
		{400, "9106", "Missing X-Auth-Key, X-Auth-Email or Authorization headers", []error{client.ErrUnauthenticated}},
		{400, "6003", "Invalid request headers", []error{client.ErrUnauthenticated}},
		{403, "9109", "Invalid access token", []error{client.ErrUnauthenticated}},
		{403, "9109", "Unauthorized to access requested resource", []error{client.ErrDenied}},
		{401, "10000", "Authentication error", []error{client.ErrUnauthenticated}},
		{403, "10000", "Authentication error", []error{client.ErrDenied}},
		{400, `"10000"`, "Authentication error", []error{client.ErrUnauthenticated}},
		{429, "971", "Please wait", []error{client.ErrUnavailable}},
		{500, "1002", "oh", []error{client.ErrUnavailable}},
		{409, "4711", "a later one", []error{client.ErrConflict}},
		{200, "1001", "store_not_found", []error{secretsstore.ErrStoreNotFound, client.ErrNotFound}},
		{200, "1003", "maximum_secrets_exceeded", []error{secretsstore.ErrMaxSecrets, client.ErrDenied}},
		{200, "10000", "Authentication error", []error{client.ErrUnauthenticated}},
		{200, "4711", "a later one", nil},
	}
	all := []error{
		client.ErrInvalid, client.ErrUnauthenticated, client.ErrDenied, client.ErrNotFound, client.ErrConflict, client.ErrUnavailable,
		client.ErrBadAnswer, secretsstore.ErrNameTaken, secretsstore.ErrNotEmpty, secretsstore.ErrMaxStores, secretsstore.ErrMaxSecrets,
		secretsstore.ErrStoreNotFound, secretsstore.ErrSecretNotFound, secretsstore.ErrAccountID,
	}
	for _, tt := range tests {
		c, _ := scripted(t, refusal(tt.status, tt.code, tt.message))
		_, err := c.Account("a1").Secrets.Duplicate(t.Context(), "s1", "x1", secretsstore.DuplicateSecretRequest{})
		for _, kind := range all {
			if errors.Is(err, kind) != slices.Contains(tt.want, kind) {
				t.Errorf("%d %s %s: errors.Is(err, %q) = %t", tt.status, tt.code, tt.message, kind, errors.Is(err, kind))
			}
		}
		e, ok := errors.AsType[*client.Error](err)
		if !ok || e.Status != tt.status || e.Code != strings.Trim(tt.code, `"`) || e.Message != tt.message {
			t.Errorf("error %#v lacks status, code or message", err)
		}
	}
}

func TestAllErrors(t *testing.T) {
	t.Parallel()
	c, _ := scripted(t, reply{400, `{"success":false,"errors":[
		{"code":6003,"message":"Invalid request headers","documentation_url":"https://d/","source":{"pointer":"/headers"},
		 "error_chain":[{"code":6111,"message":"Invalid format for Authorization header"}]},
		{"code":1003,"message":"other"},{"message":"no number","code":"abc"}],"messages":[],"result":null}`})
	_, err := c.Account("a1").Quota(t.Context())
	e, ok := errors.AsType[*client.Error](err)
	if !ok || !errors.Is(err, client.ErrUnauthenticated) {
		t.Fatal(err)
	}
	want := []client.ErrorDetail{
		{
			Code: "6003", Message: "Invalid request headers", DocumentationURL: "https://d/", Pointer: "/headers",
			Chain: []client.ErrorDetail{{Code: "6111", Message: "Invalid format for Authorization header"}},
		},
		{Code: "1003", Message: "other"},
		{Message: "no number"},
	}
	if d := cmp.Diff(want, e.Details); d != "" {
		t.Errorf("Details (-want +got):\n%s", d)
	}
	if e.Field != "/headers" {
		t.Errorf("Field = %q", e.Field)
	}
}

// TestStrangers has answers that are not the service's.
func TestStrangers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, contentType string
		reply             reply
		want              error
	}{
		{"html and 200", "text/html", reply{200, "<p>hello"}, client.ErrBadAnswer},
		{"html and 403", "text/html", reply{403, "<p>are you human?"}, client.ErrBadAnswer},
		{"html and 404", "text/html", reply{404, "<p>no"}, client.ErrBadAnswer},
		{"html and 503", "text/html", reply{503, "<p>busy"}, client.ErrUnavailable},
		{"html and 429", "text/html", reply{429, "<p>slow down"}, client.ErrUnavailable},
		{"text and 404", "text/plain", reply{404, "404 page not found"}, client.ErrBadAnswer},
		{"JSON of another service", "application/json", reply{404, `{"error":"no"}`}, client.ErrBadAnswer},
		{"another service that is happy", "application/json", reply{200, `{"id":"x1","name":"KEY"}`}, client.ErrBadAnswer},
		{"failure without errors", "application/json", reply{200, `{"success":false,"errors":[]}`}, nil},
		{"no result", "application/json", reply{200, `{"success":true}`}, client.ErrBadAnswer},
		{"no body", "application/json", reply{200, ""}, client.ErrBadAnswer},
		{"broken", "application/json", reply{200, `{"success":true,"result":{`}, client.ErrBadAnswer},
		{"a member twice", "application/json", reply{200, `{"success":true,"success":true,"result":` + secretJSON + `}`}, client.ErrBadAnswer},
		{"a redirect", "application/json", reply{302, ""}, client.ErrBadAnswer},
		{"another secret", "application/json", ok(strings.Replace(secretJSON, "x1", "x2", 1)), client.ErrBadAnswer},
		{"two secrets", "application/json", ok("[" + secretJSON + "," + secretJSON + "]"), client.ErrBadAnswer},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := &script{replies: []reply{tt.reply, tt.reply, tt.reply}, header: http.Header{"Content-Type": {tt.contentType}, "Location": {"/x"}}}
			_, err := dial(t, rawURL(t, s)).Account("a1").Secrets.Get(t.Context(), "s1", "x1")
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
		})
	}
}

// TestCreated checks what comes back against what was sent.
func TestCreated(t *testing.T) {
	t.Parallel()
	other := strings.Replace(secretJSON, "KEY", "OTHER", 1)
	c, _ := scripted(t, ok("[]"), ok("["+other+"]"), ok(`[{"name":"KEY"}]`), ok(other), ok("[]"), ok(`{}`), ok(`null`))
	a, ctx := c.Account("a1"), t.Context()
	for i := range 3 {
		if _, err := a.Secrets.Create(ctx, "s1", secretsstore.CreateSecretRequest{Name: "KEY"}); !errors.Is(err, client.ErrBadAnswer) {
			t.Errorf("Create %d: %v, want ErrBadAnswer", i, err)
		}
	}
	if _, err := a.Secrets.Duplicate(ctx, "s1", "x1", secretsstore.DuplicateSecretRequest{Name: "KEY"}); !errors.Is(err, client.ErrBadAnswer) {
		t.Errorf("Duplicate: %v, want ErrBadAnswer", err)
	}
	for i := range 2 {
		if _, err := a.Stores.Create(ctx, secretsstore.CreateStoreRequest{Name: "a"}); !errors.Is(err, client.ErrBadAnswer) {
			t.Errorf("Create of a store %d: %v, want ErrBadAnswer", i, err)
		}
	}
	if _, err := a.Quota(ctx); !errors.Is(err, client.ErrBadAnswer) {
		t.Errorf("Quota: %v, want ErrBadAnswer", err)
	}
}

// TestSentAgain counts how often each call is sent to a service that is busy.
func TestSentAgain(t *testing.T) {
	t.Parallel()
	busy := refusal(429, "971", "Please wait")
	tests := []struct {
		name string
		do   func(context.Context, *secretsstore.Account) error
		want int // how often; a PATCH only if it was refused unread
	}{
		{"list", func(ctx context.Context, a *secretsstore.Account) error {
			return second(a.Secrets.List(ctx, "s1", secretsstore.ListSecretsOptions{}))
		}, 3},
		{"delete", func(ctx context.Context, a *secretsstore.Account) error { return a.Secrets.Delete(ctx, "s1", "x1") }, 3},
		{"delete many", func(ctx context.Context, a *secretsstore.Account) error { return a.Secrets.DeleteMany(ctx, "s1", "x1") }, 3},
		{"create a store", func(ctx context.Context, a *secretsstore.Account) error {
			return second(a.Stores.Create(ctx, secretsstore.CreateStoreRequest{}))
		}, 1},
		{"create", func(ctx context.Context, a *secretsstore.Account) error { return second(a.Secrets.Create(ctx, "s1")) }, 1},
		{"duplicate", func(ctx context.Context, a *secretsstore.Account) error {
			return second(a.Secrets.Duplicate(ctx, "s1", "x1", secretsstore.DuplicateSecretRequest{}))
		}, 1},
		{"update", func(ctx context.Context, a *secretsstore.Account) error {
			return second(a.Secrets.Update(ctx, "s1", "x1", secretsstore.UpdateSecretRequest{}))
		}, 3},
	}
	for _, tt := range tests {
		for _, again := range []reply{busy, {502, "oh"}} {
			want := tt.want
			if tt.name == "update" && again.status != busy.status {
				want = 1
			}
			t.Run(fmt.Sprint(tt.name, again.status), func(t *testing.T) {
				t.Parallel()
				s := &script{replies: []reply{again, again, again}, header: http.Header{"Retry-After": {"3"}}}
				var waits []time.Duration
				c := dial(t, rawURL(t, s), client.WithSleep(func(_ context.Context, d time.Duration) error {
					waits = append(waits, d)
					return nil
				}))
				err := tt.do(t.Context(), c.Account("a1"))
				e, ok := errors.AsType[*client.Error](err)
				if !ok || !errors.Is(err, client.ErrUnavailable) || e.RetryAfter != 3*time.Second || len(s.asked) != want {
					t.Errorf("%v after %d requests, want ErrUnavailable after %d", err, len(s.asked), want)
				}
				for _, d := range waits {
					if d != 3*time.Second {
						t.Errorf("waited %v, not as long as the service asked for", d)
					}
				}
			})
		}
	}
}

// TestCanary has a service that sends values and credentials back wherever it
// can. No error may show them.
func TestCanary(t *testing.T) {
	t.Parallel()
	const canary = "canary-5b1d0c"
	text := `{"code":1001,"message":"` + canary + `","documentation_url":"` + canary + `","source":{"pointer":"` + canary + `"}`
	replies := []reply{
		{400, `{"success":false,"errors":[` + text + `,"error_chain":[` + text + `}]}]}`},
		{200, `{"success":false,"errors":[` + text + `},` + text + `}]}`},
		{200, `{"success":true,"result":[{"id":1,"name":"` + canary + `"}]}`},
		{200, `{"success":"` + canary + `"}`},
		{400, canary},
		{400, `{"success":false,"errors":[{"code":"` + canary + `","message":"x"}]}`},
	}
	for i, r := range replies {
		for _, cr := range []client.Credentials{client.Token(client.NewSecret(canary)), secretsstore.Key("a@example.com", client.NewSecret(canary))} {
			s := &script{replies: []reply{r, r}}
			c := dial(t, rawURL(t, s), client.WithCredentials(cr))
			_, err := c.Account("a1").Secrets.Create(t.Context(), "s1", secretsstore.CreateSecretRequest{Name: "KEY", Value: client.NewSecret("value " + canary)})
			_, err2 := c.Account("a1").Secrets.Update(t.Context(), "s1", "x1", secretsstore.UpdateSecretRequest{Value: client.NewSecret(canary)})
			for _, err := range []error{err, err2} {
				if err == nil || strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), canary[:8]) {
					t.Errorf("answer %d: %#v", i, err)
				}
			}
			if req := fmt.Sprintf("%v %+v %#v", cr, cr, cr); strings.Contains(req, canary) {
				t.Errorf("credentials print as %s", req)
			}
		}
	}
}
