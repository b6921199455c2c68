package servercli_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/exit"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/bolt"
	"github.com/keyhold/keyhold/internal/servercli"
)

// An output is what a command writes, read while it runs.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func newEnv(out, err io.Writer) *servercli.Env {
	return &servercli.Env{
		Out: out, Err: err, Getenv: func(string) string { return "" }, Now: time.Now, Rand: rand.Reader,
		Version: servercli.Version{Number: "1.2.3", Commit: "c0ffee", Go: "go1", Platform: "a/b"},
	}
}

// run runs one command to its end.
func run(t *testing.T, args ...string) (status exit.Status, out, err string) {
	t.Helper()
	var o, e output
	status = servercli.Main(t.Context(), newEnv(&o, &e), args)
	return status, o.String(), e.String()
}

// ok runs a command that has to work and returns what it prints.
func ok(t *testing.T, args ...string) string {
	t.Helper()
	status, out, err := run(t, args...)
	if status != exit.OK {
		t.Fatalf("%v: status %d: %s", args, status, err)
	}
	return out
}

// A running server.
type running struct {
	url      string
	out, err *output
	stop     func() exit.Status
}

// start starts a server and waits until it can be reached.
func start(t *testing.T, args ...string) running {
	t.Helper()
	pr, pw := io.Pipe()
	r := running{out: &output{}, err: &output{}}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan exit.Status, 1)
	go func() {
		status := servercli.Main(ctx, newEnv(io.MultiWriter(r.out, pw), r.err), append([]string{"serve", "--addr", "127.0.0.1:0"}, args...))
		_ = pw.Close()
		ended <- status
	}()
	r.stop = sync.OnceValue(func() exit.Status { cancel(); return <-ended })
	t.Cleanup(func() { r.stop() })
	address := regexp.MustCompile(`listening on (\S+)\n`)
	buf := make([]byte, 4096)
	for r.url == "" {
		if _, err := pr.Read(buf); err != nil {
			t.Fatalf("it ended: %s%s", r.out, r.err)
		}
		if m := address.FindStringSubmatch(r.out.String()); m != nil {
			r.url = m[1]
		}
	}
	go func() { _, _ = io.Copy(io.Discard, pr) }()
	return r
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// The commands do the same through the server and on the store.
func TestCommands(t *testing.T) {
	t.Parallel()
	for _, serving := range []bool{true, false} {
		name := "store"
		if serving {
			name = "server"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "data")
			data := "--data=" + dir
			if serving {
				s := start(t, data, "--registration", "open")
				if status, body := get(t, s.url+"/healthz"); status != 200 || body != "ok\n" {
					t.Errorf("healthz: %d %q", status, body)
				}
				if status, body := get(t, s.url+"/api/v1/config"); status != 200 || !strings.Contains(body, `"appVersion":"1.2.3"`) {
					t.Errorf("config: %d %q", status, body)
				}
				if status, _ := get(t, s.url+"/"); status != 404 {
					t.Errorf("/: %d", status)
				}
			}
			commands(t, data)
		})
	}
}

