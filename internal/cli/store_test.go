package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// storeServerBinary is the real keyhold-server, built when a script first wants
// it.
var storeServerBinary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(filepath.Dir(keyhold), "keyhold-server-for-stores"+filepath.Ext(keyhold))
	out, err := exec.Command("go", "build", "-o", path, "github.com/keyhold/keyhold/cmd/keyhold-server").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build keyhold-server: %w: %s", err, out)
	}
	return path, nil
})

// The account of scripts about stores.
const storeAccount = "023e105f4ecef8ad9ca31a8372d0c353"

// A storeService is a keyhold-server with a recorder in front of it.
type storeService struct {
	*httptest.Server
	cmd *exec.Cmd
	log *os.File

	mu    sync.Mutex
	calls []string
	ids   map[string]string
	fails []canned
}

// A canned answer takes the place of one of the server's.
type canned struct {
	path        string // a part of what it is the answer to
	status      int
	kind, text  string
	retryHeader string
}

// stores starts keyhold-server with its data in $WORK/server, its log in
// $WORK/server/log, and a recorder in front. It sets ACCOUNT, FOREIGN, STORE_URL,
// STORE_TLS_URL, whose authority is in $WORK/ca.pem, and the tokens FULL, READER
// and SERVICE.
func stores(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: stores")
	}
	binary, err := storeServerBinary()
	ts.Check(err)
	data := ts.MkAbs("server")
	ts.Check(os.Mkdir(data, 0o700))
	s := &storeService{cmd: exec.Command(binary, "serve", "--addr", "127.0.0.1:0", "--data", data), ids: map[string]string{}}
	s.log, err = os.Create(filepath.Join(data, "log"))
	ts.Check(err)
	s.cmd.Stderr = s.log
	out, err := s.cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(s.cmd.Start())
	ts.Defer(func() {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		_ = s.log.Close()
	})
	addr := ""
	for lines := bufio.NewScanner(out); addr == "" && lines.Scan(); {
		addr, _ = strings.CutPrefix(lines.Text(), "listening on ")
		if !strings.HasPrefix(addr, "http") {
			addr = ""
		}
	}
	at, err := url.Parse(addr)
	ts.Check(err)
	go func() { _, _ = io.Copy(io.Discard, out) }()
	proxy := httputil.NewSingleHostReverseProxy(at)
	front := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := s.record(r); ok {
			w.Header().Set("Content-Type", c.kind)
			if c.retryHeader != "" {
				w.Header().Set("Retry-After", c.retryHeader)
			}
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.text)
			return
		}
		proxy.ServeHTTP(w, r)
	})
	s.Server = httptest.NewServer(front)
	ts.Defer(s.Close)
	secure := httptest.NewTLSServer(front)
	ts.Defer(secure.Close)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
	ts.Check(os.WriteFile(ts.MkAbs("ca.pem"), ca, 0o600))
	ts.Setenv("STORE_TLS_URL", secure.URL+"/client/v4")
	token := func(name string, flags ...string) {
		cmd := exec.CommandContext(context.Background(), binary, append([]string{"token", "create", "--data", data, "--api", "store"}, flags...)...)
		text, err := cmd.Output()
		ts.Check(err)
		ts.Setenv(name, strings.TrimSpace(string(text)))
	}
	token("FULL", "--account", storeAccount)
	token("READER", "--account", storeAccount, "--read-only")
	token("SERVICE", "--account", storeAccount, "--service", "gateway")
	ts.Setenv("ACCOUNT", storeAccount)
	ts.Setenv("FOREIGN", strings.Repeat("a", 32))
	ts.Setenv("STORE_URL", s.URL+"/client/v4")
	theStores.Store(ts.MkAbs("."), s)
}

// theStores are the services of scripts by their directories.
var theStores sync.Map

func storesOf(ts *testscript.TestScript) *storeService {
	s, ok := theStores.Load(ts.Getenv("WORK"))
	if !ok {
		ts.Fatalf("there is no service: stores")
	}
	return s.(*storeService)
}

var hexID = regexp.MustCompile(`\b[0-9a-f]{32}\b`)

// record notes a call, in which ids are numbered, and returns a canned answer if
// there is one for it.
func (s *storeService) record(r *http.Request) (canned, bool) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	line := strings.TrimPrefix(r.Method+" "+r.URL.RequestURI(), "/client/v4")
	if len(body) > 0 {
		line += " " + string(body)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	line = hexID.ReplaceAllStringFunc(line, func(id string) string {
		if id == storeAccount {
			return "ACCOUNT"
		}
		if s.ids[id] == "" {
			s.ids[id] = "ID" + strconv.Itoa(len(s.ids)+1)
		}
		return s.ids[id]
	})
	line = strings.Replace(line, " /client/v4/", " /", 1)
	s.calls = append(s.calls, line)
	for i, c := range s.fails {
		if strings.Contains(line, c.path) {
			s.fails = append(s.fails[:i:i], s.fails[i+1:]...)
			return c, true
		}
	}
	return canned{}, false
}

// wire FILE compares the calls since the last wire with the lines of a file;
// wire - forgets them.
func wire(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: wire FILE")
	}
	s := storesOf(ts)
	s.mu.Lock()
	got := strings.Join(append(s.calls, ""), "\n")
	s.calls, s.fails = nil, nil
	s.mu.Unlock()
	if args[0] == "-" {
		return
	}
	if want := ts.ReadFile(args[0]); got != want {
		ts.Fatalf("the calls are not as in %s:\n%s", args[0], got)
	}
}

// answer N PART STATUS TYPE TEXT [RETRY-AFTER] has the next N calls that have
// PART in their line answered so.
func answer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 5 {
		ts.Fatalf("usage: answer N PART STATUS TYPE TEXT [RETRY-AFTER]")
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	status, err := strconv.Atoi(args[2])
	ts.Check(err)
	c := canned{path: args[1], status: status, kind: args[3], text: args[4]}
	if len(args) > 5 {
		c.retryHeader = args[5]
	}
	s := storesOf(ts)
	s.mu.Lock()
	defer s.mu.Unlock()
	for range n {
		s.fails = append(s.fails, c)
	}
}
