package clipboard

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/keyhold/keyhold/internal/secret"
)

// clearerName is what the process that clears is called, by which Main knows it.
const clearerName = "keyhold: clears the clipboard"

const saltLen = 32

// fingerprint returns the salt, and what goes behind it: the hash of a value.
func fingerprint(value secret.Bytes, random io.Reader) ([]byte, error) {
	salt := make([]byte, saltLen)
	if _, err := io.ReadFull(random, salt); err != nil {
		return nil, err
	}
	h := hmac.New(sha256.New, salt)
	h.Write(value.Reveal())
	return h.Sum(salt), nil
}

// ClearLater starts the process that clears the clipboard when the time is over,
// if it still holds value then. self is this binary.
func (b *Board) ClearLater(value secret.Bytes, random io.Reader, self string) error {
	print, err := fingerprint(value, random)
	if err != nil {
		return err
	}
	cmd := exec.Command(self) //nolint:noctx // it goes on when keyhold has ended
	cmd.Args = []string{clearerName}
	cmd.Env, cmd.Dir = b.env, filepath.Dir(self) // which is there as long as the process
	cmd.SysProcAttr = detached()
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start what clears the clipboard: %w", err)
	}
	_, err = in.Write(print)
	if closed := in.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("start what clears the clipboard: %w", err)
	}
	return cmd.Process.Release()
}

// Main is what a process of this package does, where the arguments say that it
// is one.
func Main(args, env []string) (status int, mine bool) {
	if len(args) != 1 || args[0] != clearerName {
		return 0, false
	}
	board, err := Find(Desktop{OS: runtime.GOOS, Env: env, LookPath: exec.LookPath})
	if err == nil {
		err = clearAfter(context.Background(), board, os.Stdin, wait)
	}
	if err != nil {
		return 1, true
	}
	return 0, true
}

// clearAfter reads a fingerprint, waits, and clears the clipboard if it holds
// what the fingerprint is of.
func clearAfter(ctx context.Context, b *Board, in io.Reader, wait func(context.Context, time.Duration) error) error {
	print, err := io.ReadAll(io.LimitReader(in, saltLen+sha256.Size+1))
	if err != nil {
		return err
	}
	if len(print) != saltLen+sha256.Size {
		return io.ErrUnexpectedEOF
	}
	if err := wait(ctx, Keep); err != nil {
		return err
	}
	h := hmac.New(sha256.New, print[:saltLen])
	if err := b.print(ctx, h); err != nil {
		return err // nothing is in it, or nothing that is text
	}
	if !hmac.Equal(h.Sum(nil), print[saltLen:]) {
		return nil
	}
	return b.Clear(ctx)
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
