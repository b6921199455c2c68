package pwm_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/bolt"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/server/pwm"
	"github.com/keyhold/keyhold/internal/service/blobs"
	"github.com/keyhold/keyhold/internal/service/tokens"
)

// A service is a server under test, whose clock stands still.
type service struct {
	*testing.T

	db    kv.DB
	h     http.Handler
	now   time.Time
	log   bytes.Buffer
	token string
}

func newService(t *testing.T, db kv.DB) *service {
	t.Helper()
	s := &service{T: t, db: db, now: time.Date(2026, 3, 4, 5, 6, 7, 8e6, time.UTC)}
	s.h = pwm.New(pwm.Deps{
		Store: db, Now: func() time.Time { return s.now }, Rand: rand.Reader,
		Log: slog.New(slog.NewTextHandler(&s.log, nil)),
	})
	s.token = s.newToken(tokens.Token{API: "pwm", Email: "ada@example.com"})
	return s
}

func (s *service) newToken(in tokens.Token) string {
	s.Helper()
	var text secret.String
	if err := s.db.Update(s.Context(), func(tx kv.Tx) (err error) {
		_, text, err = tokens.Create(tx, s.now, rand.Reader, in)
		return err
	}); err != nil {
		s.Fatal(err)
	}
	return text.Reveal()
}

// ask sends a request and returns status and body.
func (s *service) ask(token, line, body string) (int, string) {
	s.Helper()
	method, target, _ := strings.Cut(line, " ")
	r := httptest.NewRequestWithContext(s.Context(), method, target, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	s.h.ServeHTTP(w, r)
	if ct := w.Header().Get("Content-Type"); ct != "application/json" || w.Header().Get("Cache-Control") != "no-store" {
		s.Errorf("%s: headers %v", line, w.Header())
	}
	return w.Code, w.Body.String()
}

// want sends a request with the token and compares status and whole body.
func (s *service) want(line, body string, status int, answer string) {
	s.Helper()
	if code, got := s.ask(s.token, line, body); code != status || got != answer {
		s.Errorf("%s: %d %s\nwant %d %s", line, code, got, status, answer)
	}
}

func b64(fill byte, n int) string {
	return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{fill}, n))
}

var (
	content = `"encryptedData":"` + b64(0xfb, 17) + `","iv":"` + b64(0xff, 12) + `"`
	key     = `"wrappedVaultKey":"` + b64(1, 48) + `","vaultKeyIv":"` + b64(2, 12) + `","vaultKeySalt":"` + b64(3, 16) + `"`
	second  = `"encryptedData":"` + b64(7, 16) + `","iv":"` + b64(8, 12) + `"`
	newKey  = `"wrappedVaultKey":"` + b64(4, 48) + `","vaultKeyIv":"` + b64(5, 12) + `","vaultKeySalt":"` + b64(6, 16) + `"`
)

const (
	clock    = `"2026-03-04T05:06:07.008Z"`
	notFound = `{"error":"Not found","code":"NOT_FOUND"}`
)