func commands(t *testing.T, data string) {
	t.Helper()
	if out := ok(t, "user", "list", data); out != "" {
		t.Errorf("users: %q", out)
	}
	code := strings.TrimSpace(ok(t, "invite", "create", data))
	if len(code) != 32 {
		t.Errorf("code %q", code)
	}
	var made struct{ ID, Email, Code string }
	if err := json.Unmarshal([]byte(ok(t, "user", "create", "Bob@Example.com", "--expires", "1h", "--json", data)), &made); err != nil {
		t.Fatal(err)
	}
	if made.Email != "bob@example.com" || len(made.Code) != 32 {
		t.Errorf("made %+v", made)
	}
	list := ok(t, "invite", "list", data)
	if strings.Count(list, "\n") != 2 || !strings.Contains(list, made.ID+"\tbob@example.com\t") || strings.Contains(list, code) {
		t.Errorf("invites:\n%s", list)
	}
	ok(t, "invite", "revoke", made.ID, data)
	for _, tt := range []struct {
		args   []string
		status exit.Status
		err    string
	}{
		{[]string{"invite", "revoke", made.ID}, exit.NotFound, "no invite has this id"},
		{[]string{"invite", "revoke", "x"}, exit.NotFound, "no invite has this id"},
		{[]string{"invite", "create", "--email", "x"}, exit.Usage, "email"},
		{[]string{"invite", "create", "--expires", "0s"}, exit.Usage, "--expires"},
		{[]string{"user", "disable", "bob@example.com"}, exit.NotFound, "no user"},
		{[]string{"user", "disable", "6f1c1f4e-8f57-4c55-9d2b-0f6f0a4f3a10", "--undo"}, exit.NotFound, "no user"},
	} {
		status, out, err := run(t, append(tt.args, data)...)
		if status != tt.status || out != "" || !strings.Contains(err, tt.err) || !strings.HasPrefix(err, "keyhold-server: ") {
			t.Errorf("%v: status %d, %q, %q", tt.args, status, out, err)
		}
	}
	file := filepath.Join(t.TempDir(), "copy.db")
	ok(t, "backup", file, data)
	if status, _, err := run(t, "backup", file, data); status != exit.Conflict || !strings.Contains(err, "exists") {
		t.Errorf("backup over a file: %d %s", status, err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("backup: %v, %v", info.Mode(), err)
	}
	n := 0
	err = bolt.New(file).View(t.Context(), func(tx kv.Tx) error {
		for range tx.Scan([]byte("ai/")) {
			n++
		}
		return nil
	})
	if err != nil || n != 1 {
		t.Errorf("the backup has %d invites, %v", n, err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(file), ".*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// Before there is a store there is nothing to back up.
func TestBackup_nothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "copy.db")
	if status, _, err := run(t, "backup", file, "--data", filepath.Join(dir, "data")); status != exit.NotFound {
		t.Errorf("status %d, %s", status, err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("there is a file")
	}
}

// The first start prints an invite; the next one, while that is good, does not.
func TestServe_firstInvite(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	s := start(t, "--data", dir)
	if !regexp.MustCompile(`(?m)^invite for the owner: \S{32}$`).MatchString(s.out.String()) {
		t.Errorf("printed: %s", s.out)
	}
	if !strings.Contains(s.err.String(), "server.key") {
		t.Errorf("not said: %s", s.err)
	}
	if runtime.GOOS != "windows" {
		for name, mode := range map[string]os.FileMode{".": 0o700, "server.key": 0o600, "server.db": 0o600, "admin.sock": 0o600} {
			if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != mode {
				t.Errorf("%s: %v, %v", name, info, err)
			}
		}
	}
	key, _ := os.ReadFile(filepath.Join(dir, "server.key"))
	if status := s.stop(); status != exit.OK {
		t.Errorf("status %d: %s", status, s.err)
	}
	if _, err := os.Stat(filepath.Join(dir, "admin.sock")); err == nil {
		t.Error("the socket is still there")
	}
	s = start(t, "--data", dir)
	if strings.Contains(s.out.String(), "invite") || strings.Contains(s.err.String(), "server.key") {
		t.Errorf("the second time: %s%s", s.out, s.err)
	}
	if again, _ := os.ReadFile(filepath.Join(dir, "server.key")); !bytes.Equal(key, again) {
		t.Error("the key is another one")
	}
}

// A socket that a killed server left is no obstacle, and a path that is too long
// for a socket neither.
func TestServe_socket(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "linux" {
		dir = t.TempDir()
	}
	if err := os.WriteFile(filepath.Join(dir, "admin.sock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, "--data", dir, "--registration", "disabled")
	ok(t, "invite", "create", "--data", dir)
	if status := s.stop(); status != exit.OK {
		t.Errorf("status %d", status)
	}
	if out := ok(t, "invite", "list", "--data", dir); strings.Count(out, "\n") != 1 {
		t.Errorf("invites: %q", out)
	}
}

// What is refused before anything is touched.
func TestServe_refused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const good = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
	tests := []struct {
		name   string
		args   []string
		status exit.Status
		err    string
	}{
		{"all addresses", []string{"--addr", ":0"}, exit.Usage, "hint: add --tls-cert FILE"},
		{"another address", []string{"--addr", "192.0.2.1:0"}, exit.Usage, "without TLS"},
		{"a name", []string{"--addr", "example.com:0"}, exit.Usage, "without TLS"},
		{"no port", []string{"--addr", "127.0.0.1"}, exit.Usage, "--addr"},
		{"half of TLS", []string{"--tls-cert", "x"}, exit.Usage, "go together"},
		{"TLS without files", []string{"--tls-cert", "x", "--tls-key", "y"}, exit.Other, "--tls-cert"},
		{"mode", []string{"--registration", "x"}, exit.Usage, "--registration"},
		{"proxy", []string{"--trusted-proxy", "x"}, exit.Usage, "--trusted-proxy"},
		{"access time", []string{"--access-time", "0s"}, exit.Usage, "--access-time"},
		{"argument", []string{"x"}, exit.Usage, "hint: keyhold-server serve --help"},
		{"flag", []string{"--nope"}, exit.Usage, "--nope"},
		{"no key file", []string{"--key-file", filepath.Join(dir, "nothing")}, exit.Other, "nothing"},
		{"short key", []string{"--key-file", file("short", "AAAA", 0o600)}, exit.Damaged, "32 bytes"},
		{"open key", []string{"--key-file", file("open", good, 0o644)}, exit.Usage, "chmod 600"},
		{"data is a file", []string{"--data", file("file", "", 0o600)}, exit.Other, "file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.name == "open key" && runtime.GOOS == "windows" {
				t.Skip("no permissions")
			}
			args := append([]string{"serve", "--data", filepath.Join(t.TempDir(), "data")}, tt.args...)
			status, out, err := run(t, args...)
			if status != tt.status || out != "" || !strings.Contains(err, tt.err) {
				t.Errorf("status %d, %q, %s", status, out, err)
			}
		})
	}
	s := start(t, "--data", filepath.Join(dir, "data"), "--registration", "open", "--key-file", file("good", good, 0o600))
	if _, err := os.Stat(filepath.Join(dir, "data", "server.key")); err == nil {
		t.Error("a key was made beside --key-file")
	}
	s.stop()
}

// Every command explains itself: a line, a paragraph, and two examples.
func TestHelp(t *testing.T) {
	t.Parallel()
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		for _, c := range cmd.Commands() {
			if !c.Hidden {
				visit(c)
			}
		}
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") || cmd.Long == "" || strings.Count(cmd.Example, "keyhold-server ") < 2 {
			t.Errorf("%s: its help is not as it should be", cmd.CommandPath())
		}
	}
	root := servercli.NewRoot(newEnv(io.Discard, io.Discard))
	visit(root)
	if out := ok(t); !strings.Contains(out, "serve") {
		t.Errorf("the first screen: %s", out)
	}
	if out := ok(t, "version"); out != "keyhold-server 1.2.3 (go1, a/b)\n" {
		t.Errorf("version: %q", out)
	}
	if out := ok(t, "version", "--json"); !strings.Contains(out, `"commit": "c0ffee"`) {
		t.Errorf("version: %q", out)
	}
	status, _, err := run(t, "--json", "user", "nope")
	if status != exit.Usage || !strings.HasPrefix(err, `{"error":{"code":"usage","exit":2,`) {
		t.Errorf("%d %s", status, err)
	}
}
