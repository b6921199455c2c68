package client

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// What an error of a call comes down to; match with errors.Is. A service's own
// code decides, where its package knows it, and else the status.
var (
	ErrInvalid         = errors.New("invalid request")
	ErrUnauthenticated = errors.New("not signed in")
	ErrDenied          = errors.New("denied")
	ErrNotFound        = errors.New("not found")
	ErrConflict        = errors.New("conflict")
	// ErrUnavailable is no connection, no answer in time, too many requests, or
	// a fault of the service.
	ErrUnavailable = errors.New("service unavailable")
	// ErrBadAnswer is an answer that is not what the service promises: a
	// redirect, a page for people, broken JSON, more than the limit.
	ErrBadAnswer = errors.New("the answer makes no sense")
)

// An Error is a call that the service refused, or that had no usable answer.
// It has copies of a few facts, and never a body. What the caller sent as a
// Secret, and what Credentials put into the header, is cut out of the texts
// that came from the service; so are characters that do not print.
type Error struct {
	Method, Path string // without the query
	Status       int    // of HTTP; 0 without an answer
	Code         string // the service's own
	Message      string // for people; never match on it
	Field        string // of the request that it is about
	RequestID    string
	RetryAfter   time.Duration // that the service asked for; 0 if it did not
	Kind         error         // what errors.Is matches, such as ErrNotFound; may be nil
	// Details are all that the service had to say, the first of which is Code,
	// Message and Field; empty where the service says one thing at most.
	Details []ErrorDetail
	// Repeated says that the request had been sent before, without an answer to
	// keep: what it asks for may have been done then.
	Repeated bool

	cause error
}

// An ErrorDetail is one of several things that a service says of a refusal.
type ErrorDetail struct {
	Code, Message    string
	Pointer          string // to the part of the request that it is about
	DocumentationURL string
	Chain            []ErrorDetail // what led to it
}

// String returns code, message, pointer and chain in one line.
func (d ErrorDetail) String() string {
	text := d.Message
	switch {
	case text == "":
		text = d.Code
	case d.Code != "":
		text = d.Code + ": " + text
	}
	if d.Pointer != "" {
		text += " (" + d.Pointer + ")"
	}
	return text + chained(d.Chain)
}

func chained(chain []ErrorDetail) string {
	var b strings.Builder
	for _, d := range chain {
		b.WriteString(" > " + d.String())
	}
	return b.String()
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: ", e.Method, e.Path)
	switch {
	case e.Status == 0 && e.Message != "":
		b.WriteString(e.Message)
	case e.Status == 0 && e.Kind != nil:
		b.WriteString(e.Kind.Error())
	case e.Status == 0:
		b.WriteString("no answer")
	default:
		fmt.Fprintf(&b, "status %d", e.Status)
		for _, s := range []string{e.Code, e.Message} {
			if s != "" {
				b.WriteString(": " + s)
			}
		}
	}
	if e.Field != "" {
		b.WriteString(" (field " + e.Field + ")")
	}
	for i, d := range e.Details {
		if i == 0 {
			b.WriteString(chained(d.Chain))
		} else {
			b.WriteString("; " + d.String())
		}
	}
	if e.cause != nil {
		b.WriteString(": " + e.cause.Error())
	}
	return b.String()
}

// Unwrap returns the kind of e and, without an answer, what went wrong below.
func (e *Error) Unwrap() []error {
	var all []error
	for _, err := range []error{e.Kind, e.cause} {
		if err != nil {
			all = append(all, err)
		}
	}
	return all
}

// kindOf returns what a status means where the code says nothing.
func kindOf(status int) error {
	switch status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return ErrInvalid
	case http.StatusUnauthorized:
		return ErrUnauthenticated
	case http.StatusForbidden:
		return ErrDenied
	case http.StatusNotFound, http.StatusGone:
		return ErrNotFound
	case http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return errors.ErrUnsupported
	case http.StatusConflict:
		return ErrConflict
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return ErrUnavailable
	}
	if status >= http.StatusInternalServerError {
		return ErrUnavailable
	}
	return nil
}
