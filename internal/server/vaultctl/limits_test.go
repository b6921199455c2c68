package vaultctl_test

import (
	"encoding/json"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/server/vaultctl"
	"github.com/keyhold/keyhold/internal/service/accounts"
)

// Sixty calls a minute by one address, counted together; then one a second.
func TestRateLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	paths := []struct{ method, path string }{
		{"GET", "/auth/prelogin?email=a@example.com"},
		{"POST", "/auth/register"}, {"POST", "/auth/login"}, {"POST", "/auth/refresh"},
	}
	for i := range 60 {
		p := paths[i%len(paths)]
		if got := w.do(p.method, p.path, "", "{"); got.status == 429 {
			t.Fatalf("call %d is refused", i+1)
		}
	}
	for _, p := range paths {
		got := w.do(p.method, p.path, "", "{")
		if code, _ := got.code(); got.status != 429 || code != "RATE_LIMITED" || got.header.Get("Retry-After") != "1" {
			t.Errorf("%s: %d %s, Retry-After %q", p.path, got.status, got.body, got.header.Get("Retry-After"))
		}
	}
	if got := w.from("192.0.2.2:1", "GET", paths[0].path, "", nil); got.status != 200 {
		t.Errorf("another address: %d", got.status)
	}
	if got := w.do("POST", "/auth/logout", "", m{"refreshToken": "x"}); got.status != 204 {
		t.Errorf("logout: %d", got.status)
	}
	w.wait(time.Second)
	w.want(200, "GET", paths[0].path, "", nil)
	w.want(429, "GET", paths[0].path, "", nil)
}

// The calls that check the password of who is logged in have a bucket of their
// own, and so have the look-ups of users.
func TestRateLimit_others(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.deps.Limits = vaultctl.Limits{StepUp: 3, Users: 2, Credentials: 10}
	p := w.stepUp(w.join("ann"))
	for range 2 {
		w.want(401, "POST", "/auth/step-up", p.token, m{"authHash": hash("x")})
	}
	w.want(429, "POST", "/auth/step-up", p.token, m{"authHash": hash("ann")})
	w.want(429, "POST", "/auth/password/change", p.up, m{})
	for _, path := range []string{"/users?email=ann@example.com", "/users/" + p.id} {
		w.want(200, "GET", path, p.token, nil)
	}
	if got := w.want(429, "GET", "/users/"+p.id, p.token, nil); got.header.Get("Retry-After") != "30" {
		t.Errorf("Retry-After %q", got.header.Get("Retry-After"))
	}
	w.wait(30 * time.Second)
	w.want(200, "GET", "/users/"+p.id, p.token, nil)
}

// Whose X-Forwarded-For is believed, and how far.
func TestRateLimit_proxy(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, peer, header, as string
	}{
		{"nobody's proxy", "192.0.2.1:1", "198.51.100.7", "192.0.2.1:9"},
		{"ours", "10.0.0.1:1", "198.51.100.7", "198.51.100.7:9"},
		{"ours, and what a client made up", "10.0.0.1:1", "203.0.113.9, 198.51.100.7", "198.51.100.7:9"},
		{"two of ours", "10.0.0.1:1", "203.0.113.9, 198.51.100.7, 10.0.0.2", "198.51.100.7:9"},
		{"ours, but no address", "10.0.0.1:1", "x", "10.0.0.1:9"},
		{"ours, without a header", "10.0.0.1:1", "", "10.0.0.1:9"},
		{"one network of IPv6", "[2001:db8::1]:1", "", "[2001:db8::2]:9"},
		{"IPv4 in IPv6", "[::ffff:192.0.2.1]:1", "", "192.0.2.1:9"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.deps.Limits.Credentials = 1
			w.deps.Proxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
			r := httptest.NewRequestWithContext(t.Context(), "GET", "/api/v1/auth/prelogin?email=a@example.com", nil)
			r.RemoteAddr = tt.peer
			if tt.header != "" {
				r.Header.Set("X-Forwarded-For", tt.header)
			}
			if got := w.send(r); got.status != 200 {
				t.Fatalf("%d %s", got.status, got.body)
			}
			if got := w.from(tt.as, "GET", "/auth/prelogin?email=a@example.com", "", nil); got.status != 429 {
				t.Errorf("it was not counted for %s", tt.as)
			}
			if got := w.from("172.16.0.1:1", "GET", "/auth/prelogin?email=a@example.com", "", nil); got.status != 200 {
				t.Errorf("another one: %d", got.status)
			}
		})
	}
}

// Five failed logins lock an address, whether it has an account or not.
func TestLockout(t *testing.T) {
	t.Parallel()
	for _, email := range []string{"ann@example.com", "nobody@example.com"} {
		w := newWorld(t)
		w.join("ann")
		for range 5 {
			w.want(401, "POST", "/auth/login", "", m{"email": email, "authHash": hash("x")})
		}
		got := w.want(423, "POST", "/auth/login", "", m{"email": email, "authHash": hash("ann")})
		if code, _ := got.code(); code != "ACCOUNT_LOCKED" || got.header.Get("Retry-After") != "900" {
			t.Errorf("%s, Retry-After %q", got.body, got.header.Get("Retry-After"))
		}
		w.wait(15 * time.Minute)
		if email == "ann@example.com" {
			w.want(200, "POST", "/auth/login", "", m{"email": email, "authHash": hash("ann")})
		}
	}
}

