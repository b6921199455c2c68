// Package admin is the door for who runs the server: users, invites, API
// tokens, a backup.
// It asks for no credentials: it is served on a socket that only its owner can
// reach, or called in the same process. Its wire is nobody else's business.
package admin

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/service/accounts"
	"github.com/keyhold/keyhold/internal/service/tokens"
)

// Deps is what the door is made of.
type Deps struct {
	Store kv.DB
	Copy  func(ctx context.Context, w io.Writer) error // of the whole store
	Keys  accounts.Keys
	Now   func() time.Time
	Rand  io.Reader
}

// A User is an account.
type User struct {
	ID       string    `json:"id"`
	Email    string    `json:"email"`
	Name     string    `json:"name"`
	Role     string    `json:"role"`
	Disabled bool      `json:"disabled"`
	Created  time.Time `json:"created"`
}

// An Invite is one that was not used. Code is only in the answer to its making.
type Invite struct {
	ID      string    `json:"id"`
	Email   string    `json:"email"`
	Code    string    `json:"code,omitzero"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
}

// A NewInvite is a request for an invite.
type NewInvite struct {
	Email   string `json:"email"`   // for this address alone; empty: for any
	Seconds int64  `json:"seconds"` // how long it is good for
}

// A RefusedError is an answer that refuses. Code is an error code of package exit.
type RefusedError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (p *RefusedError) Error() string { return p.Message }

type door struct{ Deps }

// New returns the handler.
func New(d Deps) http.Handler {
	s := &door{d}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users", s.users)
	mux.HandleFunc("POST /users/{user}/disabled", s.setDisabled(true))
	mux.HandleFunc("DELETE /users/{user}/disabled", s.setDisabled(false))
	mux.HandleFunc("GET /invites", s.invites)
	mux.HandleFunc("POST /invites", s.createInvite)
	mux.HandleFunc("DELETE /invites/{invite}", s.revokeInvite)
	mux.HandleFunc("GET /tokens", s.tokens)
	mux.HandleFunc("POST /tokens", s.createToken)
	mux.HandleFunc("DELETE /tokens/{token}", s.revokeToken)
	mux.HandleFunc("POST /sessions/{session}", s.approve)
	mux.HandleFunc("GET /backup", s.backup)
	return mux
}

func (s *door) users(w http.ResponseWriter, r *http.Request) {
	list := []User{}
	err := s.Store.View(r.Context(), func(tx kv.Tx) error {
		for a, err := range accounts.All(tx) {
			if err != nil {
				return err
			}
			if !a.IsLocal() {
				list = append(list, userOf(a))
			}
		}
		return nil
	})
	reply(w, list, err)
}

func userOf(a accounts.Account) User {
	return User{a.ID.String(), a.Email, a.Name, string(a.Role), a.Disabled, a.Created}
}

// setDisabled disables or enables the user whose id or e-mail address is in the
// path.
func (s *door) setDisabled(disabled bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var u User
		err := s.Store.Update(r.Context(), func(tx kv.Tx) error {
			a, err := find(tx, r.PathValue("user"))
			if err == nil {
				err = accounts.SetDisabled(tx, a.ID, disabled)
			}
			if errors.Is(err, accounts.ErrNotFound) {
				return &RefusedError{"not_found", "no user has this id or address"}
			}
			if err != nil {
				return err
			}
			a, err = accounts.Get(tx, a.ID)
			u = userOf(a)
			return err
		})
		reply(w, u, err)
	}
}

func find(tx kv.Tx, name string) (accounts.Account, error) {
	if id, err := seal.ParseID(name); err == nil {
		return accounts.Get(tx, id)
	}
	return accounts.ByEmail(tx, name)
}

func (s *door) invites(w http.ResponseWriter, r *http.Request) {
	list := []Invite{}
	err := s.Store.View(r.Context(), func(tx kv.Tx) error {
		all, err := accounts.Invites(tx)
		for _, i := range all {
			if s.Now().Before(i.Expires) {
				list = append(list, inviteOf(i))
			}
		}
		return err
	})
	reply(w, list, err)
}

func inviteOf(i accounts.Invite) Invite {
	return Invite{ID: i.ID.String(), Email: i.Email, Created: i.Created, Expires: i.Expires}
}

// createInvite makes an invite. An address that has an account needs none.
func (s *door) createInvite(w http.ResponseWriter, r *http.Request) {
	var b NewInvite
	if err := json.UnmarshalRead(http.MaxBytesReader(w, r.Body, 1<<16), &b); err != nil {
		reply(w, nil, &RefusedError{"usage", "the request is not valid"})
		return
	}
	var made Invite
	err := s.Store.Update(r.Context(), func(tx kv.Tx) error {
		if b.Email != "" {
			switch _, err := accounts.ByEmail(tx, b.Email); {
			case err == nil:
				return accounts.ErrExists
			case !errors.Is(err, accounts.ErrNotFound):
				return err
			}
		}
		i, code, err := accounts.CreateInvite(tx, s.Now(), s.Keys, s.Rand, seal.ID{}, b.Email, time.Duration(b.Seconds)*time.Second)
		made = inviteOf(i)
		made.Code = code.Reveal()
		return err
	})
	reply(w, made, err)
}

func (s *door) revokeInvite(w http.ResponseWriter, r *http.Request) {
	err := accounts.ErrNotFound
	if id, e := seal.ParseID(r.PathValue("invite")); e == nil {
		err = s.Store.Update(r.Context(), func(tx kv.Tx) error { return accounts.RevokeInvite(tx, id) })
	}
	if errors.Is(err, accounts.ErrNotFound) {
		err = &RefusedError{"not_found", "no invite has this id"}
	}
	reply(w, struct{}{}, err)
}

// backup sends the whole store. If it fails half-way the connection is cut, so
// that nobody takes a part for the whole.
func (s *door) backup(w http.ResponseWriter, r *http.Request) {
	c := &counter{w: w}
	err := s.Copy(r.Context(), c)
	switch {
	case err == nil:
	case c.n > 0:
		panic(http.ErrAbortHandler)
	default:
		reply(w, nil, err)
	}
}

// A counter counts what is written.
type counter struct {
	w io.Writer
	n int
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += n
	return n, err
}

func reply(w http.ResponseWriter, body any, err error) {
	status := http.StatusOK
	if err != nil {
		status, body = http.StatusBadRequest, problemOf(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.MarshalWrite(w, body)
}

// problemOf returns what went wrong, in the words of the commands.
func problemOf(err error) *RefusedError {
	var p *RefusedError
	var invalid *accounts.InvalidError
	var token *tokens.InvalidError
	var format *kv.FormatError
	code := "error"
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &invalid):
		return &RefusedError{"usage", invalid.Error()}
	case errors.As(err, &token):
		return &RefusedError{"usage", token.Error()}
	case errors.As(err, &format):
		code = "store_too_new"
	case errors.Is(err, fs.ErrNotExist):
		return &RefusedError{"not_found", "there is no store yet"}
	case errors.Is(err, accounts.ErrExists):
		return &RefusedError{"exists", "the address has an account already"}
	case errors.Is(err, kv.ErrBusy):
		code = "busy"
	case errors.Is(err, accounts.ErrDamaged), errors.Is(err, tokens.ErrDamaged), errors.Is(err, kv.ErrDamaged):
		code = "damaged"
	}
	return &RefusedError{code, err.Error()}
}
