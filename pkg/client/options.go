package client

import (
	"context"
	"net/http"
	"time"
)

// An Option changes how a Client works.
type Option func(*Client)

// WithHTTPClient sets the client that sends requests, for a transport with
// another certificate authority or proxy. It is copied, and the copy follows
// no redirects.
func WithHTTPClient(h *http.Client) Option {
	return func(c *Client) { c.http = *h }
}

// WithCredentials sets what proves to the service who asks.
func WithCredentials(cr Credentials) Option {
	return func(c *Client) { c.credentials = cr }
}

// WithUserAgent sets the User-Agent.
func WithUserAgent(name string) Option {
	return func(c *Client) { c.userAgent = name }
}

// WithTimeout sets how long a call may take with all its retries, and how long
// it may go without any progress; the default is 30 seconds. Less than or
// equal to 0 leaves it at that.
func WithTimeout(d time.Duration) Option {
	return func(c *Client) {
		if d > 0 {
			c.timeout = d
		}
	}
}

// WithRetries sets how often a request is sent again; the default is 2.
func WithRetries(n int) Option {
	return func(c *Client) { c.retries = n }
}

// WithSleep sets how to wait before a request is sent again, for tests. It
// must return early, with an error, when ctx is done.
func WithSleep(sleep func(ctx context.Context, d time.Duration) error) Option {
	return func(c *Client) { c.sleep = sleep }
}

// WithInsecureHTTP allows a base URL with plain http to any host. Without it
// only loopback may do without TLS.
func WithInsecureHTTP() Option {
	return func(c *Client) { c.insecure = true }
}

// WithDialect sets what the service does in a way of its own. It is for the
// packages below this one.
func WithDialect(d Dialect) Option {
	return func(c *Client) { c.dialect = d }
}

// A Dialect is what a service does in a way of its own. Every part may be nil.
type Dialect struct {
	// Explain sets Code, Message, Field, Details, RequestID or Kind of e from a refusal;
	// e has its status already. The body may be of any type, cut short or
	// empty. It must not keep the body.
	Explain func(e *Error, h http.Header, body []byte)
	// Kinds are the kinds of errors by their Code. They go before the status,
	// and a Kind that Explain has set goes before both.
	Kinds map[string]error
	// Unwrap returns the part of an answer that is the result. With an error
	// the call fails: an *Error says why the service refuses after all, any
	// other means that the answer makes no sense.
	Unwrap func(body []byte) ([]byte, error)
	// Stale reports whether a refusal is about credentials for which Credentials
	// may know newer ones; by default every 401 is.
	Stale func(e *Error) bool
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
