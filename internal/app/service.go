package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"time"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/config"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/keyring"
	"github.com/keyhold/keyhold/internal/kv/bolt"
)

// profileOf returns what the configuration says of a profile, or its file.
func (a *App) profileOf(name string) config.Profile {
	if f, ok := a.files[name]; ok {
		return f.config()
	}
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
	pem, err := authorities(p.CA)
	if err != nil {
		return d, err
	}
	file, isFile := a.files[profile]
	if isFile {
		pem = []byte(file.CA)
	}
	if d.HTTP, err = httpClient(pem); err != nil {
		return d, err
	}
	d.Store = nil
	d.Service = backend.Service{
		URL: p.URL, Email: p.Email, InsecureHTTP: p.InsecureHTTP == "true",
		UserAgent: a.userAgent(),
		MaxAge:    a.Settings.MaxAge, Offline: a.Settings.Offline, Fresh: a.Settings.Fresh,
	}
	d.Warn = a.Messages().Warn
	if isFile {
		return a.transientDeps(d, profile)
	}
	home, err := a.Home()
	if err != nil {
		return d, err
	}
	tokens, err := a.tokens(home)
	if err != nil {
		return d, err
	}
	d.Service.Device = "keyhold"
	if id, err := home.ID(); err == nil {
		d.Service.Device = "keyhold " + id[:12] + " " + profile
	}
	d.Device = device.NewAccount(home, bolt.New(home.Path("state.db")), tokens, profile)
	return d, nil
}

// A transient is what this process remembers of a profile from a file.
type transient struct {
	account *device.Account
	name    string // of this process at the service
}

// transientDeps adds what a profile from a file has, nothing of which is kept.
// Every process is a device of its own: it ends nobody else's session.
func (a *App) transientDeps(d backend.Deps, path string) (backend.Deps, error) {
	t, ok := a.passing[path]
	if !ok {
		state, err := a.files[path].state(context.Background(), path)
		if err != nil {
			return d, err
		}
		var random [8]byte
		if _, err := io.ReadFull(a.Rand, random[:]); err != nil {
			return d, err
		}
		t = transient{device.NewTransientAccount(state, path), "keyhold transient " + hex.EncodeToString(random[:])}
		if a.passing == nil {
			a.passing = map[string]transient{}
		}
		a.passing[path] = t
	}
	d.Device, d.Service.Device = t.account, t.name
	return d, nil
}

func (a *App) userAgent() string { return "keyhold/" + a.Version.Number + " (" + runtime.GOOS + ")" }

// tokens returns the tokens of the home: in the desktop's keyring, since they
// have to outlast a reboot, else sealed under the device key.
func (a *App) tokens(home *device.Home) (*device.Tokens, error) {
	ring, err := keyring.Lasting(a.Settings.Keyring, home.Path("run"))
	if err != nil {
		return nil, Usagef("%v", err)
	}
	key, err := a.deviceKey()
	if err != nil {
		return nil, err
	}
	return device.NewTokens(home, ring, key, a.Rand), nil
}

// authorities reads a file of certificate authorities; none is none.
func authorities(ca string) ([]byte, error) {
	if ca == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(ca)
	if err != nil {
		return nil, fmt.Errorf("the certificate authorities of the profile: %w", err)
	}
	return pem, nil
}

// originOf returns the scheme, host and port of an address.
func originOf(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "", errors.New("its address is none")
	}
	return u.Scheme + "://" + u.Host, nil
}

// httpClient returns a client that believes the system's certificate authorities
// or, if there are any, these alone.
func httpClient(pem []byte) (*http.Client, error) {
	t := &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 8,
		TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 30 * time.Second, MaxResponseHeaderBytes: 64 << 10,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
	}
	if len(pem) > 0 {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, Usagef("the file of certificate authorities has no certificate in PEM")
		}
		t.TLSClientConfig.RootCAs = pool
	}
	return &http.Client{Transport: t}, nil
}