// A refresh token works once. Its second use ends the session.
func TestRefresh(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.join("ann")
	first := w.want(200, "POST", "/auth/refresh", "", m{"refreshToken": p.refresh})
	w.want(200, "GET", "/vaults", first.text("accessToken"), nil)
	got := w.want(401, "POST", "/auth/refresh", "", m{"refreshToken": p.refresh})
	if code, _ := got.code(); code != "TOKEN_REUSE_DETECTED" {
		t.Error(got.body)
	}
	got = w.want(401, "POST", "/auth/refresh", "", m{"refreshToken": first.text("refreshToken")})
	if code, _ := got.code(); code != "INVALID_CREDENTIALS" {
		t.Error(got.body)
	}
	w.want(401, "GET", "/vaults", first.text("accessToken"), nil)
	p = person{refresh: w.want(200, "POST", "/auth/login", "", m{"email": p.email, "authHash": hash("ann")}).text("refreshToken")}
	w.wait(168 * time.Hour)
	got = w.want(401, "POST", "/auth/refresh", "", m{"refreshToken": p.refresh})
	if code, _ := got.code(); code != "SESSION_EXPIRED" {
		t.Error(got.body)
	}
}

// Who may register, by mode; and that prelogin tells nobody who has.
func TestRegister(t *testing.T) {
	t.Parallel()
	for mode, code := range map[accounts.Mode]string{accounts.InviteOnly: "INVITE_REQUIRED", accounts.Closed: "REGISTRATION_DISABLED"} {
		w := newWorld(t)
		w.deps.Mode = mode
		got := w.want(400, "POST", "/auth/register", "", registration(t, "a@example.com", "a"))
		if c, _ := got.code(); c != code {
			t.Errorf("%s: %s", mode, got.body)
		}
	}
	w := newWorld(t)
	w.deps.Mode = accounts.InviteOnly
	var invite string
	err := w.deps.Store.Update(t.Context(), func(tx kv.Tx) error {
		_, code, err := accounts.CreateInvite(tx, w.clock(), w.deps.Keys, w.deps.Rand, [16]byte{}, "", time.Hour)
		invite = code.Reveal()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	reg := registration(t, "a@example.com", "a")
	reg["inviteToken"] = invite
	if got := w.want(201, "POST", "/auth/register", "", reg); got.text("role") != "owner" {
		t.Errorf("the first user: %s", got.body)
	}
	reg["email"] = "b@example.com"
	w.want(400, "POST", "/auth/register", "", reg)
	unknown := w.want(200, "GET", "/auth/prelogin?email=b@example.com", "", nil)
	if again := w.want(200, "GET", "/auth/prelogin?email=B@Example.com", "", nil); again.body != unknown.body {
		t.Errorf("%s, then %s", unknown.body, again.body)
	}
	known := w.want(200, "GET", "/auth/prelogin?email=a@example.com", "", nil)
	if len(known.text("salt")) != len(unknown.text("salt")) || known.json["iterations"] != unknown.json["iterations"] {
		t.Errorf("known %s, unknown %s", known.body, unknown.body)
	}
}

// Nothing secret that is sent or answered is ever in the log, whatever happens.
func TestLog(t *testing.T) {
	t.Parallel()
	tm := newTeam(t)
	log := ""
	secrets := []string{"@example.com", "canary", "AAAAAAAA", `"eyJ`, hash("owner"), signature}
	for _, r := range matrix {
		w := tm.world(t)
		for _, o := range tm.targets {
			method, path := tm.path(r.pattern, o)
			body := r.body(w, tm, "owner", o)
			got := w.do(method, path, tm.people["owner"].up, body)
			for _, name := range []string{"accessToken", "refreshToken", "salt"} {
				if s := got.text(name); s != "" {
					secrets = append(secrets, s)
				}
			}
		}
		w.do("GET", "/canary?x=canary", "canary", `{"canary`)
		w.do("CANARY", "/vaults", "canary", `{"canary"}`)
		log += w.log.String()
	}
	for _, p := range tm.people {
		secrets = append(secrets, p.token, p.refresh, p.up)
	}
	for _, s := range secrets {
		if s != "" && strings.Contains(strings.ToLower(log), strings.ToLower(s)) {
			t.Errorf("%q is in the log", s)
		}
	}
	first, _, _ := strings.Cut(log, "\n")
	var line map[string]any
	if err := json.Unmarshal([]byte(first), &line); err != nil || line["route"] != "GET /api/v1/config" || line["status"] != float64(200) {
		t.Errorf("the first line: %s", first)
	}
	if !strings.Contains(log, tm.people["owner"].id) {
		t.Error("the log does not say who made a request")
	}
}

// A panic is an answer like another, and the server goes on.
func TestPanic(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.deps.Rand = &panicky{}
	got := w.do("POST", "/auth/login", "", "{")
	if got.status != 400 {
		t.Errorf("before: %d %s", got.status, got.body)
	}
	got = w.do("POST", "/auth/register", "", registration(t, "a@example.com", "a"))
	if code, _ := got.code(); got.status != 500 || code != "INTERNAL" || strings.Contains(got.body, "canary") {
		t.Errorf("%d %s", got.status, got.body)
	}
	log := w.log.String()
	if !strings.Contains(log, `"msg":"panic"`) || strings.Contains(log, "canary") {
		t.Errorf("log: %s", log)
	}
}

// A panicky reader gives the ids of requests, and panics when a salt is wanted.
type panicky struct{}

func (*panicky) Read(b []byte) (int, error) {
	if len(b) != 8 {
		panic("canary")
	}
	return len(b), nil
}
