package pwm

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/keyhold/keyhold/pkg/client"
)

// CLIService has the calls by which a program without a browser logs in: Create
// a session, have a person open its page and complete it there, Poll until
// that is done. None of them sends a token.
type CLIService struct{ c *client.Client }

// A CLISession is a login that waits for a person. Its ID is as good as the
// token that it gives: show the page, do not log it.
type CLISession struct {
	ID        string
	ExpiresAt time.Time // zero: not given; five minutes are documented
	// URL is the page to open; "": not given. The service's web origin and
	// "/cli-auth?session=" with the ID is what is known of others.
	URL string
}

// Create is POST /auth/cli/session.
func (s *CLIService) Create(ctx context.Context) (*CLISession, error) {
	var w struct {
		SessionID       string  `json:"sessionId"`
		ExpiresAt       instant `json:"expiresAt"`
		URL             string  `json:"url"`
		VerificationURL string  `json:"verificationUrl"`
	}
	r := client.Request{Method: http.MethodPost, Path: []string{"auth", "cli", "session"}, Anonymous: true}
	if err := s.c.Do(ctx, r, &w); err != nil {
		return nil, err
	}
	if w.SessionID == "" {
		return nil, badAnswer("the session has no id")
	}
	if w.URL == "" {
		w.URL = w.VerificationURL
	}
	return &CLISession{w.SessionID, w.ExpiresAt.Time, w.URL}, nil
}

// A Login is what a completed session gives. The token lasts seven days and
// cannot be refreshed.
type Login struct {
	Token  client.Secret
	UserID string
	Email  string
}

// Poll is GET /auth/cli/session/{id}. It is ErrPending until the session is
// complete and ErrSessionEnded when it cannot become so any more (404, 410 or
// the status "expired"). The token is given once: if that answer is lost the
// next one is ErrSessionEnded.
func (s *CLIService) Poll(ctx context.Context, id string) (*Login, error) {
	var w struct {
		Status string        `json:"status"`
		Token  client.Secret `json:"token"`
		UserID string        `json:"userId"`
		Email  string        `json:"email"`
	}
	r := get("auth", "cli", "session", id)
	r.Anonymous = true
	if err := s.c.Do(ctx, r, &w); err != nil {
		if e, ok := errors.AsType[*client.Error](err); ok && (errors.Is(e, client.ErrNotFound) || e.Status == http.StatusGone) {
			return nil, errors.Join(ErrSessionEnded, e)
		}
		return nil, err
	}
	switch w.Status {
	case "pending":
		return nil, ErrPending
	case "expired":
		return nil, ErrSessionEnded
	case "complete", "completed":
		if w.Token.IsZero() {
			return nil, badAnswer("the token is missing")
		}
		return &Login{w.Token, w.UserID, w.Email}, nil
	}
	return nil, badAnswer("the session has an unknown status")
}

// How long Wait waits between two polls, and how many it makes: five minutes.
const (
	PollEvery = 2 * time.Second
	maxPolls  = 150
)

// Wait polls a session until it is complete. After five minutes it is
// ErrSessionEnded. sleep waits for PollEvery, and returns early, with an error,
// when ctx is done.
func (s *CLIService) Wait(ctx context.Context, id string, sleep func(context.Context, time.Duration) error) (*Login, error) {
	for range maxPolls {
		l, err := s.Poll(ctx, id)
		if !errors.Is(err, ErrPending) {
			return l, err
		}
		if err := sleep(ctx, PollEvery); err != nil {
			return nil, err
		}
	}
	return nil, ErrSessionEnded
}

// SessionService has the calls of the session that the token belongs to.
type SessionService struct{ c *client.Client }

// A Status says whose session it is, as far as the server does.
type Status struct {
	UserID    string
	Email     string
	ExpiresAt time.Time // zero: not given
}

// Status is GET /auth/session/status. Its answer is not documented: without an
// error the token is good, and any part of the result may be empty. One that is
// not is client.ErrUnauthenticated.
func (s *SessionService) Status(ctx context.Context) (*Status, error) {
	var w struct {
		UserID        string  `json:"userId"`
		Email         string  `json:"email"`
		ExpiresAt     instant `json:"expiresAt"`
		Authenticated *bool   `json:"authenticated"`
		Valid         *bool   `json:"valid"`
	}
	if err := s.c.Do(ctx, get("auth", "session", "status"), &w); err != nil {
		return nil, err
	}
	for _, ok := range []*bool{w.Authenticated, w.Valid} {
		if ok != nil && !*ok {
			return nil, client.ErrUnauthenticated
		}
	}
	return &Status{w.UserID, w.Email, w.ExpiresAt.Time}, nil
}

// Logout is POST /auth/session/logout: the token is no good any more. It may be
// sent more than once; then client.ErrUnauthenticated can mean that it is done.
func (s *SessionService) Logout(ctx context.Context) error {
	return s.c.Do(ctx, client.Request{Method: http.MethodPost, Path: []string{"auth", "session", "logout"}, Idempotent: true}, nil)
}
