package app

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
)

// A signalError is why a context ended: a signal came.
type signalError struct{ os.Signal }

func (e *signalError) Error() string { return "stopped by a signal: " + e.String() }

// Signals are those that ask the process to stop. Until Catch is called they
// end it at once, as they end every program: to catch them takes a fifth of the
// time of a start, and most commands leave nothing to be cleaned up.
type Signals struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	catch  func()
	caught chan os.Signal
	child  atomic.Bool // an interrupt is for the child at the terminal
}

// A mark goes through the same channel as the signals, to tell those before it from
// those behind it.
type mark chan struct{}

// Signal is that of os.Signal.
func (mark) Signal() {}

func (mark) String() string { return "mark" }

// NewSignals returns them, not caught.
func NewSignals() *Signals {
	s := &Signals{caught: make(chan os.Signal, 8)}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	s.catch = sync.OnceFunc(func() {
		notify(s.caught, stopping)
		go func() {
			for got := range s.caught {
				if m, ok := got.(mark); ok {
					close(m)
					continue
				}
				if got == os.Interrupt && s.child.Load() {
					continue
				}
				signal.Reset(stopping...) // the next one ends the process, whatever it waits for
				s.cancel(&signalError{got})
				return
			}
		}()
	})
	return s
}

// notify has signals come through c, but for those that are ignored: nohup, or a
// script for what it runs in the background, had the process start so. They stay
// ignored, here and in a child, and cannot end the process in Die.
func notify(c chan<- os.Signal, list []os.Signal) {
	for _, s := range list {
		if !signal.Ignored(s) {
			signal.Notify(c, s)
		}
	}
}

// Context returns a context that ends when a signal was caught.
func (s *Signals) Context() context.Context { return s.ctx }

// Catch has signals end the context from now on. A nil Signals catches none.
func (s *Signals) Catch() {
	if s != nil {
		s.catch()
	}
}

// Release has signals end the process again, as before Catch. A nil Signals has
// none caught.
func (s *Signals) Release() {
	if s != nil {
		signal.Reset(stopping...)
	}
}

// Lend has the keys of the terminal that stop a program stop only the child
// that runs there, until the function that it returns is called.
func (s *Signals) Lend() func() {
	if s == nil {
		return func() {}
	}
	s.Catch()
	s.child.Store(true)
	c := make(chan os.Signal, 1)
	notify(c, keys)
	return func() {
		signal.Stop(c) // returns when those that came are in the channels
		m := make(mark)
		select {
		case s.caught <- m:
		case <-s.ctx.Done():
		}
		select {
		case <-m:
		case <-s.ctx.Done():
		}
		s.child.Store(false)
	}
}

// Interrupted has Die end the process as an interrupt does: one ended the program
// that it ran at the terminal.
func (s *Signals) Interrupted() {
	if s != nil {
		s.cancel(&signalError{os.Interrupt})
	}
}

// Die is to be called when everything is cleaned up. If a signal was caught it
// does not return but ends the process by that same signal, so that the shell
// loop around it stops too.
func (s *Signals) Die() {
	var stopped *signalError
	if errors.As(context.Cause(s.ctx), &stopped) {
		raise(stopped.Signal)
	}
}
