package client

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

const (
	firstDelay    = 250 * time.Millisecond
	maxDelay      = 4 * time.Second
	maxRetryAfter = 10 * time.Second
)

// repeatable reports whether the request, which failed with e, may be sent again.
func (x *exchange) repeatable(e *Error) bool {
	if x.r.Once {
		return e.Status == http.StatusTooManyRequests
	}
	switch x.r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete:
		return true
	}
	return x.r.Idempotent
}

// temporary reports whether the next attempt may go better.
func (e *Error) temporary() bool {
	switch e.Status {
	case 0:
		return errors.Is(e.Kind, ErrUnavailable)
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// delay returns how long to wait before retry n, from 0: what the service asks
// for, up to a limit, or anything up to a bound that doubles, so that clients
// that failed together do not come back together.
func delay(n int, asked time.Duration) time.Duration {
	if asked > 0 {
		return min(asked, maxRetryAfter)
	}
	bound := maxDelay
	if n < 8 {
		bound = min(firstDelay<<n, maxDelay)
	}
	return 1 + rand.N(bound) //nolint:gosec // a delay is no secret
}

// retryAfter reads Retry-After: seconds, or a date, which is compared with the
// date of the answer and not with our clock.
func retryAfter(h http.Header) time.Duration {
	const day = 24 * time.Hour
	s := h.Get("Retry-After")
	if n, err := strconv.ParseUint(s, 10, 64); err == nil {
		return time.Duration(min(n, uint64(day/time.Second))) * time.Second //nolint:gosec // at most a day
	} else if errors.Is(err, strconv.ErrRange) {
		return day
	}
	then, err := http.ParseTime(s)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	return max(0, min(then.Sub(now), day))
}
