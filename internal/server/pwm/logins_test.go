package pwm_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/service/tokens"
)

// TestLoginLimit has one address begin sessions until it is too many: others
// can still begin theirs.
func TestLoginLimit(t *testing.T) {
	t.Parallel()
	s := newService(t, memory.New())
	begin := func() int { code, _ := s.ask("", "POST /pwm/auth/cli/session", ""); return code }
	n := 0
	for n < 1000 && begin() == http.StatusCreated {
		n++
	}
	if n != 60 {
		t.Errorf("%d sessions at once", n)
	}
	if code, got := s.ask("", "POST /pwm/auth/cli/session", ""); code != http.StatusTooManyRequests || got != `{"error":"Too many logins wait to be completed","code":"RATE_LIMITED"}` {
		t.Errorf("one too many: %d %s", code, got)
	}
	s.now = s.now.Add(time.Minute)
	if code := begin(); code != http.StatusCreated {
		t.Errorf("a minute later: %d", code)
	}
}

// TestLogoutReadOnly ends the session of a token that may only read.
func TestLogoutReadOnly(t *testing.T) {
	t.Parallel()
	s := newService(t, memory.New())
	reader := s.newToken(tokens.Token{API: "pwm", Email: "ada@example.com", ReadOnly: true})
	if code, got := s.ask(reader, "POST /pwm/auth/session/logout", ""); code != http.StatusOK || got != `{"success":true}` {
		t.Errorf("logout: %d %s", code, got)
	}
	if code, _ := s.ask(reader, "GET /pwm/vault", ""); code != http.StatusUnauthorized {
		t.Errorf("it is still good: %d", code)
	}
}