// sorted has the members of a JSON object in one order.
func sorted(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

// TestCalls has the documented calls, and the whole of their answers.
func TestCalls(t *testing.T) {
	t.Parallel()
	for name, db := range map[string]kv.DB{"memory": memory.New(), "bolt": bolt.New(filepath.Join(t.TempDir(), "test.db"))} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, db)
			s.want("GET /pwm/vault", "", 200, `{"vaults":[]}`)
			s.want("POST /pwm/vault", `{"name":"home",`+content+`,`+key+`}`, 201, `{"createdAt":`+clock+`,"name":"home","version":1}`)
			_, got := s.ask(s.token, "GET /pwm/vault/home", "")
			if d := cmp.Diff(sorted(t, `{`+content+`,`+key+`,"version":1,"updatedAt":`+clock+`}`), sorted(t, got)); d != "" {
				t.Errorf("get (-want +got):\n%s", d)
			}
			s.now = s.now.Add(time.Second)
			s.want("PUT /pwm/vault/home", `{`+second+`,"version":1}`, 200, `{"updatedAt":"2026-03-04T05:06:08.008Z","version":2}`)
			_, got = s.ask(s.token, "GET /pwm/vault/home", "")
			if d := cmp.Diff(sorted(t, `{`+second+`,`+key+`,"version":2,"updatedAt":"2026-03-04T05:06:08.008Z"}`), sorted(t, got)); d != "" {
				t.Errorf("get (-want +got):\n%s", d)
			}
			s.want("GET /pwm/vault", "", 200, `{"vaults":[{"name":"home","version":2,"updatedAt":"2026-03-04T05:06:08.008Z"}]}`)
			s.want("PUT /pwm/vault/home", `{`+content+`,"version":2,`+newKey+`}`, 200, `{"updatedAt":"2026-03-04T05:06:08.008Z","version":3}`)
			if _, got = s.ask(s.token, "GET /pwm/vault/home", ""); !strings.Contains(got, b64(4, 48)) {
				t.Error("the key was not replaced")
			}
			s.want("DELETE /pwm/vault/home", "", 200, `{"success":true}`)
			s.want("GET /pwm/vault/home", "", 404, notFound)
			if s.log.Len() > 0 {
				t.Errorf("log: %s", s.log.String())
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	s := newService(t, memory.New())
	for _, name := range []string{"home", "default"} {
		s.want("POST /pwm/vault", `{"name":"`+name+`",`+content+`,`+key+`}`, 201, `{"createdAt":`+clock+`,"name":"`+name+`","version":1}`)
	}
	invalid := func(why string) string { return `{"error":"` + why + `","code":"VALIDATION_ERROR"}` }
	const bad = `{"error":"The body is not the JSON object that is documented","code":"BAD_REQUEST"}`
	tests := []struct {
		name, line, body string
		status           int
		answer           string
	}{
		{"exists", "POST /pwm/vault", `{"name":"home",` + content + `,` + key + `}`, 409, `{"error":"Vault already exists","code":"ALREADY_EXISTS"}`},
		{"default", "DELETE /pwm/vault/default", "", 403, `{"error":"Cannot delete the default vault","code":"FORBIDDEN"}`},
		{"unknown, get", "GET /pwm/vault/x", "", 404, notFound},
		{"unknown, put", "PUT /pwm/vault/x", `{` + content + `,"version":1}`, 404, notFound},
		{"unknown, delete", "DELETE /pwm/vault/x", "", 404, notFound},
		{"two segments", "GET /pwm/vault/home/x", "", 404, notFound},
		{"no name", "GET /pwm/vault/", "", 404, notFound},
		{"unknown call", "GET /pwm/invitations", "", 404, notFound},
		{"unknown method", "PATCH /pwm/vault/home", "", 404, notFound},
		{
			"conflict", "PUT /pwm/vault/home", `{` + content + `,"version":7}`, 409,
			`{"error":"Version conflict","code":"VERSION_CONFLICT","currentVersion":1,"yourVersion":7}`,
		},
		{"no version", "PUT /pwm/vault/home", `{` + content + `}`, 400, invalid("version: it is missing")},
		{"half a key", "PUT /pwm/vault/home", `{` + content + `,"version":1,"vaultKeyIv":"` + b64(1, 12) + `"}`, 400, invalid("wrappedVaultKey: it must have 48 bytes")},
		{"empty key", "PUT /pwm/vault/home", `{` + content + `,"version":1,"vaultKeyIv":"","wrappedVaultKey":"","vaultKeySalt":""}`, 400, invalid("wrappedVaultKey: it must have 48 bytes")},
		{"no iv", "PUT /pwm/vault/home", `{"encryptedData":"` + b64(1, 16) + `","version":1}`, 400, invalid("iv: it must have 12 bytes")},
		{"no JSON", "PUT /pwm/vault/home", `hello`, 400, bad},
		{"a member twice", "PUT /pwm/vault/home", `{` + content + `,"version":1,"version":1}`, 400, bad},
		{"no base64", "PUT /pwm/vault/home", `{"encryptedData":"!","version":1}`, 400, bad},
		{"blanks in base64", "PUT /pwm/vault/home", `{"iv":"____________  ","version":1}`, 400, bad},
		{"a line end in base64", "PUT /pwm/vault/home", `{"iv":"AAAA\n","version":1}`, 400, bad},
		{"too much padding", "PUT /pwm/vault/home", `{"encryptedData":"AA===","version":1}`, 400, bad},
		{"negative version", "PUT /pwm/vault/home", `{` + content + `,"version":-1}`, 400, bad},
		{"dots", "GET /pwm/vault/%2E%2E", "", 404, notFound},
		{"dots, create", "POST /pwm/vault", `{"name":"..",` + content + `,` + key + `}`, 400, invalid("name: it has another meaning in a path")},
		{
			"too large", "PUT /pwm/vault/home", `{"encryptedData":"` + strings.Repeat("AAAA", (25<<20+3)/3) + `","iv":"` + b64(1, 12) + `","version":1}`, 413,
			`{"error":"A vault may have at most 25 MiB","code":"PAYLOAD_TOO_LARGE"}`,
		},
		{"far too large", "PUT /pwm/vault/home", strings.Repeat(" ", 36<<20+1), 413, `{"error":"A vault may have at most 25 MiB","code":"PAYLOAD_TOO_LARGE"}`},
	}
	for _, tt := range tests {
		if code, got := s.ask(s.token, tt.line, tt.body); code != tt.status || got != tt.answer {
			t.Errorf("%s: %d %s\nwant %d %s", tt.name, code, got, tt.status, tt.answer)
		}
	}
	if s.log.Len() > 0 {
		t.Errorf("log: %s", s.log.String())
	}
	s.want("GET /pwm/vault", "", 200, `{"vaults":[{"name":"default","version":1,"updatedAt":`+clock+`},{"name":"home","version":1,"updatedAt":`+clock+`}]}`)
}

// TestLargest takes a vault as large as one may be, in base64url without padding.
func TestLargest(t *testing.T) {
	t.Parallel()
	s := newService(t, memory.New())
	data := base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{0xfb}, 25<<20))
	s.want("POST /pwm/vault", `{"name":"big","encryptedData":"`+data+`","iv":"________________",`+key+`}`, 201, `{"createdAt":`+clock+`,"name":"big","version":1}`)
	if _, got := s.ask(s.token, "GET /pwm/vault/big", ""); !strings.Contains(got, b64(0xfb, 25<<20)) || !strings.Contains(got, `"iv":"////////////////"`) {
		t.Errorf("it does not come back: %d bytes", len(got))
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	s := newService(t, memory.New())
	s.want("POST /pwm/vault", `{"name":"home",`+content+`,`+key+`}`, 201, `{"createdAt":`+clock+`,"name":"home","version":1}`)
	reader := s.newToken(tokens.Token{API: "pwm", Email: "ada@example.com", ReadOnly: true})
	other := s.newToken(tokens.Token{API: "pwm", Account: "b", Email: "bob@example.com", Expires: s.now.Add(time.Hour)})
	store := s.newToken(tokens.Token{API: "store", Email: "ada@example.com"})
	const unauthorized = `{"error":"Unauthorized","code":"UNAUTHORIZED"}`
	for name, tt := range map[string]struct {
		token, line string
		status      int
		answer      string
	}{
		"none":               {"", "GET /pwm/vault", 401, unauthorized},
		"none, status":       {"", "GET /pwm/auth/session/status", 401, unauthorized},
		"unknown":            {strings.Repeat("A", 40), "PUT /pwm/vault/home", 401, unauthorized},
		"of another API":     {store, "GET /pwm/vault/home", 401, unauthorized},
		"of another account": {other, "GET /pwm/vault/home", 404, notFound},
		"another's list":     {other, "GET /pwm/vault", 200, `{"vaults":[]}`},
		"another's delete":   {other, "DELETE /pwm/vault/home", 404, notFound},
		"read-only":          {reader, "DELETE /pwm/vault/home", 403, `{"error":"This token may only read","code":"FORBIDDEN"}`},
		"status":             {s.token, "GET /pwm/auth/session/status", 200, `{"email":"ada@example.com","userId":"ada@example.com"}`},
		"status, expires":    {other, "GET /pwm/auth/session/status", 200, `{"email":"bob@example.com","expiresAt":"2026-03-04T06:06:07.008Z","userId":"b"}`},
	} {
		if code, got := s.ask(tt.token, tt.line, ""); code != tt.status || got != tt.answer {
			t.Errorf("%s: %d %s\nwant %d %s", name, code, got, tt.status, tt.answer)
		}
	}
	if code, _ := s.ask(reader, "GET /pwm/vault/home", ""); code != 200 {
		t.Errorf("read-only: %d", code)
	}
	s.want("POST /pwm/auth/session/logout", "", 200, `{"success":true}`)
	s.want("GET /pwm/vault", "", 401, unauthorized)
	s.now = s.now.Add(time.Hour)
	if code, _ := s.ask(other, "GET /pwm/vault", ""); code != 401 {
		t.Errorf("out of date: %d", code)
	}
}

