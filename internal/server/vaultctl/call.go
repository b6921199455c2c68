package vaultctl

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/server"
	"github.com/keyhold/keyhold/internal/service/accounts"
)

// A call is a request that is being answered, inside of a transaction.
type call struct {
	tx     kv.Tx
	r      *http.Request
	now    time.Time
	user   accounts.Account // who is logged in
	claims accounts.Claims
}

// An answer is the status and the body; nil is none.
type answer struct {
	status int
	body   any
}

func ok(body any) answer { return answer{http.StatusOK, body} }

var noContent = answer{status: http.StatusNoContent}

// A need is what a call asks of an access token.
type need bool

const (
	plain     need = false
	steppedUp need = true // the password was given again a short while ago
)

// id returns the id that stands in the path. One that cannot be is one that is
// not there.
func (c *call) id(name string) (seal.ID, error) {
	id, err := seal.ParseID(c.r.PathValue(name))
	if err != nil || id.IsZero() {
		return seal.ID{}, errNotFound
	}
	return id, nil
}

// open makes a handler of a call without a token that only reads.
func open(s *door, do func(*call) (answer, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var out result
		out.err = s.Store.View(r.Context(), func(tx kv.Tx) error {
			return out.of(do(&call{tx: tx, r: r, now: s.Now()}))
		})
		s.write(w, r, out)
	}
}

// read makes a handler of a call that only reads.
func read(s *door, n need, do func(*call) (answer, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token, err := s.bearer(r)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		var out result
		out.err = s.Store.View(r.Context(), func(tx kv.Tx) error {
			c, err := s.authenticate(tx, r, token, n)
			if err != nil {
				return err
			}
			return out.of(do(c))
		})
		s.write(w, r, out)
	}
}

// write makes a handler of a call that changes something. Its body, which may
// have limit bytes, is read before the transaction, and only from who shows a
// token of ours.
func write[B any](s *door, n need, limit int64, do func(*call, B) (answer, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token, err := s.bearer(r)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		var out result
		run := func() {
			var body B
			if out.err = decode(w, r, limit, &body); out.err != nil {
				return
			}
			out.err = accounts.Update(r.Context(), s.Store, func(tx kv.Tx) error {
				c, err := s.authenticate(tx, r, token, n)
				if err != nil {
					return err
				}
				return out.of(do(c, body))
			})
		}
		if limit > maxItem {
			if err := s.big.Do(r.Context(), run); err != nil {
				out.err = err
			}
		} else {
			run()
		}
		s.write(w, r, out)
	}
}

// bearer returns the access token of a request, which at least looks like one
// of ours.
func (s *door) bearer(r *http.Request) (secret.String, error) {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || strings.TrimSpace(text) == "" {
		return secret.String{}, errUnauthenticated
	}
	token := secret.TextOf(strings.TrimSpace(text))
	_, err := s.Keys.ParseToken(s.Now(), token)
	return token, err
}

// authenticate returns the call of who is logged in.
func (s *door) authenticate(tx kv.Tx, r *http.Request, token secret.String, n need) (*call, error) {
	now := s.Now()
	user, claims, err := accounts.Authenticate(tx, now, s.Keys, token)
	if err != nil {
		return nil, err
	}
	server.Note(r.Context(), user.ID.String(), "")
	if n == steppedUp && !claims.IsSteppedUp(now) {
		return nil, errStepUp
	}
	return &call{tx: tx, r: r, now: now, user: user, claims: claims}, nil
}

// A result is an answer that has left its transaction.
type result struct {
	status int
	body   []byte
	err    error
}

// of writes down an answer while what it consists of is still valid.
func (o *result) of(a answer, err error) error {
	if err != nil {
		return err
	}
	o.status, o.body = a.status, nil
	if a.body == nil {
		return nil
	}
	o.body, err = json.Marshal(a.body)
	return err
}

func (s *door) write(w http.ResponseWriter, r *http.Request, out result) {
	if out.err != nil {
		s.fail(w, r, out.err)
		return
	}
	send(w, out.status, out.body)
}

func send(w http.ResponseWriter, status int, body []byte) {
	if body == nil {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // who does not read has gone
}

// decode reads the body of a request: one JSON value without a member twice.
// Members that are not known are left alone. A call without a body takes any.
func decode(w http.ResponseWriter, r *http.Request, limit int64, body any) error {
	if _, none := body.(*struct{}); none {
		return nil
	}
	err := json.UnmarshalRead(http.MaxBytesReader(w, r.Body, limit), body)
	var large *http.MaxBytesError
	var semantic *json.SemanticError
	var syntactic *jsontext.SyntacticError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &large):
		return errTooLarge
	case errors.As(err, &semantic):
		return invalid(fieldOf(semantic.JSONPointer), "it has not the form that is documented")
	case errors.As(err, &syntactic), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return invalid("", "the body is not valid JSON")
	}
	return err
}

// fieldOf returns the name of the member that a pointer leads to.
func fieldOf(p jsontext.Pointer) (field string) {
	for token := range p.Tokens() {
		if token != "" && (token[0] < '0' || token[0] > '9') {
			field = token
		}
	}
	if len(field) > 64 {
		return ""
	}
	return field
}
