package cli_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// endless is a reader of a repeated text.
type endless struct {
	text []byte
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = e.text[e.at]
		e.at = (e.at + 1) % len(e.text)
	}
	return len(p), nil
}

// repeat writes a text n times.
func repeat(w io.Writer, text string, n int64) {
	_, _ = io.Copy(w, io.LimitReader(&endless{text: []byte(text)}, n*int64(len(text))))
}

const gigabyte = 1 << 30

// sick are servers that do not answer as one should.
var sick = []struct {
	name   string
	status int // of a sync
	slow   bool
	answer func(w http.ResponseWriter, r *http.Request)
}{
	{"500", 9, false, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }},
	{"503 for ever", 9, true, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "86400")
		w.WriteHeader(http.StatusServiceUnavailable)
	}},
	{"404", 9, false, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }},
	{"hangs", 9, true, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }},
	{"hangs in the body", 9, true, func(w http.ResponseWriter, r *http.Request) {
		jsonHead(w)
		repeat(w, " ", 1<<16)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}},
	{"cuts the body", 9, false, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100000")
		jsonHead(w)
		_, _ = io.WriteString(w, `{"vaults":[`)
		panic(http.ErrAbortHandler)
	}},
	{"cuts the head", 9, false, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
	{"redirects", 10, false, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path+"/", http.StatusFound) }},
	{"a gigabyte", 9, false, func(w http.ResponseWriter, _ *http.Request) { jsonHead(w); repeat(w, " ", gigabyte) }},
	{"a gigabyte, said before", 9, false, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(gigabyte))
		jsonHead(w)
		repeat(w, " ", gigabyte)
	}},
	{"a gigabyte of error", 9, false, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		repeat(w, "x", gigabyte)
	}},
	{"a gigabyte, compressed", 9, false, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		jsonHead(w)
		z, _ := gzip.NewWriterLevel(w, gzip.BestSpeed)
		repeat(z, " ", gigabyte)
	}},
	{"many vaults", 9, false, listOf(`{},`)},
	{"many nulls", 9, false, listOf(`null,`)},
	{"many members", 9, false, func(w http.ResponseWriter, _ *http.Request) {
		jsonHead(w)
		_, _ = io.WriteString(w, `{"vaults":[{`)
		for i := range 1 << 20 {
			_, _ = fmt.Fprintf(w, `"%d":0,`, i)
		}
	}},
	{"small vaults", 9, false, listOf(`{"id":"1"},`)},
	{"deep", 9, false, listOf(`[`)},
	{"headers without end", 9, false, func(w http.ResponseWriter, _ *http.Request) {
		for i := range 1 << 12 {
			w.Header().Set(fmt.Sprint("X-", i), strings.Repeat("x", 1<<12))
		}
		jsonHead(w)
	}},
	{"HTML", 9, false, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<html><body>Log in to the network</body></html>")
	}},
	{"members twice", 9, false, func(w http.ResponseWriter, _ *http.Request) {
		jsonHead(w)
		_, _ = io.WriteString(w, `{"vaults":[],"vaults":[]}`)
	}},
	{"another content type", 9, false, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, `{"vaults":[]}`)
	}},
	{"no content", 9, false, func(w http.ResponseWriter, _ *http.Request) { jsonHead(w) }},
}

func jsonHead(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
}

// listOf answers with the greatest list that a client reads.
func listOf(element string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		jsonHead(w)
		var b bytes.Buffer
		b.WriteString(`{"vaults":[`)
		repeat(&b, element, (16<<20-100)/int64(len(element)))
		_, _ = w.Write(append(bytes.TrimSuffix(b.Bytes(), []byte(",")), "]}"...))
	}
}

// copyHome copies bob's home of the first stage, which is then at a server with
// this handler.
func copyHome(t *testing.T, answer http.HandlerFunc) home {
	t.Helper()
	if err := setUp(); err != nil {
		t.Fatal(err)
	}
	s := &stage{handler: answer}
	addStage(s)
	return homeOn(t, "bob", s)
}

// A used is what a process came to.
type used struct {
	status int
	errs   string
	took   time.Duration
	memory int64 // the most that it had, in KiB
}

func (h home) measured(args ...string) used {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, rss(h.t), append([]string{keyhold}, args...)...)
	cmd.Env = h.env
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	start := time.Now()
	var exited *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exited) {
		h.t.Fatal(err)
	}
	u := used{status: cmd.ProcessState.ExitCode(), errs: errs.String(), took: time.Since(start)}
	var err error
	if u.memory, err = strconv.ParseInt(out.String(), 10, 64); err != nil {
		h.t.Fatal(err)
	}
	return u
}

// rss returns the program that measures memory, built once.
func rss(t *testing.T) string {
	t.Helper()
	path, err := builtRSS()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var builtRSS = sync.OnceValues(func() (string, error) {
	path := filepath.Join(filepath.Dir(keyhold), "rss")
	out, err := exec.Command("go", "build", "-o", path, "github.com/keyhold/keyhold/internal/bench/rss").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("build rss: %w: %s", err, out)
	}
	return path, err
})

// However a server answers, a command ends with the right status, soon and with
// little memory, and what is on this machine can still be read.
func TestSickServer(t *testing.T) {
	t.Parallel()
	const most = 100 << 10
	for _, tt := range sick {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if testing.Short() && tt.slow {
				t.Skip("takes as long as a client waits")
			}
			h := copyHome(t, tt.answer)
			commands := [][]string{{"sync"}, {"get", "db", "--vault", "team", "--fresh"}, {"vault", "share", "ops", "bob@example.com"}}
			if tt.slow {
				commands = commands[:2]
			}
			for _, args := range commands {
				u := h.measured(args...)
				ok := u.status == tt.status
				switch args[0] {
				case "get": // what does not answer leaves the copy
					ok = ok && !tt.slow || u.status == 0 && strings.Contains(u.errs, "warning: the service does not answer")
				case "vault": // 404 is that of somebody who is not there
					ok = ok || tt.name == "404" && u.status == 5
				}
				if !ok {
					t.Errorf("%s: status %d: %s", args[0], u.status, u.errs)
				}
				if u.took > 31*time.Second || u.memory > most {
					t.Errorf("%s: took %v and %d MiB", args[0], u.took, u.memory>>10)
				}
				t.Logf("%s: status %d, %v, %d MiB: %s", args[0], u.status, u.took.Round(time.Millisecond), u.memory>>10, u.errs)
			}
			if u := h.measured("get", "db", "--vault", "team", "--offline"); u.status != 0 {
				t.Errorf("afterwards: status %d: %s", u.status, u.errs)
			}
		})
	}
}
