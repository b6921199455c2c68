package secretsstore

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/keyhold/keyhold/pkg/client"
)

// What this service refuses in a way of its own. Each matches the kind of
// package client in its text too.
var (
	// ErrNameTaken says that the store has a secret of that name. It is a client.ErrConflict.
	ErrNameTaken = fmt.Errorf("the name is taken: %w", client.ErrConflict)
	// ErrNotEmpty refuses to delete a store that has secrets. It is a client.ErrConflict.
	ErrNotEmpty = fmt.Errorf("the store is not empty: %w", client.ErrConflict)
	// ErrMaxStores refuses one store more than an account may have. It is a client.ErrDenied.
	ErrMaxStores = fmt.Errorf("the account has all the stores it may have: %w", client.ErrDenied)
	// ErrMaxSecrets refuses more secrets than an account may have. It is a client.ErrDenied.
	ErrMaxSecrets = fmt.Errorf("the account has no room for more secrets: %w", client.ErrDenied)
	// ErrStoreNotFound is an unknown store, or another account's. It is a client.ErrNotFound.
	ErrStoreNotFound = fmt.Errorf("no such store: %w", client.ErrNotFound)
	// ErrSecretNotFound is an unknown secret in a store that is there. It is a client.ErrNotFound.
	ErrSecretNotFound = fmt.Errorf("no such secret: %w", client.ErrNotFound)
	// ErrAccountID is an account id that is none. It is a client.ErrInvalid.
	ErrAccountID = fmt.Errorf("no account id: %w", client.ErrInvalid)
)

// words are what a message says, alone or before ": " and more.
var words = map[string]error{
	"store_not_found":            ErrStoreNotFound,
	"secret_not_found":           ErrSecretNotFound,
	"secret_name_already_exists": ErrNameTaken,
	"store_not_empty":            ErrNotEmpty,
	"maximum_stores_exceeded":    ErrMaxStores,
	"maximum_secrets_exceeded":   ErrMaxSecrets,
	"invalid_json_body":          client.ErrInvalid,
	"Invalid access token":       client.ErrUnauthenticated, // 9109, which is a foreign account too
}

// codes are those that mean one thing, whatever the status.
var codes = map[string]error{
	"1000": client.ErrNotFound,
	"6003": client.ErrUnauthenticated, // Invalid request headers
	"6103": client.ErrUnauthenticated,
	"6111": client.ErrUnauthenticated,
	"7003": ErrAccountID, // Could not route to …
	"9103": client.ErrUnauthenticated,
	"9106": client.ErrUnauthenticated, // Missing … headers
	"9109": client.ErrDenied,          // Unauthorized to access requested resource
}

// kindOf returns what an error of the service means, or nil where the status
// decides.
func kindOf(d client.ErrorDetail, status int) error {
	word, _, _ := strings.Cut(d.Message, ":")
	word = strings.TrimSpace(word)
	if kind := words[word]; kind != nil {
		return kind
	}
	if kind := codes[d.Code]; kind != nil {
		return kind
	}
	switch {
	case d.Code == "10000" && status == http.StatusForbidden:
		return client.ErrDenied // a good token without the permission
	case d.Code == "10000":
		return client.ErrUnauthenticated
	case d.Code == "1001" && strings.HasPrefix(word, "secret_"), d.Code == "1001" && strings.HasPrefix(word, "store_"):
		return client.ErrInvalid // secret_name_empty, secret_scope_invalid and their like
	}
	return nil
}

var dialect = client.Dialect{
	Explain: func(e *client.Error, _ http.Header, body []byte) {
		var env envelope[jsontext.Value]
		if json.Unmarshal(body, &env) == nil {
			explain(e, env.Errors)
		}
	},
	Unwrap: unwrap,
}

// An envelope is what every answer comes in.
type envelope[T any] struct {
	Success *bool       `json:"success"`
	Errors  []wireError `json:"errors"`
	Result  T           `json:"result"`
	Info    *Info       `json:"result_info"`
}

type wireError struct {
	Code             jsontext.Value `json:"code"` // a number; some say it as a string
	Message          string         `json:"message"`
	DocumentationURL string         `json:"documentation_url"`
	Source           struct {
		Pointer string `json:"pointer"`
	} `json:"source"`
	Chain []wireError `json:"error_chain"`
}

func (w wireError) detail() client.ErrorDetail {
	code := strings.Trim(string(w.Code), `"`)
	if _, err := strconv.Atoi(code); err != nil {
		code = ""
	}
	return client.ErrorDetail{
		Code: code, Message: w.Message, Pointer: w.Source.Pointer, DocumentationURL: w.DocumentationURL, Chain: details(w.Chain),
	}
}

func details(from []wireError) []client.ErrorDetail {
	var to []client.ErrorDetail
	for _, w := range from {
		to = append(to, w.detail())
	}
	return to
}

// explain sets e from the errors of an answer. The first whose meaning is
// known says what kind e is.
func explain(e *client.Error, from []wireError) {
	e.Details = details(from)
	for i, d := range e.Details {
		if i == 0 {
			e.Code, e.Message, e.Field = d.Code, d.Message, d.Pointer
		}
		if e.Kind == nil {
			e.Kind = kindOf(d, e.Status)
		}
	}
}

// unwrap passes an answer on whole, since lists have a part beside the result,
// and makes an error of one that is no success in spite of its status.
func unwrap(body []byte) ([]byte, error) {
	var env envelope[jsontext.Value]
	if err := json.Unmarshal(body, &env); err != nil {
		return nil, err
	}
	switch {
	case env.Success == nil:
		return nil, errors.New("it does not say whether it is a success")
	case *env.Success:
		return body, nil
	}
	e := &client.Error{Status: http.StatusOK}
	if explain(e, env.Errors); e.Message == "" && len(e.Details) == 0 {
		e.Message = "it failed without saying why"
	}
	return nil, e
}

// do sends r and returns the result of the answer.
func do[T any](ctx context.Context, c *client.Client, r client.Request) (result T, info *Info, err error) {
	env := envelope[T]{}
	if err := c.Do(ctx, r, &env); err != nil {
		return result, nil, stranger(err)
	}
	return env.Result, env.Info, nil
}

// stranger marks a refusal without a code as no answer of this service: a page
// of something in between, or of another service at that address. Busy or
// broken ones say so by their status.
func stranger(err error) error {
	e, ok := errors.AsType[*client.Error](err)
	if !ok || len(e.Details) > 0 || e.Status/100 != 4 ||
		e.Status == http.StatusTooManyRequests || e.Status == http.StatusRequestTimeout {
		return err
	}
	e.Kind = client.ErrBadAnswer
	if e.Message == "" {
		e.Message = "not an answer of the service; check the address"
	}
	return err
}

func badAnswer(what string) error {
	return fmt.Errorf("%w: %s", client.ErrBadAnswer, what)
}

// A loneOrListed is an object, or a list with nothing else in it: the older
// answer to creating a store.
type loneOrListed[T any] struct{ it T }

// UnmarshalJSONFrom reads either.
func (l *loneOrListed[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() != '[' {
		return json.UnmarshalDecode(dec, &l.it)
	}
	var all []T
	if err := json.UnmarshalDecode(dec, &all); err != nil {
		return err
	}
	if len(all) != 1 {
		return badAnswer("it is a list of something else than one")
	}
	l.it = all[0]
	return nil
}
