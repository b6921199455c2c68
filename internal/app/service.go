package app

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"time"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/config"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/kv/bolt"
)

// profileOf returns what the configuration says of a profile.
func (a *App) profileOf(name string) config.Profile {
	if a.layers.File != nil {
		if p, ok := a.layers.File.Profile(name); ok {
			return p
		}
	}
	return config.Profile{Backend: config.LocalBackend}
}

// serviceDeps adds to d what a driver with a service needs, for a profile with
// these settings.
func (a *App) serviceDeps(d backend.Deps, profile string, p config.Profile) (backend.Deps, error) {
	home, err := a.Home()
	if err != nil {
		return d, err
	}
	tokens, err := a.tokens(home)
	if err != nil {
		return d, err
	}
	if d.HTTP, err = httpClient(p.CA); err != nil {
		return d, err
	}
	name := "keyhold"
	if id, err := home.ID(); err == nil {
		name = "keyhold " + id[:12] + " " + profile
	}
	d.Store = nil
	d.Device = device.NewAccount(home, bolt.New(home.Path("state.db")), tokens, profile)
	d.Service = backend.Service{
		URL: p.URL, Email: p.Email, InsecureHTTP: p.InsecureHTTP == "true",
		UserAgent: "keyhold/" + a.Version.Number + " (" + runtime.GOOS + ")", Device: name,
		MaxAge: a.Settings.MaxAge, Offline: a.Settings.Offline, Fresh: a.Settings.Fresh,
	}
	d.Warn = a.Messages().Warn
	return d, nil
}

// tokens returns the tokens of the home.
func (a *App) tokens(home *device.Home) (*device.Tokens, error) {
	ring, err := a.Keyring()
	if err != nil {
		return nil, err
	}
	key, err := a.deviceKey()
	if err != nil {
		return nil, err
	}
	return device.NewTokens(home, ring, key, a.Rand), nil
}

// httpClient returns a client that believes the system's certificate
// authorities or, if ca is set, those in that file alone.
func httpClient(ca string) (*http.Client, error) {
	t := &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 8,
		TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 30 * time.Second,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
	}
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return nil, fmt.Errorf("the certificate authorities of the profile: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, Usagef("%s has no certificate in PEM", ca)
		}
		t.TLSClientConfig.RootCAs = pool
	}
	return &http.Client{Transport: t}, nil
}
