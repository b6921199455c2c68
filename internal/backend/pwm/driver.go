package pwm

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/backend/mirror"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/vault"
	"github.com/keyhold/keyhold/pkg/client"
	api "github.com/keyhold/keyhold/pkg/client/pwm"
)

// A driver has what takes time, so that tests can have it quicker.
type driver struct {
	derive func(secret.String, []byte) (seal.BlobKEK, error)
	sleep  func(context.Context, time.Duration) error
	// patience is how long a read waits for the service where it has a copy.
	patience time.Duration
}

// Driver returns the driver of the vaults at a pwm service.
func Driver() backend.Driver {
	return driver{derive: seal.DeriveBlobKEK, sleep: sleep, patience: 2 * time.Second}.backend()
}

func (v driver) backend() backend.Driver {
	return backend.Driver{
		Name:        "pwm",
		Summary:     "vaults at a pwm service: one sealed blob each",
		Describe:    v.describe,
		Unlock:      v.unlock,
		Open:        v.open,
		Login:       v.login,
		LoginStands: true,
		Logout:      v.logout,
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// loginOf returns the login of the profile, or backend.ErrNoAccount.
func loginOf(ctx context.Context, d backend.Deps) (device.Login, error) {
	l, err := d.Device.ReadLogin(ctx)
	return l, translate(err)
}

func (driver) describe(ctx context.Context, d backend.Deps) (backend.Description, error) {
	l, err := loginOf(ctx, d)
	if err != nil {
		return backend.Description{}, err
	}
	return backend.Description{ID: l.User.String(), Suite: l.Suite, Created: l.At}, nil
}

// loginFor returns the login of somebody at a service. An account there has no
// key by which it could be known: it is known by its address.
func loginFor(d backend.Deps, origin, email, user string) device.Login {
	who := cmp.Or(strings.ToLower(email), user)
	sum := sha256.Sum256([]byte("keyhold/pwm-account/1\x00" + strings.TrimSuffix(d.Service.URL, "/") + "\x00" + who))
	return device.Login{
		Origin: origin, Email: email, User: uuid(sum[:]), Device: d.Service.Device, Suite: seal.BlobSuite,
		Identity: seal.PublicKey(sum), At: d.Now(),
	}
}

// uuid makes the form of a UUID of a hash.
func uuid(sum []byte) seal.ID {
	id := seal.ID(sum[:16])
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id
}

// vaultID returns the id that the vault of that name has on this machine.
func vaultID(p device.Place, name string) seal.ID {
	h := sha256.New()
	h.Write([]byte("keyhold/pwm-vault/1"))
	h.Write(p[:])
	h.Write([]byte(name))
	return uuid(h.Sum(nil))
}

// login logs in by the token that is given, else has a person do it in a
// browser. Without a password nothing is opened and there are no keys.
func (v driver) login(ctx context.Context, d backend.Deps, password secret.String) (secret.Bytes, error) {
	s, err := v.dial(d, "")
	if err != nil {
		return secret.Bytes{}, err
	}
	if d.Service.Offline {
		return secret.Bytes{}, backend.ErrOffline
	}
	got := api.Login{Token: client.NewSecret(d.Service.Token.Reveal()), Email: d.Service.Email}
	if got.Token.IsZero() {
		if got, err = s.visit(ctx); err != nil {
			return secret.Bytes{}, translate(err)
		}
	} else {
		s.use(got.Token)
		if err := s.whose(ctx, &got); err != nil {
			return secret.Bytes{}, err
		}
	}
	if d.Service.Email != "" && got.Email != "" && !strings.EqualFold(d.Service.Email, got.Email) {
		return secret.Bytes{}, fmt.Errorf("this login is of %s, not of %s: %w", got.Email, d.Service.Email, vault.ErrDenied)
	}
	l := loginFor(d, s.origin, cmp.Or(got.Email, d.Service.Email), got.UserID)
	if err := s.save(ctx, got.Token); err != nil {
		return secret.Bytes{}, err
	}
	err = d.Device.State().Update(ctx, func(tx kv.Tx) error { return d.Device.PutLogin(tx, l) })
	if err != nil || password.Len() == 0 {
		return secret.Bytes{}, translate(err)
	}
	return v.keysOf(ctx, d, l, password, true)
}

// whose asks whose token it is. Not every service tells, and one that says that
// it is not good is believed later: it was given on purpose.
func (s *service) whose(ctx context.Context, l *api.Login) error {
	st, err := s.api.Session.Status(ctx)
	switch {
	case err == nil:
		l.Email, l.UserID = cmp.Or(st.Email, l.Email), st.UserID
		return nil
	case errors.Is(err, client.ErrUnauthenticated):
		s.warn("token_refused", "the service does not take the token; it is kept")
		return nil
	case errors.Is(err, client.ErrNotFound), errors.Is(err, client.ErrBadAnswer):
		return nil
	}
	return translate(err)
}

// visit has a person complete a login in a browser.
func (s *service) visit(ctx context.Context) (api.Login, error) {
	session, err := s.api.CLI.Create(ctx)
	if err != nil {
		return api.Login{}, err
	}
	if s.d.Visit != nil {
		s.d.Visit(backend.Visit{Session: session.ID, URL: session.URL})
	}
	l, err := s.api.CLI.Wait(ctx, session.ID, s.sleep)
	if err != nil {
		return api.Login{}, err
	}
	return *l, nil
}

func (v driver) unlock(ctx context.Context, d backend.Deps, password secret.String) (secret.Bytes, error) {
	l, err := loginOf(ctx, d)
	if err != nil {
		return secret.Bytes{}, err
	}
	return v.keysOf(ctx, d, l, password, false)
}

// keysOf opens the vaults that the password opens. After a login the list is
// asked for, however new the one that is here is.
func (v driver) keysOf(ctx context.Context, d backend.Deps, l device.Login, password secret.String, login bool) (secret.Bytes, error) {
	a, err := v.account(d, l, keys{})
	if err != nil {
		return secret.Bytes{}, err
	}
	if login {
		err = a.syncList(ctx, nil)
	} else if err = a.refreshList(ctx); errors.Is(err, backend.ErrSignedOut) || errors.Is(err, backend.ErrOffline) {
		err = nil // what is here can be opened
	}
	if err != nil {
		return secret.Bytes{}, err
	}
	if err := a.openAll(ctx, password); err != nil {
		return secret.Bytes{}, err
	}
	return a.keySet().marshal(), nil
}

func (v driver) logout(ctx context.Context, d backend.Deps) error {
	l, err := loginOf(ctx, d)
	if errors.Is(err, backend.ErrNoAccount) {
		return nil
	}
	if err != nil {
		return err
	}
	s, err := v.dial(d, l.Origin)
	if err != nil {
		return err
	}
	if _, err := s.load(ctx); err == nil && !d.Service.Offline {
		err := s.api.Session.Logout(ctx)
		switch {
		case err == nil, mirror.Unreachable(err), errors.Is(err, client.ErrUnauthenticated), errors.Is(err, client.ErrNotFound):
		case ctx.Err() != nil:
			return translate(err)
		default:
			s.warn("logout_refused", "the service does not end this login, whose token is forgotten here: "+err.Error())
		}
	}
	if err := d.Device.DeleteToken(ctx, tokenService); err != nil {
		return err
	}
	return translate(d.Device.State().Update(ctx, d.Device.DeleteLogin))
}

func (v driver) open(ctx context.Context, d backend.Deps, b secret.Bytes) (backend.Account, error) {
	k, err := parseKeys(bytes.Clone(b.Reveal()))
	if err != nil {
		return nil, err
	}
	l, err := loginOf(ctx, d)
	if err != nil {
		return nil, err
	}
	if k.user != l.User {
		return nil, fmt.Errorf("the session is of another account than the profile: %w", vault.ErrLocked)
	}
	return v.account(d, l, k)
}
