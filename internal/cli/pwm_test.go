//go:build unix

package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// A swap is a request for a vault: to put a blob in the place of the one of a
// version or, without a version, to get the one that is there. A blob is known
// by its iv.
type swap struct {
	Version int64  `json:"version"`
	IV      string `json:"iv"`
}

// vaultModel is a vault as those who swap its blob see it. What comes back is the
// swap that is there after it; nothing if another version was there.
var vaultModel = porcupine.Model{
	Init: func() any { return nil },
	Step: func(state, input, output any) (bool, any) {
		in, out := input.(swap), output.(swap)
		was, known := state.(swap)
		switch {
		case !known: // what was there before the history began
			return true, out
		case in.Version == 0:
			return out == was, was
		case in.Version == was.Version:
			next := swap{was.Version + 1, in.IV}
			return out == next, next
		}
		return out == swap{}, was
	},
}

// A blobService is a keyhold-server behind a proxy that has the history of the
// vault work.
type blobService struct {
	url, token string

	mu      sync.Mutex
	began   time.Time
	history []porcupine.Operation
}

// RoundTrip passes a request on and keeps what came of it.
func (b *blobService) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.URL.Path, "/vault/work") {
		return http.DefaultTransport.RoundTrip(r)
	}
	var in, out swap
	if r.Method == http.MethodPut {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = json.Unmarshal(body, &in)
		}
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	call := time.Since(b.began)
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	answer.Body = io.NopCloser(bytes.NewReader(text))
	if answer.StatusCode == http.StatusOK {
		if err := json.Unmarshal(text, &out); err != nil {
			return nil, err
		}
		if r.Method == http.MethodPut {
			out.IV = in.IV
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.history = append(b.history, porcupine.Operation{
		ClientId: len(b.history), Input: in, Output: out, Call: call.Nanoseconds(), Return: time.Since(b.began).Nanoseconds(),
	})
	return answer, nil
}

// taken is how many PUTs the service took.
func (b *blobService) taken() (n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, op := range b.history {
		if op.Input.(swap).Version != 0 && op.Output != (swap{}) {
			n++
		}
	}
	return n
}

func newBlobService(t *testing.T) *blobService {
	t.Helper()
	data := filepath.Join(t.TempDir(), "srv")
	s, err := startServer(data)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	out, err := exec.CommandContext(context.Background(), keyholdServer, "token", "create", "--data", data, "--api", "pwm", "--email", "ann@example.com").Output()
	if err != nil {
		t.Fatal(err)
	}
	b := &blobService{token: strings.TrimSpace(string(out)), began: time.Now()}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: s.addr})
	proxy.Transport = b
	front := httptest.NewServer(proxy)
	t.Cleanup(front.Close)
	b.url = front.URL + "/pwm"
	return b
}

// version is the number that the service gives a vault.
func (b *blobService) version(t *testing.T, name string) int64 {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.url+"/vault/"+name, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+b.token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Version int64 `json:"version"`
	}
	if err := json.Unmarshal(text, &v); err != nil || v.Version == 0 {
		t.Fatalf("%s: %v", text, err)
	}
	return v.Version
}

// login makes a home that is logged in, with an open session.
func (b *blobService) login(t *testing.T) home {
	t.Helper()
	h := newHome(t, "KEYHOLD_KEYRING=file", "KEYHOLD_PASSWORD="+password)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(b.token), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"login", "vault", "--backend", "pwm", "--url", b.url, "--token-file", token}, {"unlock"}} {
		if _, err := h.run("", args...); err != nil {
			t.Fatal(err)
		}
	}
	h.env = h.env[:len(h.env)-1]
	return h
}

// Sixteen processes of one home and three of others put entries, each its own
// and all the same ones: no put is lost, and the version counts those that the
// service took.
func TestPwm_writers(t *testing.T) {
	t.Parallel()
	puts := 25
	if testing.Short() {
		puts = 5
	}
	b := newBlobService(t)
	first := b.login(t)
	for _, args := range [][]string{{"vault", "create", "work", "--password-file", passwordFile(t)}, {"vault", "default", "work"}, {"put", "shared", "password=", "--text", "note=0"}} {
		if _, err := first.run("", args...); err != nil {
			t.Fatal(err)
		}
	}
	homes := make([]home, 16, 19)
	for i := range homes {
		homes[i] = first
	}
	for range 3 {
		h := b.login(t)
		if _, err := h.run("", "vault", "default", "work"); err != nil {
			t.Fatal(err)
		}
		homes = append(homes, h)
	}
	base, taken := b.version(t, "work"), b.taken()
	errs := make([]error, len(homes))
	var wg sync.WaitGroup
	for n, h := range homes {
		wg.Go(func() { errs[n] = putAll(h, n, puts) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	got, sent, want := b.version(t, "work")-base, b.taken()-taken, int64(len(homes)*puts)
	if got != sent || got != want {
		t.Errorf("the version went up by %d, %d PUTs were taken, there were %d puts", got, sent, want)
	}
	if got := porcupine.CheckOperationsTimeout(vaultModel, b.history, time.Minute); got != porcupine.Ok {
		t.Errorf("the history of %d requests is %s", len(b.history), got)
	}
	last := b.login(t)
	for n := range homes {
		for i := range puts {
			item, field, value := "shared", fmt.Sprintf("by%d", n), fmt.Sprint((puts-1)&^1)
			if i%2 == 1 {
				item, field, value = fmt.Sprintf("item %d of %d", i, n), "note", fmt.Sprint(i)
			} else if i != 0 {
				continue // the later ones have the same field
			}
			if out, err := last.run("", "get", item, "-f", field, "--vault", "work"); err != nil || out != value+"\n" {
				t.Errorf("%s of %q is %q, %v", field, item, out, err)
			}
		}
	}
}

// putAll puts an item of this client's and the one of all in turns.
func putAll(h home, client, puts int) error {
	for i := range puts {
		args := []string{"put", "shared", "--text", fmt.Sprintf("note=%d.%d", client, i), "--text", fmt.Sprintf("by%d=%d", client, i)}
		if i%2 == 1 {
			args = []string{"put", fmt.Sprintf("item %d of %d", i, client), "password=", "--text", fmt.Sprint("note=", i)}
		}
		if _, err := h.run("", args...); err != nil {
			return err
		}
	}
	return nil
}

// TestVaultModel shows that the check can fail.
func TestVaultModel(t *testing.T) {
	t.Parallel()
	op := func(in, out swap, call, back int64) porcupine.Operation {
		return porcupine.Operation{Input: in, Output: out, Call: call, Return: back}
	}
	first := op(swap{}, swap{1, "a"}, 0, 1)
	lost := []porcupine.Operation{first, op(swap{1, "b"}, swap{2, "b"}, 2, 5), op(swap{1, "c"}, swap{2, "c"}, 3, 4)}
	if porcupine.CheckOperations(vaultModel, lost) {
		t.Error("two took the place of one version")
	}
	old := []porcupine.Operation{first, op(swap{1, "b"}, swap{2, "b"}, 2, 3), op(swap{}, swap{1, "a"}, 4, 5)}
	if porcupine.CheckOperations(vaultModel, old) {
		t.Error("an old blob came back")
	}
	good := []porcupine.Operation{first, op(swap{1, "b"}, swap{2, "b"}, 2, 5), op(swap{1, "c"}, swap{}, 3, 6), op(swap{}, swap{1, "a"}, 3, 4)}
	if !porcupine.CheckOperations(vaultModel, good) {
		t.Error("what may be is refused")
	}
}
