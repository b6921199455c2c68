// Package clipboard copies a secret to the clipboard of the desktop by the tools
// that the desktop has, and clears it after a while.
//
// What clears it is another process of keyhold, which goes on when the terminal
// is closed. It is started from the same binary, whose main must call Main first.
// It knows the value only by a salted hash.
package clipboard

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/keyhold/keyhold/internal/secret"
)

// Keep is how long a secret stays in the clipboard.
const Keep = 45 * time.Second

// deadline is how long a tool may take.
const deadline = 5 * time.Second

// An UnavailableError reports a machine without a clipboard, or without a tool
// for the one that it has.
type UnavailableError struct{ Reason string }

func (e *UnavailableError) Error() string { return "nothing can be copied: " + e.Reason }

// A Desktop is what tells which clipboard there is.
type Desktop struct {
	OS       string // as runtime.GOOS has it
	Env      []string
	LookPath func(string) (string, error) // exec.LookPath
}

func (d Desktop) getenv(name string) string {
	for _, entry := range slices.Backward(d.Env) {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

func (d Desktop) has(t tool) bool {
	for _, argv := range [][]string{t.copy, t.paste} {
		if _, err := d.LookPath(argv[0]); err != nil {
			return false
		}
	}
	return true
}

// A Board is a clipboard.
type Board struct {
	tool tool
	env  []string
}

// Find returns the clipboard of the desktop, or an *UnavailableError.
func Find(d Desktop) (*Board, error) {
	needed, display := "", false
	for _, t := range tools {
		if t.os != "" && t.os != d.OS || t.os == "" && d.getenv(t.display) == "" {
			continue
		}
		display = true
		if d.has(t) {
			return &Board{t, d.env()}, nil
		}
		if needed == "" {
			needed = t.install
		}
	}
	switch {
	case display:
		return nil, &UnavailableError{needed}
	case d.getenv("SSH_CONNECTION") != "":
		return nil, &UnavailableError{"this is a session over ssh, and the clipboard is on the other side; ssh -X forwards it"}
	}
	return nil, &UnavailableError{"there is no desktop here: neither WAYLAND_DISPLAY nor DISPLAY is set"}
}

// env is what the tools get. What wl-copy writes to a temporary file stays in
// memory.
func (d Desktop) env() []string {
	env := slices.Clone(d.Env)
	if dir := d.getenv("XDG_RUNTIME_DIR"); dir != "" {
		env = append(env, "TMPDIR="+dir)
	}
	return env
}

// Copy puts a value into the clipboard. The tool gets it on its standard input.
func (b *Board) Copy(ctx context.Context, value secret.Bytes) error {
	argv := b.tool.copy
	if b.tool.sensitive != "" && b.knows(ctx, b.tool.sensitive) {
		argv = append(slices.Clone(argv), b.tool.sensitive)
	}
	return b.run(ctx, argv, bytes.NewReader(value.Reveal()), nil)
}

// Clear empties the clipboard.
func (b *Board) Clear(ctx context.Context) error {
	return b.run(ctx, b.tool.clear, strings.NewReader(""), nil)
}

// print writes what is in the clipboard to w.
func (b *Board) print(ctx context.Context, w io.Writer) error {
	return b.run(ctx, b.tool.paste, nil, w)
}

// knows reports whether the tool for copying has an option.
func (b *Board) knows(ctx context.Context, option string) bool {
	var help bytes.Buffer
	err := b.run(ctx, []string{b.tool.copy[0], "--help"}, nil, &help)
	return err == nil && strings.Contains(help.String(), option)
}

// run runs a tool. One that copies stays behind as the owner of what is in the
// clipboard: it gets no pipe of ours but standard input, or we would wait for it.
func (b *Board) run(ctx context.Context, argv []string, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env, cmd.Stdin, cmd.Stdout = b.env, in, out
	cmd.SysProcAttr = detached() // it outlives the terminal
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		err = errors.New("it does not answer")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", argv[0], err)
	}
	return nil
}