// TestLogin goes through a CLI session that an administrator approves.
func TestLogin(t *testing.T) {
	t.Parallel()
	s := newService(t, memory.New())
	var session struct{ SessionID, ExpiresAt string }
	code, got := s.ask("", "POST /pwm/auth/cli/session", "")
	if err := json.Unmarshal([]byte(got), &session); err != nil || code != 201 || session.ExpiresAt != "2026-03-04T05:11:07.008Z" {
		t.Fatalf("%d %s, %v", code, got, err)
	}
	poll := "GET /pwm/auth/cli/session/" + session.SessionID
	if code, got := s.ask("", poll, ""); code != 200 || got != `{"status":"pending"}` {
		t.Errorf("pending: %d %s", code, got)
	}
	if code, _ := s.ask("", "POST /pwm/auth/cli/session/"+session.SessionID+"/complete", ""); code != 404 {
		t.Errorf("who asks cannot approve: %d", code)
	}
	if err := s.db.Update(t.Context(), func(tx kv.Tx) error {
		return blobs.Approve(tx, s.now, secret.TextOf(session.SessionID), "eve@example.com")
	}); err != nil {
		t.Fatal(err)
	}
	code, got = s.ask("", poll, "")
	var login struct{ Status, Token, UserID, Email string }
	if err := json.Unmarshal([]byte(got), &login); err != nil || code != 200 || login.Status != "complete" || login.Email != "eve@example.com" || login.UserID == "" {
		t.Fatalf("%d %s, %v", code, got, err)
	}
	if code, got := s.ask("", poll, ""); code != 404 || got != notFound {
		t.Errorf("a second time: %d %s", code, got)
	}
	s.token = login.Token
	s.want("GET /pwm/auth/session/status", "", 200, `{"email":"eve@example.com","expiresAt":"2026-03-11T05:06:07.008Z","userId":"eve@example.com"}`)
	s.now = s.now.Add(7 * 24 * time.Hour)
	s.want("GET /pwm/vault", "", 401, `{"error":"Unauthorized","code":"UNAUTHORIZED"}`)
}

