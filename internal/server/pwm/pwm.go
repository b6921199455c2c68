// Package pwm is the HTTP door to service/blobs: the Vaults API of pwm, with
// one sealed blob per vault, under /pwm.
//
// A token is one of service/tokens for the API "pwm"; the vaults are those of
// its e-mail address. A login without one begins a CLI session, which an
// administrator approves (blobs.Approve); there are no passkeys here. Bodies
// are those of the documentation, bare and not in an envelope; base64 is read
// in any spelling and written with padding.
package pwm

import (
	"cmp"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/secret"
	doors "github.com/keyhold/keyhold/internal/server"
	"github.com/keyhold/keyhold/internal/service/blobs"
	"github.com/keyhold/keyhold/internal/service/tokens"
)

const (
	// API is the name of this API in a tokens.Token.
	API = tokens.PWM
	// TokenTime is how long the token of a CLI session lasts.
	TokenTime = 7 * 24 * time.Hour
	// maxBody is for 25 MiB in base64, and what is around it.
	maxBody = 36 << 20
	// loginsPerMinute is how many CLI sessions one address may begin: too few to
	// take all those that may wait at once.
	loginsPerMinute = 60
)

// Deps is what the API needs.
type Deps struct {
	Store kv.DB
	Now   func() time.Time
	Rand  io.Reader
	Log   *slog.Logger // gets faults; never a token, nor what a body says

	Proxies []netip.Prefix // whose X-Forwarded-For is believed
}

type server struct {
	Deps

	logins *doors.Limiter
}

// New returns the API. It serves paths that start with /pwm/.
func New(d Deps) http.Handler {
	s := &server{d, doors.NewLimiter(loginsPerMinute, d.Now)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /pwm/vault", s.signedIn(s.list))
	mux.HandleFunc("POST /pwm/vault", s.signedIn(s.create))
	// Not {name}, which is no match for the name "/"; see vaultName.
	mux.HandleFunc("GET /pwm/vault/{name...}", s.signedIn(s.get))
	mux.HandleFunc("PUT /pwm/vault/{name...}", s.signedIn(s.update))
	mux.HandleFunc("DELETE /pwm/vault/{name...}", s.signedIn(s.remove))
	mux.HandleFunc("POST /pwm/auth/cli/session", s.open(s.limited(s.begin)))
	mux.HandleFunc("GET /pwm/auth/cli/session/{id}", s.open(s.poll))
	mux.HandleFunc("GET /pwm/auth/session/status", s.signedIn(s.status))
	mux.HandleFunc("POST /pwm/auth/session/logout", s.known(s.logout)) // with a token for reading alone, too
	mux.HandleFunc("/", s.open(func(*http.Request) (int, any, error) { return 0, nil, errNoRoute }))
	return mux
}

// A handler answers with a status and a body, or with an error.
type handler func(r *http.Request) (status int, body any, err error)

// open serves who has no token.
func (s *server) open(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		status, body, err := h(r)
		if err != nil {
			status, body = s.refusal(r, err)
		}
		s.write(w, r, status, body)
	}
}

// limited refuses who calls too often.
func (s *server) limited(h handler) handler {
	return func(r *http.Request) (int, any, error) {
		if _, ok := s.logins.Allow(doors.Client(r, s.Proxies)); !ok {
			return 0, nil, blobs.ErrBusy
		}
		return h(r)
	}
}

// known serves who has a token, and reads no body of anybody else.
func (s *server) known(h func(*http.Request, tokens.Token) (int, any, error)) http.HandlerFunc {
	return s.open(func(r *http.Request) (int, any, error) {
		t, err := s.authenticate(r)
		if err != nil {
			return 0, nil, err
		}
		return h(r, t)
	})
}

// signedIn is known, with tokens for reading alone where something changes refused.
func (s *server) signedIn(h func(*http.Request, tokens.Token) (int, any, error)) http.HandlerFunc {
	return s.known(func(r *http.Request, t tokens.Token) (int, any, error) {
		if t.ReadOnly && r.Method != http.MethodGet {
			return 0, nil, errReadOnly
		}
		return h(r, t)
	})
}

func (s *server) authenticate(r *http.Request) (t tokens.Token, err error) {
	const bearer = "bearer "
	head := r.Header.Get("Authorization")
	if len(head) <= len(bearer) || !strings.EqualFold(head[:len(bearer)], bearer) {
		return t, tokens.ErrToken
	}
	err = s.Store.View(r.Context(), func(tx kv.Tx) error {
		t, err = tokens.Authenticate(tx, s.Now(), API, secret.TextOf(head[len(bearer):]))
		return err
	})
	return t, err
}

// userID names an account to programs.
func userID(t tokens.Token) string { return cmp.Or(t.Account, t.Email) }

// vaultName returns the one segment of the path that names a vault, where a
// slash that belongs to the name is escaped.
func vaultName(r *http.Request) (string, error) {
	raw := strings.TrimPrefix(r.URL.EscapedPath(), "/pwm/vault/")
	name, err := url.PathUnescape(raw)
	if err != nil || strings.Contains(raw, "/") {
		return "", errNoRoute
	}
	return name, nil
}
