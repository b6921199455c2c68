package cli_test

import (
	"bufio"
	"bytes"
	"context"
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
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// keyholdServer is the real keyhold-server, built once.
var keyholdServer string

// A server is a keyhold-server that runs.
type server struct {
	cmd    *exec.Cmd
	addr   string // host and port
	invite string // that the first start prints
}

// startServer starts keyhold-server on a free port and waits until it can be
// reached.
func startServer(data string, flags ...string) (*server, error) {
	args := append([]string{"serve", "--addr", "127.0.0.1:0", "--data", data, "--quiet"}, flags...)
	s := &server{cmd: exec.Command(keyholdServer, args...)}
	var errs bytes.Buffer
	s.cmd.Stderr = &errs
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if code, ok := strings.CutPrefix(lines.Text(), "invite for the owner: "); ok {
			s.invite = code
		}
		if addr, ok := strings.CutPrefix(lines.Text(), "listening on http://"); ok {
			s.addr = addr
			return s, nil
		}
	}
	return nil, fmt.Errorf("keyhold-server: %w: %s", s.cmd.Wait(), &errs)
}

// stop ends the server and waits for its end.
func (s *server) stop() {
	_ = s.cmd.Process.Signal(os.Interrupt)
	if s.cmd.Wait() != nil {
		_ = s.cmd.Process.Kill()
	}
}

// A team is three people with a home each, and the server of their accounts.
// Every address of a service goes to it: it is the proxy of what they run. Their
// sessions are open.
type team struct{ dir string }

// members of a team, in the order in which they signed up.
var people = []string{"owner", "admin", "member"}

// teamURL is where the team's service is, whatever its port.
const teamURL = "http://keys.test/api/v1"

// The team without a vault in common, made when it is first wanted; a script
// gets a copy, since making keys takes seconds.
var theTeam = sync.OnceValues(func() (team, error) {
	t := team{filepath.Join(filepath.Dir(keyhold), "team")}
	s, err := startServer(filepath.Join(t.dir, "keys"), "--registration", "open")
	if err != nil {
		return t, err
	}
	defer s.stop()
	errs := make(chan error)
	for _, who := range people {
		go func() {
			_, err := t.run(s.addr, who, "signup", "--url", teamURL, "--insecure-http", "--email", who+"@example.com")
			if err == nil {
				_, err = t.run(s.addr, who, "unlock")
			}
			errs <- err
		}()
	}
	for range people {
		if e := <-errs; e != nil {
			err = e
		}
	}
	return t, err
})

// run runs keyhold as one of the team.
func (t team) run(addr, who string, args ...string) (string, error) {
	cmd := exec.Command(keyhold, args...)
	cmd.Env = []string{
		"HOME=" + t.dir, "KEYHOLD_HOME=" + filepath.Join(t.dir, who), "KEYHOLD_PASSWORD=" + password,
		"KEYHOLD_KEYRING=file", "HTTP_PROXY=http://" + addr,
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: keyhold %s: %w: %s", who, strings.Join(args, " "), err, &errs)
	}
	return out.String(), nil
}

