// Package term asks a person at the controlling terminal, never through
// standard input or output, so that a question works while those are pipes.
package term

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	xterm "golang.org/x/term"

	"github.com/keyhold/keyhold/internal/secret"
)

// ErrNoTerminal means that there is nobody to ask: the process has no
// controlling terminal.
var ErrNoTerminal = errors.New("no terminal to ask at")

// ErrTooLong means that an answer reached the length at which terminals cut
// lines off: 4,095 bytes on Linux, 1,024 elsewhere. What was typed may
// have been longer, so none of it is used.
var ErrTooLong = errors.New("the answer is longer than a terminal takes in one line")

// A Prompter asks questions, one at a time. It opens the terminal for each
// question and restores it afterwards, also when the question is interrupted.
// It is safe for concurrent use.
//
// The questions are shown as they are: text from a vault or a service must
// have been made safe before. Control keys keep their meaning: an interrupt is
// a signal to the process, which ends the question by cancelling its context;
// ctrl-D on an empty line is io.EOF. Ctrl-Z suspends the process as it is (a
// shell that edits lines turns the echo on for itself); when it goes on, the
// echo is off again and the question is shown once more. Lines typed or pasted
// ahead answer the next questions, in order.
type Prompter struct {
	device device
	mu     sync.Mutex
}

// New returns a Prompter for the controlling terminal. It opens nothing yet.
func New() *Prompter { return &Prompter{device: controlling} }

// Available reports whether there is a terminal, without asking anything.
func (p *Prompter) Available() bool {
	t, err := openTerminal(p.device)
	if err != nil {
		return false
	}
	t.close()
	return true
}

// Secret asks for one line without showing it. The bytes are kept as they were
// typed, without the newline. The errors are ErrNoTerminal, ErrTooLong, io.EOF
// and the cause of ctx's end.
func (p *Prompter) Secret(ctx context.Context, prompt string) (secret.String, error) {
	line, err := p.ask(ctx, prompt, false)
	return secret.Text(line), err
}

// Line asks for one line and returns it without the newline. Its errors are
// those of Secret.
func (p *Prompter) Line(ctx context.Context, prompt string) (string, error) {
	line, err := p.ask(ctx, prompt, true)
	return string(line), err
}

// Confirm asks a question and adds " [y/N] ". Only y and yes, in any case, are
// a yes; ctrl-D is a no.
func (p *Prompter) Confirm(ctx context.Context, question string) (bool, error) {
	answer, err := p.Line(ctx, question+" [y/N] ")
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return false, err
	}
	answer = strings.TrimSpace(answer)
	return strings.EqualFold(answer, "y") || strings.EqualFold(answer, "yes"), nil
}

func (p *Prompter) ask(ctx context.Context, prompt string, echo bool) (line []byte, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	t, err := openTerminal(p.device)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoTerminal, err)
	}
	defer t.close()
	line, err = t.ask(ctx, prompt, echo)
	switch {
	case err == nil && len(line) >= maxLine:
		clear(line)
		return nil, ErrTooLong
	case err == nil || errors.Is(err, io.EOF) || ctx.Err() != nil:
		return line, err
	default:
		return nil, fmt.Errorf("ask at the terminal: %w", err)
	}
}

// A lineBuffer collects what is read until the line is complete.
type lineBuffer struct{ line []byte }

// add appends b and reports whether the line is complete. It returns io.EOF for
// an end before the first byte; an end after it completes the line.
func (l *lineBuffer) add(b []byte) (complete bool, err error) {
	if len(b) == 0 {
		if len(l.line) == 0 {
			return true, io.EOF
		}
		return true, nil
	}
	text, _, complete := bytes.Cut(b, []byte("\n"))
	grown := append(make([]byte, 0, len(l.line)+len(text)), l.line...)
	clear(l.line)
	l.line = append(grown, text...)
	return complete, nil
}

// IsTerminal reports whether fd is a terminal.
func IsTerminal(fd uintptr) bool { return xterm.IsTerminal(int(fd)) }

// Width returns how many columns the terminal fd has, 0 if it is none or does
// not say.
func Width(fd uintptr) int {
	width, _, err := xterm.GetSize(int(fd))
	if err != nil {
		return 0
	}
	return width
}
