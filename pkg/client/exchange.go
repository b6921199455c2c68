package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// An exchange is one call under way.
type exchange struct {
	c       *Client
	r       Request
	url     *url.URL
	header  http.Header
	body    []byte
	secrets []string // that were sent, and must not come back in an error
}

func (c *Client) exchange(r Request) (*exchange, error) {
	u, err := c.url(r.Path, r.Query)
	if err != nil {
		return nil, err
	}
	x := &exchange{c: c, r: r, url: u, header: http.Header{}}
	maps.Copy(x.header, r.Header.Clone())
	x.header.Set("Accept", "application/json")
	x.header.Set("User-Agent", c.userAgent)
	if r.Body != nil {
		x.header.Set("Content-Type", "application/json")
		if x.body, x.secrets, err = encode(r.Body); err != nil {
			return nil, err
		}
	}
	return x, nil
}

// run sends the request until there is an answer to keep.
func (x *exchange) run(ctx context.Context, out any) error {
	anonymous := x.r.Anonymous || x.c.credentials == nil
	if !anonymous {
		if _, err := x.authorize(ctx, nil); err != nil {
			return err
		}
	}
	renewed, repeated := anonymous, false
	for retries := 0; ; {
		e := x.once(ctx, out)
		if e == nil {
			return nil
		}
		e.Repeated = repeated
		switch {
		case !renewed && x.stale(e):
			renewed = true
			if ok, err := x.authorize(ctx, e); err != nil {
				return errors.Join(err, e)
			} else if !ok {
				return e
			}
		case retries < x.c.retries && x.repeatable(e) && e.temporary() && ctx.Err() == nil:
			if err := x.c.sleep(ctx, delay(retries, e.RetryAfter)); err != nil {
				return x.interrupted(ctx, e)
			}
			retries++
			repeated = repeated || e.Status != http.StatusTooManyRequests // which refuses it undone
		default:
			return e
		}
	}
}

// authorize has the credentials set in the header, and remembers as secret
// what they set, whole and in its parts.
func (x *exchange) authorize(ctx context.Context, refused *Error) (bool, error) {
	before := x.header.Clone()
	ok, err := x.c.credentials.Authorize(ctx, x.header, refused)
	for name, values := range x.header {
		for _, v := range values {
			if !slices.Contains(before[name], v) {
				v = strings.TrimPrefix(v, bearer)
				x.secrets = append(x.secrets, v)
				x.secrets = append(x.secrets, strings.FieldsFunc(v, func(r rune) bool { return strings.ContainsRune(" ;=,", r) })...)
			}
		}
	}
	return ok, err
}

func (x *exchange) stale(e *Error) bool {
	if x.c.dialect.Stale != nil {
		return e.Status != 0 && x.c.dialect.Stale(e)
	}
	return e.Status == http.StatusUnauthorized
}

