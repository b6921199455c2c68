// Package app is the outside world that commands may touch: streams, the
// terminal, the clock, the environment, the home, and through them the vaults.
//
// New wires the real one; package apptest makes a fake one.
package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"os"
	"runtime/debug"
	"time"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/config"
	"github.com/keyhold/keyhold/internal/keyring"
	"github.com/keyhold/keyhold/internal/output"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/term"
	"github.com/keyhold/keyhold/internal/vault"
)

// An App is the outside world. It belongs to one invocation of one command.
type App struct {
	In       io.Reader
	Out, Err io.Writer // results; everything else
	// InTerminal and its kin say which streams are terminals, Width how many
	// columns the terminal of Out has.
	InTerminal, OutTerminal, ErrTerminal bool
	Width                                int
	Prompt                               Prompter
	Now                                  func() time.Time
	Rand                                 io.Reader
	Getenv                               func(string) string
	Environ                              func() []string
	// Wait waits for a random time between 0 and d, or until ctx is done.
	Wait     func(ctx context.Context, d time.Duration) error
	Backends *backend.Registry
	Version  Version
	Command  string   // the command that runs, as it is typed: "keyhold get"
	Args     []string // the whole command line after the name of the program
	Signals  *Signals // nil: they end the process

	Settings    Settings
	ConfigError error // why the configuration file cannot be read
	// SettingsError is what is wrong with the settings, where the command goes
	// on nevertheless.
	SettingsError error

	layers   config.Layers
	ring     keyring.Store            // once it was asked for
	atEnd    []func(context.Context)  // what Finish does
	at       *place                   // the vault of a reference among the arguments
	plain    bool                     // an argument is an item by its name alone
	opened   map[string]opened        // the accounts by profile, once they are open
	files    map[string]profileFile   // the profiles that come from a file, by its path
	passing  map[string]transient     // what is remembered of those, in memory
	typed    map[string]secret.String // the master passwords that were typed, by profile
	sourced  *secret.String           // what the password source said
	messages *output.Messages
}

// A Prompter asks a person at the terminal. See package term.
type Prompter interface {
	Available() bool
	Secret(ctx context.Context, prompt string) (secret.String, error)
	Line(ctx context.Context, prompt string) (string, error)
	Confirm(ctx context.Context, question string) (bool, error)
}

// A Version says what this binary is.
type Version struct{ Number, Commit, Go, Platform string }

// gcPercent lets the heap grow to 32 MiB before the first collection: most
// commands end before that, and a collection shows in their time.
const gcPercent = 800

// New returns the real outside world.
func New(backends *backend.Registry, v Version) *App {
	hardenProcess()
	debug.SetGCPercent(gcPercent)
	signals := NewSignals()
	return &App{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		InTerminal:  term.IsTerminal(os.Stdin.Fd()),
		OutTerminal: term.IsTerminal(os.Stdout.Fd()),
		ErrTerminal: term.IsTerminal(os.Stderr.Fd()),
		Width:       term.Width(os.Stdout.Fd()),
		Prompt:      catcher{term.New(), signals},
		Now:         time.Now,
		Rand:        rand.Reader,
		Getenv:      os.Getenv,
		Environ:     os.Environ,
		Wait:        wait,
		Backends:    backends,
		Version:     v,
		Signals:     signals,
	}
}

// A catcher catches signals before it asks: the terminal is then not as it was.
type catcher struct {
	Prompter
	signals *Signals
}

// Secret asks for a line without showing it.
func (c catcher) Secret(ctx context.Context, prompt string) (secret.String, error) {
	c.signals.Catch()
	s, err := c.Prompter.Secret(ctx, prompt)
	return s, nobody(err)
}

// Line asks for a line.
func (c catcher) Line(ctx context.Context, prompt string) (string, error) {
	c.signals.Catch()
	s, err := c.Prompter.Line(ctx, prompt)
	return s, nobody(err)
}

// Confirm asks for a yes or no.
func (c catcher) Confirm(ctx context.Context, question string) (bool, error) {
	c.signals.Catch()
	yes, err := c.Prompter.Confirm(ctx, question)
	return yes, nobody(err)
}

// nobody makes term.ErrNoTerminal ErrNoAnswer: the terminal went away.
func nobody(err error) error {
	if errors.Is(err, term.ErrNoTerminal) {
		return fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	return err
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(mathrand.N(d + 1)) //nolint:gosec // jitter, not a key
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Messages returns where warnings and notices go, as the settings say.
func (a *App) Messages() *output.Messages {
	if a.messages == nil {
		a.messages = output.NewMessages(a.Err, output.MessageOptions{
			JSON: a.Settings.Format == output.JSON, Terminal: a.ErrTerminal, Quiet: a.Settings.Quiet,
		})
	}
	return a.messages
}

// Printer returns where answers go. What prints a value must not be changed by
// the environment: it calls ValuePrinter.
func (a *App) Printer() *output.Printer { return a.printer(a.Settings.Format) }

// ValuePrinter is Printer, but the format counts only if it was typed on the
// command line. It returns nil if none was: the value is to be written as it is.
func (a *App) ValuePrinter() *output.Printer {
	if !a.Settings.FormatTyped {
		return nil
	}
	return a.printer(a.Settings.Format)
}

func (a *App) printer(f output.Format) *output.Printer {
	return output.New(a.Out, output.Options{Format: f, Terminal: a.OutTerminal, Width: a.Width, Color: a.colored()})
}

// Finish ends what must not outlive the command, such as the session of a profile
// that comes from a file. It may be called again.
func (a *App) Finish(ctx context.Context) {
	const patience = 2 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	for _, f := range a.atEnd {
		f(ctx)
	}
	a.atEnd = nil
}

// CanAsk reports whether somebody can be asked.
func (a *App) CanAsk() bool { return !a.Settings.NoInput && a.Prompt.Available() }

// Verbose writes a line about what is being done, if -v asks for it.
func (a *App) Verbose(text string) {
	if a.Settings.Verbose > 0 {
		a.Messages().Detail(text)
	}
}

// Retry says how long a change is tried again after conflicts.
func (a *App) Retry() vault.Retry {
	return vault.Retry{Attempts: 50, Within: 15 * time.Second, Now: a.Now, Wait: a.Wait}
}
