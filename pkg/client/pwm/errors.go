package pwm

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/keyhold/keyhold/pkg/client"
)

// What this service refuses in a way of its own. Each matches the kind of
// package client in its text too.
var (
	// ErrExists refuses a new vault whose name is taken. It is a client.ErrConflict.
	ErrExists = fmt.Errorf("a vault of this name exists: %w", client.ErrConflict)
	// ErrPending says that nobody has completed a CLI session yet.
	ErrPending = errors.New("the login is not complete yet")
	// ErrSessionEnded says that a CLI session is unknown, out of date or used:
	// begin another one. It is a client.ErrUnauthenticated.
	ErrSessionEnded = fmt.Errorf("the login was not completed in time: %w", client.ErrUnauthenticated)
)

// A VersionError refuses a change that was made from another version than the
// current one. It is a client.ErrConflict.
type VersionError struct {
	Current uint64 // of the service; 0: not given
	Yours   uint64 // that the change named; 0: not given
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("the vault has version %d, not %d", e.Current, e.Yours)
}

// Unwrap makes it a client.ErrConflict.
func (e *VersionError) Unwrap() error { return client.ErrConflict }

var dialect = client.Dialect{
	Explain: explain,
	Kinds: map[string]error{
		"UNAUTHORIZED":      client.ErrUnauthenticated,
		"NOT_FOUND":         client.ErrNotFound,
		"ALREADY_EXISTS":    ErrExists,
		"FORBIDDEN":         client.ErrDenied,
		"VERSION_CONFLICT":  client.ErrConflict, // explain says more
		"VALIDATION_ERROR":  client.ErrInvalid,
		"BAD_REQUEST":       client.ErrInvalid,
		"PAYLOAD_TOO_LARGE": client.ErrInvalid,
		"RATE_LIMITED":      client.ErrUnavailable,
		"INTERNAL_ERROR":    client.ErrUnavailable,
	},
	Unwrap: unwrap,
}

// A refusal is {"error", "code"}, with versions if it is about those.
type refusal struct {
	Error          jsontext.Value `json:"error"`
	Code           string         `json:"code"`
	CurrentVersion uint64         `json:"currentVersion"`
	YourVersion    uint64         `json:"yourVersion"`
}

func explain(e *client.Error, _ http.Header, body []byte) {
	var r refusal
	if json.Unmarshal(body, &r) != nil {
		return
	}
	e.Code = r.Code
	var text string
	if json.Unmarshal(r.Error, &text) == nil {
		e.Message = text
	}
	if r.Code == "VERSION_CONFLICT" {
		e.Kind = &VersionError{Current: r.CurrentVersion, Yours: r.YourVersion}
	}
}

// unwrap returns what {"data", "success":true} holds, and any other answer as
// it is. With "success":false the answer is a refusal, whatever its status.
func unwrap(body []byte) ([]byte, error) {
	var w struct {
		Data    jsontext.Value `json:"data"`
		Success *bool          `json:"success"`
	}
	// What is broken, or of another shape, is left to whoever decodes it.
	ok := json.Unmarshal(body, &w) == nil
	switch {
	case !ok || w.Success == nil:
		return body, nil
	case !*w.Success:
		e := &client.Error{}
		explain(e, nil, body)
		return nil, e
	case w.Data != nil:
		return w.Data, nil
	}
	return body, nil
}

func badAnswer(what string) error {
	return fmt.Errorf("%w: %s", client.ErrBadAnswer, what)
}