// copyTo copies the homes and the server's data into dir.
func (t team) copyTo(dir string) error {
	for _, name := range append([]string{"keys"}, people...) {
		if err := copyDir(filepath.Join(dir, name), filepath.Join(t.dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// copyDir copies what is in from to dest, with its modes. Sockets are left out.
func copyDir(dest, from string) error {
	return filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		to := filepath.Join(dest, rel)
		switch {
		case d.IsDir():
			return os.MkdirAll(to, 0o700)
		case !d.Type().IsRegular():
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, b, 0o600)
	})
}

type serversKey struct{}

// servers returns those of a script by name.
func servers(ts *testscript.TestScript) map[string]*server {
	m, ok := ts.Value(serversKey{}).(map[string]*server)
	if !ok {
		ts.Fatalf("this script has no servers")
	}
	return m
}

// serve NAME [FLAG...] starts keyhold-server on the data directory NAME and sets
// $NAME_URL, $NAME_PWM and, if it printed an invite for the owner, $NAME_INVITE.
func serve(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || servers(ts)[args[0]] != nil {
		ts.Fatalf("usage: serve NAME [FLAG...], once")
	}
	name := args[0]
	s, err := startServer(ts.MkAbs(name), args[1:]...)
	ts.Check(err)
	servers(ts)[name] = s
	ts.Setenv(name+"_URL", "http://"+s.addr+"/api/v1")
	ts.Setenv(name+"_PWM", "http://"+s.addr+"/pwm")
	ts.Setenv(name+"_INVITE", s.invite)
	if ts.Getenv("HTTP_PROXY") != "" {
		ts.Setenv("HTTP_PROXY", "http://"+s.addr)
	}
	ts.Defer(func() {
		if servers(ts)[name] == s {
			s.stop()
		}
	})
}

// stopServer NAME ends a server.
func stopServer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 || servers(ts)[args[0]] == nil {
		ts.Fatalf("usage: stopserver NAME")
	}
	servers(ts)[args[0]].stop()
	delete(servers(ts), args[0])
}

// useTeam [FLAG...] copies the team into the script's directory and starts its
// server, which is called keys.
func useTeam(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: team [FLAG...]")
	}
	t, err := theTeam()
	ts.Check(err)
	ts.Check(t.copyTo(ts.Getenv("WORK")))
	ts.Setenv("KEYHOLD_KEYRING", "file")
	ts.Setenv("HTTP_PROXY", "later")
	serve(ts, false, append([]string{"keys", "--registration", "open"}, args...))
}

// as WHO has the commands that follow use the home of WHO.
func as(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: as WHO")
	}
	ts.Setenv("KEYHOLD_HOME", ts.MkAbs(args[0]))
}

// copytree FROM TO copies a directory in place of another.
func copyTree(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: copytree FROM TO")
	}
	ts.Check(os.RemoveAll(ts.MkAbs(args[1])))
	ts.Check(copyDir(ts.MkAbs(args[1]), ts.MkAbs(args[0])))
}

// between [METHOD PATH [OLD NEW]] puts somebody between the team and its server
// who cuts the connection of requests with this method whose path and query hold
// PATH, before they arrive, or replaces text in their answers. With the word
// expired in place of OLD the token of the first of them is called out of date.
// Without arguments he is gone.
func between(ts *testscript.TestScript, neg bool, args []string) {
	s := servers(ts)["keys"]
	if neg || s == nil || len(args) == 1 || len(args) == 3 && args[2] != "expired" {
		ts.Fatalf("usage: between [METHOD PATH [OLD NEW]], after team")
	}
	if len(args) == 0 {
		ts.Setenv("HTTP_PROXY", "http://"+s.addr)
		return
	}
	hits := func(r *http.Request) bool {
		return r.Method == args[0] && strings.Contains(r.URL.RequestURI(), args[1])
	}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: s.addr})
	proxy.ModifyResponse = func(r *http.Response) error {
		if len(args) < 4 || !hits(r.Request) {
			return nil
		}
		b, err := io.ReadAll(r.Body)
		if err != nil || !bytes.Contains(b, []byte(args[2])) {
			return fmt.Errorf("no %q in %q, %w", args[2], b, err)
		}
		b = bytes.ReplaceAll(b, []byte(args[2]), []byte(args[3]))
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
		r.Header.Set("Content-Length", fmt.Sprint(len(b)))
		return nil
	}
	var once sync.Once
	man := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if hits(r) && len(args) == 2 {
			panic(http.ErrAbortHandler)
		}
		first := false
		if hits(r) && len(args) == 3 {
			once.Do(func() { first = true })
		}
		if first {
			untilLater()
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"error":{"code":"TOKEN_INVALID","message":"the token is out of date"}}`)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	ts.Defer(man.Close)
	ts.Setenv("HTTP_PROXY", man.URL)
}

// untilLater waits for the next second: a token that is renewed within the one
// in which it was made is the same.
func untilLater() {
	for now := time.Now().Unix(); time.Now().Unix() == now; {
		time.Sleep(10 * time.Millisecond)
	}
}

// build builds a program of the project into dir.
func build(ctx context.Context, dir, name string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", dir+string(os.PathSeparator), "github.com/keyhold/keyhold/cmd/"+name)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("build %s: %w", name, err)
	}
	path, err := exec.LookPath(filepath.Join(dir, name))
	return path, err
}
