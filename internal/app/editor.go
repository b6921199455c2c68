package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// EditText has a person edit text in $VISUAL or $EDITOR. The plaintext is in a
// file of mode 0600, in memory where the system has such a place, and is
// removed whatever happens.
func (a *App) EditText(ctx context.Context, text []byte) (edited []byte, err error) {
	editor := a.Getenv("VISUAL")
	if editor == "" {
		editor = a.Getenv("EDITOR")
	}
	if editor == "" {
		editor = "vi"
	}
	dir, err := os.MkdirTemp(a.scratch(), "keyhold-")
	if err != nil {
		return nil, fmt.Errorf("edit: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	name := filepath.Join(dir, "text")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		return nil, fmt.Errorf("edit: %w", err)
	}
	// The editor is a command line, as git and others take it.
	cmd := exec.CommandContext(ctx, "sh", "-c", editor+` "$1"`, editor, name)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = a.ChildEnv()
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("editor %s: %w", editor, err)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("edit: %w", err)
	}
	defer f.Close()
	const limit = 2 << 20
	edited, err = ReadAll(f, limit)
	if err != nil {
		return nil, err
	}
	if edited = TrimNewline(edited); len(edited) == 0 {
		return nil, Usagef("the text is empty; nothing is stored")
	}
	return edited, nil
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
