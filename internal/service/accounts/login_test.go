package accounts_test

import (
	"crypto/rand"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/service/accounts"
)

const ann = "ann@example.com"

func TestLogin(t *testing.T) {
	t.Parallel()
	s := newService(t)
	a := s.made(ann, "one")
	g := s.mustLogin("ANN@example.com", "one", "laptop")
	want := start.Add(168 * time.Hour)
	if g.Account.ID != a.ID || g.Session.User != a.ID || g.Session.Device != "laptop" || g.Session.Expires != want || g.Session.Created != start {
		t.Errorf("Login = %+v", g.Session)
	}
	if len(g.Refresh.Reveal()) != 43 || strings.ContainsAny(g.Refresh.Reveal(), "+/=") {
		t.Errorf("a refresh token of %d characters", g.Refresh.Len())
	}
	for k, v := range s.dump() {
		if strings.Contains(k+v, g.Refresh.Reveal()) || strings.Contains(k+v, hash("one").Text().Reveal()) {
			t.Errorf("%q keeps a secret", k)
		}
	}
	_, err := s.login(ann, "two", "laptop")
	s.want("wrong password", err, accounts.ErrCredentials)
	_, err = s.login("nobody@example.com", "one", "laptop")
	s.want("nobody", err, accounts.ErrCredentials)
	_, err = s.login("nobody", "one", "laptop")
	s.want("no address", err, accounts.ErrInvalid)
	_, err = s.login(ann, "one", strings.Repeat("d", 256))
	s.want("long device", err, accounts.ErrInvalid)
	if _, err := s.refresh(g.Refresh); err != nil {
		t.Errorf("the session ended with a failed login: %v", err)
	}
	s.view(func(tx kv.Tx) error {
		c, err := accounts.Begin(tx, s.now, s.keys, ann)
		if err == nil {
			_, err = accounts.Login(tx, s.now, s.keys, rand.Reader, c, "")
		}
		if err == nil || errors.Is(err, accounts.ErrCredentials) {
			t.Errorf("Login without Try: %v", err)
		}
		return nil
	})
}

func TestDevices(t *testing.T) {
	t.Parallel()
	s := newService(t)
	a, other := s.made(ann, "one"), s.made("bob@example.com", "two")
	first := s.mustLogin(ann, "one", "laptop")
	s.now = s.now.Add(time.Minute)
	phone := s.mustLogin(ann, "one", "phone")
	s.now = s.now.Add(time.Minute)
	nameless := s.mustLogin(ann, "one", "")
	s.mustLogin(ann, "one", "")
	bob := s.mustLogin("bob@example.com", "two", "laptop")
	s.now = s.now.Add(time.Minute)
	second := s.mustLogin(ann, "one", "laptop")
	_, err := s.refresh(first.Refresh)
	s.want("the session that was replaced", err, accounts.ErrCredentials)
	for _, g := range []accounts.Grant{phone, nameless, bob, second} {
		if _, err := s.refresh(g.Refresh); err != nil {
			t.Errorf("the session of %q: %v", g.Session.Device, err)
		}
	}
	devices := func(user seal.ID) (names []string) {
		s.view(func(tx kv.Tx) error {
			list, err := accounts.Sessions(tx, user)
			for _, x := range list {
				names = append(names, x.Device)
			}
			return err
		})
		return names
	}
	if diff := cmp.Diff([]string{"phone", "", "", "laptop"}, devices(a.ID)); diff != "" {
		t.Error(diff)
	}
	end := func(user, id seal.ID) error {
		return s.update(func(tx kv.Tx) error { return accounts.EndSession(tx, user, id) })
	}
	s.want("EndSession of another's", end(other.ID, phone.Session.ID), accounts.ErrNotFound)
	s.want("EndSession", end(a.ID, phone.Session.ID), nil)
	s.want("EndSession again", end(a.ID, phone.Session.ID), accounts.ErrNotFound)
	if err := s.update(func(tx kv.Tx) error { return accounts.EndSessions(tx, a.ID) }); err != nil {
		t.Error(err)
	}
	if got := devices(a.ID); got != nil || len(devices(other.ID)) != 1 || s.count("as/") != 1 || s.count("at/") != 2 {
		t.Errorf("left are %v and %v", got, devices(other.ID))
	}
}

