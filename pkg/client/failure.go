package client

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

var errTimeout = errors.New("no answer in time")

// broken is the error of a request without an answer, or with half of one.
func (x *exchange) broken(ctx context.Context, err error) *Error {
	e := &Error{Method: x.r.Method, Path: x.url.EscapedPath(), Kind: ErrUnavailable, Message: "no answer", cause: plainCause(err)}
	switch {
	case errors.Is(context.Cause(ctx), errTimeout):
		e.Message, e.cause = errTimeout.Error(), nil
	case ctx.Err() != nil: // the caller's
		e.cause = ctx.Err()
		if errors.Is(ctx.Err(), context.Canceled) {
			e.Kind = nil
		}
	}
	return e
}

// interrupted is the error of a call that ended while it waited to send again
// what had failed with e: e, unless it was the caller who ended it.
func (x *exchange) interrupted(ctx context.Context, e *Error) *Error {
	if ctx.Err() != nil && !errors.Is(context.Cause(ctx), errTimeout) {
		return x.broken(ctx, ctx.Err())
	}
	return e
}

// plainCause returns what of err may be shown. Errors of net/http quote what
// the service sent, and a service may send back what we sent it.
func plainCause(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return dns
	}
	if cert, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return cert
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return errors.New("the other side does not speak TLS")
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return io.ErrUnexpectedEOF
	}
	if t, ok := errors.AsType[net.Error](err); ok && t.Timeout() {
		return errTimeout
	}
	return errors.New("the connection broke")
}

// clean makes a text of the service fit for an error: at most limit bytes, no
// secret that was sent, nothing that does not print.
func (x *exchange) clean(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			return '?'
		}
		return r
	}, s)
	// The longest first: what is left of one must not be a part of another.
	slices.SortFunc(x.secrets, func(a, b string) int { return len(b) - len(a) })
	const short = 4 // a shorter one could be a part of any word
	for _, secret := range x.secrets {
		if len(secret) >= short {
			s = strings.ReplaceAll(s, secret, redacted)
		}
	}
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit] + "…"
}

// A watcher cancels a request that makes no progress.
type watcher struct {
	idle   time.Duration
	timer  *time.Timer
	cancel context.CancelCauseFunc
}

func watch(ctx context.Context, idle time.Duration) (context.Context, *watcher) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &watcher{idle: idle, cancel: cancel}
	w.timer = time.AfterFunc(idle, func() { cancel(errTimeout) })
	return ctx, w
}

// progress starts the time anew. After stop it does no harm: the context is
// done by then.
func (w *watcher) progress() { w.timer.Reset(w.idle) }

func (w *watcher) stop() {
	w.timer.Stop()
	w.cancel(nil)
}

// reader returns r; every byte read from it is progress.
func (w *watcher) reader(r io.Reader) io.Reader { return watchedReader{r, w} }

type watchedReader struct {
	io.Reader

	w *watcher
}

func (r watchedReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if n > 0 {
		r.w.progress()
	}
	return n, err
}
