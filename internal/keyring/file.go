package keyring

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/keyhold/keyhold/internal/secret"
)

// File returns a Store of files of mode 0600 in dir, which is made on first
// use with mode 0700. Whoever can read the user's files can read them: this
// only hides the values from a glance. It has no time-outs either: what it
// holds must carry its own end.
func File(dir string) Store { return file(dir) }

type file string

func (file) Kind() string { return "file" }

func (d file) Get(ctx context.Context, name string) (secret.Bytes, error) {
	if err := check(ctx, name); err != nil {
		return secret.Bytes{}, err
	}
	f, err := os.Open(d.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return secret.Bytes{}, ErrNotFound
	}
	if err != nil {
		return secret.Bytes{}, fmt.Errorf("keyring: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	buf := make([]byte, maxValue+1)
	n, err := io.ReadFull(f, buf)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		clear(buf)
		return secret.Bytes{}, fmt.Errorf("keyring: %w", err)
	}
	value := secret.Of(buf[:n:n])
	if err := checkValue(value); err != nil {
		clear(buf)
		return secret.Bytes{}, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return value, nil
}

func (d file) Set(ctx context.Context, name string, value secret.Bytes, ttl time.Duration) error {
	if err := errors.Join(check(ctx, name), checkValue(value)); err != nil {
		return err
	}
	if _, err := seconds(ttl); err != nil {
		return err
	}
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return fmt.Errorf("keyring: %w", err)
	}
	f, err := os.CreateTemp(string(d), ".new-*") // 0600
	if err != nil {
		return fmt.Errorf("keyring: %w", err)
	}
	_, err = f.Write(value.Reveal())
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), d.path(name))
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("keyring: %w", err)
	}
	return nil
}

// Touch only looks whether name is there.
func (d file) Touch(ctx context.Context, name string, ttl time.Duration) error {
	if err := check(ctx, name); err != nil {
		return err
	}
	if _, err := seconds(ttl); err != nil {
		return err
	}
	_, err := os.Lstat(d.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("keyring: %w", err)
	}
	return nil
}

func (d file) Delete(ctx context.Context, name string) error {
	if err := check(ctx, name); err != nil {
		return err
	}
	if err := os.Remove(d.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("keyring: %w", err)
	}
	return nil
}

// path hashes the name, because file systems differ in which characters they
// allow and in whether case matters.
func (d file) path(name string) string {
	sum := sha256.Sum256([]byte(name))
	return filepath.Join(string(d), hex.EncodeToString(sum[:]))
}
