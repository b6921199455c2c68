// Package secretsstore is a client of the Cloudflare Secrets Store API: stores
// and the secrets in them. It does no cryptography: a value is sent as it is,
// over TLS, and no call ever gives it back.
//
// Two generations of the API are documented. This client reads the answers of
// both (a store alone or in a list of one; nothing or what was there for a
// delete) and sends what today's asks for. Ids are 32 hex digits, values UTF-8
// of at most MaxValue bytes, times UTC. Scopes come back sorted.
//
// Account gives the services of an account; System gives the same services for
// stores that a service of Cloudflare's keeps in a customer's account.
//
// Errors are those of package client, with the kinds below: the API's numbers
// say little, so a kind comes from the word with which a message begins.
// client.Error.Details has every error of an answer.
package secretsstore

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/keyhold/keyhold/pkg/client"
)

// BaseURL is where Cloudflare serves the API.
const BaseURL = "https://api.cloudflare.com/client/v4"

// The limits of the API.
const (
	MaxValue   = 64 << 10 // bytes of a value
	MaxSecrets = 100      // secrets of an account, and so of one Create
	MaxPerPage = 100      // stores or secrets on a page
)

// A Client calls one service. It is safe for concurrent use.
type Client struct {
	Accounts *AccountsService

	c *client.Client
}

// New returns a client of the service at baseURL, which has the version in it,
// as BaseURL does. Credentials are client.Token for an API token, or Key.
func New(baseURL string, opts ...client.Option) (*Client, error) {
	c, err := client.New(baseURL, append(slices.Clone(opts), client.WithDialect(dialect))...)
	if err != nil {
		return nil, err
	}
	return &Client{Accounts: &AccountsService{c}, c: c}, nil
}

// Key is the credentials of the older scheme: an e-mail address and the key of
// its user.
func Key(email string, key client.Secret) client.Credentials { return userKey{email, key} }

type userKey struct {
	email string
	key   client.Secret
}

// Authorize sets both headers.
func (k userKey) Authorize(_ context.Context, h http.Header, refused *client.Error) (bool, error) {
	first := refused == nil
	if first {
		h.Set("X-Auth-Email", k.email)
		h.Set("X-Auth-Key", k.key.Reveal())
	}
	return first, nil
}

// An Account has the services of one account.
type Account struct {
	Stores  *StoresService
	Secrets *SecretsService

	at area
}

// An area is where the stores of an account are.
type area struct {
	c      *client.Client
	path   []string
	system bool
}

// Account returns the services of an account, under /accounts/{id}/secrets_store.
// It asks the service nothing.
func (c *Client) Account(id string) *Account {
	return account(area{c.c, []string{"accounts", id, "secrets_store"}, false})
}

// System returns the services for what the calling service keeps in the account
// with this tag, its 32 hex digits: /system/accounts/{tag}. A customer's
// credentials cannot use them. Stores.Create asks for the account's number as
// well, and there is no Quota.
func (c *Client) System(accountTag string) *Account {
	return account(area{c.c, []string{"system", "accounts", accountTag}, true})
}

func account(a area) *Account {
	return &Account{Stores: &StoresService{a}, Secrets: &SecretsService{a}, at: a}
}

// A Quota is how many secrets an account may have, and has.
type Quota struct {
	Quota int `json:"quota"`
	Usage int `json:"usage"`
}

// Quota is GET …/quota. For System it is errors.ErrUnsupported.
func (a *Account) Quota(ctx context.Context) (*Quota, error) {
	if a.at.system {
		return nil, fmt.Errorf("the quota of a system account: %w", errors.ErrUnsupported)
	}
	q, _, err := do[struct {
		Secrets *Quota `json:"secrets"`
	}](ctx, a.at.c, a.at.request(http.MethodGet, nil, "quota"))
	if err != nil {
		return nil, err
	}
	if q.Secrets == nil {
		return nil, badAnswer("the quota is missing")
	}
	return q.Secrets, nil
}

// request returns a call below the account.
func (a area) request(method string, body any, path ...string) client.Request {
	return client.Request{Method: method, Path: slices.Concat(a.path, path), Body: body}
}
