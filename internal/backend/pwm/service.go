package pwm

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/backend/mirror"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/pkg/client"
	api "github.com/keyhold/keyhold/pkg/client/pwm"
)

// tokenService is what the token is kept under.
const tokenService = "vault"

// A service is where the vaults are, and the token of this device there.
type service struct {
	driver
	d      backend.Deps
	api    *api.Client
	origin string

	mu    sync.Mutex
	known client.Secret
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

// token is the client.TokenSource. A token that was rejected cannot be renewed.
func (s *service) token(ctx context.Context, rejected client.Secret) (client.Secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !rejected.IsZero() {
		return client.Secret{}, mirror.As(backend.ErrSignedOut, errors.New("the service does not take the token of this device, which lasts for some days; log in again"))
	}
	if s.known.IsZero() {
		t, err := s.load(ctx)
		if err != nil {
			return client.Secret{}, translate(err)
		}
		s.known = t
	}
	return s.known, nil
}

func (s *service) use(t client.Secret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known = t
}

func (s *service) load(ctx context.Context) (client.Secret, error) {
	t, err := s.d.Device.Token(ctx, tokenService, s.origin)
	if err != nil {
		return client.Secret{}, err
	}
	defer t.Secret.Wipe()
	return client.NewSecret(string(t.Secret.Reveal())), nil
}

func (s *service) save(ctx context.Context, t client.Secret) error {
	s.use(t)
	return s.d.Device.SetToken(ctx, tokenService, device.Token{Origin: s.origin, Secret: secret.Of([]byte(t.Reveal()))})
}

// warn tells what is no error.
func (s *service) warn(code, text string) {
	if s.d.Warn != nil {
		s.d.Warn(code, text)
	}
}
