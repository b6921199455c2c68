// Package vaultctl is a client of the vaultctl "Vaults API", version 1: vaults,
// items, members and rekey, all of them sealed before they come here. It does
// no cryptography.
//
// The documentation of the API and its released server disagree in places. This
// client reads both and writes what is documented, with the released server's
// way as a second try where that is named below. Lists may come wrapped
// ({"items":[…]}) or bare; ids as "vaultId" or "id"; the types of items as
// "note" and "card" or "secure_note" and "credit_card", which are the names
// used here. Binary values are bytes here and standard base64 with padding on
// the wire; times are UTC.
//
// The numbers KeyVersion and Revision make concurrent work safe. They are an
// addition that not every server has: 0 stands for "not given". Without them the
// last write wins, so read again just before you write; a write of somebody
// else's between the two is lost all the same.
//
// Errors are those of package client, with the kinds below. Tokens come from
// the caller as client.Credentials; this package never refreshes on its own.
package vaultctl

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/keyhold/keyhold/pkg/client"
)

const (
	// maxList is for lists: they have no pages, and hold whole vaults.
	maxList = 128 << 20
	// bigTimeout is for calls that carry whole vaults. They still end when
	// nothing moves for as long as other calls may take.
	bigTimeout = 10 * time.Minute
)

// A Client calls one server. It is safe for concurrent use.
type Client struct {
	Auth    *AuthService
	Vaults  *VaultsService
	Items   *ItemsService
	Trash   *TrashService
	Members *MembersService
	Users   *UsersService
	Orgs    *OrgsService
	Server  *ServerService
}

// New returns a client of the server at baseURL, such as
// https://vault.example.com; /api/v1 is added if it does not end in it.
func New(baseURL string, opts ...client.Option) (*Client, error) {
	baseURL = strings.TrimRight(baseURL, "/")
	if !strings.HasSuffix(baseURL, "/api/v1") {
		baseURL += "/api/v1"
	}
	all := append([]client.Option{}, opts...)
	c, err := client.New(baseURL, append(all, client.WithDialect(dialect))...)
	if err != nil {
		return nil, err
	}
	orgs := &OrgsService{c}
	return &Client{
		Auth:    &AuthService{c},
		Vaults:  &VaultsService{c, orgs},
		Items:   &ItemsService{c},
		Trash:   &TrashService{c},
		Members: &MembersService{c},
		Users:   &UsersService{c, orgs},
		Orgs:    orgs,
		Server:  &ServerService{c},
	}, nil
}

func get(path ...string) client.Request {
	return client.Request{Method: http.MethodGet, Path: path}
}

func list(path ...string) client.Request {
	return client.Request{Method: http.MethodGet, Path: path, MaxBody: maxList, Timeout: bigTimeout}
}

func send(method string, body any, path ...string) client.Request {
	return client.Request{Method: method, Path: path, Body: body}
}

func query(name, value string) url.Values { return url.Values{name: {value}} }
