package admin

import (
	"errors"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/service/accounts"
	"github.com/keyhold/keyhold/internal/service/blobs"
	"github.com/keyhold/keyhold/internal/service/stores"
	"github.com/keyhold/keyhold/internal/service/tokens"
)

// A Token is an API token. Text is only in the answer to its making. Expires is
// the zero time for one that never does.
type Token struct {
	ID       string    `json:"id"`
	API      string    `json:"api"`
	Account  string    `json:"account"`
	Service  string    `json:"service"`
	Email    string    `json:"email"`
	Note     string    `json:"note"`
	ReadOnly bool      `json:"read_only"`
	Text     string    `json:"token,omitzero"`
	Created  time.Time `json:"created"`
	Expires  time.Time `json:"expires,omitzero"`
}

// A NewToken is a request for a token.
type NewToken struct {
	API      string `json:"api"`
	Account  string `json:"account"`
	Service  string `json:"service"`
	Email    string `json:"email"`
	Note     string `json:"note"`
	ReadOnly bool   `json:"read_only"`
	Seconds  int64  `json:"seconds"` // how long it is good for; 0: for ever
}

// check returns the token to be made. The rules are those of the API.
func (n NewToken) check(now time.Time) (tokens.Token, error) {
	t := tokens.Token{
		API: n.API, Account: n.Account, Service: n.Service, Email: n.Email, Note: n.Note, ReadOnly: n.ReadOnly,
	}
	switch n.API {
	case tokens.PWM:
		if n.Account != "" || n.Service != "" {
			return t, &RefusedError{"usage", "a token for " + n.API + " has no account and no service"}
		}
		email, err := ownerOf(n.Email)
		if err != nil {
			return t, err
		}
		t.Email = email
	case tokens.Store:
		if n.Account == "" && n.Service == "" {
			return t, &RefusedError{"usage", "the account is missing"}
		}
		if n.Account != "" {
			id, err := stores.ParseID(n.Account)
			if err != nil {
				return t, &RefusedError{"usage", "an account is 32 hex digits"}
			}
			t.Account = id.String()
		}
	default:
		return t, &RefusedError{"usage", "the API of a token is " + tokens.Store + " or " + tokens.PWM}
	}
	if n.Seconds != 0 {
		t.Expires = now.Add(time.Duration(n.Seconds) * time.Second)
	}
	return t, nil
}

func tokenOf(t tokens.Token) Token {
	return Token{
		ID: t.ID.String(), API: t.API, Account: t.Account, Service: t.Service, Email: t.Email, Note: t.Note,
		ReadOnly: t.ReadOnly, Created: t.Created, Expires: t.Expires,
	}
}

func (s *door) tokens(w http.ResponseWriter, r *http.Request) {
	list := []Token{}
	err := s.Store.View(r.Context(), func(tx kv.Tx) error {
		for t, err := range tokens.List(tx) {
			if err != nil {
				return err
			}
			if t.Expires.IsZero() || s.Now().Before(t.Expires) {
				list = append(list, tokenOf(t))
			}
		}
		return nil
	})
	reply(w, list, err)
}

func (s *door) createToken(w http.ResponseWriter, r *http.Request) {
	var b NewToken
	if err := json.UnmarshalRead(http.MaxBytesReader(w, r.Body, 1<<16), &b); err != nil {
		reply(w, nil, &RefusedError{"usage", "the request is not valid"})
		return
	}
	t, err := b.check(s.Now())
	var made Token
	if err == nil {
		err = s.Store.Update(r.Context(), func(tx kv.Tx) error {
			t, text, err := tokens.Create(tx, s.Now(), s.Rand, t)
			made = tokenOf(t)
			made.Text = text.Reveal()
			return err
		})
	}
	reply(w, made, err)
}

func (s *door) revokeToken(w http.ResponseWriter, r *http.Request) {
	err := tokens.ErrNotFound
	if id, e := seal.ParseID(r.PathValue("token")); e == nil {
		err = s.Store.Update(r.Context(), func(tx kv.Tx) error { return tokens.Revoke(tx, id) })
	}
	if errors.Is(err, tokens.ErrNotFound) {
		err = &RefusedError{"not_found", "no token has this id"}
	}
	reply(w, struct{}{}, err)
}

// ownerOf returns the address by which blobs are kept.
func ownerOf(email string) (string, error) {
	if email == "" {
		return "", &RefusedError{"usage", "the e-mail address is missing"}
	}
	return accounts.NormalizeEmail(email)
}

// An Approval lets a CLI session log in as the owner of an address.
type Approval struct {
	Email string `json:"email"`
}

// approve approves a session that waits.
func (s *door) approve(w http.ResponseWriter, r *http.Request) {
	var b Approval
	if err := json.UnmarshalRead(http.MaxBytesReader(w, r.Body, 1<<16), &b); err != nil {
		reply(w, nil, &RefusedError{"usage", "the request is not valid"})
		return
	}
	email, err := ownerOf(b.Email)
	if err == nil {
		err = s.Store.Update(r.Context(), func(tx kv.Tx) error {
			return blobs.Approve(tx, s.Now(), secret.TextOf(r.PathValue("session")), email)
		})
	}
	switch {
	case errors.Is(err, blobs.ErrNotFound):
		err = &RefusedError{"not_found", "no session of this id waits: it is unknown, out of date, or taken"}
	case errors.Is(err, blobs.ErrExists):
		err = &RefusedError{"exists", "the session is approved already"}
	}
	reply(w, Approval{email}, err)
}
