package client_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/keyhold/keyhold/pkg/client"
)

// TestBadAnswers has answers that are not what a service promises.
func TestBadAnswers(t *testing.T) {
	t.Parallel()
	type out struct {
		A int    `json:"a"`
		B string `json:"b"`
	}
	const js = "application/json"
	tests := []struct {
		name string
		h    http.HandlerFunc
		want string // in the error
	}{
		{"html", answer(200, "text/html; charset=utf-8", "<p>Welcome"), "HTML"},
		{"text", answer(200, "text/plain", `{"a":1}`), "content type"},
		{"no type", func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Content-Type"] = nil
			_, _ = io.WriteString(w, `{"a":1}`)
		}, "content type"},
		{"odd type", answer(200, "application/json+x", `{"a":1}`), "content type"},
		{"empty", answer(200, js, ""), "no JSON"},
		{"broken", answer(200, js, `{"a":`), "no JSON from byte"},
		{"two values", answer(200, js, `{"a":1}{"a":2}`), "no JSON"},
		{"duplicate", answer(200, js, `{"a":1,"a":2}`), "twice"},
		{"unknown duplicate", answer(200, js, `{"z":1,"z":2}`), "twice"},
		{"wrong type", answer(200, js, `{"a":"1"}`), "something else than it should"},
		{"bad UTF-8", answer(200, js, "{\"b\":\"\xff\"}"), "no JSON"},
		{"redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/y", http.StatusFound)
		}, "elsewhere"},
		{"not modified", answer(304, js, ""), "elsewhere"},
		{"other encoding", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "br")
			answer(200, js, `{"a":1}`)(w, r)
		}, "encoded"},
		{"declared too long", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1073741824")
			answer(200, js, `{"a":1}`)(w, r)
		}, "longer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var n atomic.Int32
			c := at(t, func(w http.ResponseWriter, r *http.Request) {
				n.Add(1)
				tt.h(w, r)
			})
			err := c.Do(t.Context(), getX, &out{})
			if !errors.Is(err, client.ErrBadAnswer) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want ErrBadAnswer with %q", err, tt.want)
			}
			if n.Load() != 1 {
				t.Errorf("asked %d times, want once", n.Load())
			}
		})
	}
}

// TestExactNames: a member in another case is one that we do not know.
func TestExactNames(t *testing.T) {
	t.Parallel()
	var out struct {
		Token string `json:"token"`
	}
	c := at(t, answer(200, "application/problem+json", `{"Token":"a","TOKEN":"b","to_ken":"c"}`))
	if err := c.Do(t.Context(), getX, &out); err != nil || out.Token != "" {
		t.Errorf("token %q, error %v; want none", out.Token, err)
	}
}

// TestRedirect makes sure that nobody else gets the token.
func TestRedirect(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	t.Cleanup(other.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			c := at(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, status) },
				client.WithCredentials(client.Token(client.NewSecret(canary))))
			err := c.Do(t.Context(), client.Request{Method: method, Body: 1}, nil)
			if !errors.Is(err, client.ErrBadAnswer) {
				t.Errorf("%s, %d: %v, want ErrBadAnswer", method, status, err)
			}
		}
	}
}

// TestEndlessAnswers counts what a server gets rid of when it sends a gigabyte.
func TestEndlessAnswers(t *testing.T) {
	t.Parallel()
	const limit, slack = 1 << 20, 16 << 20 // buffers of the kernel
	for _, name := range []string{"plain", "gzip", "refusal", "ignored"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sent atomic.Int64 // before compression
			c := at(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				out := io.Writer(w)
				if name == "gzip" {
					w.Header().Set("Content-Encoding", "gzip")
					z, _ := gzip.NewWriterLevel(w, gzip.BestSpeed)
					defer z.Close()
					out = z
				}
				if name == "refusal" {
					w.WriteHeader(http.StatusBadRequest)
				}
				_, _ = io.WriteString(out, `"`)
				zeros := bytes.Repeat([]byte{'0'}, 64<<10)
				for range (1 << 30) / len(zeros) {
					n, err := out.Write(zeros)
					sent.Add(int64(n))
					if err != nil {
						return
					}
				}
			})
			var s string
			req := client.Request{Method: http.MethodPost, MaxBody: limit}
			var err error
			switch name {
			case "ignored":
				if err = c.Do(t.Context(), req, nil); err != nil {
					t.Error(err)
				}
			case "refusal":
				if err = c.Do(t.Context(), req, &s); !errors.Is(err, client.ErrInvalid) {
					t.Errorf("error %v, want ErrInvalid", err)
				}
			default:
				if err = c.Do(t.Context(), req, &s); !errors.Is(err, client.ErrBadAnswer) || !strings.Contains(err.Error(), "longer") {
					t.Errorf("error %v, want that it is too long", err)
				}
			}
			// What gzip holds in its own buffers is 1000 times as much unpacked.
			if max := int64(limit + slack); name != "gzip" && sent.Load() > max {
				t.Errorf("%d bytes were taken, want at most %d", sent.Load(), max)
			}
			if len(s) != 0 {
				t.Error("something was decoded")
			}
		})
	}
}

