package vaultctl

import (
	"context"

	"github.com/keyhold/keyhold/pkg/client"
)

// ServerService has the calls about the server itself. They need no credentials.
type ServerService struct{ c *client.Client }

// Config is what a server says of itself.
type Config struct {
	Version          string `json:"version"` // of the API: v1
	RegistrationMode string `json:"registrationMode"`
	AppVersion       string `json:"appVersion"`
}

// Config is GET /config.
func (s *ServerService) Config(ctx context.Context) (*Config, error) {
	r := get("config")
	r.Anonymous = true
	var c Config
	if err := s.c.Do(ctx, r, &c); err != nil {
		return nil, err
	}
	if c.Version == "" {
		return nil, badAnswer("the version of the API is missing")
	}
	return &c, nil
}

// Health is GET /health: nil, or client.ErrUnavailable.
func (s *ServerService) Health(ctx context.Context) error {
	r := get("health")
	r.Anonymous = true
	return s.c.Do(ctx, r, nil)
}
