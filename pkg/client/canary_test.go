package client_test

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/pkg/client"
)

// TestEchoes has a server that sends back what it was sent, wherever it can.
// No error may repeat it.
func TestEchoes(t *testing.T) {
	t.Parallel()
	const ok = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
	const bad = "HTTP/1.1 400 Bad\r\nConnection: close\r\n"
	tests := []struct{ name, answer string }{
		{"no HTTP", canary + "\r\n\r\n"},
		{"protocol", "HTTP/" + canary + " 200 OK\r\n\r\n"},
		{"status line", "HTTP/1.1 " + canary + "\r\n\r\n"},
		{"header line", "HTTP/1.1 200 OK\r\n" + canary + "\r\n\r\n"},
		{"length", "HTTP/1.1 200 OK\r\nContent-Length: " + canary + "\r\n\r\n"},
		{"coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: " + canary + "\r\n\r\n"},
		{"chunk", ok + "Transfer-Encoding: chunked\r\n\r\n" + canary + "\r\n"},
		{"gzip", ok + "Content-Encoding: gzip\r\n\r\n" + canary},
		{"encoding", ok + "Content-Encoding: " + canary + "\r\n\r\n{}"},
		{"type", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: " + canary + "/x\r\n\r\n{}"},
		{"location", "HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: https://x/" + canary + "\r\n\r\n"},
		{"bad location", "HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: http://[" + canary + "\r\n\r\n"},
		{"request id", ok + "X-Request-Id: " + canary + "\r\n\r\nx"},
		{"request id of a refusal", bad + "X-Request-Id: a" + canary + "b\r\n\r\n"},
		{"syntax", ok + "\r\n" + canary},
		{"unknown name", ok + "\r\n{\"" + canary + "\":1,\"" + canary + "\":2}"},
		{"value", ok + "\r\n{\"a\":\"" + canary + "\"}"},
		{"number", ok + "\r\n{\"a\":\"" + canary + "\",\"t\":\"" + canary + "\"}"},
		{"in a map", ok + "\r\n{\"m\":{\"" + canary + "\":\"x\"}}"},
		{"refusal", bad + "\r\n" + canary + "|" + canary + "|" + canary},
		{"refusal with more", bad + "\r\nA|token Bearer " + canary + " and value-" + canary + "-of-body is bad|x"},
		{"cut in the middle", bad + "\r\nA|" + strings.Repeat("x", 295) + canary + "|x"},
		{"html", "HTTP/1.1 500 Oh\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<p>" + canary + "|b|c"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := dial(t, rawServer(t, tt.answer), client.WithDialect(plain),
				client.WithCredentials(client.Token(client.NewSecret(canary))))
			var out struct {
				A int            `json:"a"`
				M map[string]int `json:"m"`
			}
			body := map[string]client.Secret{"v": client.NewSecret("value-" + canary + "-of-body")}
			for _, method := range []string{http.MethodPost, http.MethodGet} {
				err := c.Do(t.Context(), client.Request{Method: method, Path: []string{"x"}, Body: body}, &out)
				if err == nil {
					t.Fatal("no error")
				}
				if _, ok := errors.AsType[*client.Error](err); !ok {
					t.Errorf("%v is no *Error", err)
				}
				if s := texts(err); strings.Contains(s, canary[:8]) {
					t.Errorf("the secret is in the error:\n%s", s)
				}
			}
		})
	}
}

// rawServer answers every connection with these bytes, once it has read the
// header of a request, and closes it.
func rawServer(t *testing.T, text string) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					_, _ = conn.Write([]byte(text))
				}
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

// TestCookiesAreSecret: what any kind of credentials puts into the header.
func TestCookiesAreSecret(t *testing.T) {
	t.Parallel()
	c := at(t, func(w http.ResponseWriter, r *http.Request) {
		ck, _ := r.Cookie("accesstoken")
		answer(400, "text/plain", "A|cookie "+ck.Value+", csrf "+r.Header.Get("X-Csrf-Token")+"|x")(w, r)
	}, client.WithDialect(plain), client.WithCredentials(cookies{}))
	err := c.Do(t.Context(), getX, nil)
	if s := texts(err); strings.Contains(s, canary) || !strings.Contains(s, "cookie [redacted], csrf [redacted]") {
		t.Errorf("error %s", s)
	}
}
