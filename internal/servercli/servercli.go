// Package servercli is the command line of keyhold-server. Its commands go
// through the server of the same data directory while it runs, and to the store
// itself while it does not.
package servercli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/exit"
	"github.com/keyhold/keyhold/internal/output"
	"github.com/keyhold/keyhold/internal/term"
)

// An Env is the outside world.
type Env struct {
	Out, Err io.Writer // results; everything else
	Getenv   func(string) string
	Now      func() time.Time
	Rand     io.Reader
	Version  Version

	data    string // --data
	keyFile string // --key-file
	json    bool
	quiet   bool
	command string
}

// A Version says what this binary is.
type Version struct{ Number, Commit, Go, Platform string }

// A failure is an error with the code, and so the status, that it ends with.
type failure struct {
	code, message, hint string
}

func (f *failure) Error() string { return f.message }

func usagef(format string, args ...any) error {
	return &failure{code: "usage", message: fmt.Sprintf(format, args...)}
}

// Main runs keyhold-server with these arguments and returns its exit status. It
// prints the error, if there is one.
func Main(ctx context.Context, env *Env, args []string) exit.Status {
	env.json = slices.Contains(args, "--json")
	ran := false
	root := NewRoot(env)
	root.PersistentPreRun = func(cmd *cobra.Command, _ []string) {
		ran, env.command = true, cmd.CommandPath()
	}
	root.SetArgs(args)
	root.SetOut(env.Out)
	root.SetErr(env.Err)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exit.OK
	}
	var f *failure
	switch {
	case errors.As(err, &f):
	case !ran: // what cobra says of flags and arguments
		text, _, _ := strings.Cut(err.Error(), "\n")
		f = &failure{code: "usage", message: text}
	default:
		f = failureOf(err)
	}
	if f.code == "usage" && f.hint == "" {
		f.hint = cmd.CommandPath() + " --help"
	}
	status, _ := exit.Of(f.code)
	env.messages().Fail(f.code, status, f.message, f.hint, f.code == "busy")
	return status
}

func (e *Env) messages() *output.Messages {
	return output.NewMessages(e.Err, output.MessageOptions{JSON: e.json, Terminal: true, Quiet: e.quiet, Program: "keyhold-server"})
}

func (e *Env) printer() *output.Printer {
	var o output.Options
	if f, ok := e.Out.(*os.File); ok && term.IsTerminal(f.Fd()) {
		o.Terminal, o.Width = true, term.Width(f.Fd())
	}
	if e.json {
		o.Format = output.JSON
	}
	return output.New(e.Out, o)
}

// NewRoot returns the command tree.
func NewRoot(env *Env) *cobra.Command {
	root := &cobra.Command{
		Use:   "keyhold-server",
		Short: "Serve shared vaults that only their members can open",
		Long: "Serve the accounts and vaults of a team. Clients seal what they send: the server checks who may do what, and never\n" +
			"sees a password, a key or an item.\n\n" +
			"Everything is in the data directory: --data, else $XDG_DATA_HOME/keyhold-server, else ~/.local/share/keyhold-server.\n" +
			"The other commands go through the server that runs on it, by the socket admin.sock there, which only the user who\n" +
			"started it can open; while none runs they use the store itself.",
		Example:           "  keyhold-server serve\n  keyhold-server invite create",
		Args:              cobra.NoArgs,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	f := root.PersistentFlags()
	f.StringVar(&env.data, "data", "", "keep everything in this `directory`")
	f.StringVar(&env.keyFile, "key-file", "", "read the key of the server from this `file`; default: server.key in the data directory")
	f.BoolVar(&env.json, "json", false, "print as JSON, errors too")
	f.BoolVarP(&env.quiet, "quiet", "q", false, "print no hints, and log only what went wrong")
	root.AddCommand(newServe(env), newUser(env), newInvite(env), newToken(env), newBackup(env), newVersion(env))
	for _, c := range root.Commands() {
		if c.HasSubCommands() {
			c.Args = cobra.NoArgs // it is "unknown command" there
			c.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		}
	}
	root.SetHelpCommand(&cobra.Command{Hidden: true})
	return root
}

func newVersion(env *Env) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Long:    "Print the version of this binary, the Go release it was built with, and the system it is for.",
		Example: "  keyhold-server version\n  keyhold-server version --json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := env.Version
			if !env.json {
				_, err := fmt.Fprintf(env.Out, "keyhold-server %s (%s, %s)\n", v.Number, v.Go, v.Platform)
				return err
			}
			o := output.Object{{Name: "version", Value: v.Number}}
			if v.Commit != "" {
				o = o.With("commit", v.Commit)
			}
			return env.printer().Object(o.With("go", v.Go).With("platform", v.Platform))
		},
	}
}
