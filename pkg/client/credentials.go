package client

import (
	"context"
	"net/http"
	"strings"
)

// Credentials prove to a service who asks. They must be safe for concurrent use.
type Credentials interface {
	// Authorize sets what proves it in h, the header of a request that is about
	// to be sent. It is called once for a call, with refused nil. If the
	// service then refuses what it set as stale, it is called once more, with
	// that refusal and the header as it was sent; ok is false if it has nothing
	// newer. A retry sends the same header again.
	Authorize(ctx context.Context, h http.Header, refused *Error) (ok bool, err error)
}

const bearer = "Bearer "

// A TokenSource gives the bearer token of a call: with rejected zero the one
// to try first, and after the service refused that, with it as rejected, a
// newer one. A zero Secret means that there is none: at first the call goes
// without, later it fails with the refusal. A TokenSource refreshes, locks and
// saves as it sees fit; it is Credentials.
type TokenSource func(ctx context.Context, rejected Secret) (Secret, error)

// Authorize sets the Authorization header.
func (s TokenSource) Authorize(ctx context.Context, h http.Header, refused *Error) (bool, error) {
	var rejected Secret
	if refused != nil {
		rejected = NewSecret(strings.TrimPrefix(h.Get("Authorization"), bearer))
		if rejected.IsZero() { // the call went without a token, so a newer one there cannot be
			return false, nil
		}
	}
	token, err := s(ctx, rejected)
	if err != nil || token.IsZero() || token.Equal(rejected) {
		return false, err
	}
	h.Set("Authorization", bearer+token.Reveal())
	return true, nil
}

// Token is the TokenSource of one token for which there is never a newer one,
// such as an API key.
func Token(token Secret) TokenSource {
	return func(_ context.Context, rejected Secret) (Secret, error) {
		if !rejected.IsZero() {
			return Secret{}, nil
		}
		return token, nil
	}
}
