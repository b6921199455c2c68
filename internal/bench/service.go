package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/keyhold/keyhold/pkg/client"
	"github.com/keyhold/keyhold/pkg/client/secretsstore"
)

const (
	storeAccount = "023e105f4ecef8ad9ca31a8372d0c353"
	storeSecrets = 100 // as many as a store takes
	storeList    = "keyhold store secrets list"
)

// services starts the keyhold-server beside keyhold and returns the commands to
// time there, over loopback.
func (b *bench) services(ctx context.Context) []*command {
	s, err := b.serve(ctx)
	if err != nil {
		b.notef("services are not measured: %v", err)
		return nil
	}
	list, err := s.store(ctx)
	if err != nil {
		b.notef("the Secrets Store is not measured: %v", err)
		return nil
	}
	return []*command{list}
}

// A service is a keyhold-server that runs.
type service struct {
	*bench

	binary, data, url string
}

// serve starts keyhold-server, until close.
func (b *bench) serve(ctx context.Context) (*service, error) {
	s := &service{
		bench:  b,
		binary: filepath.Join(filepath.Dir(b.keyhold), "keyhold-server"+filepath.Ext(b.keyhold)),
		data:   filepath.Join(b.tmp, "server"),
	}
	if err := os.Mkdir(s.data, 0o700); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, s.binary, "serve", "--addr", "127.0.0.1:0", "--data", s.data)
	cmd.Env = b.env()
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	b.cleanup = append(b.cleanup, func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if url, ok := strings.CutPrefix(lines.Text(), "listening on "); ok && strings.HasPrefix(url, "http") {
			s.url = url
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return s, nil
		}
	}
	return nil, fmt.Errorf("%s says no address", s.binary)
}

// token makes an API token.
func (s *service) token(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, s.binary, append([]string{"token", "create", "--data", s.data}, args...)...)
	cmd.Env = s.env()
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}

// store fills a store and returns the command that lists it.
func (s *service) store(ctx context.Context) (*command, error) {
	token, err := s.token(ctx, "--api", "store", "--account", storeAccount)
	if err != nil {
		return nil, err
	}
	base := s.url + "/client/v4"
	c, err := secretsstore.New(base, client.WithCredentials(client.Token(client.NewSecret(token))))
	if err != nil {
		return nil, err
	}
	account := c.Account(storeAccount)
	made, err := account.Stores.Create(ctx, secretsstore.CreateStoreRequest{Name: "main"})
	if err != nil {
		return nil, err
	}
	reqs := make([]secretsstore.CreateSecretRequest, storeSecrets)
	for i := range reqs {
		reqs[i] = secretsstore.CreateSecretRequest{Name: fmt.Sprintf("SECRET_%d", i), Value: client.NewSecret(value), Scopes: []string{"workers"}}
	}
	if _, err := account.Secrets.Create(ctx, made.ID, reqs...); err != nil {
		return nil, err
	}
	return &command{
		name: storeList, items: storeSecrets, program: s.keyhold, args: fixed("store", "secrets", "list"),
		env: s.env("KEYHOLD_HOME="+filepath.Join(s.tmp, "nowhere"), "CLOUDFLARE_API_TOKEN="+token,
			"CLOUDFLARE_ACCOUNT_ID="+storeAccount, "CLOUDFLARE_API_BASE_URL="+base),
	}, nil
}
