//go:build unix

package cli_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A signal that was ignored from the start, as by nohup or for what a script runs
// in the background, neither stops keyhold nor has it wait for its own end.
func TestIgnoredSignal(t *testing.T) {
	t.Parallel()
	for name, sig := range map[string]syscall.Signal{"HUP": syscall.SIGHUP, "INT": syscall.SIGINT} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHome(t, "KEYHOLD_KEYRING=off")
			pid := make(chan int, 1)
			var made atomic.Int32
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, "sh", "-c", `trap '' `+name+`; printf 'A=1\n' >"$0"; exec "$1" store secrets apply "$0" --yes --wait`, t.TempDir()+"/a.env", keyhold)
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				const id = "0123456789abcdef0123456789abcdef"
				result := `[]`
				switch {
				case r.Method == http.MethodPost:
					_ = syscall.Kill(<-pid, sig)
					made.Store(1)
					result = `[{"id":"` + id + `","name":"A"}]`
				case made.Load() > 0: // pending once, so that there is time for the signal
					status := map[int32]string{2: "pending"}[made.Add(1)]
					result = `[{"id":"` + id + `","name":"A","status":"` + status + `"}]`
				case strings.HasSuffix(r.URL.Path, "/quota"):
					result = `{"secrets":{"quota":100,"usage":0}}`
				case strings.HasSuffix(r.URL.Path, "/stores"):
					result = `[{"id":"` + id + `","name":"main"}]`
				}
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, `{"success":true,"errors":[],"messages":[],"result":`+result+`,"result_info":{"total_pages":1}}`)
			}))
			defer srv.Close()
			cmd.Env = append(h.env, "CLOUDFLARE_API_TOKEN=x", "CLOUDFLARE_ACCOUNT_ID="+storeAccount, "CLOUDFLARE_API_BASE_URL="+srv.URL)
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			pid <- cmd.Process.Pid
			if err := cmd.Wait(); err != nil || out.String() != "A\tcreate\tvalue\n" {
				t.Errorf("it ended with %v: %s", err, out.String())
			}
		})
	}
}
