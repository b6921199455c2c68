package app

import (
	"context"
	"os"
	"os/signal"
)

// A signalError is why a context ended: a signal came.
type signalError struct{ os.Signal }

func (e *signalError) Error() string { return "stopped by a signal: " + e.String() }

// Signals returns a context that ends when a signal asks the process to stop,
// and a function to be called when everything is cleaned up: if a signal came
// it does not return, but ends the process by that same signal, so that the
// shell loop around it stops too.
func Signals() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	c := make(chan os.Signal, 1)
	signal.Notify(c, stopping...)
	go func() { cancel(&signalError{<-c}) }()
	return ctx, func() {
		if e, ok := context.Cause(ctx).(*signalError); ok {
			raise(e.Signal)
		}
	}
}
