// Package pwm is a client of the "Vaults API" of pwm: vaults that are one
// sealed blob each, kept by name. It does no cryptography.
//
// The documentation shows answers bare in one place and as {"data", "success"}
// in another; this client reads both. Binary values are bytes here; on the
// wire standard base64 with padding is written, and base64url or missing
// padding read as well. Times are read as RFC 3339 or as milliseconds since
// 1970, and are UTC. A login needs a browser: it is made by a CLI session,
// which a person completes on the service's page. Tokens are opaque.
//
// A vault has a version, from 1, that every change makes greater by one. Who
// changes it says which version he read; if it is not the current one nothing
// changes.
//
// Errors are those of package client, by the code of the service first and the
// status second, with the kinds below.
package pwm

import (
	"net/http"
	"time"

	"github.com/keyhold/keyhold/pkg/client"
)

const (
	// maxVault is for one vault: 25 MiB in base64, and what is around it.
	maxVault = 36 << 20
	// bigTimeout is for calls that carry whole vaults. They still end when
	// nothing moves for as long as other calls may take.
	bigTimeout = 10 * time.Minute
)

// A Client calls one server. It is safe for concurrent use.
type Client struct {
	Vaults  *VaultsService
	CLI     *CLIService
	Session *SessionService
}

// New returns a client of the server at baseURL, such as
// https://vault-api.example.com; its path, if any, goes before that of every
// call.
func New(baseURL string, opts ...client.Option) (*Client, error) {
	all := append([]client.Option{}, opts...)
	c, err := client.New(baseURL, append(all, client.WithDialect(dialect))...)
	if err != nil {
		return nil, err
	}
	return &Client{Vaults: &VaultsService{c}, CLI: &CLIService{c}, Session: &SessionService{c}}, nil
}

func get(path ...string) client.Request {
	return client.Request{Method: http.MethodGet, Path: path}
}

// big is a call that carries a vault.
func big(method string, body any, path ...string) client.Request {
	return client.Request{Method: method, Path: path, Body: body, MaxBody: maxVault, Timeout: bigTimeout}
}
