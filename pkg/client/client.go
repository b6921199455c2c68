// Package client is what the clients of all services share: one way to send a
// request and read its answer, that gives a hostile or broken service no hold.
//
// An answer is read up to a limit, decoded strictly (exact names, no member
// twice) and must have come in time. Redirects are errors. Credentials go to
// the origin of the base URL and to no other, over TLS or to loopback. What is
// safe to repeat is repeated a few times when the service is busy or away.
// Errors are *Error and hold no secret.
//
// The packages below this one have the calls of each service.
package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

const (
	defaultTimeout = 30 * time.Second
	defaultRetries = 2
	defaultMaxBody = 4 << 20
	maxRequestBody = 64 << 20
)

// A Client calls one service. It is safe for concurrent use.
type Client struct {
	base        *url.URL
	http        http.Client
	credentials Credentials
	userAgent   string
	timeout     time.Duration
	retries     int
	sleep       func(context.Context, time.Duration) error
	insecure    bool
	dialect     Dialect
}

// New returns a client of the service at baseURL. Its path goes before that of
// every request; user, query and fragment it may not have.
func New(baseURL string, opts ...Option) (*Client, error) {
	c := &Client{userAgent: "keyhold", timeout: defaultTimeout, retries: defaultRetries, sleep: wait}
	for _, opt := range opts {
		opt(c)
	}
	if c.http.Transport == nil {
		c.http.Transport = http.DefaultTransport
	}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	var err error
	c.base, err = parseBase(baseURL, c.insecure)
	return c, err
}

// parseBase checks a base URL. Its errors do not repeat it: it may have a
// password in it.
func parseBase(s string, insecure bool) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Opaque != "" || u.Hostname() == "" {
		return nil, errors.New("base URL: it is no URL with a host")
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("base URL: it must start with https://")
	case u.Scheme == "http" && !insecure && !isLoopback(u.Hostname()):
		return nil, errors.New("base URL: plain http is for this machine only; use https")
	case u.User != nil:
		return nil, errors.New("base URL: it must not have a user or password")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("base URL: it must not have a query or fragment")
	}
	for seg := range strings.SplitSeq(u.Path, "/") {
		if seg == "." || seg == ".." {
			return nil, errors.New("base URL: its path must not have . or .. in it")
		}
	}
	return u, nil
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}

// A Request is one call.
type Request struct {
	Method string
	// Path is what follows the path of the base URL, as raw segments: each is
	// escaped, a slash too. "", "." and ".." are refused, since escaping does
	// not tame them.
	Path   []string
	Query  url.Values
	Header http.Header // for what is no secret
	// Body is sent as JSON; nil sends none. A Secret in it is revealed.
	Body any
	// MaxBody is how many bytes the answer may have, decompressed; 0 means
	// 4 MiB. A request may have 64 MiB.
	MaxBody int64
	// Timeout takes the place of the client's for the whole call; 0 means the
	// client's. Without progress the client's still ends it.
	Timeout time.Duration
	// Anonymous sends no credentials.
	Anonymous bool
	// Idempotent says that the request may be sent again whatever its method:
	// it only reads, or Header has a key by which the service knows it again.
	Idempotent bool
	// Once says that it may not, whatever its method: it is sent again only
	// after 429, which refuses it before anything is done.
	Once bool
}

// Do sends r and decodes the answer into out, a pointer; nil is for an answer
// that does not matter. With status 204 or 205 out stays as it was.
//
// The error is an *Error unless the request could not be made or Credentials
// failed; then out may be half filled. When ctx ends it matches ctx.Err().
func (c *Client) Do(ctx context.Context, r Request, out any) error {
	x, err := c.exchange(r)
	if err != nil {
		return err
	}
	timeout := c.timeout
	if r.Timeout > 0 {
		timeout = r.Timeout
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, errTimeout)
	defer cancel()
	return x.run(ctx, out)
}

// url returns the address of a path. RawPath is what is sent: it decodes to
// Path, so that net/http does not escape it in another way.
func (c *Client) url(path []string, query url.Values) (*url.URL, error) {
	u := *c.base
	raw := strings.TrimSuffix(u.EscapedPath(), "/")
	plain := strings.TrimSuffix(u.Path, "/")
	for i, seg := range path {
		if seg == "" || seg == "." || seg == ".." {
			return nil, fmt.Errorf("path segment %d is %q, which has another meaning in a path: %w", i+1, seg, ErrInvalid)
		}
		raw += "/" + url.PathEscape(seg)
		plain += "/" + seg
	}
	u.Path, u.RawPath = plain, raw
	u.RawQuery = query.Encode()
	return &u, nil
}
