package secretsstore_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyhold/keyhold/pkg/client"
	"github.com/keyhold/keyhold/pkg/client/secretsstore"
)

// A reply is a scripted answer.
type reply struct {
	status int
	body   string
}

// ok is the answer with this result.
func ok(result string) reply {
	return reply{200, `{"success":true,"errors":[],"messages":[],"result":` + result + `}`}
}

// paged is the answer with this result and this result_info.
func paged(result, info string) reply {
	return reply{200, `{"success":true,"errors":[],"messages":[],"result":` + result + `,"result_info":` + info + `}`}
}

func refusal(status int, code, message string) reply {
	return reply{status, `{"success":false,"errors":[{"code":` + code + `,"message":"` + message + `"}],"messages":[],"result":null}`}
}

// A script answers one request after the other and keeps what was asked.
type script struct {
	mu      sync.Mutex
	replies []reply
	header  http.Header // of the answers
	asked   []string    // METHOD URI body
	auth    []string    // Authorization, X-Auth-Email, X-Auth-Key
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, strings.TrimSpace(r.Method+" "+r.RequestURI+" "+string(body)))
	s.auth = append(s.auth, strings.TrimSpace(r.Header.Get("Authorization")+" "+r.Header.Get("X-Auth-Email")+" "+r.Header.Get("X-Auth-Key")))
	next := reply{http.StatusTeapot, ""}
	if len(s.replies) > 0 {
		next, s.replies = s.replies[0], s.replies[1:]
	}
	w.Header().Set("Content-Type", "application/json")
	for name, values := range s.header {
		w.Header()[name] = values
	}
	w.WriteHeader(next.status)
	_, _ = io.WriteString(w, next.body)
}

// scripted returns a client of a server that answers so.
func scripted(t *testing.T, replies ...reply) (*secretsstore.Client, *script) {
	t.Helper()
	s := &script{replies: replies}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return dial(t, srv.URL+"/client/v4"), s
}

func dial(t *testing.T, url string, opts ...client.Option) *secretsstore.Client {
	t.Helper()
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	all := []client.Option{
		client.WithHTTPClient(&http.Client{Transport: tr}),
		client.WithCredentials(client.Token(client.NewSecret("api-token"))),
		client.WithSleep(func(ctx context.Context, _ time.Duration) error { return ctx.Err() }),
	}
	c, err := secretsstore.New(url, append(all, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