// once sends the request and decodes the answer.
func (x *exchange) once(ctx context.Context, out any) *Error {
	ctx, w := watch(ctx, x.c.timeout)
	defer w.stop()
	req := (&http.Request{
		Method: x.r.Method, URL: x.url, Host: x.url.Host, Header: x.header.Clone(),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(ctx)
	if len(x.body) > 0 {
		req.ContentLength = int64(len(x.body))
		req.GetBody = func() (io.ReadCloser, error) {
			return io.NopCloser(w.reader(bytes.NewReader(x.body))), nil
		}
		req.Body, _ = req.GetBody() // never fails
	}
	resp, err := x.c.http.Do(req)
	if err != nil {
		return x.broken(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	w.progress()
	if resp.StatusCode/100 != 2 {
		return x.refusal(ctx, resp, w.reader(resp.Body))
	}
	if out == nil || resp.StatusCode == http.StatusNoContent || resp.StatusCode == http.StatusResetContent {
		// A short rest is read so that the connection can be used again.
		_, _ = io.CopyN(io.Discard, w.reader(resp.Body), maxRefusal)
		return nil
	}
	return x.result(ctx, resp, w.reader(resp.Body), out)
}

// result decodes an answer into out.
func (x *exchange) result(ctx context.Context, resp *http.Response, body io.Reader, out any) *Error {
	if why := notJSON(resp); why != "" {
		return x.nonsense(resp, why)
	}
	limit := int64(defaultMaxBody)
	if x.r.MaxBody > 0 {
		limit = x.r.MaxBody
	}
	const tooLong = "it is longer than allowed"
	if resp.ContentLength > limit {
		return x.nonsense(resp, tooLong)
	}
	in := &limited{from: body, left: limit}
	var text io.Reader = in
	if x.c.dialect.Unwrap != nil {
		whole, err := io.ReadAll(in)
		if err == nil {
			whole, err = x.c.dialect.Unwrap(whole)
		}
		if e, ok := errors.AsType[*Error](err); ok {
			return x.complete(e, resp)
		}
		if err != nil && in.err == nil {
			return x.nonsense(resp, "it is not in the service's envelope")
		}
		text = bytes.NewReader(whole)
	}
	why := decode(text, out)
	switch {
	case errors.Is(in.err, errTooLong):
		return x.nonsense(resp, tooLong)
	case in.err != nil:
		return x.broken(ctx, in.err)
	case why != "":
		return x.nonsense(resp, why)
	}
	return nil
}

var errTooLong = errors.New("too long")

// A limited reads up to left bytes and remembers why it could not read on.
type limited struct {
	from io.Reader
	left int64
	err  error
}

func (l *limited) Read(p []byte) (int, error) {
	if l.err != nil {
		return 0, l.err
	}
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.from.Read(p)
	if l.left -= int64(n); l.left < 0 {
		n, err = 0, errTooLong
	}
	if err != nil && !errors.Is(err, io.EOF) {
		l.err = err
	}
	return n, err
}

// maxRefusal is how much of a refusal is read. What is longer is cut.
const maxRefusal = 64 << 10

// refusal makes an error of an answer that is no success.
func (x *exchange) refusal(ctx context.Context, resp *http.Response, body io.Reader) *Error {
	if resp.StatusCode/100 == 3 {
		return x.nonsense(resp, "it sends us elsewhere, and we do not follow")
	}
	text, err := io.ReadAll(io.LimitReader(body, maxRefusal))
	if err != nil && ctx.Err() != nil {
		return x.broken(ctx, err)
	}
	e := &Error{Status: resp.StatusCode, RequestID: resp.Header.Get("X-Request-Id")}
	if isHTML(resp) {
		e.Message = "a page for people, not an answer of the service"
	} else if x.c.dialect.Explain != nil {
		x.c.dialect.Explain(e, resp.Header, text)
	}
	return x.complete(e, resp)
}

// complete adds to e what every refusal has.
func (x *exchange) complete(e *Error, resp *http.Response) *Error {
	e.Method, e.Path, e.Status = x.r.Method, x.url.EscapedPath(), resp.StatusCode
	e.RetryAfter = retryAfter(resp.Header)
	if e.Kind == nil {
		e.Kind = x.c.dialect.Kinds[e.Code]
	}
	if e.Kind == nil {
		e.Kind = kindOf(e.Status)
	}
	e.Code = x.clean(e.Code, 64)
	e.Field = x.clean(e.Field, 64)
	e.RequestID = x.clean(e.RequestID, 128)
	e.Message = x.clean(e.Message, 300)
	left := maxDetails
	e.Details = x.cleanDetails(e.Details, &left)
	return e
}

// maxDetails is how many details of a refusal are kept, chains included.
const maxDetails = 20

// cleanDetails returns a clean copy of the first details, left of them at most.
func (x *exchange) cleanDetails(from []ErrorDetail, left *int) []ErrorDetail {
	var to []ErrorDetail
	for _, d := range from {
		if *left == 0 {
			break
		}
		*left--
		to = append(to, ErrorDetail{
			Code: x.clean(d.Code, 64), Message: x.clean(d.Message, 300), Pointer: x.clean(d.Pointer, 64),
			DocumentationURL: x.clean(d.DocumentationURL, 300), Chain: x.cleanDetails(d.Chain, left),
		})
	}
	return to
}

// nonsense is the error of an answer that cannot be used.
func (x *exchange) nonsense(resp *http.Response, why string) *Error {
	return &Error{
		Method: x.r.Method, Path: x.url.EscapedPath(), Status: resp.StatusCode, Kind: ErrBadAnswer,
		Message: ErrBadAnswer.Error() + ": " + why, RequestID: x.clean(resp.Header.Get("X-Request-Id"), 128),
	}
}

// notJSON says why an answer cannot be read, or "".
func notJSON(resp *http.Response) string {
	if isHTML(resp) {
		return "it is a page for people (HTML), not an answer of the service; check the address"
	}
	if resp.Header.Get("Content-Encoding") != "" { // net/http removes the one that it asked for
		return "it is encoded in a way that was not asked for"
	}
	switch t := mediaType(resp); {
	case t == "application/json", strings.HasPrefix(t, "application/") && strings.HasSuffix(t, "+json"):
		return ""
	}
	return "its content type is not JSON; check the address"
}

func isHTML(resp *http.Response) bool {
	t := mediaType(resp)
	return t == "text/html" || t == "application/xhtml+xml"
}

func mediaType(resp *http.Response) string {
	t, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return ""
	}
	return t
}
