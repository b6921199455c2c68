package pwm_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/keyhold/keyhold/pkg/client"
	"github.com/keyhold/keyhold/pkg/client/pwm"
)

// A reply is a scripted answer.
type reply struct {
	status int
	body   string
}

// A script answers one request after the other and keeps what was asked.
type script struct {
	mu      sync.Mutex
	replies []reply
	asked   []string // METHOD URI body, and "anonymous" without a token
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	line := r.Method + " " + r.RequestURI
	if len(body) > 0 {
		line += " " + string(body)
	}
	if r.Header.Get("Authorization") != "Bearer token" {
		line += " anonymous"
	}
	s.asked = append(s.asked, line)
	next := reply{http.StatusTeapot, ""}
	if len(s.replies) > 0 {
		next, s.replies = s.replies[0], s.replies[1:]
	}
	if next == lost {
		panic(http.ErrAbortHandler)
	}
	if next.body != "" {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(next.status)
	_, _ = io.WriteString(w, next.body)
}

// log returns what was asked so far.
func (s *script) log() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

// scripted returns a client of a server that answers so.
func scripted(t *testing.T, replies ...reply) (*pwm.Client, *script) {
	t.Helper()
	s := &script{replies: replies}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return dial(t, srv.URL), s
}

func dial(t *testing.T, url string, opts ...client.Option) *pwm.Client {
	t.Helper()
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	all := []client.Option{
		client.WithHTTPClient(&http.Client{Transport: tr}),
		client.WithCredentials(client.Token(client.NewSecret("token"))),
		client.WithSleep(func(ctx context.Context, _ time.Duration) error { return ctx.Err() }),
	}
	c, err := pwm.New(url, append(all, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// bits are bytes whose base64 has both of its special characters and padding;
// b64 is that.
var bits = []byte{0xfb, 0xff, 0xfe, 0x00}

const b64 = "+//+AA=="

func refusal(status int, code string) reply {
	return reply{status, `{"error":"no","code":"` + code + `"}`}
}

// A reply of status 0 ends the connection without an answer.
var lost = reply{}