func TestLockout(t *testing.T) {
	t.Parallel()
	for _, email := range []string{ann, "nobody@example.com"} { // no way to tell them apart
		t.Run(email, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			s.made(ann, "one")
			early, err := s.begun(email, "one")
			if err != nil {
				t.Fatal(err)
			}
			for range accounts.MaxFailures {
				_, err := s.login(email, "two", "")
				s.want("wrong password", err, accounts.ErrCredentials)
				s.now = s.now.Add(time.Minute)
			}
			until := s.now.Add(accounts.LockTime - time.Minute)
			_, err = s.login(email, "one", "")
			s.wantLocked("the right password", err, until)
			_, err = s.finish(early, "")
			s.wantLocked("a check that began before", err, until)
			s.now = until.Add(-time.Millisecond)
			_, err = s.login(email, "one", "")
			s.wantLocked("just before the end", err, until)
			s.now = until
			_, err = s.login(email, "two", "")
			s.want("a wrong password after the lock", err, accounts.ErrCredentials)
			if email == ann {
				s.mustLogin(email, "one", "")
			}
		})
	}
}

// Guesses at the same time are not more of them.
func TestLockoutParallel(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.made(ann, "one")
	var checks []*accounts.Check
	for range accounts.MaxFailures {
		c, err := s.begun(ann, "two")
		if err != nil {
			t.Fatal(err)
		}
		checks = append(checks, c)
	}
	right, err := s.begun(ann, "one")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range checks {
		_, err := s.finish(c, "")
		s.want("wrong password", err, accounts.ErrCredentials)
	}
	_, err = s.finish(right, "")
	s.wantLocked("the right one after them", err, s.now.Add(accounts.LockTime))
}

func TestSuccessForgetsFailures(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.made(ann, "one")
	fail := func() {
		t.Helper()
		for range accounts.MaxFailures - 1 {
			_, err := s.login(ann, "two", "")
			s.want("wrong password", err, accounts.ErrCredentials)
		}
	}
	fail()
	s.mustLogin(ann, "one", "")
	fail()
	s.now = s.now.Add(accounts.LockTime) // and time does
	fail()
	s.mustLogin(ann, "one", "")
	if n := s.count("af/"); n != 0 {
		t.Errorf("%d records of failures are left", n)
	}
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.made(ann, "one")
	g := s.mustLogin(ann, "one", "laptop")
	for range 3 {
		s.now = s.now.Add(accounts.SessionTime - time.Millisecond)
		next, err := s.refresh(g.Refresh)
		if err != nil {
			t.Fatal(err)
		}
		if next.Refresh.Equal(g.Refresh) || next.Session.ID != g.Session.ID || next.Session.Expires != s.now.Add(accounts.SessionTime) || next.Account.Email != ann {
			t.Errorf("Refresh = %+v", next.Session)
		}
		g = next
	}
	if n := s.count("at/"); n != 2 {
		t.Errorf("%d tokens are known, want the last two", n)
	}
	for _, bad := range []string{"", "x", g.Refresh.Reveal() + "A", g.Refresh.Reveal()[1:], strings.Repeat("A", 43)} {
		_, err := s.refresh(secret.TextOf(bad))
		s.want("an unknown token", err, accounts.ErrCredentials)
	}
	s.now = s.now.Add(accounts.SessionTime)
	_, err := s.refresh(g.Refresh)
	s.want("out of date", err, accounts.ErrSessionExpired)
	_, err = s.refresh(g.Refresh)
	s.want("out of date, again", err, accounts.ErrCredentials)
	if n := s.count("as/") + s.count("at/") + s.count("au/"); n != 0 {
		t.Errorf("%d records are left of the session", n)
	}
}

