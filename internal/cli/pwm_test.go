//go:build unix

package cli_test

import (
	"bytes"
	"context"
	"crypto/rand"
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
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/pkg/client"
	api "github.com/keyhold/keyhold/pkg/client/pwm"
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
	team       string      // the address of the Vaults API there
	refuses    atomic.Bool // every PUT, as a conflict
	refused    []time.Time // when

	// A get while nobody puts: of two that overlap both orders would have to be
	// tried, and of many of them more than there is memory for.
	turn    sync.RWMutex
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
	if r.Method == http.MethodPut && b.refuses.Load() {
		b.mu.Lock()
		b.refused = append(b.refused, time.Now())
		b.mu.Unlock()
		rec := httptest.NewRecorder()
		rec.Header().Set("Content-Type", "application/json")
		rec.WriteHeader(http.StatusConflict)
		_, err := rec.WriteString(`{"error":"Version conflict","code":"VERSION_CONFLICT","currentVersion":9,"yourVersion":1}`)
		return rec.Result(), err
	}
	if r.Method == http.MethodPut {
		b.turn.RLock()
		defer b.turn.RUnlock()
	} else {
		b.turn.Lock()
		defer b.turn.Unlock()
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

func newBlobService(t *testing.T, flags ...string) *blobService {
	t.Helper()
	data := filepath.Join(t.TempDir(), "srv")
	s, err := startServer(data, flags...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	out, err := exec.CommandContext(context.Background(), keyholdServer, "token", "create", "--data", data, "--api", "pwm", "--email", "ann@example.com").Output()
	if err != nil {
		t.Fatal(err)
	}
	b := &blobService{team: "http://" + s.addr + "/api/v1", token: strings.TrimSpace(string(out)), began: time.Now()}
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
	var again atomic.Int64
	var wg sync.WaitGroup
	for n, h := range homes {
		wg.Go(func() { errs[n] = putAll(h, n, puts, &again) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if n := again.Load(); n > int64(len(homes)*puts/20) {
		t.Errorf("%d puts ended with a conflict", n)
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

// putAll puts an item of this client's and the one of all in turns. Where a
// machine is slow one may end with a conflict, and is repeated, as it says.
func putAll(h home, client, puts int, again *atomic.Int64) error {
	for i := range puts {
		args := []string{"put", "shared", "--text", fmt.Sprintf("note=%d.%d", client, i), "--text", fmt.Sprintf("by%d=%d", client, i)}
		if i%2 == 1 {
			args = []string{"put", fmt.Sprintf("item %d of %d", i, client), "password=", "--text", fmt.Sprint("note=", i)}
		}
		_, err := h.run("", args...)
		for exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == 8 && again.Add(1) < 100; {
			_, err = h.run("", args...)
		}
		if err != nil {
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

// A service that always says that somebody was faster.
func TestPwm_alwaysConflict(t *testing.T) {
	t.Parallel()
	b := newBlobService(t)
	h := b.login(t)
	for _, args := range [][]string{{"vault", "create", "work", "--password-file", passwordFile(t)}, {"vault", "default", "work"}} {
		if _, err := h.run("", args...); err != nil {
			t.Fatal(err)
		}
	}
	base := b.version(t, "work")
	b.refuses.Store(true)
	status, _, errs := h.status("secret", "put", "mail", "-") // a home kills what takes a minute
	if status != 8 || !strings.Contains(errs, "hint: ") || !strings.Contains(errs, "keyhold put mail -") {
		t.Errorf("status %d: %s", status, errs)
	}
	b.refuses.Store(false)
	if n := len(b.refused); n < 5 || b.refused[n-1].Sub(b.refused[0]) > 20*time.Second {
		t.Errorf("%d tries: %v", n, b.refused)
	}
	if got := b.version(t, "work"); got != base {
		t.Errorf("the vault has version %d, it had %d", got, base)
	}
	if status, out, errs := h.status("", "ls"); status != 0 || out != "" {
		t.Errorf("ls: status %d, %q, %s", status, out, errs)
	}
	if status, _, errs := h.status("secret", "put", "mail", "-"); status != 0 {
		t.Errorf("the next put: status %d, %s", status, errs)
	}
}

// blob opens a vault at the service and calls fn with what it holds; what fn
// makes of it is put there, unless that is nothing.
func (b *blobService) blob(t *testing.T, name string, fn func(plain string) string) {
	t.Helper()
	c, err := api.New(b.url, client.WithCredentials(client.Token(client.NewSecret(b.token))))
	if err != nil {
		t.Fatal(err)
	}
	v, err := c.Vaults.Get(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	kek, err := seal.DeriveBlobKEK(secret.TextOf(password), v.VaultKeySalt)
	if err != nil {
		t.Fatal(err)
	}
	key, err := kek.Unwrap(v.VaultKeyIV, v.WrappedVaultKey)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := key.OpenBlob(v.IV, v.EncryptedData)
	if err != nil {
		t.Fatal(err)
	}
	next := fn(string(plain.Reveal()))
	if next == "" {
		return
	}
	iv, data, err := key.SealBlob(rand.Reader, secret.Of([]byte(next)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Vaults.Update(t.Context(), name, api.UpdateRequest{Version: v.Version, Content: api.Content{EncryptedData: data, IV: iv}}); err != nil {
		t.Fatal(err)
	}
}

// An entry of another client goes from pwm to this machine, to a team's service
// and back, and the members that nobody here knows come along.
func TestPwm_foreignMembers(t *testing.T) {
	t.Parallel()
	const members = `"later":{"a":[1,2.50],"\u00e9":null},"flags":[true]`
	b := newBlobService(t, "--registration", "open")
	h := b.login(t)
	pw := passwordFile(t)
	run := func(args ...string) string {
		t.Helper()
		out, err := h.run("", append(args, "--password-file", pw)...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	run("vault", "create", "work")
	b.blob(t, "work", func(string) string {
		return `{"entries":[{"id":"6f1c1f4e-8f57-4c55-9d2b-0f6f0a4f3a10","type":"login","name":"mail","username":"ann","password":"hunter2",` + members + `}],"more":{"b":1.0}}`
	})
	run("sync")
	run("signup", "--url", b.team, "--email", "ann@example.com", "--profile", "team")
	run("profile", "create", "here")
	run("vault", "create", "personal", "--profile", "here")
	run("cp", "kh://work@default/mail", "one", "--to-vault", "personal@here")
	run("cp", "kh://personal@here/one", "two", "--to-vault", "personal@team")
	run("cp", "kh://personal@team/two", "three", "--to-vault", "work@default")
	if out := run("get", "three", "-f", "password", "--vault", "work"); strings.TrimSpace(out) != "hunter2" {
		t.Errorf("the password is %q", out)
	}
	b.blob(t, "work", func(plain string) string {
		if strings.Count(plain, `"later":{"a":[1,2.50],`) != 2 || strings.Count(plain, `"flags":[true]`) != 2 || !strings.Contains(plain, `"more":{"b":1.0}`) {
			t.Errorf("the service has %s", plain)
		}
		return ""
	})
}

// A login that a person completes opens the page at a desktop.
func TestPwm_browser(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("other systems have other openers: TestOpener of package app")
	}
	const page = "https://page.test/login?a=1&b=%20"
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Method == http.MethodPost {
			_, _ = fmt.Fprintf(w, `{"sessionId":"s1","expiresAt":"2099-01-01T00:00:00Z","url":%q}`, page)
			return
		}
		_, _ = io.WriteString(w, `{"status":"pending"}`)
	}))
	t.Cleanup(srv.Close)
	bin, seen := t.TempDir(), filepath.Join(t.TempDir(), "seen")
	script := "#!/bin/sh\nenv >\"" + seen + ".env\"\nprintf '%s\\n' \"$@\" >\"" + seen + ".new\" && mv \"" + seen + ".new\" \"" + seen + "\"\n"
	if err := os.WriteFile(filepath.Join(bin, "xdg-open"), []byte(script), 0o700); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	h := newHome(t, "KEYHOLD_KEYRING=file", "KEYHOLD_PASSWORD="+password, "DISPLAY=:77")
	h.env = append(h.env, "PATH="+bin+":"+os.Getenv("PATH"))
	cmd := h.command("login", "vault", "--backend", "pwm", "--url", srv.URL)
	term := startOnTerminal(t, cmd)
	term.expect(t, "to complete the login, open "+page)
	var got []byte
	for range 1200 {
		if got, _ = os.ReadFile(seen); len(got) > 0 {
			break
		}
		time.Sleep(25 * time.Millisecond)
	}
	_, _ = cmd.Process.Kill(), cmd.Wait()
	if string(got) != page+"\n" {
		t.Errorf("xdg-open got %q", got)
	}
	if env, err := os.ReadFile(seen + ".env"); err != nil || bytes.Contains(env, []byte("KEYHOLD_")) {
		t.Errorf("xdg-open sees keyhold's variables: %s, %v", env, err)
	}
}
