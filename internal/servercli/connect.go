package servercli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"syscall"

	"github.com/go-json-experiment/json"

	"github.com/keyhold/keyhold/internal/kv/bolt"
	"github.com/keyhold/keyhold/internal/server/admin"
)

// A connection is the admin door: of the server that runs, or of the store.
type connection struct{ http.RoundTripper }

// connect returns the door of the server that runs on the data directory or, if
// none does, one to the store itself. The lock of the store keeps a server that
// starts meanwhile away.
func (e *Env) connect(ctx context.Context) (*connection, error) {
	dir, err := e.dir()
	if err != nil {
		return nil, err
	}
	path, done, err := socketPath(dir)
	if err == nil {
		defer done()
		var conn net.Conn
		if conn, err = (&net.Dialer{}).DialContext(ctx, "unix", path); err == nil {
			return &connection{&http.Transport{
				DialContext:       func(context.Context, string, string) (net.Conn, error) { return conn, nil },
				DisableKeepAlives: true,
			}}, nil
		}
	}
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED) {
		if errors.Is(err, fs.ErrPermission) {
			return nil, &failure{code: "denied", message: dir.socket() + " is another user's", hint: "run the command as the user who started the server"}
		}
		return nil, err
	}
	return e.direct(dir)
}

// direct returns a door to the store.
func (e *Env) direct(dir dataDir) (*connection, error) {
	if err := dir.make(e); err != nil {
		return nil, err
	}
	keys, err := dir.keys(e, e.keyFile)
	if err != nil {
		return nil, err
	}
	db := bolt.New(dir.store())
	return &connection{inProcess{admin.New(admin.Deps{Store: db, Copy: db.Copy, Keys: keys.accounts, Now: e.Now, Rand: e.Rand})}}, nil
}

// do makes one call. A body of nil is none.
func (c *connection) do(ctx context.Context, method, path string, body, answer any) error {
	resp, err := c.send(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	return json.UnmarshalRead(io.LimitReader(resp.Body, 64<<20), answer)
}

// send makes a call and returns an answer that is none of a failure.
func (c *connection) send(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://admin"+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	resp, err := c.RoundTrip(r)
	if err != nil || resp.StatusCode == http.StatusOK {
		return resp, err
	}
	defer func() { _ = resp.Body.Close() }()
	p := &admin.RefusedError{}
	if err := json.UnmarshalRead(io.LimitReader(resp.Body, 1<<16), p); err != nil || p.Code == "" {
		return nil, errors.New("the server did not understand; it may be of another version")
	}
	return nil, p
}

// inProcess calls a handler as if it were far away.
type inProcess struct{ h http.Handler }

// RoundTrip implements http.RoundTripper.
func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	body, end := io.Pipe()
	w := &pipeWriter{header: http.Header{}, end: end, began: make(chan struct{})}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	go func() {
		defer func() {
			if p := recover(); p != nil && p != http.ErrAbortHandler { //nolint:errorlint // it is panicked with as it is
				panic(p)
			}
			w.WriteHeader(http.StatusOK)
			_ = end.CloseWithError(io.ErrUnexpectedEOF) // unless it was closed well
		}()
		t.h.ServeHTTP(w, r)
		w.WriteHeader(http.StatusOK)
		_ = end.Close()
	}()
	<-w.began
	return &http.Response{StatusCode: w.status, Header: w.header, Body: body, Request: r, ProtoMajor: 1}, nil
}

type pipeWriter struct {
	header http.Header
	end    *io.PipeWriter
	began  chan struct{}
	status int
}

// Header implements http.ResponseWriter.
func (w *pipeWriter) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *pipeWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
		close(w.began)
	}
}

// Write implements http.ResponseWriter.
func (w *pipeWriter) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.end.Write(b)
}
