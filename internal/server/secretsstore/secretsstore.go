// Package secretsstore is the HTTP door to stores: the Cloudflare Secrets Store
// API below /client/v4, for an account and, under /system, for a service that
// keeps stores in it. It has no rules of its own: it reads requests, calls
// internal/service/stores inside of one transaction and writes what that
// returns.
//
// It takes both documented generations of requests, and answers those of today;
// whoever creates a store by a list of one gets a list of one. What a client
// reads of /accounts and /memberships to find its account is there too.
package secretsstore

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/server"
	"github.com/keyhold/keyhold/internal/service/stores"
	"github.com/keyhold/keyhold/internal/service/tokens"
)

// API is the name of this API in internal/service/tokens. Account is the 32 hex
// digits of the account. With a Service the token is good for /system alone,
// and for every account if it names none; without one it is good for the
// account alone. An Email has to be given beside a token that has one, where
// the token is used as a key.
const API = tokens.Store

// Deps is what the door is made of.
type Deps struct {
	Store kv.DB
	Keys  stores.Keys
	Now   func() time.Time
	Rand  io.Reader
	Log   *slog.Logger
	// Gone is called after something was deleted or replaced, to overwrite what
	// is left of it in free pages; nil: nothing is done.
	Gone func(context.Context) error

	Proxies []netip.Prefix // whose X-Forwarded-For is believed
	Limits  Limits
}

// Limits are how many requests a minute are answered; zero is the default.
type Limits struct {
	Token    int // with one token: 1,200
	Refusals int // without a good one, by address: 120
}

// The greatest bodies.
const (
	maxBody    = 1 << 20
	maxSecrets = 16 << 20 // a hundred values of 64 KiB, some of it escaped
)

type door struct {
	Deps

	tokens, refusals *server.Limiter
	big              server.Gate // bodies above maxBody
	routes           []route
}

// New returns the handler of every path below /client/v4.
func New(d Deps) http.Handler {
	s := &door{
		Deps:     d,
		tokens:   server.NewLimiter(cmp.Or(d.Limits.Token, 1200), d.Now),
		refusals: server.NewLimiter(cmp.Or(d.Limits.Refusals, 120), d.Now),
		big:      server.NewGate(2),
		routes:   routes(),
	}
	outer := server.Outer{Log: d.Log, Now: d.Now, Rand: d.Rand, Fail: func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, errInternal)
	}}
	return outer.Wrap(http.HandlerFunc(s.serve))
}

// serve answers one request.
func (s *door) serve(w http.ResponseWriter, r *http.Request) {
	c, err := s.route(r)
	if err == nil {
		err = s.answer(w, r, c)
	}
	if err != nil {
		s.fail(w, r, err)
	}
}

// answer authenticates, reads the body and does what the route does.
func (s *door) answer(w http.ResponseWriter, r *http.Request, c *call) error {
	cred, err := credentialOf(r.Header)
	if err != nil {
		return s.refused(r, err)
	}
	run := s.Store.View
	if c.changes {
		run = s.Store.Update
		// A body is read only from who may send it, and not in a transaction.
		err := s.Store.View(r.Context(), func(tx kv.Tx) error {
			c.tx = tx
			return c.authenticate(cred)
		})
		if err != nil {
			return s.refused(r, err)
		}
	}
	var out []byte
	work := func() {
		if c.body > 0 {
			if c.text, err = readAll(w, r, c.body); err != nil {
				return
			}
			defer clear(c.text)
		}
		err = run(r.Context(), func(tx kv.Tx) error {
			c.tx, c.now = tx, s.Now()
			if err := c.authenticate(cred); err != nil {
				return err
			}
			if wait, ok := s.allow(c); !ok {
				return waitError{wait}
			}
			res, err := c.do(c)
			if err != nil {
				return err
			}
			out, err = envelope(res)
			return err
		})
	}
	if c.body > maxBody {
		if err := s.big.Do(r.Context(), work); err != nil {
			return err
		}
	} else {
		work()
	}
	if err != nil {
		return s.refused(r, err)
	}
	if c.changes && r.Method != http.MethodPost && s.Gone != nil {
		if err := s.Gone(r.Context()); err != nil {
			s.Log.ErrorContext(r.Context(), "scrub", "error", err.Error())
		}
	}
	send(w, http.StatusOK, out)
	return nil
}

// allow takes one request of those that the token may make. A transaction that
// runs again takes no second one.
func (s *door) allow(c *call) (time.Duration, bool) {
	if c.counted {
		return 0, true
	}
	c.counted = true
	return s.tokens.Allow(c.token.ID.String())
}

// refused limits how often an address may show no good token.
func (s *door) refused(r *http.Request, err error) error {
	p := problemOf(err)
	if p.status != http.StatusUnauthorized && p.errors[0].Code != errMissingHeaders.errors[0].Code && p.errors[0].Code != badHeaders {
		return err
	}
	if wait, ok := s.refusals.Allow(server.Client(r, s.Proxies)); !ok {
		return waitError{wait}
	}
	return err
}
