package secretsstore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/server"
	"github.com/keyhold/keyhold/internal/service/stores"
)

// An item is one error of an answer.
type item struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Chain   []item `json:"error_chain,omitempty"`
}

// A problem is an answer that refuses. Its messages have nothing of a value.
type problem struct {
	status int
	errors []item
}

func (p problem) Error() string { return p.errors[0].Message }

func refuse(status, code int, message string) problem {
	return problem{status, []item{{Code: code, Message: message}}}
}

// A waitError refuses who calls too often, for so long.
type waitError struct{ wait time.Duration }

func (waitError) Error() string { return "too many requests" }

// A methodError refuses a method that the path does not have.
type methodError struct{ allow []string }

func (methodError) Error() string { return "no such method" }

const badHeaders = 6003

var (
	errInternal        = refuse(http.StatusInternalServerError, 1002, "internal_error")
	errUnavailable     = refuse(http.StatusServiceUnavailable, 1002, "unavailable")
	errBusy            = refuse(http.StatusTooManyRequests, 971, "Please wait and consider throttling your request speed")
	errEmptyPart       = refuse(http.StatusNotFound, 1000, "not_found")
	errInvalidJSON     = refuse(http.StatusBadRequest, 1001, "invalid_json_body")
	errTooLarge        = refuse(http.StatusRequestEntityTooLarge, 1001, "invalid_json_body: it is too large")
	errUnauthenticated = refuse(http.StatusUnauthorized, 10000, "Authentication error")
	errDenied          = refuse(http.StatusForbidden, 10000, "Authentication error")
	errForeign         = refuse(http.StatusForbidden, 9109, "Unauthorized to access requested resource")
	errMissingHeaders  = refuse(http.StatusBadRequest, 9106, "Missing X-Auth-Key, X-Auth-Email or Authorization headers")

	errBadAuthorization = headers(6111, "Invalid format for Authorization header")
	errBadKey           = headers(6103, "Invalid format for X-Auth-Key header")
)

func headers(code int, message string) problem {
	return problem{http.StatusBadRequest, []item{{badHeaders, "Invalid request headers", []item{{Code: code, Message: message}}}}}
}

// noRoute is for a path that is none, or one whose account is none.
func noRoute(path string) problem {
	const longest = 200
	if len(path) > longest {
		path = path[:longest]
	}
	return problem{http.StatusNotFound, []item{
		{Code: 7003, Message: "Could not route to " + strings.ToValidUTF8(path, "?") + ", perhaps your object identifier is invalid?"},
		{Code: 7000, Message: "No route for that URI"},
	}}
}

// known are the errors that have one answer.
var known = []struct {
	err error
	as  problem
}{
	{stores.ErrStoreNotFound, refuse(http.StatusNotFound, 1001, "store_not_found")},
	{stores.ErrSecretNotFound, refuse(http.StatusNotFound, 1001, "secret_not_found")},
	{stores.ErrNotEmpty, refuse(http.StatusConflict, 1003, "store_not_empty")},
	{stores.ErrMaxStores, refuse(http.StatusBadRequest, 1003, "maximum_stores_exceeded")},
	{stores.ErrMaxSecrets, refuse(http.StatusBadRequest, 1003, fmt.Sprintf("maximum_secrets_exceeded: max %d", stores.MaxSecrets))},
	{context.Canceled, errUnavailable}, // nobody listens any more
	{context.DeadlineExceeded, errUnavailable},
	{kv.ErrBusy, errUnavailable},
}

// problemOf returns the answer to an error.
func problemOf(err error) problem {
	if p, ok := errors.AsType[problem](err); ok {
		return p
	}
	if _, ok := errors.AsType[waitError](err); ok {
		return errBusy
	}
	if _, ok := errors.AsType[methodError](err); ok {
		return refuse(http.StatusMethodNotAllowed, 7001, "Method not available for that URI.")
	}
	if rule, ok := errors.AsType[*stores.RuleError](err); ok {
		return refuse(http.StatusBadRequest, 1001, rule.Error())
	}
	if taken, ok := errors.AsType[*stores.NameTakenError](err); ok {
		return refuse(http.StatusBadRequest, 1003, "secret_name_already_exists: "+taken.Name)
	}
	for _, k := range known {
		if errors.Is(err, k.err) {
			return k.as
		}
	}
	return errInternal
}

// fail writes the answer to an error.
func (s *door) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	if p.status == http.StatusInternalServerError {
		// These come from the store and have ids and paths, never what was sent.
		s.Log.ErrorContext(r.Context(), "failure", "id", w.Header().Get("X-Request-Id"), "error", err.Error())
	}
	word, _, _ := strings.Cut(p.errors[0].Message, ":")
	if p.errors[0].Code == 7003 {
		word = "no route" // the message repeats the path
	}
	server.Note(r.Context(), "", word)
	if wait, ok := errors.AsType[waitError](err); ok {
		retryAfter(w, wait.wait)
	} else if p.status == http.StatusServiceUnavailable {
		retryAfter(w, time.Second)
	}
	if m, ok := errors.AsType[methodError](err); ok {
		w.Header().Set("Allow", strings.Join(m.allow, ", "))
	}
	if p.status == http.StatusConflict {
		w.Header().Set("X-Should-Retry", "false") // SDKs send a conflict again otherwise
	}
	text, err := json.Marshal(struct {
		Success  bool      `json:"success"`
		Errors   []item    `json:"errors"`
		Messages []string  `json:"messages"`
		Result   *struct{} `json:"result"`
	}{Errors: p.errors})
	if err != nil {
		text = []byte(`{"success":false,"errors":[{"code":1002,"message":"internal_error"}],"messages":[],"result":null}`)
	}
	send(w, p.status, text)
}

func retryAfter(w http.ResponseWriter, wait time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(wait.Seconds())))))
}
