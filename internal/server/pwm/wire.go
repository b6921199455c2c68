package pwm

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/keyhold/keyhold/internal/service/blobs"
	"github.com/keyhold/keyhold/internal/service/tokens"
)

var (
	errNoRoute  = errors.New("no such call")
	errReadOnly = errors.New("the token is read-only")
	errNoJSON   = errors.New("the body is not the JSON object that is documented")
	errBody     = errors.New("the body could not be read")
)

// A binary is bytes in base64 or base64url, with padding or without.
type binary []byte

// UnmarshalText reads b, and makes it not nil.
func (b *binary) UnmarshalText(text []byte) error {
	plain := bytes.Clone(text)
	for i, c := range plain {
		switch c {
		case '-':
			plain[i] = '+'
		case '_':
			plain[i] = '/'
		case '\r', '\n': // which the decoder would skip
			return errNoJSON
		}
	}
	rest := bytes.TrimRight(plain, "=")
	if len(plain)-len(rest) > 2 {
		return errNoJSON
	}
	out, err := base64.RawStdEncoding.AppendDecode([]byte{}, rest)
	*b = out
	return err
}

// An instant is a time as this API writes it.
type instant time.Time

// MarshalText writes t.
func (t instant) MarshalText() ([]byte, error) {
	return time.Time(t).UTC().AppendFormat(nil, "2006-01-02T15:04:05.000Z07:00"), nil
}

// read decodes the body of a request: exact names, no member twice.
func read(r *http.Request, into any) error {
	text, err := io.ReadAll(r.Body)
	if big, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return errors.Join(blobs.ErrTooLarge, big)
	}
	if err != nil {
		return errBody
	}
	if json.Unmarshal(text, into, jsontext.AllowDuplicateNames(false)) != nil { // its error quotes the body
		return errNoJSON
	}
	return nil
}

func (s *server) write(w http.ResponseWriter, r *http.Request, status int, body any) {
	text, err := json.Marshal(body, json.Deterministic(true))
	if err != nil {
		s.Log.ErrorContext(r.Context(), "answer", "error", err)
		status, text = http.StatusInternalServerError, []byte(`{"error":"Internal error","code":"INTERNAL_ERROR"}`)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if status == http.StatusTooManyRequests {
		h.Set("Retry-After", "60")
	}
	w.WriteHeader(status)
	_, _ = w.Write(text) // who asked is gone; there is nobody to tell
}

// A refused body is what every refusal has.
type refused struct {
	Error string `json:"error"`
	Code  string `json:"code"`
}

// Refusals, by their errors.
var refusals = []struct {
	err    error
	status int
	refused
}{
	{tokens.ErrToken, http.StatusUnauthorized, refused{"Unauthorized", "UNAUTHORIZED"}},
	{blobs.ErrNotFound, http.StatusNotFound, refused{"Not found", "NOT_FOUND"}},
	{errNoRoute, http.StatusNotFound, refused{"Not found", "NOT_FOUND"}},
	{blobs.ErrExists, http.StatusConflict, refused{"Vault already exists", "ALREADY_EXISTS"}},
	{blobs.ErrDenied, http.StatusForbidden, refused{"Cannot delete the default vault", "FORBIDDEN"}},
	{errReadOnly, http.StatusForbidden, refused{"This token may only read", "FORBIDDEN"}},
	{blobs.ErrTooLarge, http.StatusRequestEntityTooLarge, refused{"A vault may have at most 25 MiB", "PAYLOAD_TOO_LARGE"}},
	{blobs.ErrBusy, http.StatusTooManyRequests, refused{"Too many logins wait to be completed", "RATE_LIMITED"}},
	{errNoJSON, http.StatusBadRequest, refused{"The body is not the JSON object that is documented", "BAD_REQUEST"}},
	{errBody, http.StatusBadRequest, refused{"The body could not be read", "BAD_REQUEST"}},
}

// refusal returns the answer to a request that failed. What is no fault of the
// caller's goes to the log, and the answer does not say what it was.
func (s *server) refusal(r *http.Request, err error) (int, any) {
	if c, ok := errors.AsType[*blobs.ConflictError](err); ok {
		return http.StatusConflict, struct {
			refused
			CurrentVersion uint64 `json:"currentVersion"`
			YourVersion    uint64 `json:"yourVersion"`
		}{refused{"Version conflict", "VERSION_CONFLICT"}, c.Current, c.Yours}
	}
	if i, ok := errors.AsType[*blobs.InvalidError](err); ok {
		return http.StatusBadRequest, refused{i.Error(), "VALIDATION_ERROR"}
	}
	for _, known := range refusals {
		if errors.Is(err, known.err) {
			return known.status, known.refused
		}
	}
	if r.Context().Err() == nil {
		s.Log.ErrorContext(r.Context(), "request", "method", r.Method, "error", err)
	}
	return http.StatusInternalServerError, refused{"Internal error", "INTERNAL_ERROR"}
}
