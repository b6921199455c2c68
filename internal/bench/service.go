package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/keyhold/keyhold/internal/backend/pwm"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/pkg/client"
	pwmapi "github.com/keyhold/keyhold/pkg/client/pwm"
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
	var cmds []*command
	list, err := s.store(ctx)
	if err != nil {
		b.notef("the Secrets Store is not measured: %v", err)
	} else {
		cmds = append(cmds, list)
	}
	blobs, err := s.blobs(ctx)
	if err != nil {
		b.notef("pwm is not measured: %v", err)
	}
	return append(cmds, blobs...)
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

// blobs makes two homes with a vault that is one blob at the service, and returns
// a get from the copy of the larger one and a put into the smaller one.
func (s *service) blobs(ctx context.Context) ([]*command, error) {
	stdin := filepath.Join(s.tmp, "value")
	row := func(name string, n int, args func(round int) []string) (*command, error) {
		home := filepath.Join(s.tmp, fmt.Sprintf("pwm%d", n))
		s.cleanup = append(s.cleanup, func() { _ = s.keyholdIn(context.WithoutCancel(ctx), home, "", "lock") })
		return &command{name: "keyhold " + name, items: n, program: s.keyhold, args: args, env: s.env("KEYHOLD_HOME=" + home)}, s.blob(ctx, home, n)
	}
	get, err := row("get, pwm", 10_000, func(round int) []string { return []string{"get", itemName(round * 7 % 10_000)} })
	if err != nil {
		return nil, err
	}
	put, err := row("put, pwm", 1000, func(round int) []string { return []string{"put", itemName(round % 1000), "-"} })
	put.stdin = stdin
	return []*command{get, put}, err
}

// blob makes a home that is logged in, with a vault of n entries.
func (s *service) blob(ctx context.Context, home string, n int) error {
	name := fmt.Sprintf("of%d", n)
	token, err := s.token(ctx, "--api", "pwm", "--email", "me@example.com")
	if err != nil {
		return err
	}
	file := filepath.Join(s.tmp, "token")
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		return err
	}
	source := "KEYHOLD_PASSWORD=" + password
	for _, args := range [][]string{
		{"login", "vault", "--backend", "pwm", "--url", s.url + "/pwm", "--token-file", file}, {"vault", "create", name}, {"vault", "default", name},
	} {
		if err := s.keyholdIn(ctx, home, source, args...); err != nil {
			return err
		}
	}
	if err := s.fillBlob(ctx, token, name, n); err != nil {
		return err
	}
	for _, args := range [][]string{{"sync"}, {"unlock"}} {
		if err := s.keyholdIn(ctx, home, source, args...); err != nil {
			return err
		}
	}
	return nil
}

// fillBlob puts n entries into a vault, in one request.
func (s *service) fillBlob(ctx context.Context, token, name string, n int) error {
	c, err := pwmapi.New(s.url+"/pwm", client.WithCredentials(client.Token(client.NewSecret(token))))
	if err != nil {
		return err
	}
	v, err := c.Vaults.Get(ctx, name)
	if err != nil {
		return err
	}
	kek, err := seal.DeriveBlobKEK(secret.TextOf(password), v.VaultKeySalt)
	if err != nil {
		return err
	}
	key, err := kek.Unwrap(v.VaultKeyIV, v.WrappedVaultKey)
	if err != nil {
		return err
	}
	content, err := pwm.ParseBlob(secret.Of([]byte(`{"entries":[]}`)))
	if err != nil {
		return err
	}
	for i := range n {
		id, err := seal.MakeID(rand.Reader)
		if err != nil {
			return err
		}
		it := item(i)
		it.ID = id.String()
		if err := content.Put(it); err != nil {
			return err
		}
	}
	iv, data, err := content.Seal(rand.Reader, key)
	if err != nil {
		return err
	}
	_, err = c.Vaults.Update(ctx, name, pwmapi.UpdateRequest{Version: v.Version, Content: pwmapi.Content{EncryptedData: data, IV: iv}})
	return err
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