// TestLimit is exact: the last byte that fits, and one more.
func TestLimit(t *testing.T) {
	t.Parallel()
	c := at(t, answer(200, "application/json", `"12345678"`))
	for limit, ok := range map[int64]bool{10: true, 9: false, 0: true} {
		var s string
		if err := c.Do(t.Context(), client.Request{Method: http.MethodGet, MaxBody: limit}, &s); (err == nil) != ok {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	d := plain
	special := fmt.Errorf("special: %w", client.ErrDenied)
	d.Kinds = map[string]error{"GONE": client.ErrNotFound, "SPECIAL": special}
	tests := []struct {
		status int
		body   string
		kinds  []error
		want   client.Error
	}{
		{400, "", []error{client.ErrInvalid}, client.Error{}},
		{401, "", []error{client.ErrUnauthenticated}, client.Error{}},
		{403, "", []error{client.ErrDenied}, client.Error{}},
		{404, "", []error{client.ErrNotFound}, client.Error{}},
		{405, "", []error{errors.ErrUnsupported}, client.Error{}},
		{409, "OLD|moved on|revision", []error{client.ErrConflict}, client.Error{Code: "OLD", Message: "moved on", Field: "revision"}},
		{413, "", []error{client.ErrInvalid}, client.Error{}},
		{418, "", nil, client.Error{}},
		{429, "", []error{client.ErrUnavailable}, client.Error{}},
		{500, "", []error{client.ErrUnavailable}, client.Error{}},
		{500, "GONE|x|", []error{client.ErrNotFound}, client.Error{Code: "GONE", Message: "x"}},
		{500, "SPECIAL|x|", []error{special, client.ErrDenied}, client.Error{Code: "SPECIAL", Message: "x"}},
		{400, "A|tab\tbell\a\u202eover ü\u0085|", []error{client.ErrInvalid}, client.Error{Code: "A", Message: "tab?bell??over ü?"}},
		{400, "A|" + strings.Repeat("ü", 200) + "|", []error{client.ErrInvalid}, client.Error{Code: "A", Message: strings.Repeat("ü", 150) + "…"}},
	}
	all := []error{
		client.ErrInvalid, client.ErrUnauthenticated, client.ErrDenied, client.ErrNotFound, client.ErrConflict,
		client.ErrUnavailable, client.ErrBadAnswer, errors.ErrUnsupported, special,
	}
	for _, tt := range tests {
		c := at(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Request-Id", "req-1")
			w.Header().Set("Retry-After", "7")
			answer(tt.status, "text/plain", tt.body)(w, r)
		}, client.WithDialect(d), client.WithRetries(0))
		err := c.Do(t.Context(), client.Request{Method: http.MethodPut, Path: []string{"a/b"}, Query: map[string][]string{"q": {"1"}}}, nil)
		got, ok := errors.AsType[*client.Error](err)
		if !ok {
			t.Errorf("%d: %v is no *Error", tt.status, err)
			continue
		}
		tt.want.Method, tt.want.Path, tt.want.Status, tt.want.RequestID, tt.want.RetryAfter = "PUT", "/a%2Fb", tt.status, "req-1", 7*time.Second
		if d := cmp.Diff(&tt.want, got, cmpopts.IgnoreFields(client.Error{}, "Kind"), cmpopts.IgnoreUnexported(client.Error{})); d != "" {
			t.Errorf("%d %q (-want +got):\n%s", tt.status, tt.body, d)
		}
		for _, kind := range all {
			want := false
			for _, k := range tt.kinds {
				want = want || k == kind
			}
			if errors.Is(err, kind) != want {
				t.Errorf("%d %q: errors.Is(err, %q) = %t", tt.status, tt.body, kind, !want)
			}
		}
	}
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	tests := []struct {
		err  client.Error
		want string
	}{
		{client.Error{Method: "PUT", Path: "/a", Status: 409, Code: "OLD", Message: "moved on", Field: "revision"}, "PUT /a: status 409: OLD: moved on (field revision)"},
		{client.Error{Method: "GET", Path: "/a", Status: 502}, "GET /a: status 502"},
		{client.Error{Method: "GET", Path: "/a", Message: "no answer"}, "GET /a: no answer"},
		{client.Error{Method: "GET", Path: "/a", Kind: client.ErrUnavailable}, "GET /a: service unavailable"},
		{client.Error{Method: "GET", Path: "/a"}, "GET /a: no answer"},
	}
	for _, tt := range tests {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("Error() = %q, want %q", got, tt.want)
		}
	}
}

// TestHTMLRefusal: the status counts, the page does not.
func TestHTMLRefusal(t *testing.T) {
	t.Parallel()
	c := at(t, answer(502, "text/html", "A|B|C"), client.WithDialect(plain))
	err := c.Do(t.Context(), getX, nil)
	if !errors.Is(err, client.ErrUnavailable) || strings.Contains(err.Error(), "B") || !strings.Contains(err.Error(), "page for people") {
		t.Errorf("error %v, want ErrUnavailable and no word of the page", err)
	}
}

func TestCallersContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	c := at(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	err := c.Do(ctx, getX, nil)
	if !errors.Is(err, context.Canceled) || errors.Is(err, client.ErrUnavailable) {
		t.Errorf("error %v, want context.Canceled alone", err)
	}
	late, stop := context.WithTimeout(t.Context(), time.Millisecond)
	defer stop()
	if err := c.Do(late, getX, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want context.DeadlineExceeded", err)
	}
}
