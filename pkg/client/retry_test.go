package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyhold/keyhold/pkg/client"
)

// hangUp ends the connection without an answer.
func hangUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// cut ends the connection in the middle of an answer.
func cut(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", "100")
	_, _ = io.WriteString(w, `{"a":`)
	panic(http.ErrAbortHandler)
}

func TestRetry(t *testing.T) {
	t.Parallel()
	status := func(n int) http.HandlerFunc { return answer(n, "text/plain", "") }
	tests := []struct {
		name   string
		method string
		again  bool // Idempotent
		h      http.HandlerFunc
		want   int
	}{
		{"busy", "GET", false, status(429), 3},
		{"gateway", "HEAD", false, status(502), 3},
		{"down", "PUT", false, status(503), 3},
		{"slow", "DELETE", false, status(504), 3},
		{"fault", "GET", false, status(500), 1},
		{"refused", "GET", false, status(400), 1},
		{"no answer", "GET", false, hangUp, 3},
		{"half an answer", "GET", false, cut, 3},
		{"POST", "POST", false, status(503), 1},
		{"PATCH", "PATCH", false, status(503), 1},
		{"POST, no answer", "POST", false, hangUp, 1},
		{"POST, half an answer", "POST", false, cut, 1},
		{"POST with a key", "POST", true, status(503), 3},
		{"POST with a key, no answer", "POST", true, hangUp, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var n atomic.Int32
			c := at(t, func(w http.ResponseWriter, r *http.Request) {
				n.Add(1)
				b, _ := io.ReadAll(r.Body)
				if string(b) != `"body"` {
					t.Errorf("attempt %d sent %q", n.Load(), b)
				}
				tt.h(w, r)
			})
			var out any
			err := c.Do(t.Context(), client.Request{Method: tt.method, Body: "body", Idempotent: tt.again}, &out)
			if err == nil || int(n.Load()) != tt.want {
				t.Errorf("asked %d times, error %v; want %d and an error", n.Load(), err, tt.want)
			}
		})
	}
}

// TestOnce makes sure that what may not arrive twice does not.
func TestOnce(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		h    http.HandlerFunc
		want int32
	}{
		"refused":        {answer(429, "text/plain", ""), 3},
		"down":           {answer(503, "text/plain", ""), 1},
		"no answer":      {hangUp, 1},
		"half an answer": {cut, 1},
	} {
		var n atomic.Int32
		c := at(t, func(w http.ResponseWriter, r *http.Request) {
			n.Add(1)
			tt.h(w, r)
		})
		var out any
		err := c.Do(t.Context(), client.Request{Method: "PUT", Body: "body", Once: true, Idempotent: true}, &out)
		if err == nil || n.Load() != tt.want {
			t.Errorf("%s: asked %d times, error %v; want %d and an error", name, n.Load(), err, tt.want)
		}
	}
}

func TestRetrySucceeds(t *testing.T) {
	t.Parallel()
	var n atomic.Int32
	c := at(t, func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) < 4 {
			cut(w, r)
		}
		answer(200, "application/json", `{"a":1}`)(w, r)
	}, client.WithRetries(3))
	var out struct {
		A int `json:"a"`
	}
	if err := c.Do(t.Context(), getX, &out); err != nil || out.A != 1 {
		t.Errorf("a = %d, error %v", out.A, err)
	}
}

// TestWaits looks at how long is waited before each retry.
func TestWaits(t *testing.T) {
	t.Parallel()
	const date = "Mon, 02 Jan 2006 15:04:05 GMT"
	tests := []struct {
		name     string
		header   map[string]string
		min, max time.Duration // of every wait
		asked    time.Duration // in the error
	}{
		{"jitter", nil, 1, 4 * time.Second, 0},
		{"seconds", map[string]string{"Retry-After": "3"}, 3 * time.Second, 3 * time.Second, 3 * time.Second},
		{"huge", map[string]string{"Retry-After": "86399"}, 10 * time.Second, 10 * time.Second, 86399 * time.Second},
		{"beyond numbers", map[string]string{"Retry-After": strings.Repeat("9", 40)}, 10 * time.Second, 10 * time.Second, 24 * time.Hour},
		{"date", map[string]string{"Retry-After": "Mon, 02 Jan 2006 15:04:09 GMT", "Date": date}, 4 * time.Second, 4 * time.Second, 4 * time.Second},
		{"date in the past", map[string]string{"Retry-After": "Mon, 02 Jan 2006 15:00:00 GMT", "Date": date}, 1, 4 * time.Second, 0},
		{"date without a clock", map[string]string{"Retry-After": date, "Date": "x"}, 1, 4 * time.Second, 0},
		{"nonsense", map[string]string{"Retry-After": "-5"}, 1, 4 * time.Second, 0},
	}
	for _, tt := range tests {
		var waits []time.Duration
		c := at(t, func(w http.ResponseWriter, _ *http.Request) {
			for k, v := range tt.header {
				w.Header().Set(k, v)
			}
			w.WriteHeader(http.StatusServiceUnavailable)
		}, client.WithRetries(12), client.WithSleep(func(_ context.Context, d time.Duration) error {
			waits = append(waits, d)
			return nil
		}))
		err := c.Do(t.Context(), getX, nil)
		if e, ok := errors.AsType[*client.Error](err); !ok || e.RetryAfter != tt.asked {
			t.Errorf("%s: error %#v, want RetryAfter %s", tt.name, err, tt.asked)
		}
		if len(waits) != 12 {
			t.Errorf("%s: waited %d times, want 12", tt.name, len(waits))
		}
		for i, d := range waits {
			if d < tt.min || d > tt.max || tt.header == nil && d > 250*time.Millisecond<<i {
				t.Errorf("%s: wait %d is %s, want %s to %s", tt.name, i, d, tt.min, tt.max)
			}
		}
	}
}

