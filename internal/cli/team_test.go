//go:build unix

package cli_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// newTeam returns a copy of the team with its server, and a home for each.
func newTeam(t *testing.T) (s *server, homes map[string]home) {
	t.Helper()
	made, err := theTeam()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := made.copyTo(dir); err != nil {
		t.Fatal(err)
	}
	if s, err = startServer(filepath.Join(dir, "keys"), "--registration", "open"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	homes = map[string]home{}
	for _, who := range people {
		homes[who] = home{t: t, env: []string{
			"HOME=" + t.TempDir(), "KEYHOLD_HOME=" + filepath.Join(dir, who), "KEYHOLD_KEYRING=file", "PATH=" + os.Getenv("PATH"),
			"HTTP_PROXY=http://" + s.addr,
		}}
	}
	return s, homes
}

// A person signs up at a terminal, and types of another one's fingerprint what is
// left out as that person reads it.
func TestTerminal_fingerprint(t *testing.T) {
	t.Parallel()
	_, homes := newTeam(t)
	theirs, _ := homes["member"].want(0, "", "vault", "fingerprint")
	groups := strings.Fields(theirs)
	h := newHome(t, "KEYHOLD_KEYRING=file", homes["owner"].env[len(homes["owner"].env)-1])
	term := startOnTerminal(t, h.command("signup", "--insecure-http"))
	term.expect(t, "Address of the service")
	term.send(t, teamURL+"\n")
	term.expect(t, "E-mail address: ")
	term.send(t, "eve@example.com\n")
	term.expect(t, "New master password")
	term.send(t, password+"\n")
	term.expect(t, "The same again: ")
	term.send(t, password+"\n")
	term.expect(t, "signed up as eve@example.com")
	h.want(0, "", "vault", "create", "ours", "--shared")

	ask := func(answer func(left []string) string) *terminal {
		t.Helper()
		term := startOnTerminal(t, h.command("vault", "share", "ours", "member@example.com"))
		term.expect(t, "Groups: ")
		shown := regexp.MustCompile(`(?:(?:\d{5}|\.{5}) ?){12}`).FindString(strings.ReplaceAll(string(term.seen), "\r", ""))
		var left []string
		for i, g := range strings.Fields(shown) {
			switch {
			case g == ".....":
				left = append(left, groups[i])
			case g != groups[i]:
				t.Fatalf("group %d is shown as %s, it is %s", i, g, groups[i])
			}
		}
		if len(left) != 3 {
			t.Fatalf("%d groups are left out of %q", len(left), shown)
		}
		term.send(t, answer(left)+"\n")
		return term
	}
	ask(func([]string) string { return "12345 12345 12345" }).expect(t, "may show the key of somebody else")
	if members, _ := h.want(0, "", "vault", "members", "ours"); strings.Contains(members, "member@") {
		t.Errorf("shared nevertheless: %s", members)
	}
	ask(func(left []string) string { return strings.Join(left, " ") }).expect(t, `shared the vault "ours" with member@example.com`)
}

// Of several processes whose token is out of date one refreshes it.
func TestTeam_refreshOnce(t *testing.T) {
	t.Parallel()
	s, homes := newTeam(t)
	h := homes["owner"]
	untilLater()
	const processes = 6
	var first string
	var mu sync.Mutex
	var refreshed atomic.Int32
	asked, all := 0, make(chan struct{}) // with the old token, at the same time
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: s.addr})
	man := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/auth/refresh") {
			refreshed.Add(1)
		}
		mu.Lock()
		if first == "" {
			first = r.Header.Get("Authorization")
		}
		old := first == r.Header.Get("Authorization")
		if old {
			if asked++; asked == processes {
				close(all)
			}
		}
		mu.Unlock()
		if old {
			<-all
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"error":{"code":"TOKEN_INVALID","message":"out of date"}}`))
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(man.Close)
	h.env = append(h.env, "HTTP_PROXY="+man.URL)
	var wg sync.WaitGroup
	for range processes {
		wg.Go(func() {
			if _, err := h.run("", "vault", "fingerprint", "admin@example.com"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := refreshed.Load(); n != 1 {
		t.Errorf("the token was refreshed %d times", n)
	}
}

// A job of somebody without a home on a machine that keeps nothing. Several at
// once do not end each other's sessions.
func TestTeam_keepsNothing(t *testing.T) {
	t.Parallel()
	_, homes := newTeam(t)
	h := homes["owner"]
	h.want(0, "value", "put", "mail", "-")
	dir := t.TempDir()
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) }) //nolint:gosec // a directory
	file := filepath.Join(dir, "ci.yaml")
	h.want(0, "", "profile", "export", "-o", file)
	job := home{t: t, env: []string{"KEYHOLD_PASSWORD=" + password, h.env[len(h.env)-1]}}
	if os.Geteuid() == 0 {
		for _, way := range []string{filepath.Dir(keyhold), filepath.Dir(dir)} {
			if err := os.Chmod(way, 0o711); err != nil { //nolint:gosec // it holds only this test's
				t.Fatal(err)
			}
		}
		job.as = &syscall.Credential{Uid: 65534, Gid: 65534}
	}
	for path, mode := range map[string]os.FileMode{file: 0o444, dir: 0o555} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	before := listing(t, dir)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			cmd := job.command("get", "mail", "--profile", file)
			cmd.Dir = dir
			out, err := cmd.Output()
			if err != nil || string(out) != "value\n" {
				t.Errorf("mail is %q, %v", out, err)
			}
		})
	}
	wg.Wait()
	if after := listing(t, dir); after != before {
		t.Errorf("something was written: %s, before %s", after, before)
	}
}

func listing(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}
