// Package cli is the command line: the root command, its help, and the only
// printer of errors. The commands are in packages of their own, one per noun.
package cli

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/config"
	"github.com/keyhold/keyhold/internal/exit"
	"github.com/keyhold/keyhold/internal/output"
)

// Main runs keyhold with these arguments and returns its exit status. It
// prints the error, if there is one.
func Main(ctx context.Context, a *app.App, args []string) exit.Status {
	a.Args = args
	defer a.Finish(ctx)
	if typed(args, "--version") && typed(own(a, args), "--version") {
		if err := printVersion(a); err != nil {
			return fail(a, args, err)
		}
		return exit.OK
	}
	ran := false
	root := newRoot(a, args, func() {
		ran = true
		warn(a)
	})
	root.SetArgs(args)
	root.SetIn(a.In)
	out := &checked{w: a.Out}
	root.SetOut(out)
	root.SetErr(a.Err)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		err = out.err
	}
	switch {
	case err == nil:
		return exit.OK
	case ctx.Err() != nil:
		return exit.Other // main dies by the signal
	case !ran && out.err == nil:
		err = usage(root, err)
	}
	return fail(a, args, startError(cmd, err))
}

// startError makes what kept a command from starting a program an *app.Ended.
func startError(cmd *cobra.Command, err error) error {
	var ended *app.Ended
	if cmd.Annotations[app.StartsProgram] == "" || errors.As(err, &ended) {
		return err
	}
	if checks, _ := cmd.Flags().GetBool(app.CheckFlag); checks {
		return err
	}
	return &app.Ended{Status: app.NotStarted, Err: err}
}

// A checked writer keeps the first error, since the library that prints help
// does not.
type checked struct {
	w   io.Writer
	err error
}

// Write writes to the writer below.
func (c *checked) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	if c.err == nil {
		c.err = err
	}
	return n, err
}

// warn warns about what means nothing, in the environment and in the
// configuration.
func warn(a *app.App) {
	for _, name := range config.Unknown(a.Environ()) {
		a.Messages().Warn("unknown_variable", name+" means nothing to keyhold; `keyhold help environment` lists what does")
	}
	if f, err := a.Config(); err == nil {
		for _, w := range f.Warnings() {
			a.Messages().Warn("unknown_key", w.String())
		}
	}
}

// usage makes a UsageError of what cobra says about flags and commands.
func usage(root *cobra.Command, err error) error {
	if outcomeOf(err).status != exit.Other {
		return err
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	return &app.UsageError{Message: text, Try: root.Name() + " --help"}
}

// fail prints err and returns its status.
func fail(a *app.App, args []string, err error) exit.Status {
	if wantsJSON(args) && wantsJSON(own(a, args)) {
		a.Settings.Format = output.JSON // the flags may not have been read to their end
	}
	o := outcomeOf(err)
	var ended *app.Ended
	if errors.As(err, &ended) {
		if ended.Err == nil {
			return ended.Status
		}
		o.status = ended.Status
	}
	var silent *app.SilentError
	if errors.As(err, &silent) {
		return o.status
	}
	a.Messages().Fail(o.code, o.status, message(err), o.hint(a, err), o.retryable)
	return o.status
}

func wantsJSON(args []string) bool { return typed(args, "--json") || typed(args, "--format=json") }

// own returns the arguments without the command line of another program that
// keyhold is to start: what stands there is for that one.
func own(a *app.App, args []string) []string {
	cmd, rest, err := newRoot(a, args, func() {}).Find(args)
	if err != nil || cmd.Annotations[app.StartsProgram] == "" {
		return args
	}
	// The library has taken the name of the command out, and parses again later.
	if cmd.ParseFlags(rest) == nil {
		return args[:len(args)-len(cmd.Flags().Args())]
	}
	if i := slices.IndexFunc(rest, func(word string) bool { return !strings.HasPrefix(word, "-") }); i >= 0 {
		return args[:len(args)-len(rest)+i]
	}
	return args
}

// typed reports whether a flag stands among the arguments, before --.
func typed(args []string, flag string) bool {
	if i := slices.Index(args, "--"); i >= 0 {
		args = args[:i]
	}
	return slices.Contains(args, flag)
}
