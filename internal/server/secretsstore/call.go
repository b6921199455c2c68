package secretsstore

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/server"
	"github.com/keyhold/keyhold/internal/service/stores"
	"github.com/keyhold/keyhold/internal/service/tokens"
)

// A call is a request that is being answered, inside of a transaction.
type call struct {
	*door
	route

	r       *http.Request
	vars    map[string]string
	text    []byte // of the body
	counted bool   // by the limiter

	tx    kv.Tx
	now   time.Time
	token tokens.Token
	owner stores.Owner
}

// A credential is what a client shows.
type credential struct {
	token secret.String
	isKey bool   // it came as X-Auth-Key
	email string // beside a key
}

// credentialOf reads the headers of either scheme. What cannot be a token is
// refused before the store is asked.
func credentialOf(h http.Header) (credential, error) {
	if auth := h.Get("Authorization"); auth != "" {
		scheme, text, _ := strings.Cut(auth, " ")
		if text = strings.TrimSpace(text); !strings.EqualFold(scheme, "Bearer") || !isToken(text) {
			return credential{}, errBadAuthorization
		}
		return credential{token: secret.TextOf(text)}, nil
	}
	key, email := h.Get("X-Auth-Key"), h.Get("X-Auth-Email")
	switch {
	case key == "" || email == "":
		return credential{}, errMissingHeaders
	case !isToken(key):
		return credential{}, errBadKey
	}
	return credential{secret.TextOf(key), true, email}, nil
}

// isToken reports whether s looks like a token of any service.
func isToken(s string) bool {
	const longest = 512
	return s != "" && len(s) <= longest && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.~+/=", r)
	})
}

// authenticate checks who calls, that the account is one and theirs, and that
// the token may do this, in that order.
func (c *call) authenticate(cred credential) error {
	t, err := tokens.Authenticate(c.tx, c.Now(), API, cred.token)
	switch {
	case errors.Is(err, tokens.ErrToken):
		return errUnauthenticated
	case err != nil:
		return err
	case cred.isKey && t.Email != "" && !strings.EqualFold(t.Email, cred.email):
		return errUnauthenticated
	}
	c.token = t
	server.Note(c.r.Context(), t.ID.String(), "")
	if c.route.door == anybody {
		return nil
	}
	id, err := stores.ParseID(c.vars["account"])
	if err != nil {
		return noRoute(strings.TrimPrefix(c.r.URL.Path, base))
	}
	own := strings.EqualFold(t.Account, id.String()) || t.Account == "" && t.Service != ""
	if !own || (t.Service != "") != (c.route.door == system) {
		return errForeign
	}
	if c.changes && t.ReadOnly {
		return errDenied
	}
	c.owner = stores.Owner{Account: id, Service: t.Service}
	return nil
}

// store returns the store of the path. What cannot be an id is not there.
func (c *call) store() (stores.Store, error) {
	id, err := stores.ParseID(c.vars["store"])
	if err != nil {
		return stores.Store{}, stores.ErrStoreNotFound
	}
	return stores.GetStore(c.tx, c.owner, id)
}

// secret returns the secret of the path, after its store.
func (c *call) secret() (stores.Secret, error) {
	st, err := c.store()
	if err != nil {
		return stores.Secret{}, err
	}
	id, err := stores.ParseID(c.vars["secret"])
	if err != nil {
		return stores.Secret{}, stores.ErrSecretNotFound
	}
	return stores.Get(c.tx, c.owner, st.ID, id)
}
