package accounts_test

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/service/accounts"
)

func (s *service) token(c accounts.Claims) secret.String {
	s.Helper()
	token, err := s.keys.Token(c)
	if err != nil {
		s.Fatal(err)
	}
	return token
}

func (s *service) authenticate(token secret.String) (a accounts.Account, c accounts.Claims, err error) {
	s.view(func(tx kv.Tx) error { a, c, err = accounts.Authenticate(tx, s.now, s.keys, token); return nil })
	return a, c, err
}

func TestToken(t *testing.T) {
	t.Parallel()
	s := newService(t)
	c := accounts.Claims{User: seal.ID{1}, Session: seal.ID{2}, Role: accounts.RoleOwner, Issued: start.Truncate(time.Second), SteppedUp: start.Truncate(time.Second).Add(accounts.StepUpTime)}
	c.Expires = c.Issued.Add(accounts.AccessTime)
	token := s.token(c)
	if got, err := s.keys.ParseToken(s.now, token); err != nil || !cmp.Equal(c, got) {
		t.Errorf("ParseToken: %v, %s", err, cmp.Diff(c, got))
	}
	if !c.IsSteppedUp(s.now) || c.IsSteppedUp(c.SteppedUp) || (accounts.Claims{}).IsSteppedUp(s.now) {
		t.Error("IsSteppedUp is wrong about the time")
	}
	plain := c
	plain.SteppedUp = time.Time{}
	if got, err := s.keys.ParseToken(s.now, s.token(plain)); err != nil || !cmp.Equal(plain, got) {
		t.Errorf("ParseToken: %v, %s", err, cmp.Diff(plain, got))
	}
	for _, now := range []time.Time{c.Issued.Add(-time.Second), c.Expires, c.Expires.Add(time.Hour)} {
		_, err := s.keys.ParseToken(now, token)
		s.want("at another time", err, accounts.ErrToken)
	}
	if _, err := s.keys.ParseToken(c.Expires.Add(-time.Second), token); err != nil {
		t.Errorf("a second before the end: %v", err)
	}
	_, err := newKeys(t, 'x').ParseToken(s.now, token)
	s.want("of another server", err, accounts.ErrToken)

	// What others read in it.
	parts := strings.Split(token.Reveal(), ".")
	var head, body map[string]any
	for i, into := range []*map[string]any{&head, &body} {
		b, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err == nil {
			err = json.Unmarshal(b, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if head["alg"] != "HS256" || head["typ"] != "JWT" || len(head["kid"].(string)) != 16 {
		t.Errorf("header = %v", head)
	}
	want := map[string]any{
		"sub": seal.ID{1}.String(), "sid": seal.ID{2}.String(), "role": "owner", "iss": "vaultctl", "iat": float64(start.Unix()),
		"nbf": float64(start.Unix()), "exp": float64(start.Unix() + 900), "step_up_exp": float64(start.Unix() + 300),
	}
	if diff := cmp.Diff(want, body); diff != "" {
		t.Error(diff)
	}
}

// hs256 makes a token as somebody would who knows the key.
func hs256(key []byte, header, body string) string {
	enc := base64.RawURLEncoding
	signed := enc.EncodeToString([]byte(header)) + "." + enc.EncodeToString([]byte(body))
	h := hmac.New(sha256.New, key)
	h.Write([]byte(signed))
	return signed + "." + enc.EncodeToString(h.Sum(nil))
}

func TestForgedTokens(t *testing.T) {
	t.Parallel()
	s := newService(t)
	good := s.token(accounts.Claims{User: seal.ID{1}, Issued: start, Expires: start.Add(time.Hour)}).Reveal()
	p := strings.Split(good, ".")
	enc := base64.RawURLEncoding
	none := enc.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`))
	decoded := func(i int) string { b, _ := enc.DecodeString(p[i]); return string(b) }
	public := []byte("a key that everybody knows")
	for name, token := range map[string]string{
		"empty": "", "dots": "..", "no signature": p[0] + "." + p[1] + ".", "two parts": p[0] + "." + p[1], "four parts": good + "." + p[2],
		"alg none": none + "." + p[1] + ".", "alg none, signed": none + "." + p[1] + "." + p[2], "other key": hs256(public, decoded(0), decoded(1)),
		"no key": hs256(nil, decoded(0), decoded(1)), "longer": good + "A", "padded": good + "=", "blank": " " + good,
		"body changed": p[0] + "." + enc.EncodeToString([]byte(strings.Replace(decoded(1), `"role":""`, `"role":"owner"`, 1))) + "." + p[2],
		"signature flipped": p[0] + "." + p[1] + "." + strings.Map(func(r rune) rune {
			if r == 'A' {
				return 'B'
			}
			return 'A'
		}, p[2]),
	} {
		if _, err := s.keys.ParseToken(s.now, secret.TextOf(token)); !errors.Is(err, accounts.ErrToken) {
			t.Errorf("%s: %v, want ErrToken", name, err)
		}
	}
	// With the right key, by FORMAT.md: what is signed has to be ours all the same.
	key, err := hkdf.Key(sha256.New, bytes.Repeat([]byte{'k'}, 32), nil, "keyhold/accounts/token/1", 32)
	if err != nil {
		t.Fatal(err)
	}
	head, body := decoded(0), decoded(1)
	for name, token := range map[string]string{
		"":              hs256(key, head, body),
		"alg none":      hs256(key, strings.Replace(head, "HS256", "none", 1), body),
		"another kid":   hs256(key, strings.Replace(head, `"kid":"`, `"kid":"0`, 1), body),
		"no header":     hs256(key, "", body),
		"other issuer":  hs256(key, head, strings.Replace(body, "vaultctl", "somebody", 1)),
		"no JSON":       hs256(key, head, "x"),
		"no user":       hs256(key, head, strings.Replace(body, `"sub":"`, `"sub":"x`, 1)),
		"no expiration": hs256(key, head, strings.Replace(body, `"exp"`, `"xep"`, 1)),
	} {
		if _, err := s.keys.ParseToken(s.now, secret.TextOf(token)); errors.Is(err, accounts.ErrToken) != (name != "") {
			t.Errorf("signed, %s: %v", name, err)
		}
	}
}

func FuzzParseToken(f *testing.F) {
	keys, err := accounts.NewKeys(secret.Of(bytes.Repeat([]byte{'k'}, 32)))
	if err != nil {
		f.Fatal(err)
	}
	token, err := keys.Token(accounts.Claims{Issued: start, Expires: start.Add(time.Hour)})
	if err != nil {
		f.Fatal(err)
	}
	good := token.Reveal()
	f.Add(good)
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, s string) {
		if _, err := keys.ParseToken(start, secret.TextOf(s)); s != good && !errors.Is(err, accounts.ErrToken) {
			t.Errorf("ParseToken(%q): %v", s, err)
		}
	})
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	s := newService(t)
	a, b := s.made(ann, "one"), s.made("bob@example.com", "two")
	g := s.mustLogin(ann, "one", "laptop")
	bob := s.mustLogin("bob@example.com", "two", "laptop")
	claims := a.Claims(g.Session.ID, s.now, accounts.AccessTime)
	token := s.token(claims)
	got, c, err := s.authenticate(token)
	if err != nil || got.ID != a.ID || c.Role != accounts.RoleOwner || c.Session != g.Session.ID {
		t.Errorf("Authenticate = %v, %+v, %v", got.ID, c, err)
	}
	claims.Role = "admin" // what the account is now counts, not what the token said
	if _, c, err := s.authenticate(s.token(claims)); err != nil || c.Role != accounts.RoleOwner {
		t.Errorf("the role is %s, %v", c.Role, err)
	}
	_, _, err = s.authenticate(s.token(a.Claims(bob.Session.ID, s.now, accounts.AccessTime)))
	s.want("another user's session", err, accounts.ErrToken)
	_, _, err = s.authenticate(s.token(a.Claims(seal.ID{9}, s.now, accounts.AccessTime)))
	s.want("no session", err, accounts.ErrToken)
	_, _, err = s.authenticate(secret.TextOf("x"))
	s.want("no token", err, accounts.ErrToken)
	long := s.token(a.Claims(g.Session.ID, s.now, 1000*time.Hour))
	s.now = s.now.Add(accounts.SessionTime)
	_, _, err = s.authenticate(long)
	s.want("the session is out of date", err, accounts.ErrToken)
	s.now = start
	if err := s.update(func(tx kv.Tx) error { return accounts.Logout(tx, s.keys, g.Refresh) }); err != nil {
		t.Fatal(err)
	}
	_, _, err = s.authenticate(token)
	s.want("after Logout", err, accounts.ErrToken)

	// Disabled while its session is there, as in the same moment.
	record := s.dump()["a/"+string(b.ID[:])]
	at := strings.Index(record, "member") + len("member")
	if err := s.update(func(tx kv.Tx) error {
		return tx.Put([]byte("a/"+string(b.ID[:])), []byte(record[:at]+"\x01"+record[at+1:]))
	}); err != nil {
		t.Fatal(err)
	}
	_, _, err = s.authenticate(s.token(b.Claims(bob.Session.ID, s.now, accounts.AccessTime)))
	s.want("a disabled account", err, accounts.ErrDisabled)
	_, err = s.refresh(bob.Refresh)
	s.want("Refresh of a disabled account", err, accounts.ErrDisabled)
}

func TestStepUp(t *testing.T) {
	t.Parallel()
	s := newService(t)
	a, b := s.made(ann, "one"), s.made("bob@example.com", "two")
	g := s.mustLogin(ann, "one", "laptop")
	claims := a.Claims(g.Session.ID, s.now, time.Minute)
	stepUp := func(user seal.ID, password string) (c accounts.Claims, err error) {
		var check *accounts.Check
		s.view(func(tx kv.Tx) error { check, err = accounts.BeginUser(tx, s.now, s.keys, user); return nil })
		if err != nil {
			return c, err
		}
		check.Try(hash(password))
		err = s.update(func(tx kv.Tx) error {
			c, err = accounts.StepUp(tx, s.now, check, claims, accounts.AccessTime)
			return err
		})
		return c, err
	}
	s.now = s.now.Add(30 * time.Second)
	c, err := stepUp(a.ID, "one")
	want := accounts.Claims{User: a.ID, Session: g.Session.ID, Role: accounts.RoleOwner, Issued: s.now, Expires: s.now.Add(accounts.AccessTime), SteppedUp: s.now.Add(accounts.StepUpTime)}
	if err != nil || !cmp.Equal(want, c) {
		t.Errorf("StepUp: %v, %s", err, cmp.Diff(want, c))
	}
	_, err = stepUp(b.ID, "two")
	s.want("another user's password", err, accounts.ErrToken)
	for range accounts.MaxFailures {
		_, err = stepUp(a.ID, "two")
		s.want("a wrong password", err, accounts.ErrCredentials)
	}
	_, err = stepUp(a.ID, "one")
	s.wantLocked("after too many", err, s.now.Add(accounts.LockTime))
	_, err = s.login(ann, "one", "")
	s.wantLocked("Login after too many", err, s.now.Add(accounts.LockTime))
}

func TestChangePassword(t *testing.T) {
	t.Parallel()
	strong := func(p *accounts.PasswordChange) { p.Suite, p.Salt = "argon2id-256m", bytes.Repeat([]byte{8}, 16) }
	tests := []struct {
		name   string
		old    string // the password that is given
		suite  string // of the account
		change func(*accounts.PasswordChange)
		want   error
	}{
		{"same suite and salt", "one", "argon2id-64m", func(*accounts.PasswordChange) {}, nil},
		{"stronger", "one", "argon2id-64m", strong, nil},
		{"as strong", "one", "argon2id-256m", strong, nil},
		{"weaker", "one", "argon2id-256m", func(p *accounts.PasswordChange) { p.Suite = "argon2id-64m" }, accounts.ErrInvalid},
		{"unknown suite", "one", "argon2id-64m", func(p *accounts.PasswordChange) { p.Suite = "md5" }, accounts.ErrInvalid},
		{"empty salt", "one", "argon2id-64m", func(p *accounts.PasswordChange) { p.Salt = []byte{} }, accounts.ErrInvalid},
		{"no verifier", "one", "argon2id-64m", func(p *accounts.PasswordChange) { p.Verifier = "" }, accounts.ErrInvalid},
		{"no identity", "one", "argon2id-64m", func(p *accounts.PasswordChange) { p.SealedIdentity = nil }, accounts.ErrInvalid},
		{"no RSA key", "one", "argon2id-64m", func(p *accounts.PasswordChange) { p.SealedRSA = nil }, accounts.ErrInvalid},
		{"long device", "one", "argon2id-64m", func(p *accounts.PasswordChange) { p.Device = strings.Repeat("d", 256) }, accounts.ErrInvalid},
		{"wrong password", "two", "argon2id-64m", func(*accounts.PasswordChange) {}, accounts.ErrCredentials},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			r := registration(t, ann, "one")
			r.Suite = tt.suite
			a, err := s.register(accounts.Open, r)
			if err != nil {
				t.Fatal(err)
			}
			late, err := s.begun(ann, "one")
			if err != nil {
				t.Fatal(err)
			}
			g, err := s.finish(late, "laptop")
			stale, err2 := s.finish(late, "phone")
			if err := errors.Join(err, err2); err != nil {
				t.Fatal(err)
			}
			c := late
			if tt.old != "one" {
				if c, err = s.begun(ann, tt.old); err != nil {
					t.Fatal(err)
				}
			}
			p := accounts.PasswordChange{Verifier: verifierOf(t, "new"), SealedIdentity: append(sealed(""), "x"...), SealedRSA: append(sealed(""), "y"...), Device: "laptop"}
			tt.change(&p)
			var next accounts.Grant
			err = s.update(func(tx kv.Tx) error {
				next, err = accounts.ChangePassword(tx, s.now, s.keys, rand.Reader, c, p)
				return err
			})
			s.want("ChangePassword", err, tt.want)
			if tt.want != nil {
				if _, err := s.refresh(g.Refresh); err != nil {
					t.Errorf("the session ended all the same: %v", err)
				}
				if got, err := get(t, s.db, a.ID); err != nil || !cmp.Equal(a, got) {
					t.Errorf("%v, %s", err, cmp.Diff(a, got))
				}
				return
			}
			want := a
			want.Verifier, want.SealedIdentity, want.SealedRSA = p.Verifier, p.SealedIdentity, p.SealedRSA
			if p.Suite != "" {
				want.Suite, want.Salt = p.Suite, p.Salt
			}
			if got, err := get(t, s.db, a.ID); err != nil || !cmp.Equal(want, got) {
				t.Errorf("%v, %s", err, cmp.Diff(want, got))
			}
			for _, old := range []accounts.Grant{g, stale} {
				_, err := s.refresh(old.Refresh)
				s.want("an old session", err, accounts.ErrCredentials)
			}
			if _, err := s.refresh(next.Refresh); err != nil {
				t.Errorf("the new session: %v", err)
			}
			_, err = s.finish(late, "")
			s.want("a login with the old password that had begun", err, accounts.ErrCredentials)
			if tt.suite == "argon2id-64m" {
				_, err = s.login(ann, "one", "")
				s.want("the old password", err, accounts.ErrCredentials)
				s.mustLogin(ann, "new", "")
			}
		})
	}
}

// Any record that does not parse is ErrDamaged, wherever it is read.
func TestDamagedRecords(t *testing.T) {
	t.Parallel()
	s := newService(t)
	a := s.made(ann, "one")
	g := s.mustLogin(ann, "one", "laptop")
	_, code, err := s.invite("", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.login(ann, "two", "")
	s.want("wrong password", err, accounts.ErrCredentials)
	whole := s.dump()
	calls := map[string]func(kv.Tx) error{
		"a/":  func(tx kv.Tx) error { _, err := accounts.Get(tx, a.ID); return err },
		"ae/": func(tx kv.Tx) error { _, err := accounts.ByEmail(tx, ann); return err },
		"af/": func(tx kv.Tx) error { _, err := accounts.Begin(tx, s.now, s.keys, ann); return err },
		"ai/": func(tx kv.Tx) error {
			r := registration(t, "bob@example.com", "one")
			r.Invite = code
			_, err := accounts.Register(tx, s.now, s.keys, rand.Reader, accounts.InviteOnly, r)
			_, err2 := accounts.Invites(tx)
			if !errors.Is(err2, accounts.ErrDamaged) {
				return err2
			}
			return err
		},
		"as/": func(tx kv.Tx) error {
			_, err := accounts.Refresh(tx, s.now, s.keys, rand.Reader, g.Refresh)
			return err
		},
		"au/": func(tx kv.Tx) error { _, err := accounts.Sessions(tx, a.ID); return err },
	}
	for k, v := range whole {
		prefix := k[:strings.IndexByte(k, '/')+1]
		call, ok := calls[prefix]
		if !ok {
			continue
		}
		for _, bad := range []string{v + "x", strings.TrimSuffix(v, v[max(0, len(v)-1):])} {
			if prefix == "au/" { // its key is all there is
				k, bad = k+"x", ""
			} else if bad == v {
				continue
			}
			err := s.update(func(tx kv.Tx) error { return errors.Join(tx.Put([]byte(k), []byte(bad)), call(tx)) })
			s.want(prefix, err, accounts.ErrDamaged)
		}
	}
	if diff := cmp.Diff(whole, s.dump()); diff != "" {
		t.Errorf("something was stored: %s", diff)
	}
}

func TestLocalAndServiceRecords(t *testing.T) {
	t.Parallel()
	a := sample(1)
	a.Email = ann
	if err := create(t, memory.New(), a); !errors.Is(err, accounts.ErrInvalid) {
		t.Errorf("Create with an address: %v", err)
	}
	s := newService(t)
	b := s.made(ann, "one")
	b.Email = ""
	if err := replace(t, s.db, b); !errors.Is(err, accounts.ErrInvalid) {
		t.Errorf("Replace of an account of a service: %v", err)
	}
	record := s.dump()["a/"+string(b.ID[:])]
	at := strings.Index(record, "owner")
	for name, bad := range map[string]string{
		"role": record[:at] + "guest" + record[at+5:], "disabled": record[:at+5] + "\x02" + record[at+6:],
		"version 1": "\x01" + record[1:], "version 3": "\x03" + record[1:],
	} {
		if err := update(t, s.db, func(tx kv.Tx) error { return tx.Put([]byte("a/"+string(b.ID[:])), []byte(bad)) }); err != nil {
			t.Fatal(err)
		}
		if _, err := get(t, s.db, b.ID); !errors.Is(err, accounts.ErrDamaged) {
			t.Errorf("a wrong %s: %v, want ErrDamaged", name, err)
		}
	}
}
