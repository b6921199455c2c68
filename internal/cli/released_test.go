package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// released sets a stage with a server of the released dialect, where there is
// no account yet.
func released(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: released")
	}
	s, err := newStage(ts.MkAbs("."), nil, true)
	ts.Check(err)
	ts.Setenv("KEYHOLD_KEYRING", "file")
	ts.Setenv("URL", web().URL+s.path+"/api/v1")
}

// preflights N WORD wants that N passwords were sent for the server to look at,
// all of them different, and none of them with WORD in it.
func preflights(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: preflights N WORD")
	}
	s := stageOf(ts)
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.preflights
	seen := map[string]bool{}
	for _, p := range all {
		if seen[p] || strings.Contains(p, args[1]) {
			ts.Fatalf("the server got %q", p)
		}
		seen[p] = true
	}
	if fmt.Sprint(len(all)) != args[0] {
		ts.Fatalf("the server got %d passwords to look at", len(all))
	}
}

// listen notes the preflights on their way.
func (s *stage) listen(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/auth/register") {
			text, err := io.ReadAll(r.Body)
			var body struct{ MasterPasswordPreflight string }
			if err != nil || json.Unmarshal(text, &body) != nil {
				http.Error(w, "no JSON", http.StatusBadRequest)
				return
			}
			s.mu.Lock()
			s.preflights = append(s.preflights, body.MasterPasswordPreflight)
			s.mu.Unlock()
			r.Body = io.NopCloser(bytes.NewReader(text))
		}
		next.ServeHTTP(w, r)
	})
}
