package app

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/keyhold/keyhold/internal/child"
	"github.com/keyhold/keyhold/internal/exit"
	"github.com/keyhold/keyhold/internal/mask"
)

// StartsProgram is the annotation of commands that start another program:
// whatever keeps them from it is NotStarted, unless the flag CheckFlag is set.
const (
	StartsProgram = "starts-program"
	CheckFlag     = "check"
)

// What a shell ends with where a program could not be started.
const (
	NotStarted    exit.Status = 125
	NotExecutable exit.Status = 126
	NoProgram     exit.Status = 127
)

// An Ended is no failure: it is how the program that a command started ended.
type Ended struct { //nolint:errname // it is an error only in so far as it is not status 0
	Status exit.Status
	Err    error // why it could not be started, or nil
}

func (e *Ended) Error() string {
	if e.Err != nil {
		return e.Err.Error()
	}
	return fmt.Sprintf("the program ended with status %d", e.Status)
}

// Unwrap returns the cause.
func (e *Ended) Unwrap() error { return e.Err }

// RunProgram runs a program on the streams of this process, with the values of
// set hidden in what it prints. It returns an *Ended unless the status is 0.
func (a *App) RunProgram(ctx context.Context, argv, env []string, set *mask.Set) error {
	c := child.Command{Args: argv, Env: env, Mask: set}
	var in, out, stderr bool
	c.Stdin, in = a.In.(*os.File)
	c.Stdout, out = a.Out.(*os.File)
	c.Stderr, stderr = a.Err.(*os.File)
	if !in || !out || !stderr {
		return fmt.Errorf("start a program: %w", errors.ErrUnsupported)
	}
	a.Finish(ctx)
	a.Signals.Release()
	status, err := child.Run(context.WithoutCancel(ctx), c)
	switch {
	case errors.Is(err, child.ErrNotFound):
		return &Ended{NoProgram, err}
	case errors.Is(err, child.ErrNotExecutable):
		return &Ended{NotExecutable, err}
	case errors.Is(err, child.ErrInterrupted):
		a.Signals.Interrupted()
		return &Ended{Status: exit.Status(status)}
	case err != nil:
		return err
	case status != 0:
		return &Ended{Status: exit.Status(status)}
	}
	return nil
}