func TestTokenReuse(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.made(ann, "one")
	first, other := s.mustLogin(ann, "one", "laptop"), s.mustLogin(ann, "one", "phone")
	second, err := s.refresh(first.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.refresh(first.Refresh)
	s.want("the token that was replaced", err, accounts.ErrTokenReuse)
	_, err = s.refresh(second.Refresh)
	s.want("the one that replaced it", err, accounts.ErrCredentials)
	if _, err := s.refresh(other.Refresh); err != nil {
		t.Errorf("another session: %v", err)
	}
	if n := s.count("as/"); n != 1 {
		t.Errorf("%d sessions are left", n)
	}
}

func TestLogout(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.made(ann, "one")
	first := s.mustLogin(ann, "one", "laptop")
	g, err := s.refresh(first.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	other := s.mustLogin(ann, "one", "phone")
	for _, token := range []secret.String{{}, g.Refresh, g.Refresh, first.Refresh} {
		if err := s.update(func(tx kv.Tx) error { return accounts.Logout(tx, s.keys, token) }); err != nil {
			t.Errorf("Logout: %v", err)
		}
	}
	_, err = s.refresh(g.Refresh)
	s.want("Refresh after Logout", err, accounts.ErrCredentials)
	if _, err := s.refresh(other.Refresh); err != nil {
		t.Errorf("another session: %v", err)
	}
}

func TestDisabled(t *testing.T) {
	t.Parallel()
	s := newService(t)
	a := s.made(ann, "one")
	g := s.mustLogin(ann, "one", "laptop")
	disable := func(id seal.ID, disabled bool) error {
		return s.update(func(tx kv.Tx) error { return accounts.SetDisabled(tx, id, disabled) })
	}
	s.want("SetDisabled", disable(a.ID, true), nil)
	_, err := s.login(ann, "two", "")
	s.want("Login with a wrong password", err, accounts.ErrCredentials)
	_, err = s.login(ann, "one", "")
	s.want("Login", err, accounts.ErrDisabled)
	_, err = s.refresh(g.Refresh)
	s.want("Refresh", err, accounts.ErrCredentials)
	s.want("SetDisabled", disable(a.ID, false), nil)
	s.mustLogin(ann, "one", "")
	s.want("SetDisabled of nobody", disable(seal.ID{9}, true), accounts.ErrNotFound)
	if err := create(t, s.db, sample(1)); err != nil {
		t.Fatal(err)
	}
	s.want("SetDisabled of a local account", disable(sample(1).ID, true), accounts.ErrNotFound)
	s.view(func(tx kv.Tx) error {
		_, err := accounts.BeginUser(tx, s.now, s.keys, sample(1).ID)
		s.want("BeginUser of a local account", err, accounts.ErrNotFound)
		return nil
	})
}

func TestSweep(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.made(ann, "one")
	s.mustLogin(ann, "one", "old")
	invite := func(life time.Duration) {
		if _, _, err := s.invite("", life); err != nil {
			t.Fatal(err)
		}
	}
	invite(accounts.SessionTime)
	_, err := s.login(ann, "two", "")
	s.want("wrong password", err, accounts.ErrCredentials)
	s.now = s.now.Add(accounts.SessionTime)
	s.mustLogin(ann, "one", "new") // forgets the failures of ann
	_, err = s.login("nobody@example.com", "two", "")
	s.want("nobody", err, accounts.ErrCredentials)
	invite(time.Hour)
	sweep := func(want ...int) {
		t.Helper()
		if err := s.update(func(tx kv.Tx) error { return accounts.Sweep(tx, s.now) }); err != nil {
			t.Fatal(err)
		}
		got := []int{s.count("as/"), s.count("at/"), s.count("au/"), s.count("af/"), s.count("ai/"), s.count("a/")}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	sweep(1, 1, 1, 1, 1, 1)
	s.now = s.now.Add(accounts.LockTime)
	sweep(1, 1, 1, 0, 1, 1)
	s.now = s.now.Add(time.Hour)
	sweep(1, 1, 1, 0, 0, 1)
}

func (s *service) invite(email string, life time.Duration) (i accounts.Invite, code secret.String, err error) {
	s.Helper()
	err = s.update(func(tx kv.Tx) error {
		i, code, err = accounts.CreateInvite(tx, s.now, s.keys, rand.Reader, seal.ID{7}, email, life)
		return err
	})
	return i, code, err
}

func TestInvites(t *testing.T) {
	t.Parallel()
	s := newService(t)
	i, code, err := s.invite(" Ann@example.com", time.Hour)
	want := accounts.Invite{ID: i.ID, By: seal.ID{7}, Email: ann, Created: start, Expires: start.Add(time.Hour)}
	if err != nil || i != want || code.Len() != 32 {
		t.Fatalf("CreateInvite = %+v, %v", i, err)
	}
	s.now = s.now.Add(time.Minute)
	second, anyone, err := s.invite("", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	s.view(func(tx kv.Tx) error {
		list, err := accounts.Invites(tx)
		if diff := cmp.Diff([]accounts.Invite{i, second}, list); err != nil || diff != "" {
			t.Errorf("Invites: %v, %s", err, diff)
		}
		return nil
	})
	register := func(email string, code secret.String, mode accounts.Mode) error {
		r := registration(t, email, "one")
		r.Invite = code
		_, err := s.register(mode, r)
		return err
	}
	s.want("no invite", register(ann, secret.String{}, accounts.InviteOnly), accounts.ErrInviteRequired)
	s.want("unknown code", register(ann, secret.TextOf("x"), accounts.InviteOnly), accounts.ErrInvite)
	s.want("unknown code where none is needed", register(ann, secret.TextOf("x"), accounts.Open), accounts.ErrInvite)
	s.want("for another address", register("bob@example.com", code, accounts.InviteOnly), accounts.ErrInvite)
	s.want("the right address", register(ann, code, accounts.InviteOnly), nil)
	s.want("twice", register("bob@example.com", code, accounts.InviteOnly), accounts.ErrInvite)
	s.want("an address that is taken", register(ann, anyone, accounts.InviteOnly), accounts.ErrExists)
	s.want("for any address, after that", register("bob@example.com", anyone, accounts.InviteOnly), nil)
	s.want("for any address, twice", register("carol@example.com", anyone, accounts.InviteOnly), accounts.ErrInvite)

	late, lateCode, err := s.invite("", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	s.now = s.now.Add(time.Hour)
	s.want("out of date", register("carol@example.com", lateCode, accounts.InviteOnly), accounts.ErrInvite)
	revoke := func(id seal.ID) error {
		return s.update(func(tx kv.Tx) error { return accounts.RevokeInvite(tx, id) })
	}
	_, gone, err := s.invite("", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	s.want("RevokeInvite", revoke(late.ID), nil)
	s.want("RevokeInvite again", revoke(late.ID), accounts.ErrNotFound)
	s.want("one that was not revoked", register("carol@example.com", gone, accounts.InviteOnly), nil)
	for k, v := range s.dump() {
		if strings.Contains(k+v, code.Reveal()) || strings.Contains(k+v, gone.Reveal()) {
			t.Errorf("%q keeps a code", k)
		}
	}
	_, _, err = s.invite("ann", time.Hour)
	s.want("no address", err, accounts.ErrInvalid)
	_, _, err = s.invite("", 0)
	s.want("no life", err, accounts.ErrInvalid)
	for _, mode := range []string{"open", "invite", "disabled"} {
		if m, err := accounts.ParseMode(mode); string(m) != mode || err != nil {
			t.Errorf("ParseMode(%s) = %s, %v", mode, m, err)
		}
	}
	_, err = accounts.ParseMode("")
	s.want("ParseMode", err, accounts.ErrInvalid)
}

// What goes wrong below comes out, and nothing is stored.
func TestNoRandomness(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.made(ann, "one")
	c, err := s.begun(ann, "one")
	if err != nil {
		t.Fatal(err)
	}
	g := s.mustLogin(ann, "one", "laptop")
	before, bad := s.dump(), iotest.ErrReader(os.ErrClosed)
	for name, call := range map[string]func(kv.Tx) error{
		"Register": func(tx kv.Tx) error {
			_, err := accounts.Register(tx, s.now, s.keys, bad, accounts.Open, registration(t, "bob@example.com", "one"))
			return err
		},
		"Login":   func(tx kv.Tx) error { _, err := accounts.Login(tx, s.now, s.keys, bad, c, "x"); return err },
		"Refresh": func(tx kv.Tx) error { _, err := accounts.Refresh(tx, s.now, s.keys, bad, g.Refresh); return err },
		"CreateInvite": func(tx kv.Tx) error {
			_, _, err := accounts.CreateInvite(tx, s.now, s.keys, bad, seal.ID{}, "", time.Hour)
			return err
		},
	} {
		s.want(name, s.update(call), os.ErrClosed)
	}
	if diff := cmp.Diff(before, s.dump()); diff != "" {
		t.Errorf("something was stored: %s", diff)
	}
}
