// Package child runs a program as if it had been started directly, with values
// hidden in what it prints.
//
// A stream that is a terminal is a terminal for the program too, another one: a
// pseudo-terminal with the same size and settings, so that colours, line editing
// and full-screen programs work, and keys like Ctrl-C and Ctrl-Z mean to the
// program what they mean without keyhold. A stream that is none is a pipe, or for
// standard input the file itself. On Windows all output goes through pipes.
//
// Behind a pseudo-terminal are two more processes of keyhold, for a moment the
// second: only the parent of a program can learn that it has stopped, only
// in the same session, and the session of the pseudo-terminal is not keyhold's.
// They are started from the same binary, whose main must call Main first.
package child

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/keyhold/keyhold/internal/mask"
)

var (
	// ErrNotFound means that there is no such program: a shell ends with 127.
	ErrNotFound = errors.New("no such program")
	// ErrNotExecutable means that it cannot be started: a shell ends with 126.
	ErrNotExecutable = errors.New("cannot be executed")
	// ErrInterrupted means that a key of the terminal ended the program, as it ends
	// all that runs there. A shell goes on with its loop or script unless the
	// process that it started ends by SIGINT too.
	ErrInterrupted = errors.New("interrupted")
)

const (
	// quiet is how long nothing was printed when held bytes are looked at.
	quiet = 20 * time.Millisecond
	// interruptedStatus is that of a program that SIGINT ended.
	interruptedStatus = 128 + 2
	// grace is how long processes that a program leaves behind can go on printing.
	grace = 100 * time.Millisecond
)

// A Command is a program to be run.
type Command struct {
	Args []string // the program, looked up in the PATH of Env unless it has a slash, and its arguments
	Env  []string // name=value, all of them

	Stdin, Stdout, Stderr *os.File

	// Mask is what to hide. Without it, or if it is empty, nothing stands
	// between the program and its streams.
	Mask *mask.Set
}

// Run runs a program and returns its exit status, 128 + n if signal n ended it.
// It returns when the program ended, even if others that it started still hold its
// output; what those print later is lost. Signals that ask keyhold to end go to the
// program meanwhile, and it decides. The end of ctx kills it.
//
// If nothing is to be hidden, the program takes the place of keyhold, except on
// Windows: Run does not return then, and no deferred function runs.
//
// Errors other than those of this package mean that keyhold could not do its part.
func Run(ctx context.Context, c Command) (status int, err error) {
	path, err := lookup(c.Args[0], c.Env)
	if err == nil {
		switch {
		case c.Mask == nil || c.Mask.Empty():
			status, err = replace(ctx, c, path)
		case hasTerminal(c):
			status, err = runOnTerminal(ctx, c, path)
		default:
			status, err = runOnPipes(ctx, c, path)
		}
	}
	if err != nil && !errors.Is(err, ErrInterrupted) {
		return 0, fmt.Errorf("run %s: %w", c.Args[0], err)
	}
	return status, err
}

// startError says of an error of the system what it means for the program.
func startError(err error) error {
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		err = path.Err
	}
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNotFound
	}
	return fmt.Errorf("%w: %w", ErrNotExecutable, err)
}