// TestTime has transports that take their time, and a clock that does not.
func TestTime(t *testing.T) {
	t.Parallel()
	const js = "application/json"
	never := func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	// slowly sends one byte of the answer every d.
	slowly := func(d time.Duration, text string) roundTripper {
		return func(r *http.Request) (*http.Response, error) {
			return &http.Response{
				StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {js}}, ContentLength: -1,
				Body: io.NopCloser(&slowReader{r.Context(), d, text}),
			}, nil
		}
	}
	busy := func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"3600"}}, Body: http.NoBody}, nil
	}
	tests := []struct {
		name string
		rt   roundTripper
		req  client.Request
		opts []client.Option
		took time.Duration
		err  string // "" for none
	}{
		{"no answer", never, getX, nil, 30 * time.Second, "no answer in time"},
		{"no answer, own time-out", never, getX, []client.Option{client.WithTimeout(time.Second)}, time.Second, "no answer in time"},
		{"no time-out is none to set", never, getX, []client.Option{client.WithTimeout(0)}, 30 * time.Second, "no answer in time"},
		{"a long call stalls", never, client.Request{Method: "POST", Timeout: time.Hour}, nil, 30 * time.Second, "no answer in time"},
		{"a long call moves on", slowly(20*time.Second, "1000000"), client.Request{Method: "GET", Timeout: time.Hour}, nil, 7 * 20 * time.Second, ""},
		{"a short call drips", slowly(time.Second, strings.Repeat("1", 99)), getX, nil, 30 * time.Second, "no answer in time"},
		{"an hour off", busy, getX, nil, 20 * time.Second, "status 503"},
		{"an hour off, patient", busy, getX, []client.Option{client.WithRetries(9)}, 30 * time.Second, "status 503"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				opts := append([]client.Option{client.WithHTTPClient(&http.Client{Transport: tt.rt})}, tt.opts...)
				c, err := client.New("https://example.com", opts...)
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				var n int
				err = c.Do(t.Context(), tt.req, &n)
				if took := time.Since(start); took != tt.took {
					t.Errorf("took %s, want %s", took, tt.took)
				}
				if tt.err == "" && err != nil || tt.err != "" && (!errors.Is(err, client.ErrUnavailable) || !strings.Contains(err.Error(), tt.err)) {
					t.Errorf("error %v, want %q", err, tt.err)
				}
			})
		})
	}
}

// A slowReader gives its text a byte at a time.
type slowReader struct {
	ctx  context.Context
	d    time.Duration
	text string
}

func (r *slowReader) Read(p []byte) (int, error) {
	if r.text == "" {
		return 0, io.EOF
	}
	select {
	case <-r.ctx.Done():
		return 0, r.ctx.Err()
	case <-time.After(r.d):
	}
	n := copy(p[:1], r.text)
	r.text = r.text[n:]
	return n, nil
}

// TestCancelWhileWaiting ends a call that waits to be sent again.
func TestCancelWhileWaiting(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	c := at(t, answer(503, "text/plain", ""), client.WithSleep(func(ctx context.Context, _ time.Duration) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}))
	if err := c.Do(ctx, getX, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

// TestHang has a real server that never answers.
func TestHang(t *testing.T) {
	t.Parallel()
	for _, half := range []bool{false, true} {
		c := at(t, func(w http.ResponseWriter, r *http.Request) {
			if half {
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, `{"a"`)
				_ = http.NewResponseController(w).Flush()
			}
			<-r.Context().Done()
		}, client.WithTimeout(50*time.Millisecond))
		var out any
		if err := c.Do(t.Context(), getX, &out); !errors.Is(err, client.ErrUnavailable) {
			t.Errorf("half %t: %v, want ErrUnavailable", half, err)
		}
	}
}
