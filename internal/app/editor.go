package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// EditText has a person edit text in $VISUAL or $EDITOR. The plaintext is in a
// file of mode 0600, in memory where the system has such a place, and is
// removed whatever happens.
func (a *App) EditText(ctx context.Context, text []byte) (edited []byte, err error) {
	a.Signals.Catch()
	a.sweepScratch()
	dir, err := os.MkdirTemp(a.scratch(), fmt.Sprintf("%s%d-", scratchPrefix, os.Getpid()))
	if err != nil {
		return nil, fmt.Errorf("edit: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	name := filepath.Join(dir, "text")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		return nil, fmt.Errorf("edit: %w", err)
	}
	if err := a.edit(ctx, name); err != nil {
		return nil, err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("edit: %w", err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	const limit = 2 << 20
	edited, err = ReadAll(f, limit)
	if err != nil {
		return nil, err
	}
	if len(TrimNewline(edited)) == 0 {
		return nil, Usagef("the text is empty; nothing is stored")
	}
	return edited, nil
}

// EditFile has a person edit a file, which need not be there.
func (a *App) EditFile(ctx context.Context, name string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), a.edit(ctx, name))
}

// edit runs $VISUAL, $EDITOR or vi: a command line, as git and others take it.
func (a *App) edit(ctx context.Context, name string) error {
	editor := a.Getenv("VISUAL")
	if editor == "" {
		editor = a.Getenv("EDITOR")
	}
	if a.Settings.NoInput || editor == "" && !a.Prompt.Available() {
		return fmt.Errorf("there is nobody to edit: %w", ErrNoAnswer)
	}
	if editor == "" {
		editor = "vi"
	}
	// Plain words are started as they are: a shell between would die of an
	// interrupt that the editor outlives.
	words := []string{"sh", "-c", editor + ` "$1"`, editor}
	if !strings.ContainsAny(editor, "|&;<>()$`\\\"'*?[]#~=%!{}\n") {
		words = strings.Fields(editor)
	}
	cmd := exec.CommandContext(ctx, words[0], append(words[1:], name)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = a.ChildEnv()
	cmd.Cancel = func() error { return terminate(cmd.Process) }
	cmd.WaitDelay = 5 * time.Second
	defer a.Signals.Lend()()
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("editor %s: %w", editor, err)
	}
	return nil
}

// scratchPrefix begins the name of a directory for an edited text; the id of
// the process follows.
const scratchPrefix = "keyhold-edit-"

// sweepScratch removes what a killed process left of a text that it had edited.
func (a *App) sweepScratch() {
	dir := a.scratch()
	if dir == "" {
		dir = os.TempDir()
	}
	left, err := filepath.Glob(filepath.Join(dir, scratchPrefix+"*"))
	if err != nil {
		return
	}
	for _, path := range left {
		pid := 0
		if _, err := fmt.Sscanf(filepath.Base(path), scratchPrefix+"%d-", &pid); err == nil && pid > 0 && !alive(pid) {
			_ = os.RemoveAll(path) // one of another user stays
		}
	}
}

// scratch returns a directory in memory, or "" for the system's own choice.
func (a *App) scratch() string {
	for _, dir := range []string{a.Getenv("XDG_RUNTIME_DIR"), "/dev/shm"} {
		if info, err := os.Stat(dir); dir != "" && err == nil && info.IsDir() {
			return dir
		}
	}
	return ""
}
