package vaultctl

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/backend/mirror"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/pkg/client"
	api "github.com/keyhold/keyhold/pkg/client/vaultctl"
)

// tokenService is what the tokens are kept under.
const tokenService = "vault"

// A service is where the vaults are, and the tokens of this device there.
type service struct {
	driver
	d      backend.Deps
	api    *api.Client
	origin string

	mu      sync.Mutex
	access  client.Secret // of this device, as far as it is known
	stepped client.Secret // after the password was given again
}

// dial makes the client of the service. It asks the network nothing. An origin
// that was logged in to must still be that of the address.
func (v driver) dial(d backend.Deps, origin string) (*service, error) {
	s := &service{driver: v, d: d}
	u, err := url.Parse(d.Service.URL)
	if err != nil || u.Host == "" {
		return nil, errors.New("the profile has no address of a service")
	}
	s.origin = u.Scheme + "://" + u.Host
	if origin != "" && origin != s.origin {
		return nil, fmt.Errorf("the profile is logged in at %s, not at %s: %w", origin, s.origin, backend.ErrSignedOut)
	}
	opts := []client.Option{client.WithCredentials(client.TokenSource(s.token))}
	if d.HTTP != nil {
		opts = append(opts, client.WithHTTPClient(d.HTTP))
	}
	if d.Service.InsecureHTTP {
		opts = append(opts, client.WithInsecureHTTP())
	}
	if d.Service.UserAgent != "" {
		opts = append(opts, client.WithUserAgent(d.Service.UserAgent))
	}
	s.api, err = api.New(d.Service.URL, opts...)
	return s, err
}

// call makes a call, which may be made again after the password was asked for.
func (s *service) call(ctx context.Context, fn func(*api.Client) error) error {
	err := s.raw(ctx, fn)
	return translate(err)
}

// raw is call with the errors of package client.
func (s *service) raw(ctx context.Context, fn func(*api.Client) error) error {
	if s.d.Service.Offline {
		return backend.ErrOffline
	}
	err := fn(s.api)
	if !errors.Is(err, api.ErrStepUp) {
		return err
	}
	if err := s.stepUp(ctx); err != nil {
		return err
	}
	return fn(s.api)
}

// stepUp gives the password again.
func (s *service) stepUp(ctx context.Context) error {
	password, err := s.d.Ask(ctx)
	if err != nil {
		return err
	}
	l, err := loginOf(ctx, s.d)
	if err != nil {
		return err
	}
	o, err := s.openLogin(l, password)
	if err != nil {
		return err
	}
	defer o.wipe()
	return s.stepUpAs(ctx, &o)
}

func (s *service) stepUpAs(ctx context.Context, o *owner) error {
	t, err := s.api.Auth.StepUp(ctx, client.NewSecret(string(o.auth.Reveal())))
	if err != nil {
		return translate(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stepped = t
	return nil
}

// Tokens are those of this device.
type tokens struct {
	access, refresh client.Secret
	// sent is set while a refresh is under way: where it still is when the next
	// process begins, the answer was lost.
	sent bool
}

func (s *service) load(ctx context.Context) (tokens, error) {
	t, err := s.d.Device.Token(ctx, tokenService, s.origin)
	if err != nil {
		return tokens{}, err
	}
	defer t.Secret.Wipe()
	parts := strings.Split(string(t.Secret.Reveal()), "\n")
	if len(parts) != 4 || parts[0] != "1" {
		return tokens{}, fmt.Errorf("the tokens of the service: %w", device.ErrDamaged)
	}
	return tokens{client.NewSecret(parts[1]), client.NewSecret(parts[2]), parts[3] == "sent"}, nil
}

func (s *service) save(ctx context.Context, t tokens) error {
	state := "kept"
	if t.sent {
		state = "sent"
	}
	text := strings.Join([]string{"1", t.access.Reveal(), t.refresh.Reveal(), state}, "\n")
	return s.d.Device.SetToken(ctx, tokenService, device.Token{Origin: s.origin, Secret: secret.Of([]byte(text))})
}

// token is the client.TokenSource.
func (s *service) token(ctx context.Context, rejected client.Secret) (client.Secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !rejected.IsZero() {
		s.stepped = client.Secret{} // out of date, if it was that one
		return s.renew(ctx, rejected)
	}
	if !s.stepped.IsZero() {
		return s.stepped, nil
	}
	if s.access.IsZero() {
		t, err := s.load(ctx)
		if err != nil {
			return client.Secret{}, translate(err)
		}
		s.access = t.access
	}
	return s.access, nil
}

// renew returns a token that is newer than the one that was rejected. Of several
// processes one refreshes; what it got is saved before it is used.
func (s *service) renew(ctx context.Context, rejected client.Secret) (client.Secret, error) {
	fail := func(err error) (client.Secret, error) { return client.Secret{}, translate(err) }
	unlock, err := s.d.Device.Lock(ctx, "refresh-"+s.d.Device.Profile())
	if err != nil {
		return fail(err)
	}
	defer unlock()
	t, err := s.load(ctx)
	if err != nil {
		return fail(err)
	}
	if !t.access.Equal(rejected) {
		s.access = t.access
		return s.access, nil
	}
	lost := t.sent
	t.sent = true
	if err := s.save(ctx, t); err != nil {
		return fail(err)
	}
	next, err := s.api.Auth.Refresh(ctx, t.refresh)
	switch {
	case err == nil:
		return s.take(ctx, *next)
	case errors.Is(err, client.ErrUnauthenticated):
		return s.ended(ctx, err, lost)
	case unsent(err):
		t.sent = lost
		return fail(errors.Join(err, s.save(ctx, t)))
	}
	return fail(err)
}

func (s *service) take(ctx context.Context, next api.Tokens) (client.Secret, error) {
	if err := s.save(context.WithoutCancel(ctx), tokens{access: next.AccessToken, refresh: next.RefreshToken}); err != nil {
		return client.Secret{}, err
	}
	s.access = next.AccessToken
	return s.access, nil
}

// ended is what follows when the service takes the refresh token no more. If
// the answer to an earlier refresh was lost, that is why, and nobody's fault:
// the password logs in again.
func (s *service) ended(ctx context.Context, refused error, lost bool) (client.Secret, error) {
	s.access = client.Secret{}
	if lost {
		if password, err := s.d.Ask(ctx); err == nil {
			o, err := s.signInLocked(ctx, password)
			if err != nil {
				return client.Secret{}, err
			}
			o.wipe()
			return s.access, nil
		}
		refused = mirror.As(backend.ErrSignedOut, errors.New("the answer to a token refresh was lost; log in again"))
	}
	if err := s.d.Device.DeleteToken(ctx, tokenService); err != nil {
		refused = errors.Join(refused, err)
	}
	return client.Secret{}, translate(refused)
}

// randomText returns a strong text that is nobody's password.
func randomText(rand io.Reader) (client.Secret, error) {
	b := make([]byte, 24)
	if _, err := io.ReadFull(rand, b); err != nil {
		return client.Secret{}, err
	}
	return client.NewSecret("Aa1-" + base64.RawURLEncoding.EncodeToString(b)), nil
}

// warn tells what is no error.
func (s *service) warn(code, text string) {
	if s.d.Warn != nil {
		s.d.Warn(code, text)
	}
}
