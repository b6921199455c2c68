package client_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/pkg/client"
)

func TestBaseURL(t *testing.T) {
	t.Parallel()
	tests := []struct {
		url  string
		opts []client.Option
		ok   bool
	}{
		{"https://example.com", nil, true},
		{"https://example.com:8443/a/b/", nil, true},
		{"http://localhost:8080", nil, true},
		{"http://127.0.0.5", nil, true},
		{"http://[::1]:1/x", nil, true},
		{"http://[::ffff:127.0.0.1]", nil, true},
		{"http://example.com", nil, false},
		{"http://10.0.0.1", nil, false},
		{"http://localhost.example.com", nil, false},
		{"http://127.0.0.1.example.com", nil, false},
		{"http://example.com", []client.Option{client.WithInsecureHTTP()}, true},
		{"ftp://example.com", nil, false},
		{"https://", nil, false},
		{"https:example.com", nil, false},
		{"example.com", nil, false},
		{"", nil, false},
		{"https://u:" + canary + "@example.com", nil, false},
		{"https://u:" + canary + "@example.com:x", nil, false},
		{"https://example.com?q=" + canary, nil, false},
		{"https://example.com/#f", nil, false},
		{"https://example.com/a/../b", nil, false},
		{"https://example.com/a/%2e%2e/b", nil, false},
	}
	for _, tt := range tests {
		_, err := client.New(tt.url, tt.opts...)
		if (err == nil) != tt.ok {
			t.Errorf("New(%q): %v, want ok %t", tt.url, err, tt.ok)
		}
		if strings.Contains(texts(err), canary) {
			t.Errorf("New(%q) repeats the URL: %v", tt.url, err)
		}
	}
}

func TestPath(t *testing.T) {
	t.Parallel()
	tests := []struct {
		path []string
		want string // "" for refused
	}{
		{nil, "/base%2Fx"},
		{[]string{"a", "b"}, "/base%2Fx/a/b"},
		{[]string{"a/b"}, "/base%2Fx/a%2Fb"},
		{[]string{"a?b#c%d e"}, "/base%2Fx/a%3Fb%23c%25d%20e"},
		{[]string{"%2e%2e", "..."}, "/base%2Fx/%252e%252e/..."},
		{[]string{"🔑", "ä\\\x00\n;,+&=:@*'"}, "/base%2Fx/%F0%9F%94%91/%C3%A4%5C%00%0A%3B%2C+&=:@%2A%27"},
		{[]string{"../../admin"}, "/base%2Fx/..%2F..%2Fadmin"},
		{[]string{""}, ""},
		{[]string{"a", "."}, ""},
		{[]string{"..", "a"}, ""},
	}
	var got []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.RequestURI)
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(srv.Close)
	c := dial(t, srv.URL+"/base%2Fx/")
	for _, tt := range tests {
		got = nil
		err := c.Do(t.Context(), client.Request{Method: http.MethodGet, Path: tt.path}, nil)
		switch {
		case tt.want == "" && (!errors.Is(err, client.ErrInvalid) || len(got) > 0):
			t.Errorf("%q: sent %q, error %v; want it refused", tt.path, got, err)
		case tt.want != "" && (err != nil || len(got) != 1 || got[0] != tt.want):
			t.Errorf("%q: sent %q, error %v; want %q", tt.path, got, err, tt.want)
		}
	}
}

func TestRequest(t *testing.T) {
	t.Parallel()
	var got *http.Request
	var body string
	c := at(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got, body = r, string(b)
		answer(http.StatusCreated, "application/json; charset=utf-8", `{"n":7,"unknown":[1]}`)(w, r)
	}, client.WithUserAgent("test/1"), client.WithCredentials(client.Token(client.NewSecret(canary))))
	var out struct {
		N int `json:"n"`
	}
	req := client.Request{
		Method: http.MethodPost,
		Path:   []string{"a"},
		Query:  url.Values{"q": {"1 &2"}},
		Header: http.Header{"Idempotency-Key": {"k"}},
		Body:   map[string]any{"b": []byte{0xff, 0xfe}, "a": "x"},
	}
	if err := c.Do(t.Context(), req, &out); err != nil {
		t.Fatal(err)
	}
	if out.N != 7 {
		t.Errorf("decoded %d, want 7", out.N)
	}
	want := map[string]string{
		"method": "POST", "uri": "/a?q=1+%262", "body": `{"a":"x","b":"//4="}`, "type": "application/json",
		"accept": "application/json", "agent": "test/1", "auth": "Bearer " + canary, "key": "k",
	}
	have := map[string]string{
		"method": got.Method, "uri": got.RequestURI, "body": body, "type": got.Header.Get("Content-Type"),
		"accept": got.Header.Get("Accept"), "agent": got.UserAgent(), "auth": got.Header.Get("Authorization"),
		"key": got.Header.Get("Idempotency-Key"),
	}
	if d := cmp.Diff(want, have); d != "" {
		t.Errorf("request (-want +got):\n%s", d)
	}
	if len(req.Header) != 1 {
		t.Errorf("the caller's header was changed: %v", req.Header)
	}
}

func TestBodyThatCannotBeSent(t *testing.T) {
	t.Parallel()
	c := at(t, func(http.ResponseWriter, *http.Request) { t.Error("something was sent") })
	for _, body := range []any{
		map[string]any{"x": func() {}},
		map[string]string{"x": canary + "\xff"},
		strings.Repeat("a", 64<<20),
	} {
		err := c.Do(t.Context(), client.Request{Method: http.MethodPost, Body: body}, nil)
		if !errors.Is(err, client.ErrInvalid) || strings.Contains(texts(err), canary) {
			t.Errorf("error %v, want ErrInvalid without the body", err)
		}
	}
}

func TestNoContent(t *testing.T) {
	t.Parallel()
	out := 5
	c := at(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	if err := c.Do(t.Context(), getX, &out); err != nil || out != 5 {
		t.Errorf("out = %d, error %v; want it untouched", out, err)
	}
}

// TestUnwrap has two envelopes of real services: one says of itself that it
// failed, the other is there only now and then.
func TestUnwrap(t *testing.T) {
	t.Parallel()
	d := client.Dialect{
		Kinds: map[string]error{"TAKEN": client.ErrConflict},
		Unwrap: func(body []byte) ([]byte, error) {
			s := string(body)
			if rest, ok := strings.CutPrefix(s, `{"ok":true,"data":`); ok {
				return []byte(strings.TrimSuffix(rest, "}")), nil
			}
			if strings.HasPrefix(s, `{"ok":false`) {
				return nil, &client.Error{Code: "TAKEN", Message: "taken by " + canary}
			}
			if s == "null" {
				return nil, errors.New("saw " + s)
			}
			return body, nil
		},
	}
	tests := []struct {
		body string
		want int
		err  error
	}{
		{`{"ok":true,"data":3}`, 3, nil},
		{`4`, 4, nil},
		{`{"ok":false}`, 0, client.ErrConflict},
		{`null`, 0, client.ErrBadAnswer},
	}
	for _, tt := range tests {
		c := at(t, answer(http.StatusOK, "application/json", tt.body), client.WithDialect(d),
			client.WithCredentials(client.Token(client.NewSecret(canary))))
		var n int
		err := c.Do(t.Context(), getX, &n)
		if !errors.Is(err, tt.err) || n != tt.want {
			t.Errorf("%s: %d, %v; want %d, %v", tt.body, n, err, tt.want, tt.err)
		}
		if strings.Contains(texts(err), canary) {
			t.Errorf("%s: the error has the token: %v", tt.body, err)
		}
	}
}
