//go:build unix

package cli_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"math/rand/v2"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/hostile"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/bolt"
	door "github.com/keyhold/keyhold/internal/server/vaultctl"
)

// A daemon is the real server as a process of its own, behind the address of
// the stages, so that it can be started anew.
type daemon struct {
	t    *testing.T
	dir  string
	cmd  *exec.Cmd
	port atomic.Pointer[url.URL]
}

// newDaemon starts a server with what the first stage has, and returns it with
// the homes of ann and bob.
func newDaemon(t *testing.T) (d *daemon, ann, bob home) {
	t.Helper()
	if err := setUp(); err != nil {
		t.Fatal(err)
	}
	d = &daemon{t: t, dir: filepath.Join(t.TempDir(), "server")}
	err := bolt.New(filepath.Join(d.dir, "server.db")).Update(t.Context(), func(tx kv.Tx) error {
		for k, v := range theStage.store {
			if err := tx.Put([]byte(k), []byte(v)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	key := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{'k'}, 32))
	if err := os.WriteFile(filepath.Join(d.dir, "server.key"), []byte(key), 0o600); err != nil {
		t.Fatal(err)
	}
	d.start()
	t.Cleanup(d.kill)
	s := &stage{handler: &httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(d.port.Load()) },
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}}
	addStage(s)
	return d, homeOn(t, "ann", s), homeOn(t, "bob", s)
}

// homeOn copies somebody's home for a stage.
func homeOn(t *testing.T, who string, s *stage) home {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "kh")
	if err := copyHomeOf(who, dir, s.path); err != nil {
		t.Fatal(err)
	}
	return home{t: t, env: []string{"KEYHOLD_HOME=" + dir, "HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "KEYHOLD_KEYRING=file"}}
}

func (d *daemon) start() {
	d.t.Helper()
	d.cmd = exec.Command(keyholdServer, "serve", "--data", d.dir, "--addr", "127.0.0.1:0", "--registration", "open", "--quiet")
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		d.t.Fatal(err)
	}
	d.cmd.Stderr = os.Stderr
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		d.t.Fatal(err)
	}
	u, err := url.Parse(strings.TrimSpace(strings.TrimPrefix(line, "listening on ")))
	if err != nil {
		d.t.Fatal(err)
	}
	d.port.Store(u)
}

func (d *daemon) kill() {
	_ = d.cmd.Process.Kill()
	_ = d.cmd.Wait()
}

// whole wants the vault of the team to open for both, and returns its key version.
func whole(t *testing.T, round int, homes ...home) string {
	t.Helper()
	version := ""
	for _, h := range homes {
		for name, value := range map[string]string{"db": "hunter2\n", "mail": "letmein\n"} {
			if got, _ := h.want(0, "", "get", name, "--vault", "team", "--fresh"); got != value {
				t.Fatalf("round %d: %s is %q", round, name, got)
			}
		}
		h.want(0, "", "vault", "check", "team")
		shown, _ := h.want(0, "", "vault", "show", "team", "--json")
		_, rest, _ := strings.Cut(shown, `"key_version": `)
		now, _, _ := strings.Cut(rest, ",")
		if version != "" && now != version {
			t.Fatalf("round %d: one sees key version %s and another %s", round, version, now)
		}
		version = now
	}
	return version
}

// However a rekey is killed, in the client or in the server, the vault is wholly
// on the old key or wholly on the new one, and every item opens for everybody.
func TestKilledRekey(t *testing.T) {
	t.Parallel()
	for _, side := range []string{"client", "server"} {
		t.Run(side, func(t *testing.T) {
			t.Parallel()
			d, ann, bob := newDaemon(t)
			rounds := 25
			if testing.Short() {
				rounds = 6
			}
			span := life(func() { ann.want(0, "", "vault", "rekey", "team") })
			version := whole(t, 0, ann, bob)
			moved := 0
			for round := range rounds {
				delay := func() { <-time.After(rand.N(span * 5 / 4)) }
				if side == "client" {
					ann.killed(delay, "", "vault", "rekey", "team")
				} else {
					cmd := ann.command("vault", "rekey", "team")
					if err := cmd.Start(); err != nil {
						t.Fatal(err)
					}
					delay()
					d.kill()
					_ = cmd.Wait()
					d.start()
				}
				if now := whole(t, round, ann, bob); now != version {
					version = now
					moved++
				}
			}
			t.Logf("within %v: %d of %d rekeys were done", span*5/4, moved, rounds)
			if !testing.Short() && (moved == 0 || moved == rounds) {
				t.Errorf("%d of %d rekeys were done", moved, rounds)
			}
			ann.want(0, "", "vault", "rekey", "team")
			whole(t, rounds, bob, ann)
		})
	}
}

// Of several processes whose token is out of date one refreshes it.
func TestRefreshOnce(t *testing.T) {
	t.Parallel()
	if err := setUp(); err != nil {
		t.Fatal(err)
	}
	s, err := newStage("", theStage.store, false)
	if err != nil {
		t.Fatal(err)
	}
	later := func() time.Time { return time.Now().Add(20 * time.Minute) }
	deps, err := serverOver(s.store, later)
	if err != nil {
		t.Fatal(err)
	}
	if s.server, err = hostile.New(door.New(deps), ""); err != nil {
		t.Fatal(err)
	}
	s.setHandler(s.server)
	h := homeOn(t, "bob", s)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if status, _, errs := h.status("", "sync"); status != 0 {
				t.Errorf("status %d: %s", status, errs)
			}
		})
	}
	all.Wait()
	n := 0
	for _, asked := range s.server.Asked() {
		if asked == "POST /auth/refresh" {
			n++
		}
	}
	if n != 1 {
		t.Errorf("there were %d refreshes, want 1", n)
	}
}