// TestRace has many writers who all read the same version: one is taken, and
// the others learn the new one.
func TestRace(t *testing.T) {
	t.Parallel()
	s := newService(t, bolt.New(filepath.Join(t.TempDir(), "test.db")))
	s.want("POST /pwm/vault", `{"name":"home",`+content+`,`+key+`}`, 201, `{"createdAt":`+clock+`,"name":"home","version":1}`)
	var wg sync.WaitGroup
	var done, conflicts atomic.Int32
	for range 16 {
		wg.Go(func() {
			switch code, got := s.ask(s.token, "PUT /pwm/vault/home", `{`+second+`,"version":1}`); {
			case code == 200:
				done.Add(1)
			case code == 409 && strings.Contains(got, `"currentVersion":2,"yourVersion":1`):
				conflicts.Add(1)
			default:
				t.Errorf("%d %s", code, got)
			}
		})
	}
	wg.Wait()
	if done.Load() != 1 || conflicts.Load() != 15 {
		t.Errorf("%d changes, %d conflicts", done.Load(), conflicts.Load())
	}
}

type failing struct{ kv.DB }

func (f failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// TestFault makes sure that what goes wrong inside is logged and not told.
func TestFault(t *testing.T) {
	t.Parallel()
	s := newService(t, memory.New())
	s.h = pwm.New(pwm.Deps{Store: s.db, Now: func() time.Time { return s.now }, Rand: failing{}, Log: slog.New(slog.NewTextHandler(&s.log, nil))})
	s.want("POST /pwm/auth/cli/session", "", 500, `{"error":"Internal error","code":"INTERNAL_ERROR"}`)
	if !strings.Contains(s.log.String(), "unexpected EOF") {
		t.Errorf("log: %q", s.log.String())
	}
}
