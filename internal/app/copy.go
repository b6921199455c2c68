package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"

	"github.com/keyhold/keyhold/internal/clipboard"
	"github.com/keyhold/keyhold/internal/secret"
)

// Copy puts a value into the clipboard, to be cleared after a while, and says so
// on a terminal. what says what it is: `the password of "mail"`.
func (a *App) Copy(ctx context.Context, value secret.Bytes, what string) error {
	board, err := clipboard.Find(clipboard.Desktop{OS: runtime.GOOS, Env: a.ChildEnv(), LookPath: exec.LookPath})
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := board.Copy(ctx, value); err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	if err := board.ClearLater(value, a.Rand, self); err != nil {
		return errors.Join(err, board.Clear(ctx))
	}
	a.Messages().Notice(fmt.Sprintf("copied %s; cleared in %d s", what, int(clipboard.Keep.Seconds())))
	return nil
}
