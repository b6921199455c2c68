// Package vaultctl is the HTTP door to accounts and vaults: the vaultctl
// "Vaults API", version 1, below /api/v1. It has no rules of its own: it reads
// requests, calls internal/service inside of one transaction, and writes what
// that returns, as a superset of the documented answers and those of the
// released server.
//
// Folders, attachments, one-time codes, recovery, hints, API keys and e-mail are
// not there: their paths are 404.
package vaultctl

import (
	"cmp"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime"
	"time"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/server"
	"github.com/keyhold/keyhold/internal/service/accounts"
)

// Deps is what the door is made of.
type Deps struct {
	Store kv.DB
	Keys  accounts.Keys
	Now   func() time.Time
	Rand  io.Reader
	Mode  accounts.Mode
	Log   *slog.Logger

	Version, Commit string
	// AccessTime is how long an access token is good for; zero: accounts.AccessTime.
	AccessTime time.Duration
	Proxies    []netip.Prefix // whose X-Forwarded-For is believed
	Limits     Limits
}

// Limits are how many requests a minute one client may make; zero is the default.
type Limits struct {
	Credentials int // prelogin, register, login and refresh, by address: 60
	StepUp      int // step-up and change of password, by address: 60
	Users       int // look-ups of users, by account: 300
	Hashes      int // how many passwords are checked at once, 19 MiB each: one for each processor
}

// The greatest bodies.
const (
	maxBody    = 1 << 20
	maxItem    = 6 << 20 // an item of 4 MiB in base64
	maxChanges = 16 << 20
	maxRekey   = 64 << 20
)

type door struct {
	Deps

	credentials, stepUp, users *server.Limiter
	hashes                     server.Gate
	big                        server.Gate // bodies above maxItem
}

// New returns the handler of every path below /api/v1.
func New(d Deps) http.Handler {
	d.AccessTime = cmp.Or(d.AccessTime, accounts.AccessTime)
	s := &door{
		Deps:        d,
		credentials: server.NewLimiter(cmp.Or(d.Limits.Credentials, 60), d.Now),
		stepUp:      server.NewLimiter(cmp.Or(d.Limits.StepUp, 60), d.Now),
		users:       server.NewLimiter(cmp.Or(d.Limits.Users, 300), d.Now),
		hashes:      server.NewGate(cmp.Or(d.Limits.Hashes, runtime.GOMAXPROCS(0))),
		big:         server.NewGate(2),
	}
	mux := http.NewServeMux()
	for _, r := range s.routes() {
		method, path, _ := cut(r.pattern)
		mux.HandleFunc(method+" /api/v1"+path, r.handle)
	}
	outer := server.Outer{Log: d.Log, Now: d.Now, Rand: d.Rand, Fail: func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, errInternal)
	}}
	return outer.Wrap(s.unrouted(mux))
}

// unrouted answers in the API's way where there is no such path or method. It
// never redirects.
func (s *door) unrouted(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, pattern := mux.Handler(r)
		if pattern != "" && !redirects(mux, r) {
			mux.ServeHTTP(w, r)
			return
		}
		probe := &discard{header: http.Header{}}
		h.ServeHTTP(probe, r)
		if probe.status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", probe.header.Get("Allow"))
			s.fail(w, r, problemError{http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "the path has no such method", ""})
			return
		}
		s.fail(w, r, errNotFound)
	})
}

// A discard takes an answer that nobody wants.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }
